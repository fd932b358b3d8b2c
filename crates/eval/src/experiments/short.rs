//! What a detector can do that was fitted to two hours, as the demo's is: whether any of its modes is blind, and how often it is wrong.

use std::collections::BTreeMap;

use andon_plant::TagKind;
use andon_simulator::{FaultKind, ScheduledFault, plant::MODE_TAG};

use super::Size;
use crate::plant::{ASSETS, Judged, ModeTag, SHIFT_ROWS, copy, fitted, judged, recording};

/// Rows fitted to.
const ROWS: usize = 7_200;
/// Rows of one fault, and from one to the next.
const LASTS: usize = 15;
const EVERY: usize = 300;
/// Faults of one asset.
const FAULTS: usize = 60;

pub(super) fn run(size: Size) -> anyhow::Result<String> {
    let seeds = size.pick(2, 6);
    let mut page = format!(
        "## Fitted to two hours of the simulated plant\n\n{seeds} fits, each judging {FAULTS} times a tag beyond its range for {LASTS} rows in \
         turn, and as long without a fault. A mode is blind if half of its faults or more are not found.\n\n| asset | faults found | modes \
         | blind | alarms a shift without a fault |\n|---|---|---|---|---|\n"
    );
    for asset in ASSETS {
        let mut found: BTreeMap<(u64, String), (usize, usize)> = BTreeMap::new();
        let (mut raised, mut rows) = (0, 0);
        for seed in 0..seeds {
            let schedule = schedule(asset)?;
            let artifact = fitted(seed, asset, ROWS, ModeTag::Known)?;
            let judged = |faults: &[ScheduledFault]| {
                let test = recording(900 + seed, asset, EVERY * (FAULTS + 1), faults, ModeTag::Known)?;
                judged(copy(&artifact)?, &test)
            };
            let said = judged(&schedule)?;
            for fault in &schedule {
                let span = || said[fault.at_row..fault.at_row + LASTS].iter().flatten();
                let Some(first) = span().next() else { continue };
                let of = found.entry((seed, first.verdict.mode.as_str().to_owned())).or_default();
                *of = (of.0 + usize::from(span().any(|j| j.verdict.anomalous())), of.1 + 1);
            }
            let active: Vec<bool> = judged(&[])?.iter().flatten().map(|j: &Judged| j.active).collect();
            raised += active.windows(2).filter(|w| w[1] && !w[0]).count();
            rows += active.len();
        }
        let (hit, all) = found.values().fold((0, 0), |(hit, all), (h, a)| (hit + h, all + a));
        let blind = found.values().filter(|(hit, all)| 2 * hit <= *all).count();
        page += &format!(
            "| {asset} | {:.1} % | {} | {blind} | {:.2} |\n",
            100.0 * hit as f64 / all.max(1) as f64,
            found.len(),
            raised as f64 * SHIFT_ROWS / rows.max(1) as f64
        );
    }
    Ok(page)
}

/// Each analog tag beyond its range, in turn.
fn schedule(asset: &str) -> anyhow::Result<Vec<ScheduledFault>> {
    let normal = recording(1, asset, 2, &[], ModeTag::Known)?;
    let analog = normal.tags.iter().filter(|t| t.kind == TagKind::Analog && t.name.as_str() != MODE_TAG);
    let fault = |at_row, tag: &andon_plant::TagName| ScheduledFault {
        at_row,
        rows: LASTS,
        kind: FaultKind::OutOfRange,
        tag: Some(tag.clone()),
        magnitude: None,
    };
    let carries = |tag: &&andon_plant::TagName| recording(1, asset, 1, &[fault(0, tag)], ModeTag::Known).is_ok();
    let tags: Vec<_> = analog.map(|t| &t.name).filter(carries).collect();
    Ok((0..FAULTS).map(|n| fault(EVERY * (n + 1), tags[n % tags.len()])).collect())
}
