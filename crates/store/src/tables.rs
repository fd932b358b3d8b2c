//! Every change there is to each of the two databases.

use std::convert::Infallible;

use andon_plant::{Alarm, AssetName, JournalEntry, TagSample, Timestamp, Verdict};

use crate::{
    alarms,
    engine::{MainRows, SeriesRows},
    error::StoreError,
    models::{self, NewModel},
    retention, scores,
    sealing::{self, Chore, Left},
    space::Shed,
    tail::{self, Memory, Wanted},
    writer::Write,
};

/// Alarms deleted in one step.
const ALARMS: i64 = 500;

/// A change to alarms, models or state.
pub(crate) enum MainWrite {
    InsertAlarm { alarm: Alarm, entries: Vec<JournalEntry> },
    UpdateAlarm { alarm: Alarm, entries: Vec<JournalEntry> },
    AddModel(NewModel),
    ActivateModel { asset: AssetName, version: i64 },
    PutState { key: String, json: String },
    PruneAlarms { before: Timestamp },
}

impl Write for MainWrite {
    type Rows = dyn MainRows;
    type Memory = ();
    type Chore = Infallible;
    type Done = Infallible;
    /// An operator who acknowledges is told that the disk fails.
    const SHEDS: bool = false;

    fn rows(&self) -> usize {
        1
    }

    fn needs_room(&self) -> bool {
        true
    }

    async fn apply(&self, conn: &mut Self::Rows, _: &mut ()) -> Result<i64, StoreError> {
        match self {
            MainWrite::InsertAlarm { alarm, entries } => conn.insert_alarm(alarm, entries).await,
            MainWrite::UpdateAlarm { alarm, entries } => alarms::update(conn, alarm, entries).await,
            MainWrite::AddModel(model) => models::insert(conn, model).await,
            MainWrite::ActivateModel { asset, version } => models::set_active(conn, asset, *version).await,
            MainWrite::PutState { key, json } => conn.put_state(key, json).await.map(|()| 1),
            MainWrite::PruneAlarms { before } => conn.delete_old_alarms(before.as_micros(), ALARMS).await,
        }
    }

    async fn settle(_: &mut Self::Rows, _: &mut ()) -> Result<(), StoreError> {
        Ok(())
    }

    fn chore(_: &()) -> Option<Infallible> {
        None
    }

    async fn perform(chore: Infallible, _: &mut Self::Rows) -> Result<Infallible, StoreError> {
        match chore {}
    }

    fn note(_: &mut (), chore: Infallible, _: Result<Infallible, StoreError>) {
        match chore {}
    }

    fn postpone(_: &mut ()) {}

    async fn shed(_: &mut Self::Rows) -> Result<Shed, StoreError> {
        Ok(Shed::default())
    }

    async fn give_back(_: &mut Self::Rows) -> Result<(), StoreError> {
        Ok(())
    }
}

/// A change to samples or scores.
pub(crate) enum SeriesWrite {
    Samples(Vec<TagSample>),
    Verdicts(Vec<Verdict>),
    /// What is wanted, of what there is now, is sealed from now on; the answer is how much is left to do.
    Seal(Wanted),
    /// How much is left of what was wanted.
    Sealing,
    /// Free pages are given back to the disk; the answer is how many are left.
    Shrink,
    PruneSamples {
        before: Timestamp,
    },
    CutBlock {
        tag: i64,
        before: Timestamp,
    },
    PruneScores {
        before: Timestamp,
    },
}

impl Write for SeriesWrite {
    type Rows = dyn SeriesRows;
    type Memory = Memory;
    type Chore = Chore;
    type Done = Vec<Left>;
    /// On a full disk the newest samples are worth more than the oldest.
    const SHEDS: bool = true;

    fn rows(&self) -> usize {
        match self {
            SeriesWrite::Samples(samples) => samples.len(),
            SeriesWrite::Verdicts(verdicts) => verdicts.iter().map(|v| 1 + v.tags.len()).sum(),
            SeriesWrite::Seal(_) | SeriesWrite::Sealing | SeriesWrite::Shrink => 0,
            SeriesWrite::CutBlock { .. } => 1,
            SeriesWrite::PruneSamples { .. } | SeriesWrite::PruneScores { .. } => retention::CHUNK as usize,
        }
    }

    fn needs_room(&self) -> bool {
        matches!(self, SeriesWrite::Samples(_) | SeriesWrite::Verdicts(_))
    }

    fn shrinks(&self) -> bool {
        matches!(self, SeriesWrite::Shrink)
    }

    async fn apply(&self, conn: &mut Self::Rows, memory: &mut Memory) -> Result<i64, StoreError> {
        // What comes after samples and reads or deletes them finds them written.
        if !matches!(self, SeriesWrite::Samples(_) | SeriesWrite::Verdicts(_)) {
            tail::settle(conn, memory).await?;
        }
        match self {
            SeriesWrite::Samples(samples) => tail::append(conn, memory, samples).await,
            SeriesWrite::Verdicts(verdicts) => scores::insert(conn, &mut memory.names, verdicts).await,
            SeriesWrite::Seal(wanted) => sealing::ask(conn, &mut memory.tails, *wanted).await,
            SeriesWrite::Sealing => Ok(sealing::left(&memory.tails)),
            SeriesWrite::Shrink => conn.shrink().await,
            SeriesWrite::CutBlock { tag, before } => sealing::cut(conn, *tag, *before).await,
            SeriesWrite::PruneSamples { before } => retention::delete_samples(conn, *before).await,
            SeriesWrite::PruneScores { before } => {
                conn.delete_oldest_scores(before.as_micros(), retention::CHUNK).await
            }
        }
    }

    async fn settle(conn: &mut Self::Rows, memory: &mut Memory) -> Result<(), StoreError> {
        tail::settle(conn, memory).await
    }

    fn chore(memory: &Memory) -> Option<Chore> {
        sealing::next(&memory.tails)
    }

    async fn perform(chore: Chore, conn: &mut Self::Rows) -> Result<Vec<Left>, StoreError> {
        sealing::perform(conn, chore).await
    }

    fn note(memory: &mut Memory, chore: Chore, result: Result<Vec<Left>, StoreError>) {
        sealing::note(&mut memory.tails, chore, result);
    }

    fn postpone(memory: &mut Memory) {
        sealing::postpone(&mut memory.tails);
    }

    async fn shed(conn: &mut Self::Rows) -> Result<Shed, StoreError> {
        conn.shed().await
    }

    async fn give_back(conn: &mut Self::Rows) -> Result<(), StoreError> {
        conn.shrink().await.map(drop)
    }
}
