//! How long histories are kept: what is older is deleted in small steps, so that new rows never wait long.

use andon_plant::Timestamp;

use crate::{
    engine::SeriesRows,
    error::StoreError,
    space::Pages,
    store::Store,
    tables::{MainWrite, SeriesWrite},
    tail::Wanted,
};

/// Rows deleted in one step.
pub(crate) const CHUNK: i64 = 5_000;
/// Blocks deleted in one step.
const BLOCKS: i64 = 500;
/// Blocks shortened in one transaction, about.
const CUT: usize = 32;
/// Free pages that are not worth giving back, 64 MB.
const EXCESS: i64 = 16_384;

/// Since when rows are kept; none keeps all. Models are kept for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeepSince {
    /// Samples from this time on.
    pub samples: Option<Timestamp>,
    /// Scores, with what was expected of each tag, from this time on.
    pub scores: Option<Timestamp>,
    /// Alarms, with their journal, that ended and were acknowledged at this time or later. Open ones are kept for good.
    pub alarms: Option<Timestamp>,
}

/// How many rows were deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pruned {
    /// Samples.
    pub samples: u64,
    /// Rows of scores and of tags' expected values.
    pub scores: u64,
    /// Alarms.
    pub alarms: u64,
}

impl Store {
    /// Deletes what is older than `keep` says, blocks as a whole and the one at the edge in part. New samples fill the room;
    /// only what is more than a quarter of the file goes back to the disk.
    ///
    /// # Errors
    /// If the database fails or the store is closed; what was deleted until then stays deleted.
    #[tracing::instrument(name = "store.retention.prune", skip_all)]
    pub async fn prune(&self, keep: KeepSince) -> Result<Pruned, StoreError> {
        let mut pruned = Pruned::default();
        if let Some(before) = keep.samples {
            // What is in `tail` is not sorted by tag and time yet.
            self.seal_what_is(Wanted::Parts).await?;
            pruned.samples = self.prune_all(|| SeriesWrite::PruneSamples { before }).await?;
            pruned.samples += self.cut_blocks(before).await?;
        }
        if let Some(before) = keep.scores {
            pruned.scores = self.prune_all(|| SeriesWrite::PruneScores { before }).await?;
        }
        if let Some(before) = keep.alarms {
            loop {
                match self.main().commit(MainWrite::PruneAlarms { before }).await? {
                    0 => break,
                    deleted => pruned.alarms += deleted.unsigned_abs(),
                }
            }
        }
        self.give_back_excess().await?;
        Ok(pruned)
    }

    /// Shortens the blocks that `before` falls in, several in one transaction. A broken one waits until all of it is older.
    async fn cut_blocks(&self, before: Timestamp) -> Result<u64, StoreError> {
        let tags = self.series_tables().snapshot().await?.rows().tags().await?;
        let mut total = 0;
        for tags in tags.chunks(CUT) {
            let cut = tags.iter().map(|tag| self.series().commit(SeriesWrite::CutBlock { tag: *tag, before }));
            for result in futures::future::join_all(cut).await {
                match result {
                    Ok(count) => total += count.unsigned_abs(),
                    Err(error @ StoreError::BrokenBlock { .. }) => {
                        tracing::warn!(%error, "A broken block is kept longer than the others of its time.");
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(total)
    }

    /// Gives free pages back to the disk in small steps until they are an eighth of the file, if they are a quarter or more.
    async fn give_back_excess(&self) -> Result<(), StoreError> {
        let Pages { mut free, all: pages, .. } = self.series_tables().snapshot().await?.rows().pages().await?;
        if free < EXCESS || free < pages / 4 {
            return Ok(());
        }
        while free > pages / 8 {
            match self.series().commit(SeriesWrite::Shrink).await? {
                0 => break,
                left => free = left,
            }
        }
        Ok(())
    }

    async fn prune_all(&self, step: impl Fn() -> SeriesWrite) -> Result<u64, StoreError> {
        let mut total = 0;
        loop {
            match self.series().commit(step()).await? {
                0 => return Ok(total),
                deleted => total += deleted.unsigned_abs(),
            }
        }
    }
}

/// One step: the oldest rows of one tag that has any to delete, or then whole blocks. 0 when none has.
pub(crate) async fn delete_samples(conn: &mut dyn SeriesRows, before: Timestamp) -> Result<i64, StoreError> {
    let before_us = before.as_micros();
    match conn.tag_with_samples_before(before_us).await? {
        Some(tag) => conn.delete_oldest_samples(tag, before_us, CHUNK).await,
        None => delete_blocks(conn, before_us).await,
    }
}

/// Whole blocks of one tag.
async fn delete_blocks(conn: &mut dyn SeriesRows, before_us: i64) -> Result<i64, StoreError> {
    match conn.drop_blocks(before_us).await? {
        0 => {}
        dropped => return Ok(dropped),
    }
    let Some(tag) = conn.tag_with_block_before(before_us).await? else { return Ok(0) };
    let mut deleted = 0;
    for block in conn.oldest_blocks(tag, (i64::MIN, before_us), BLOCKS).await? {
        if block.last_us < before_us {
            conn.delete_block(tag, block.first_us).await?;
            deleted += block.count;
        }
    }
    Ok(deleted)
}
