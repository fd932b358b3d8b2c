//! A large store to measure with, in the folder named: `large_store FOLDER [SAMPLES [VERDICTS]]`, samples of 100 tags at 1 s and
//! verdicts on 10 of them.

use std::{error::Error, path::PathBuf};

use andon_plant::{AssetName, Mode, Sample, StatusCode, TagKey, TagName, TagSample, TagVerdict, Timestamp, Verdict};
use andon_store::{SqliteUrl, Store};
use tokio_util::task::TaskTracker;

const TAGS: i64 = 100;
const JUDGED: usize = 10;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let folder = PathBuf::from(args.next().ok_or("name a folder")?);
    let samples: i64 = args.next().map_or(Ok(20_000_000), |n| n.parse())?;
    let verdicts: i64 = args.next().map_or(Ok(100_000), |n| n.parse())?;
    let store = Store::open(&SqliteUrl::at(folder.join("andon.db"))?, &TaskTracker::new()).await?;
    let asset = AssetName::new("Mixer")?;
    let tags = (0..TAGS).map(|n| TagName::new(&format!("Tag{n}"))).collect::<Result<Vec<_>, _>>()?;
    for s in 0..samples / TAGS {
        let time = Timestamp::from_secs(s);
        let of = |(n, tag): (usize, &TagName)| {
            // Two decimals, as a sensor gives them, and some noise.
            let noise = (s * 7919 + n as i64 * 104_729) % 1_009;
            let value = ((s as f64 * 0.01 + n as f64).sin() * 1_000.0).round() / 100.0 + noise as f64 / 100.0;
            TagSample { key: TagKey { asset: asset.clone(), tag: tag.clone() }, sample: Sample::good(time, value) }
        };
        store.append_samples(tags.iter().enumerate().map(of).collect()).await?;
    }
    store.flush().await?;
    for from in (0..verdicts).step_by(500) {
        let some =
            (from..(from + 500).min(verdicts)).map(|s| verdict(&asset, &tags[..JUDGED], Timestamp::from_secs(s)));
        store.append_scores(some.collect()).await?;
    }
    store.flush().await?;
    println!("{} samples, {} expected values", samples, verdicts * JUDGED as i64);
    store.close().await;
    Ok(())
}

fn verdict(asset: &AssetName, tags: &[TagName], time: Timestamp) -> Verdict {
    let residual = (time.as_secs_f64() * 0.37).sin();
    let of = |tag: &TagName| TagVerdict {
        tag: tag.clone(),
        value: 20.5 + residual,
        expected: 20.5,
        expected_low: 19.3,
        expected_high: 21.7,
        residual,
        contribution: 1.0 / JUDGED as f64,
        imputed: false,
    };
    Verdict {
        asset: asset.clone(),
        time,
        score: residual.abs(),
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
