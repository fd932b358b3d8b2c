//! Rows a second the store takes and gives, on a file in the folder named: `throughput FOLDER`.

use std::{error::Error, path::PathBuf, time::Instant};

use andon_plant::{AssetName, Mode, Sample, StatusCode, TagKey, TagName, TagSample, TagVerdict, Timestamp, Verdict};
use andon_store::{SeriesQuery, SqliteUrl, Store};
use tokio_util::task::TaskTracker;

const TAGS: i64 = 8;
const ROWS: i64 = 125_000;
const VERDICTS: i64 = 20_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("name a folder")?);
    let store = Store::open(&SqliteUrl::at(folder.join("throughput.db"))?, &TaskTracker::new()).await?;
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
    println!("{} bytes of samples and scores", store.stats().samples_bytes);
    Ok(())
}

fn say(what: &str, rows: i64, start: Instant) {
    let seconds = start.elapsed().as_secs_f64();
    println!("{rows} {what} in {seconds:.3} s: {:.0} a second", rows as f64 / seconds);
}

fn verdict(asset: &AssetName, tags: &[TagName], time: Timestamp) -> Verdict {
    let of = |tag: &TagName| TagVerdict {
        tag: tag.clone(),
        value: 20.5,
        expected: 20.1,
        expected_low: 19.3,
        expected_high: 21.7,
        residual: 0.4,
        contribution: 0.125,
        imputed: false,
    };
    Verdict {
        asset: asset.clone(),
        time,
        score: 0.7,
        threshold: 3.1,
        probability: 0.8,
        probability_low: 0.7,
        probability_high: 0.9,
        mode: Mode::Known("mixing".to_owned()),
        imputed: 0.0,
        status: StatusCode::GOOD,
        tags: tags.iter().map(of).collect(),
        late: false,
        findings: Vec::new(),
        attention: Vec::new(),
    }
}
