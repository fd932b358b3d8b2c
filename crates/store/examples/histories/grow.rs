//! One store that grows: what a sample and a read cost at each size.

use std::time::Duration;

use andon_plant::TagKey;
use andon_store::Store;
use anyhow::{Context, Result};
use serde_json::json;

use crate::{CHUNK, meter::Meter, read, records::Records};

/// Points of the trend that is read.
const POINTS: usize = 1_000;

/// Plays the records over and over, each time later by as long as they are.
pub(crate) async fn grow(store: &Store, records: &str, tag: &TagKey, sizes: &[&str]) -> Result<()> {
    let round = length(records)?;
    let (mut stored, mut rounds) = (0, 0);
    let mut unread = Records::open(records)?;
    for size in sizes {
        let size: usize = size.parse()?;
        let (meter, before) = (Meter::start(), stored);
        while stored < size {
            let Some(mut chunk) = unread.next(CHUNK.min(size - stored))? else {
                (unread, rounds) = (Records::open(records)?, rounds + 1);
                continue;
            };
            chunk.iter_mut().for_each(|s| s.sample.time = s.sample.time.after(round * rounds));
            stored += chunk.len();
            store.append_samples(chunk).await?;
        }
        store.flush().await?;
        let insert = meter.read();
        let bytes = store.stats().samples_bytes.unwrap_or_default();
        let meter = Meter::start();
        let [trend, hour] = read(store, tag, POINTS, 5).await?;
        let reading = meter.read();
        println!(
            "{}",
            json!({ "samples": stored, "added": stored - before, "insert": insert, "bytes": bytes, "trend": trend,
                "hour": hour, "reading": reading })
        );
    }
    store.close().await;
    Ok(())
}

/// From the first sample of the first tag to where it would go on.
fn length(records: &str) -> Result<Duration> {
    let mut records = Records::open(records)?;
    let mut times: Vec<_> = Vec::new();
    while let Some(chunk) = records.next(CHUNK)? {
        let of_first = chunk.iter().filter(|s| s.key.tag.as_str() == "T0");
        times.extend(of_first.map(|s| s.sample.time.as_micros()));
    }
    let (first, last) = times.first().zip(times.last()).context("there are no records")?;
    let step = (last - first) / (times.len() as i64 - 1).max(1);
    Ok(Duration::from_micros((last - first + step).unsigned_abs()))
}
