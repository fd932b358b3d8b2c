//! Histories, verdicts, alarms and models, and the rows of their first engine, SQLite.
//!
//! A store has two databases: one of alarms with their journal, models and runtime state, one of samples and scores. Each has one
//! writer task with a bounded queue and a few connections that read, so a busy historian never blocks an acknowledge. What is
//! written when, and how it is read, is here; an engine answers for rows and transactions. In reading order:
//!
//! * [`url`]: where the store is.
//! * [`error`]: what can go wrong.
//! * [`store`]: start, flush, close, sizes.
//! * [`engine`]: what an engine does. `sqlite`: the first one, on two files; the second is a crate of its own.
//! * `writer`: the one writer of a database. `tables`: every change there is, one variant each.
//! * [`series`]: what is asked of a history, and how a long one is thinned.
//! * [`block`] and `rollup`: samples in compressed columns, and what a block says of them unopened.
//! * `names`, `rows`, `batch`, `tail`, `blocks`, `sealing`: how samples get there. A batch is a row of `tail` or rows of
//!   `sample`; what is enough for a block is sealed, in one transaction that also deletes what it was made of.
//! * [`walk`]: long histories of many tags, piece by piece. [`aggregate`]: what they come to over equal intervals.
//! * [`samples`], [`scores`], [`expected`], [`alarms`], [`models`], [`state`], [`retention`]: the table families.
//! * [`moving`]: all of a store to another place, on this engine or another.
//! * Of SQLite's files alone: [`space`], room on their disk; [`backup`], both in one, and back; [`doctor`], what is broken, and what
//!   is lost by it; [`vacuum`], an old file made small.
//!
//! Queries are checked when this crate is compiled, against `.sqlx`; `prepare.sh` writes that anew. A new table family is
//! one module with the trait of its rows, one module of each engine, one variant in `tables` and a migration of each engine.

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
