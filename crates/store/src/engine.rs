//! What a database engine has to do for the store: rows in, rows out, and transactions. What the rows mean, when they are
//! written and how they are read as histories is the same on every engine, and not its affair.
//!
//! An engine has two databases, so that a busy historian never blocks an acknowledge: one of samples and scores
//! ([`SeriesRows`]), one of alarms, models and state ([`MainRows`]). Each table family has a trait of its own rows.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

use crate::error::StoreError;
pub use crate::{
    alarms::{AlarmRow, AlarmRows, ContributionRow, Filters, JournalLine, JournalRow, phase_columns},
    batch::Numbered,
    blocks::{BlockKey, BlockRows, Rolled, Whole},
    expected::{ExpectedRow, ExpectedRows, TagVerdictRow},
    models::{ModelRow, ModelRows},
    moving::{
        copy::CopyRows,
        page::{Key, KeyPart, Page, Values},
        tables::{Column, Kind, Table},
    },
    names::NameRows,
    rollup::{Extremes, RollUp, columns, sample},
    rows::{COUNTED, Rows, SampleRow, SampleRows, Span},
    scores::{ScoreRow, ScoreRows},
    series::{Buckets, Extent},
    space::{Pages, RoomRows, Shed},
    state::StateRows,
    tail::{Batch, Part, TailRows},
};

/// Rows of samples and scores.
pub trait SeriesRows:
    NameRows + SampleRows + TailRows + BlockRows + ScoreRows + ExpectedRows + RoomRows + CopyRows
{
}
impl<T: NameRows + SampleRows + TailRows + BlockRows + ScoreRows + ExpectedRows + RoomRows + CopyRows> SeriesRows
    for T
{
}

/// Rows of alarms, models and state.
pub trait MainRows: AlarmRows + ModelRows + StateRows + CopyRows {}
impl<T: AlarmRows + ModelRows + StateRows + CopyRows> MainRows for T {}

/// The rows that a connection gives access to.
pub trait Holds<R: ?Sized>: Send {
    /// They.
    fn rows(&mut self) -> &mut R;
}

impl<T: SeriesRows + 'static> Holds<dyn SeriesRows> for T {
    fn rows(&mut self) -> &mut (dyn SeriesRows + 'static) {
        self
    }
}

impl<T: MainRows + 'static> Holds<dyn MainRows> for T {
    fn rows(&mut self) -> &mut (dyn MainRows + 'static) {
        self
    }
}

/// The database of alarms, models and state.
pub type Main = dyn Database<dyn MainRows>;
/// The database of samples and scores.
pub type Series = dyn Database<dyn SeriesRows>;

/// Both databases of a store.
#[derive(Clone)]
pub struct Engine {
    /// Alarms, models and state.
    pub main: Arc<Main>,
    /// Samples and scores.
    pub series: Arc<Series>,
}

/// A database with rows of one kind.
#[async_trait]
pub trait Database<R: ?Sized>: Send + Sync {
    /// What it is called in logs and metrics.
    fn name(&self) -> &'static str;

    /// The size of its file in bytes; none where it is a server's.
    fn bytes(&self) -> Option<u64> {
        None
    }

    /// A new connection that writes. There is one at a time.
    async fn connect(&self) -> Result<Box<dyn Connection<R>>, StoreError>;

    /// What is committed at one moment, whatever is written meanwhile. Nothing is written through it.
    async fn snapshot(&self) -> Result<Box<dyn Holds<R>>, StoreError>;

    /// What is to be done about an error; none where waiting is no remedy for it.
    fn trouble(&self, error: &StoreError) -> Option<Trouble>;

    /// How long it may take to answer before a connection to it is given up; none where it can't be silent.
    fn patience(&self) -> Option<Duration> {
        None
    }

    /// The writer leaves: nothing is kept open for it any more.
    async fn left(&self) {}

    /// How it is said that a change is given up, because its disk does not take it.
    fn disk_error(&self, reason: &str) -> StoreError {
        StoreError::Disk { path: self.name().into(), reason: reason.to_owned() }
    }

    /// Closes what snapshots are read through.
    async fn close(&self);
}

/// A connection that writes, a transaction after the other. After an error it is dropped, and the transaction with it.
#[async_trait]
pub trait Connection<R: ?Sized>: Send {
    /// Begins a transaction.
    async fn begin(&mut self) -> Result<&mut R, StoreError>;

    /// Commits it. When this returns, what it wrote is on the disk.
    async fn commit(&mut self) -> Result<(), StoreError>;

    /// Writes what is in a log beside the database into it; `whole` where the log is to give its room back too.
    async fn checkpoint(&mut self, _whole: bool) -> Result<(), StoreError> {
        Ok(())
    }

    /// Closes it.
    async fn close(self: Box<Self>) -> Result<(), StoreError>;
}

/// Why a database does not take a transaction now, though it may later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Others use it, or it can't be reached.
    Busy,
    /// Its disk fails.
    Failing,
    /// Its disk is full.
    Full,
}
