//! What the store takes and gives on either engine: `throughput sqlite://FOLDER/throughput.db`, `throughput postgres://...`.

mod verdicts;

use std::{error::Error, time::Instant};

use andon_plant::{Alarm, AlarmId, AlarmState, AssetName, Condition, Sample, TagKey, TagName, TagSample, Timestamp};
use andon_store::{SeriesQuery, Store, StoreUrl};
use tokio_util::task::TaskTracker;
use verdicts::verdict;

const TAGS: i64 = 8;
const ROWS: i64 = 125_000;
const VERDICTS: i64 = 20_000;
const TENTHS: i64 = 300;
const ALARMS: i64 = 500;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let store = match std::env::args().nth(1).ok_or("name a store")?.parse()? {
        StoreUrl::Sqlite(url) => Store::open(&url, &TaskTracker::new()).await?,
        StoreUrl::Postgres(url) => andon_postgres::open(&url, &TaskTracker::new()).await?,
    };
    let asset = AssetName::new("Mixer")?;
    let tags = (0..TAGS).map(|n| TagName::new(&format!("Tag{n}"))).collect::<Result<Vec<_>, _>>()?;
    let key = |tag: &TagName| TagKey { asset: asset.clone(), tag: tag.clone() };

    let start = Instant::now();
    for batch in 0..ROWS / 125 {
        let times = (batch * 125..(batch + 1) * 125).map(|row| Timestamp::from_micros(row * 100_000));
        let samples = times.flat_map(|t| tags.iter().map(move |tag| (t, tag)));
        let sample = |(t, tag): (Timestamp, &TagName)| {
            let value = (t.as_secs_f64() * 0.1).sin();
            TagSample { key: key(tag), sample: Sample::good(t, value) }
        };
        store.append_samples(samples.map(sample).collect()).await?;
    }
    store.flush().await?;
    say("samples appended", ROWS * TAGS, start);

    // As a plant comes: what 847 tags at 100 Hz give in a tenth of a second, durable before the next.
    let many = (0..847).map(|n| TagName::new(&format!("Fast{n}"))).collect::<Result<Vec<_>, _>>()?;
    let start = Instant::now();
    for tenth in 0..TENTHS {
        let times = (tenth * 10..(tenth + 1) * 10).map(|n| Timestamp::from_micros(n * 10_000));
        let samples = times.flat_map(|t| many.iter().map(move |tag| (t, tag)));
        let sample = |(t, tag): (Timestamp, &TagName)| {
            let value = (t.as_secs_f64() * 3.0).sin();
            TagSample { key: key(tag), sample: Sample::good(t, value) }
        };
        store.append_samples(samples.map(sample).collect()).await?;
        store.flush().await?;
    }
    say("samples appended in tenths of a second, each flushed", TENTHS * 8_470, start);

    let start = Instant::now();
    for n in 0..ALARMS {
        store.insert_alarm(alarm(&asset, Timestamp::from_secs(n)), Vec::new()).await?;
    }
    say("alarms raised, one after the other", ALARMS, start);

    let start = Instant::now();
    for batch in 0..VERDICTS / 100 {
        let verdicts = (batch * 100..(batch + 1) * 100).map(|s| verdict(&asset, &tags, Timestamp::from_secs(s)));
        store.append_scores(verdicts.collect()).await?;
    }
    store.flush().await?;
    say("verdicts of 8 tags appended", VERDICTS, start);

    let start = Instant::now();
    let (from, to) = (Timestamp::from_micros(0), Timestamp::from_micros(i64::MAX));
    let read = store.samples(&key(&tags[0]), from, to, SeriesQuery::default()).await?;
    say("samples read", read.len() as i64, start);
    let start = Instant::now();
    store.samples(&key(&tags[0]), from, to, SeriesQuery::thinned(1000)).await?;
    say("samples thinned to 1000 points", ROWS, start);
    store.close().await;
    Ok(())
}

fn say(what: &str, rows: i64, start: Instant) {
    let seconds = start.elapsed().as_secs_f64();
    println!("{rows} {what} in {seconds:.3} s: {:.0} a second", rows as f64 / seconds);
}

fn alarm(asset: &AssetName, raised_at: Timestamp) -> Alarm {
    Alarm {
        id: AlarmId(0),
        asset: asset.clone(),
        condition: Condition::Score,
        state: AlarmState::default(),
        severity: 700,
        message: "Temperature is 5 degC above what was expected".to_owned(),
        raised_at,
        cleared_at: None,
        acknowledged_at: None,
        acknowledged_by: None,
        assessment: None,
        contributions: Vec::new(),
    }
}
