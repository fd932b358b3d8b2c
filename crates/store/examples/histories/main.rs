//! What a history costs. Each command prints JSON, a line a result; bench/histories runs them beside other stores.
//!
//! ```text
//! histories bulk STORE RECORDS                      a backfill: time, processor time, bytes
//! histories batches STORE RECORDS [PACE_MS]         batches of 8,470 samples, each flushed to the disk; at a pace or at once
//! histories read STORE TAG POINTS TIMES             all of a tag to so many points, and its last hour
//! histories grow STORE RECORDS TAG SIZE...          RECORDS over and over up to each size, and what a read costs then
//! histories open STORE TAG                          how long opening takes, and the first read
//! ```
//! STORE is the path of its main file; RECORDS are those of bench/histories/samples.py. Times are in seconds, memory in bytes.

mod grow;
mod meter;
mod records;

use std::time::Duration;

use andon_plant::{TagKey, Timestamp};
use andon_store::{SeriesQuery, SqliteUrl, Store};
use anyhow::{Context, Result, bail};
use serde_json::json;
use tokio_util::task::TaskTracker;

use self::{
    meter::Meter,
    records::{Records, key},
};

/// What 847 tags at 100 Hz send in 100 ms.
const BATCH: usize = 8_470;
/// Samples that are appended at once in a backfill.
const CHUNK: usize = 4_000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["bulk", store, records] => bulk(&open(store).await?, records).await,
        ["batches", store, records] => batches(&open(store).await?, records, Duration::ZERO).await,
        ["batches", store, records, pace] => {
            batches(&open(store).await?, records, Duration::from_millis(pace.parse()?)).await
        }
        ["read", store, tag, points, times] => {
            reads(&open(store).await?, &key(tag.parse()?)?, points.parse()?, times.parse()?).await
        }
        ["grow", store, records, tag, ref sizes @ ..] => {
            grow::grow(&open(store).await?, records, &key(tag.parse()?)?, sizes).await
        }
        ["open", store, tag] => opened(store, &key(tag.parse()?)?).await,
        _ => bail!("say bulk, batches, read, grow or open and what it needs; see the head of this file"),
    }
}

async fn open(path: &str) -> Result<Store> {
    Ok(Store::open(&SqliteUrl::at(path)?, &TaskTracker::new()).await?)
}

/// A backfill, and what it has become once it is sealed and closed.
async fn bulk(store: &Store, records: &str) -> Result<()> {
    let (meter, mut samples) = (Meter::start(), 0);
    let mut records = Records::open(records)?;
    while let Some(chunk) = records.next(CHUNK)? {
        samples += chunk.len();
        store.append_samples(chunk).await?;
    }
    store.flush().await?;
    let flushed = meter.read();
    store.seal().await?;
    store.close().await;
    let (sealed, bytes) = (meter.read(), store.stats().samples_bytes.unwrap_or_default());
    println!("{}", json!({ "samples": samples, "flushed": flushed, "sealed": sealed, "bytes": bytes }));
    Ok(())
}

/// Each batch is flushed before the next is taken.
async fn batches(store: &Store, records: &str, pace: Duration) -> Result<()> {
    let mut records = Records::open(records)?;
    let (meter, mut samples, mut waits) = (Meter::start(), 0, Vec::new());
    let mut due = tokio::time::interval(pace.max(Duration::from_nanos(1)));
    due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
    while let Some(batch) = records.next(BATCH)? {
        if !pace.is_zero() {
            due.tick().await;
        }
        samples += batch.len();
        let start = std::time::Instant::now();
        store.append_samples(batch).await?;
        store.flush().await?;
        waits.push(start.elapsed().as_secs_f64());
    }
    let spent = meter.read();
    store.seal().await?;
    store.close().await;
    let bytes = store.stats().samples_bytes.unwrap_or_default();
    println!("{}", json!({ "samples": samples, "flushed": spent, "waits": waits, "bytes": bytes }));
    Ok(())
}

async fn reads(store: &Store, key: &TagKey, points: usize, times: usize) -> Result<()> {
    let [trend, hour] = read(store, key, points, times).await?;
    println!("{}", json!({ "trend": trend, "hour": hour, "peak_bytes": meter::peak() }));
    Ok(())
}

/// The time of each read, and how many points it gave: all of a tag thinned, and its last hour as it is.
async fn read(store: &Store, key: &TagKey, points: usize, times: usize) -> Result<[serde_json::Value; 2]> {
    let latest = store.latest_sample(key).await?.context("nothing was stored")?.time;
    let hour = latest.before(Duration::from_secs(3_600)).after(Duration::from_micros(1));
    let end = latest.after(Duration::from_micros(1));
    let ever = Timestamp::from_micros(0);
    let mut results = Vec::new();
    for (from, query) in [(ever, SeriesQuery::thinned(points)), (hour, SeriesQuery::default())] {
        let (mut took, mut count) = (Vec::new(), 0);
        for _ in 0..times {
            let start = std::time::Instant::now();
            count = store.samples(key, from, end, query).await?.len();
            took.push(start.elapsed().as_secs_f64());
        }
        results.push(json!({ "points": count, "seconds": took }));
    }
    <[_; 2]>::try_from(results).ok().context("two reads were made")
}

/// How long a store takes to open as it was left.
async fn opened(path: &str, key: &TagKey) -> Result<()> {
    let meter = Meter::start();
    let store = open(path).await?;
    let opened = meter.read();
    let latest = store.latest_sample(key).await?.map(|s| s.time.as_micros());
    println!("{}", json!({ "open": opened, "first_read": meter.read(), "latest_us": latest }));
    store.close().await;
    Ok(())
}
