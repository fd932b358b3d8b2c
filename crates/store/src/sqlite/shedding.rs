//! What goes when there is no room: the oldest samples in whole blocks, then the oldest scores. Alarms, journal, models and
//! state are in the other file and are never shed.
//!
//! The newest day of samples is kept as long as older scores can go instead: expected values take more room than the
//! samples they are of, and a history of scores without a single sample helps nobody.

use sqlx::SqliteConnection;

use crate::{blocks::BlockRows, error::StoreError, retention::CHUNK, rows::SampleRows, scores::ScoreRows, space::Shed};

/// Blocks deleted in one step, about: a million samples, one or two MB.
const BLOCKS: usize = 256;
/// Tags looked at in one step, those with the oldest samples.
const TAGS: usize = 64;
/// Blocks of one tag in one step.
const OF_A_TAG: i64 = 8;
const HOUR_US: i64 = 3_600_000_000;
const DAY_US: i64 = 24 * HOUR_US;

/// One step, in the transaction it is given; nothing where there is nothing left to delete.
pub(super) async fn step(conn: &mut SqliteConnection) -> Result<Shed, StoreError> {
    let oldest = oldest_samples(&mut *conn).await?;
    let day_us = newest_us(&mut *conn).await?.map_or(i64::MAX, |newest| newest.saturating_sub(DAY_US));
    for before in [day_us, i64::MAX] {
        let samples = shed_samples(&mut *conn, &oldest, before).await?;
        let scores = if samples > 0 { 0 } else { shed_scores(&mut *conn, before).await? };
        if samples + scores > 0 {
            return Ok(Shed { samples, scores });
        }
    }
    Ok(Shed::default())
}

/// The oldest that a tag has in blocks or in rows.
struct Oldest {
    first_us: i64,
    tag: i64,
    in_block: bool,
}

async fn oldest_samples(conn: &mut SqliteConnection) -> Result<Vec<Oldest>, StoreError> {
    let tags = sqlx::query!(
        r#"select id as "id!: i64",
               (select first_us from block where tag_id = tag.id order by first_us limit 1) as "block_us: i64",
               (select min(time_us) from sample where tag_id = tag.id) as "row_us: i64"
           from tag"#
    )
    .fetch_all(conn)
    .await?;
    let mut oldest = Vec::new();
    for row in tags {
        let of = |first_us, in_block| Oldest { first_us, tag: row.id, in_block };
        oldest.extend(row.block_us.map(|first_us| of(first_us, true)));
        oldest.extend(row.row_us.map(|first_us| of(first_us, false)));
    }
    oldest.sort_by_key(|o| o.first_us);
    Ok(oldest)
}

/// The time of the newest sample in blocks or rows.
async fn newest_us(conn: &mut SqliteConnection) -> Result<Option<i64>, StoreError> {
    let newest = sqlx::query!(
        r#"select max((select last_us from block where tag_id = tag.id order by first_us desc limit 1)) as "block_us: i64",
               max((select max(time_us) from sample where tag_id = tag.id)) as "row_us: i64"
           from tag"#
    )
    .fetch_one(conn)
    .await?;
    Ok(newest.block_us.max(newest.row_us))
}

/// Deletes from the tags with the oldest samples what is older than that of all other tags, and than `before`.
async fn shed_samples(conn: &mut SqliteConnection, oldest: &[Oldest], before: i64) -> Result<u64, StoreError> {
    let others_us = oldest.get(TAGS).map_or(i64::MAX, |next| next.first_us).min(before);
    let (mut samples, mut blocks_left) = (0, BLOCKS);
    for Oldest { first_us, tag, in_block } in oldest.iter().take(TAGS).filter(|o| o.first_us < before) {
        let until_us = others_us.max(first_us.saturating_add(1));
        if !in_block {
            samples += conn.delete_oldest_samples(*tag, until_us, CHUNK).await?;
            continue;
        }
        for block in conn.oldest_blocks(*tag, (i64::MIN, until_us), OF_A_TAG.min(blocks_left as i64)).await? {
            conn.delete_block(*tag, block.first_us).await?;
            samples += block.count;
            blocks_left -= 1;
        }
        if blocks_left == 0 {
            break;
        }
    }
    Ok(samples.unsigned_abs())
}

/// Deletes some of the oldest hour of scores or expected values that is older than `before`.
async fn shed_scores(conn: &mut SqliteConnection, before: i64) -> Result<u64, StoreError> {
    let oldest = sqlx::query!(
        r#"select (select min((select min(time_us) from score where asset_id = asset.id)) from asset) as "score_us: i64",
               (select min((select min(time_us) from tag_score where tag_id = tag.id)) from tag) as "expected_us: i64""#
    )
    .fetch_one(&mut *conn)
    .await?;
    let Some(oldest_us) = [oldest.score_us, oldest.expected_us].into_iter().flatten().min() else { return Ok(0) };
    let until_us = before.min(oldest_us.saturating_add(HOUR_US));
    Ok(conn.delete_oldest_scores(until_us, CHUNK).await?.unsigned_abs())
}
