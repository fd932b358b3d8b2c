//! Stores samples of forty tags for ever and seals them over and over, and says what was flushed: the crash test kills this
//! process and looks for everything it said.
//!
//! Usage: `seal_loop PATH/andon.db`

use std::{error::Error, io::Write};

use andon_plant::{AssetName, Sample, TagKey, TagName, TagSample, Timestamp};
use andon_store::{SqliteUrl, Store};
use tokio_util::task::TaskTracker;

const TAGS: i64 = 40;
const ROUND: i64 = 20;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("name the main file of the store")?;
    let store = Store::open(&SqliteUrl::at(path)?, &TaskTracker::new()).await?;
    let keys = (0..TAGS)
        .map(|n| Ok(TagKey { asset: AssetName::new("Mixer")?, tag: TagName::new(&format!("Tag{n}"))? }))
        .collect::<Result<Vec<_>, Box<dyn Error>>>()?;
    for round in 0.. {
        let mut samples = Vec::new();
        for n in round * ROUND..(round + 1) * ROUND {
            let sample = Sample::good(Timestamp::from_micros(n * 10_000), n as f64);
            samples.extend(keys.iter().map(|key| TagSample { key: key.clone(), sample }));
        }
        store.append_samples(samples).await?;
        store.flush().await?;
        let mut out = std::io::stdout().lock();
        writeln!(out, "flushed {}", (round + 1) * ROUND)?;
        out.flush()?;
        drop(out);
        if round % 3 == 2 {
            store.seal().await?;
        }
    }
    Ok(())
}
