//! Whether a value that is right in another operating mode is found.

use andon_simulator::{FaultKind, ScheduledFault, plant::MODE_TAG};

use super::Size;
use crate::plant::{ASSETS, DAY, ModeTag, fitted, judged, recording};

/// Rows of one fault, and from one to the next.
const LASTS: usize = 60;
const EVERY: usize = 500;
/// Rows after a fault from which on neither the window nor the longest average holds any of it.
const OVER: usize = 160;

pub(super) fn run(size: Size) -> anyhow::Result<String> {
    let mut page = "## Contextual faults on the simulated plant\n\nA tag shows for 60 rows what is right in another mode. Rows without a fault \
                    are those whose window and longest average hold none of one.\n\n\
                    | asset | mode tag | faults | found | rows of them in alarm | rows without a fault in alarm |\n|---|---|---|---|---|---|\n"
        .to_owned();
    for asset in ASSETS {
        for mode_tag in [ModeTag::Known, ModeTag::Absent] {
            let count = size.pick(20, 100);
            let schedule = schedule(asset, count);
            let test = recording(700, asset, EVERY * (count + 2), &schedule, mode_tag)?;
            let said = judged(fitted(11, asset, DAY, mode_tag)?, &test)?;
            let labels = test.labels.clone().unwrap_or_default();
            let active = |row: usize| said[row].as_ref().is_some_and(|j| j.active);
            let found = schedule.iter().filter(|f| (f.at_row..f.at_row + f.rows).any(active)).count();
            let (mut hit, mut of, mut false_rows, mut normal) = (0usize, 0usize, 0usize, 0usize);
            let mut since = EVERY;
            for (row, label) in labels.iter().enumerate() {
                since = if *label { 0 } else { since + 1 };
                if *label {
                    (hit, of) = (hit + usize::from(active(row)), of + 1);
                } else if since > OVER {
                    (false_rows, normal) = (false_rows + usize::from(active(row)), normal + 1);
                }
            }
            page += &format!(
                "| {asset} | {} | {} | {:.1} % | {:.1} % | {:.2} % |\n",
                if mode_tag == ModeTag::Known { "yes" } else { "no" },
                schedule.len(),
                100.0 * found as f64 / schedule.len().max(1) as f64,
                100.0 * hit as f64 / of.max(1) as f64,
                100.0 * false_rows as f64 / normal.max(1) as f64,
            );
        }
    }
    Ok(page)
}

/// Faults on every tag that has another level in another mode, in turn.
fn schedule(asset: &str, count: usize) -> Vec<ScheduledFault> {
    let fault = |at_row, tag| ScheduledFault {
        at_row,
        rows: LASTS,
        kind: FaultKind::Contextual,
        tag: Some(tag),
        magnitude: None,
    };
    let names = recording(1, asset, 2, &[], ModeTag::Known).map(|r| r.tags).unwrap_or_default();
    let names = names.into_iter().map(|t| t.name).filter(|name| name.as_str() != MODE_TAG);
    let carry: Vec<_> =
        names.filter(|name| recording(1, asset, 1, &[fault(0, name.clone())], ModeTag::Known).is_ok()).collect();
    (0..count).filter_map(|n| Some(fault(EVERY * (n + 1), carry.get(n % carry.len().max(1))?.clone()))).collect()
}
