//! A large store to measure with, in the folder named: `large_store FOLDER [SAMPLES [VERDICTS]]`, samples of 100 tags at 1 s and
//! verdicts on 10 of them.

mod verdicts;

use std::{error::Error, path::PathBuf};

use andon_plant::{AssetName, Sample, TagKey, TagName, TagSample, Timestamp};
use andon_store::{SqliteUrl, Store};
use tokio_util::task::TaskTracker;
use verdicts::verdict;

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
