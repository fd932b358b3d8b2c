//! Raises and acknowledges alarms and stores samples for ever, and says each thing once the store has it: the crash test
//! kills this process and looks for everything it said.
//!
//! Usage: `acknowledge_loop PATH/andon.db`

#[path = "loops/mod.rs"]
mod loops;

use std::error::Error;

use andon_plant::{AssetName, Sample, TagKey, TagName, TagSample, Timestamp, alarm::Transition};
use andon_store::{SqliteUrl, Store};
use loops::{entry, raised, say};
use tokio_util::task::TaskTracker;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("name the main file of the store")?;
    let store = Store::open(&SqliteUrl::at(path)?, &TaskTracker::new()).await?;
    let key = TagKey { asset: AssetName::new("Mixer")?, tag: TagName::new("Temperature")? };
    for n in 0.. {
        let time = Timestamp::from_secs(n);
        let samples = (0..100).map(|i| Timestamp::from_micros(n * 1_000_000 + i * 10_000));
        let samples = samples.map(|t| TagSample { key: key.clone(), sample: Sample::good(t, n as f64) }).collect();
        store.append_samples(samples).await?;
        let mut alarm = store.insert_alarm(raised(time)?, vec![entry(time, Transition::Raised)]).await?;
        say(&format!("raised {}", alarm.id.0))?;
        alarm.state.acknowledged = true;
        alarm.acknowledged_at = Some(time);
        alarm.acknowledged_by = Some("operator".to_owned());
        store.update_alarm(&alarm, vec![entry(time, Transition::Acknowledged)]).await?;
        say(&format!("acknowledged {}", alarm.id.0))?;
        store.flush().await?;
        say(&format!("flushed {n}"))?;
    }
    Ok(())
}
