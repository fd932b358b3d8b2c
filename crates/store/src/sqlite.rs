//! SQLite: two files, `andon.db` and `andon.samples.db` beside it, zero administration.
//!
//! Each file has one connection that writes and a small pool of read-only ones, which never wait for each other (WAL).
//! `file` has the settings, `database` the connections; the other modules are the rows of one table family each.

mod alarm_list;
mod alarms;
mod blocks;
mod copying;
mod database;
mod expected;
pub(crate) mod file;
mod models;
mod names;
mod open;
mod rolled;
mod room;
mod samples;
mod scores;
mod shedding;
mod state;
mod tail;
