//! How long histories are kept: what is older is deleted in small steps, so that new rows never wait long.

use andon_plant::Timestamp;
use sqlx::SqliteConnection;

use crate::{
    blocks,
    error::StoreError,
    rows,
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
/// Pages given back in one step, 2 MB: few enough for the log on a disk that is full.
const PAGES: &str = "pragma incremental_vacuum(500)";

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
        let tags = rows::tags(&mut *self.series_readers().acquire().await?).await?;
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
        let (mut free, pages) = pages(&mut *self.series_readers().acquire().await?).await?;
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

/// The free pages of a file, and all of them.
async fn pages(conn: &mut SqliteConnection) -> Result<(i64, i64), StoreError> {
    let free = sqlx::query_scalar("pragma freelist_count").fetch_one(&mut *conn).await?;
    Ok((free, sqlx::query_scalar("pragma page_count").fetch_one(conn).await?))
}

/// One step of giving free pages back to the disk; how many are left. A file from before blocks keeps them for new rows.
pub(crate) async fn shrink(conn: &mut SqliteConnection) -> Result<i64, StoreError> {
    // Not checked queries: SQLite can't describe a pragma.
    let free = sqlx::query_scalar::<_, i64>("pragma freelist_count").fetch_one(&mut *conn).await?;
    sqlx::query(PAGES).execute(&mut *conn).await?;
    let left = sqlx::query_scalar::<_, i64>("pragma freelist_count").fetch_one(conn).await?;
    Ok(if left < free { left } else { 0 })
}

/// One step: the oldest rows of one tag that has any to delete, or then whole blocks. 0 when none has.
pub(crate) async fn delete_samples(conn: &mut SqliteConnection, before: Timestamp) -> Result<i64, StoreError> {
    let before_us = before.as_micros();
    let tag = sqlx::query_scalar!(
        r#"select id as "id!" from tag
           where exists (select 1 from sample where tag_id = tag.id and time_us < ?) limit 1"#,
        before_us
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(tag) = tag else { return delete_blocks(conn, before_us).await };
    rows::delete_oldest(conn, tag, before_us, CHUNK).await
}

/// Whole blocks of one tag.
async fn delete_blocks(conn: &mut SqliteConnection, before_us: i64) -> Result<i64, StoreError> {
    let tag = sqlx::query_scalar!(
        r#"select id as "id!" from tag
           where (select last_us from block where tag_id = tag.id order by first_us limit 1) < ? limit 1"#,
        before_us
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(tag) = tag else { return Ok(0) };
    let mut deleted = 0;
    for block in blocks::oldest(&mut *conn, tag, (i64::MIN, before_us), BLOCKS).await? {
        if block.last_us < before_us {
            blocks::delete(&mut *conn, tag, block).await?;
            deleted += block.count;
        }
    }
    Ok(deleted)
}

/// One step: the oldest alarms that are over and acknowledged since before, with their journal. 0 when there are none.
pub(crate) async fn delete_alarms(conn: &mut SqliteConnection, before: Timestamp) -> Result<i64, StoreError> {
    let before_us = before.as_micros();
    // Contributions and journal go with the alarm they are of.
    let deleted = sqlx::query!(
        "delete from alarm where id in (
             select id from alarm
             where raised_at_us < ?1 and acknowledged = 1 and phase not in ('active', 'falling')
               and coalesce(cleared_at_us, raised_at_us) < ?1 and coalesce(acknowledged_at_us, raised_at_us) < ?1
             order by raised_at_us limit 500)",
        before_us
    )
    .execute(conn)
    .await?;
    Ok(deleted.rows_affected() as i64)
}

/// One step: the oldest scores of one asset, or then the oldest expected values of one tag. 0 when there are none.
pub(crate) async fn delete_scores(conn: &mut SqliteConnection, before: Timestamp) -> Result<i64, StoreError> {
    let before_us = before.as_micros();
    let asset = sqlx::query_scalar!(
        r#"select id as "id!" from asset
           where exists (select 1 from score where asset_id = asset.id and time_us < ?) limit 1"#,
        before_us
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(asset) = asset else { return delete_expected(conn, before_us).await };
    let deleted = sqlx::query!(
        "delete from score where asset_id = ?1 and time_us < coalesce(
             (select time_us from score where asset_id = ?1 and time_us < ?2 order by time_us limit 1 offset ?3), ?2)",
        asset,
        before_us,
        CHUNK
    )
    .execute(conn)
    .await?;
    Ok(deleted.rows_affected() as i64)
}

async fn delete_expected(conn: &mut SqliteConnection, before_us: i64) -> Result<i64, StoreError> {
    let tag = sqlx::query_scalar!(
        r#"select id as "id!" from tag
           where exists (select 1 from tag_score where tag_id = tag.id and time_us < ?) limit 1"#,
        before_us
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(tag) = tag else { return Ok(0) };
    let deleted = sqlx::query!(
        "delete from tag_score where tag_id = ?1 and time_us < coalesce(
             (select time_us from tag_score where tag_id = ?1 and time_us < ?2 order by time_us limit 1 offset ?3), ?2)",
        tag,
        before_us,
        CHUNK
    )
    .execute(conn)
    .await?;
    Ok(deleted.rows_affected() as i64)
}
