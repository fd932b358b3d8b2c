//! Every change there is to each of the two files.

use andon_plant::{Alarm, AssetName, JournalEntry, TagSample, Timestamp, Verdict};
use sqlx::SqliteConnection;

use crate::{
    alarms,
    error::StoreError,
    models::{self, NewModel},
    retention,
    samples::{self, Names},
    scores, state,
    writer::Write,
};

/// A change to alarms, models or state.
pub(crate) enum MainWrite {
    InsertAlarm { alarm: Alarm, entries: Vec<JournalEntry> },
    UpdateAlarm { alarm: Alarm, entries: Vec<JournalEntry> },
    AddModel(NewModel),
    ActivateModel { asset: AssetName, version: i64 },
    PutState { key: String, json: String },
}

impl Write for MainWrite {
    type Memory = ();
    /// An operator who acknowledges is told at once that the disk is full.
    const WAITS_FOR_DISK: bool = false;

    fn rows(&self) -> usize {
        1
    }

    async fn apply(&self, conn: &mut SqliteConnection, _: &mut ()) -> Result<i64, StoreError> {
        match self {
            MainWrite::InsertAlarm { alarm, entries } => alarms::insert(conn, alarm, entries).await,
            MainWrite::UpdateAlarm { alarm, entries } => alarms::update(conn, alarm, entries).await,
            MainWrite::AddModel(model) => models::insert(conn, model).await,
            MainWrite::ActivateModel { asset, version } => models::set_active(conn, asset, *version).await,
            MainWrite::PutState { key, json } => state::put(conn, key, json).await,
        }
    }
}

/// A change to samples or scores.
pub(crate) enum SeriesWrite {
    Samples(Vec<TagSample>),
    Verdicts(Vec<Verdict>),
    PruneSamples { before: Timestamp },
    PruneScores { before: Timestamp },
}

impl Write for SeriesWrite {
    type Memory = Names;
    /// Samples queue up behind a full disk and are not lost by it: their callers wait.
    const WAITS_FOR_DISK: bool = true;

    fn rows(&self) -> usize {
        match self {
            SeriesWrite::Samples(samples) => samples.len(),
            SeriesWrite::Verdicts(verdicts) => verdicts.iter().map(|v| 1 + v.tags.len()).sum(),
            SeriesWrite::PruneSamples { .. } | SeriesWrite::PruneScores { .. } => retention::CHUNK as usize,
        }
    }

    async fn apply(&self, conn: &mut SqliteConnection, names: &mut Names) -> Result<i64, StoreError> {
        match self {
            SeriesWrite::Samples(samples) => samples::insert(conn, names, samples).await,
            SeriesWrite::Verdicts(verdicts) => scores::insert(conn, names, verdicts).await,
            SeriesWrite::PruneSamples { before } => retention::delete_samples(conn, *before).await,
            SeriesWrite::PruneScores { before } => retention::delete_scores(conn, *before).await,
        }
    }
}
