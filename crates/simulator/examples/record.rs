//! Writes a labelled recording of one asset of the simulated plant.
//!
//! ```text
//! record --asset Mixer --rows 7200 --seed 7 --out mixer.csv.gz --fault drift@3600+120 --fault spike@5000+30:Torque*6
//! ```
//! A fault is `KIND@ROW+ROWS`, then `:TAG` and `*MAGNITUDE` where the usual ones won't do. `--start` is the first row's
//! time, RFC 3339 or seconds since the epoch.

use std::{collections::HashMap, path::Path, process::ExitCode};

use andon_plant::{TagName, Timestamp};
use andon_simulator::{ScheduledFault, record};

const USAGE: &str = "usage: record --asset Mixer|Pump|Oven --out FILE.csv[.gz] [--rows 3600] [--seed 1] [--start TIME] \
                     [--fault KIND@ROW+ROWS[:TAG][*MAGNITUDE]]...";

fn main() -> ExitCode {
    match run(std::env::args().skip(1)) {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(refused) => {
            eprintln!("{refused}");
            ExitCode::from(2)
        }
    }
}

type Refused = Box<dyn std::error::Error>;

fn run(mut args: impl Iterator<Item = String>) -> Result<String, Refused> {
    let mut given: HashMap<String, String> = HashMap::new();
    let mut faults = Vec::new();
    while let Some(flag) = args.next() {
        let value = args.next().ok_or(USAGE)?;
        match flag.as_str() {
            "--fault" => faults.push(fault(&value)?),
            "--asset" | "--out" | "--rows" | "--seed" | "--start" => {
                given.insert(flag, value);
            }
            _ => return Err(format!("`{flag}` is not known\n{USAGE}").into()),
        }
    }
    let value = |flag: &str, usual: &str| given.get(flag).cloned().unwrap_or_else(|| usual.to_owned());
    let (asset, out) = (given.get("--asset").ok_or(USAGE)?, given.get("--out").ok_or(USAGE)?);
    let start: Timestamp = value("--start", "2026-01-01T00:00:00Z").parse()?;
    let rows = value("--rows", "3600").parse()?;
    let recording = record(value("--seed", "1").parse()?, asset, start, rows, &faults)?;
    recording.write_csv(Path::new(out))?;
    Ok(format!("{out}: {rows} rows of {} tags, {} faults", recording.tags.len(), faults.len()))
}

/// `KIND@ROW+ROWS[:TAG][*MAGNITUDE]`.
fn fault(text: &str) -> Result<ScheduledFault, Refused> {
    let (text, magnitude) = match text.split_once('*') {
        Some((text, magnitude)) => (text, Some(magnitude.parse()?)),
        None => (text, None),
    };
    let (text, tag) = match text.split_once(':') {
        Some((text, tag)) => (text, Some(TagName::new(tag)?)),
        None => (text, None),
    };
    let (kind, when) = text.split_once('@').ok_or(USAGE)?;
    let (at_row, rows) = when.split_once('+').ok_or(USAGE)?;
    Ok(ScheduledFault { at_row: at_row.parse()?, rows: rows.parse()?, kind: kind.parse()?, tag, magnitude })
}
