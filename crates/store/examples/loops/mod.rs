//! What the programs that are killed have in common: the alarm they raise, and how they say what they have done.

use std::{error::Error, io::Write};

use andon_plant::{
    Alarm, AlarmId, AlarmState, AssetName, Condition, JournalEntry, Timestamp,
    alarm::{Phase, Transition},
};

/// An alarm that is active and waits to be acknowledged.
pub(crate) fn raised(time: Timestamp) -> Result<Alarm, Box<dyn Error>> {
    Ok(Alarm {
        id: AlarmId(0),
        asset: AssetName::new("Mixer")?,
        condition: Condition::Score,
        state: AlarmState { phase: Phase::Active, acknowledged: false },
        severity: 700,
        message: "Temperature is 5 degC above what was expected".to_owned(),
        raised_at: time,
        cleared_at: None,
        acknowledged_at: None,
        acknowledged_by: None,
        assessment: None,
        contributions: Vec::new(),
    })
}

/// A line of its journal.
pub(crate) fn entry(time: Timestamp, transition: Transition) -> JournalEntry {
    JournalEntry { alarm: AlarmId(0), time, transition, by: None, comment: None }
}

/// Says a line at once, so that whoever kills the program has it.
pub(crate) fn say(line: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}
