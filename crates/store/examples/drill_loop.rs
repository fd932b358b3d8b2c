//! Stores samples, raises and acknowledges alarms and seals for ever, whatever fails, and says what it is about to do and what
//! the store has done: the drill (`tests/drill.rs`) makes its disk fail and cuts its power, and looks for everything it said.
//!
//! Usage: `drill_loop PATH/andon.db FIRST`, where FIRST is the number of the first sample to store.

#[path = "loops/mod.rs"]
mod loops;

use std::error::Error;

use andon_plant::{AssetName, Sample, TagKey, TagName, TagSample, Timestamp, alarm::Transition};
use andon_store::{SqliteUrl, Store};
use loops::{entry, raised, say};
use tokio_util::task::TaskTracker;

const TAGS: i64 = 24;
const ROUND: i64 = 20;
/// Ten minutes between samples, so that some rounds are days.
const APART_US: i64 = 600_000_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (path, first) = (args.next().ok_or("name the main file")?, args.next().ok_or("name the first sample")?);
    let store = Store::open(&SqliteUrl::at(path)?, &TaskTracker::new()).await?;
    let keys = (0..TAGS)
        .map(|n| Ok(TagKey { asset: AssetName::new("Mixer")?, tag: TagName::new(&format!("Tag{n}"))? }))
        .collect::<Result<Vec<_>, Box<dyn Error>>>()?;
    for from in (first.parse::<i64>()?..).step_by(ROUND as usize) {
        let mut samples = Vec::new();
        for n in from..from + ROUND {
            let sample = Sample::good(Timestamp::from_micros(n * APART_US), n as f64);
            samples.extend(keys.iter().map(|key| TagSample { key: key.clone(), sample }));
        }
        store.append_samples(samples).await?;
        match store.flush().await {
            Ok(()) => say(&format!("flushed {}", from + ROUND))?,
            // Rows are missing from here on: what comes after would hide it.
            Err(error) => return Err(error.into()),
        }
        if let Err(error) = operate(&store, Timestamp::from_micros(from * APART_US)).await {
            eprintln!("{error}");
        }
        if from / ROUND % 7 == 6
            && let Err(error) = store.seal().await
        {
            eprintln!("{error}");
        }
    }
    Ok(())
}

/// Raises an alarm and acknowledges it.
async fn operate(store: &Store, time: Timestamp) -> Result<(), Box<dyn Error>> {
    say(&format!("raising {}", time.as_micros()))?;
    let mut alarm = store.insert_alarm(raised(time)?, vec![entry(time, Transition::Raised)]).await?;
    say(&format!("raised {}", alarm.id.0))?;
    alarm.state.acknowledged = true;
    alarm.acknowledged_at = Some(time);
    store.update_alarm(&alarm, vec![entry(time, Transition::Acknowledged)]).await?;
    Ok(say(&format!("acknowledged {}", alarm.id.0))?)
}
