//! Histories, verdicts, alarms and models in SQLite.
//!
//! Two files: `andon.db` holds alarms with their journal, models and runtime state; `andon.samples.db` beside it holds
//! samples and scores. Each has one writer task with a bounded queue and a small pool of read-only connections, so a
//! busy historian never blocks an acknowledge, and readers and writers never wait for each other (WAL). In reading order:
//!
//! * [`url`]: where the store is.
//! * [`error`]: what can go wrong.
//! * [`store`]: open, flush, close, sizes.
//! * `file` and `writer`: the settings and the one writer of a database file.
//! * `tables`: every change there is, one variant each; its queries are in the module of its table family.
//! * [`series`]: what is asked of a history, and how a long one is thinned.
//! * [`block`] and `rollup`: samples in compressed columns, and what a block says of them unopened.
//! * `names`, `rows`, `batch`, `tail`, `blocks`, `sealing`: how samples get there. A batch is a row of `tail` or rows of
//!   `sample`; what is enough for a block is sealed, in one transaction that also deletes what it was made of.
//! * [`walk`]: long histories of many tags, piece by piece. [`aggregate`]: what they come to over equal intervals.
//! * [`space`], `shedding`: room on the disk, and what goes where there is none.
//! * [`samples`], [`scores`], [`expected`], [`alarms`], [`models`], [`state`], [`retention`]: the table families.
//! * [`moving`]: all of a store to another place, on this engine or another. [`backup`]: both files in one, and back. [`doctor`]: what is broken, and what is lost by it. [`vacuum`]: an old file made small.
//!
//! Queries are checked when this crate is compiled, against `.sqlx`; `prepare.sh` writes that anew. A new table family is
//! one module, one variant in `tables` and a migration.

pub mod aggregate;
pub mod alarms;
pub mod backup;
mod batch;
pub mod block;
mod blocks;
mod bytes;
pub mod doctor;
pub mod engine;
pub mod error;
pub mod expected;
pub mod models;
pub mod moving;
mod names;
pub mod retention;
mod rollup;
mod rows;
pub mod samples;
pub mod scores;
mod sealing;
pub mod series;
pub mod space;
mod sqlite;
pub mod state;
pub mod store;
mod tables;
mod tail;
pub mod url;
pub mod vacuum;
pub mod walk;
mod writer;

#[cfg(test)]
mod tests;

pub use aggregate::{Aggregate, UnknownAggregate};
pub use alarms::{AlarmFilter, AlarmOrder, AlarmQuery, AlarmSpan, Cursor, CursorError, Page};
pub use backup::{BackupError, BackupFile, BackupManifest, restore_backup, write_backup};
pub use block::BlockError;
pub use doctor::{Checkup, Finding, examine};
pub use error::StoreError;
pub use expected::ExpectedPoint;
pub use models::{Model, ModelInfo, NewModel};
pub use moving::{Difference, MoveError, Moved, Place, move_store};
pub use retention::{KeepSince, Pruned};
pub use scores::ScorePoint;
pub use series::SeriesQuery;
pub use space::{KeepFree, Space, SpaceReport, SpaceState};
pub use store::{Store, StoreStats};
pub use url::{PostgresUrl, SqliteUrl, StoreUrl, StoreUrlError};
pub use vacuum::vacuum;
pub use walk::{Histories, Walk};
pub use writer::WriterStats;
