//! The store in PostgreSQL: the tables of `migrations/postgres`, by the traits of [`andon_store::engine`].
//!
//! One database (or one schema of it: `?options=-csearch_path=...`) holds what SQLite has in two files. Several processes may
//! share it: every transaction that writes is `serializable`, so that what one of them has read before it writes still holds
//! when it commits, as with the one writer of a file; one that does not is tried again.
//!
//! * `open`: connecting, and bringing the tables up to date.
//! * `database`: the connections, their transactions, and which errors pass by themselves.
//! * `session`: a connection as the rows' traits see it. `partitions`: of tables that are kept by time.
//! * [`sharing`]: which process monitors which assets.
//! * `names`, `samples`, `tail`, `blocks`, `scores`, `expected`, `alarms`, `models`, `state`: the rows of a table family each.
//! * `copying`: rows of any table as they are.
//!
//! Queries are checked when this crate is compiled, against `.sqlx`; `prepare.sh` writes that anew.

mod alarms;
mod blocks;
mod copying;
mod database;
mod expected;
mod models;
mod names;
mod open;
mod partitions;
mod samples;
mod scores;
mod session;
pub mod sharing;
mod state;
mod tail;

pub use open::{open, open_alone, open_histories, open_member};
pub use sharing::{Member, Share};

/// A number as it is stored: null where it is not finite.
fn finite(value: f64) -> Option<f64> {
    Some(value).filter(|v| v.is_finite())
}
