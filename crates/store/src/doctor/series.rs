//! `andon.samples.db`: blocks, the tail, rows, and scores.

use std::collections::BTreeMap;

use andon_plant::{StatusCode, Timestamp};
use sqlx::{Connection, Sqlite, SqliteConnection, Transaction};

use super::{Checkup, Finding};
use crate::{
    batch::part_of,
    block::BlockError,
    blocks::{self, BlockKey, BlockRows},
    error::StoreError,
    rollup::{RollUp, columns, sample},
    tail::{Batch, TailRows},
};

const FILE: &str = "andon.samples.db";
/// Blocks or batches in one transaction.
const PAGE: i64 = 64;
/// Broken rows of a tag that are named.
const NAMED: i64 = 100;

pub(super) async fn examine(
    conn: &mut SqliteConnection,
    checkup: &mut Checkup,
    repair: bool,
) -> Result<(), StoreError> {
    let names = match names(&mut *conn).await {
        Ok(names) => names,
        Err(error) => {
            checkup.add(Finding { reason: error.to_string(), ..lost("names") });
            return Ok(());
        }
    };
    for (tag, name) in &names {
        let of = vec![name.clone()];
        if let Err(error) = all_blocks(&mut *conn, *tag, name, checkup, repair).await {
            checkup.add(Finding { of: of.clone(), reason: error.to_string(), ..lost("blocks") });
        }
        if let Err(error) = rows(&mut *conn, *tag, name, checkup, repair).await {
            checkup.add(Finding { of, reason: error.to_string(), ..lost("samples") });
        }
    }
    if let Err(error) = batches(&mut *conn, &names, checkup, repair).await {
        checkup.add(Finding { reason: error.to_string(), ..lost("tail") });
    }
    if let Err(error) = strays(conn, checkup).await {
        checkup.add(Finding { reason: error.to_string(), ..lost("rows") });
    }
    Ok(())
}

fn lost(what: &'static str) -> Finding {
    Finding { file: FILE, what, lost: true, ..Finding::default() }
}

async fn names(conn: &mut SqliteConnection) -> Result<BTreeMap<i64, String>, StoreError> {
    let rows = sqlx::query!(
        r#"select tag.id as "id!: i64", asset.name as "asset!", tag.name as "tag!"
           from tag join asset on asset.id = tag.asset_id order by tag.id"#
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, format!("{}/{}", row.asset, row.tag))).collect())
}

/// One transaction a page, which holds off the writer only where something is mended.
async fn begin(conn: &mut SqliteConnection, repair: bool) -> Result<Transaction<'_, Sqlite>, sqlx::Error> {
    conn.begin_with(if repair { "begin immediate" } else { "begin" }).await
}

/// Every block of a tag against its checksum, its key and its roll-up.
async fn all_blocks(
    conn: &mut SqliteConnection,
    tag: i64,
    name: &str,
    checkup: &mut Checkup,
    repair: bool,
) -> Result<(), StoreError> {
    let (mut from, mut before) = (i64::MIN, None);
    loop {
        // One transaction, so that a block that is merged meanwhile is there as it was.
        let mut page = begin(conn, repair).await?;
        let keys = page.oldest_blocks(tag, (from, i64::MAX), PAGE).await?;
        let Some(last) = keys.last() else { return Ok(()) };
        from = last.first_us.saturating_add(1);
        for key in keys {
            checkup.blocks += 1;
            if before.is_some_and(|before| key.first_us <= before) {
                let reason = "it overlaps the block before it".to_owned();
                checkup.add(Finding { lost: false, ..about(name, key, reason) });
            }
            before = Some(key.last_us);
            match blocks::open(&mut *page, (tag, &name), key).await {
                Ok(samples) => {
                    checkup.samples += samples.len() as u64;
                    if !rolled_up(&mut page, tag, key, RollUp::of(&samples)).await? {
                        if repair {
                            page.delete_block(tag, key.first_us).await?;
                            blocks::put(&mut *page, tag, &samples).await?;
                        }
                        let reason = "its roll-up is not that of its samples".to_owned();
                        checkup.add(Finding { lost: false, mended: repair, ..about(name, key, reason) });
                    }
                }
                Err(StoreError::BrokenBlock { source, .. }) => {
                    if repair {
                        put_aside(&mut page, tag, key).await?;
                    }
                    checkup.add(Finding { mended: repair, ..about(name, key, source.to_string()) });
                }
                Err(error) => return Err(error),
            }
        }
        page.commit().await?;
    }
}

fn about(name: &str, key: BlockKey, reason: String) -> Finding {
    Finding {
        of: vec![name.to_owned()],
        from: Some(Timestamp::from_micros(key.first_us)),
        to: Some(Timestamp::from_micros(key.last_us)),
        samples: Some(key.count.unsigned_abs()),
        reason,
        ..lost("block")
    }
}

/// Whether a block's row says of its samples what they are.
async fn rolled_up(
    conn: &mut SqliteConnection,
    tag: i64,
    key: BlockKey,
    is: Option<RollUp>,
) -> Result<bool, StoreError> {
    let Some(is) = is else { return Ok(false) };
    let said = sqlx::query!(
        "select min_us, min_status, min, max_us, max_status, max, gap_us, gap_status, first, last, sum, usable, good
         from block where tag_id = ? and first_us = ?",
        tag,
        key.first_us
    )
    .fetch_one(conn)
    .await?;
    let same = |a: Option<f64>, b: Option<f64>| a == b || a.is_none_or(f64::is_nan) && b.is_none_or(f64::is_nan);
    let extremes = [
        (sample(said.min_us, said.min_status, said.min), is.min),
        (sample(said.max_us, said.max_status, said.max), is.max),
        (sample(said.gap_us, said.gap_status, None), is.gap),
    ];
    Ok(extremes.into_iter().all(|(said, is)| columns(said) == columns(is))
        && same(said.first, is.first)
        && same(said.last, is.last)
        && same(said.sum, Some(is.sum))
        && (said.usable, said.good) == (is.usable, is.good))
}

/// Moves a broken block out of the way; its bytes are kept.
async fn put_aside(conn: &mut SqliteConnection, tag: i64, key: BlockKey) -> Result<(), StoreError> {
    let data = conn.block_data(tag, key.first_us).await?;
    sqlx::query!(
        "insert into broken_block (tag_id, first_us, last_us, count, data) values (?, ?, ?, ?, ?)",
        tag,
        key.first_us,
        key.last_us,
        key.count,
        data
    )
    .execute(&mut *conn)
    .await?;
    conn.delete_block(tag, key.first_us).await
}

/// Every batch of the tail; a broken one may be of any tag of its part.
async fn batches(
    conn: &mut SqliteConnection,
    names: &BTreeMap<i64, String>,
    checkup: &mut Checkup,
    repair: bool,
) -> Result<(), StoreError> {
    let (mut part, mut seq) = (i64::MIN, i64::MIN);
    loop {
        let mut page = begin(conn, repair).await?;
        let keys = sqlx::query!(
            "select part, seq, count, data from tail where (part, seq) > (?, ?) order by part, seq limit ?",
            part,
            seq,
            PAGE
        )
        .fetch_all(&mut *page)
        .await?;
        let Some(last) = keys.last() else { return Ok(()) };
        (part, seq) = (last.part, last.seq);
        for key in keys {
            checkup.batches += 1;
            let Some(error) = (Batch { seq: key.seq, data: key.data }).fault(key.part) else {
                checkup.samples += key.count.unsigned_abs();
                continue;
            };
            if repair {
                page.put_batch_aside(key.part, key.seq).await?;
            }
            checkup.add(of_part(names, key.part, key.count, error, repair));
        }
        page.commit().await?;
    }
}

fn of_part(names: &BTreeMap<i64, String>, part: i64, count: i64, error: BlockError, mended: bool) -> Finding {
    let of = names.iter().filter(|(tag, _)| part_of(**tag) == part).map(|(_, name)| name.clone()).collect();
    Finding { of, samples: Some(count.unsigned_abs()), reason: error.to_string(), mended, ..lost("batch of the tail") }
}

/// The rows of a tag: a value exactly where the status is not Bad.
async fn rows(
    conn: &mut SqliteConnection,
    tag: i64,
    name: &str,
    checkup: &mut Checkup,
    repair: bool,
) -> Result<(), StoreError> {
    let mut page = begin(conn, repair).await?;
    let count = sqlx::query_scalar!(r#"select count(*) as "count!: i64" from sample where tag_id = ?"#, tag)
        .fetch_one(&mut *page)
        .await?;
    let broken = sqlx::query!(
        "select time_us, status from sample
         where tag_id = ? and (status not between 0 and 4294967295 or (value is null) <> (status >= 2147483648)
             or abs(value) = 9e999)
         order by time_us limit ?",
        tag,
        NAMED
    )
    .fetch_all(&mut *page)
    .await?;
    checkup.rows += count.unsigned_abs();
    checkup.samples += (count - broken.len() as i64).unsigned_abs();
    for row in broken {
        if repair {
            put_row_aside(&mut page, tag, row.time_us).await?;
        }
        let status = u32::try_from(row.status).map_or(row.status.to_string(), |code| StatusCode(code).to_string());
        let time = Some(Timestamp::from_micros(row.time_us));
        let reason = format!("its value does not go with its status {status}");
        let finding =
            Finding { of: vec![name.to_owned()], from: time, to: time, samples: Some(1), reason, ..lost("row") };
        checkup.add(Finding { mended: repair, ..finding });
    }
    Ok(page.commit().await?)
}

async fn put_row_aside(conn: &mut SqliteConnection, tag: i64, time_us: i64) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into broken_sample (tag_id, time_us, value, status)
         select tag_id, time_us, value, status from sample where tag_id = ? and time_us = ?",
        tag,
        time_us
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!("delete from sample where tag_id = ? and time_us = ?", tag, time_us).execute(conn).await?;
    Ok(())
}

/// What belongs to nothing, what was put aside before, and scores that are no numbers.
async fn strays(conn: &mut SqliteConnection, checkup: &mut Checkup) -> Result<(), StoreError> {
    let counts = sqlx::query!(
        r#"select
               (select count(*) from block where tag_id not in (select id from tag)) as "nameless!: i64",
               (select count(*) from block_data where id not in (select data_id from block)) as "unowned!: i64",
               (select count(*) from score where abs(score) = 9e999) as "scores!: i64",
               (select count(*) from broken_tail) + (select count(*) from broken_block)
                   + (select count(*) from broken_sample) as "aside!: i64""#
    )
    .fetch_one(conn)
    .await?;
    let stray = [
        (counts.nameless, "blocks are of a tag that is not there", true),
        (counts.unowned, "contents belong to no block", true),
        (counts.scores, "scores are not finite", true),
        (counts.aside, "broken things were put aside earlier", false),
    ];
    for (count, reason, lost) in stray.into_iter().filter(|(count, ..)| *count > 0) {
        let reason = format!("{count} {reason}");
        checkup.add(Finding { file: FILE, what: "rows", reason, lost, ..Finding::default() });
    }
    Ok(())
}
