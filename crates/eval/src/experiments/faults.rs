//! Whether the guilty tag is named first, by kind and size of the fault.

use std::collections::BTreeMap;

use andon_plant::TagKind;
use andon_simulator::{FaultKind, Recording, ScheduledFault, plant::MODE_TAG};

use super::Size;
use crate::plant::{ASSETS, DAY, Judged, ModeTag, copy, fitted, judged, recording};

/// Sizes, in units of the tag's deviation within an operating mode.
const SIZES: [f64; 6] = [0.5, 1.0, 2.0, 3.0, 4.0, 5.0];
/// The kinds that have a size and befall one tag or a pair.
const KINDS: [FaultKind; 4] = [FaultKind::Spike, FaultKind::Drift, FaultKind::Noise, FaultKind::Leak];
/// Rows of one fault, and from one to the next.
const LASTS: usize = 60;
const EVERY: usize = 300;

/// What became of faults of one kind and size.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    faults: usize,
    first: usize,
    top: usize,
    alarmed: usize,
}

pub(super) fn run(size: Size) -> anyhow::Result<String> {
    let mut tallies: BTreeMap<(FaultKind, usize), Tally> = BTreeMap::new();
    for asset in ASSETS {
        let artifact = fitted(11, asset, DAY, ModeTag::Known)?;
        for seed in 0..size.pick(1, 4) {
            let schedule = schedule(asset, seed)?;
            let rows = EVERY * (schedule.len() + 2);
            let test = recording(500 + seed, asset, rows, &schedule, ModeTag::Known)?;
            let said = judged(copy(&artifact)?, &test)?;
            for fault in &schedule {
                let number = SIZES.iter().position(|s| Some(*s) == fault.magnitude.map(f64::abs)).unwrap_or(0);
                count(tallies.entry((fault.kind, number)).or_default(), fault, &test, &said);
            }
        }
    }
    Ok(page(&tallies))
}

/// One fault of each kind and size on each tag that can carry it, both ways in turn.
fn schedule(asset: &str, seed: u64) -> anyhow::Result<Vec<ScheduledFault>> {
    let normal = recording(1, asset, 2, &[], ModeTag::Known)?;
    let analog = normal.tags.iter().filter(|t| t.kind == TagKind::Analog && t.name.as_str() != MODE_TAG);
    let tags: Vec<_> = analog.map(|t| t.name.clone()).collect();
    let mut faults = Vec::new();
    for kind in KINDS {
        for tag in tags.iter().filter(|tag| carries(asset, kind, tag)) {
            for (number, size) in SIZES.iter().enumerate() {
                let way = if (number as u64 + seed).is_multiple_of(2) { 1.0 } else { -1.0 };
                let at_row = EVERY * (faults.len() + 1);
                let magnitude = Some(if kind == FaultKind::Noise { *size } else { way * size });
                faults.push(ScheduledFault { at_row, rows: LASTS, kind, tag: Some(tag.clone()), magnitude });
            }
        }
    }
    Ok(faults)
}

fn carries(asset: &str, kind: FaultKind, tag: &andon_plant::TagName) -> bool {
    let fault = ScheduledFault { at_row: 0, rows: LASTS, kind, tag: Some(tag.clone()), magnitude: Some(3.0) };
    recording(1, asset, 1, &[fault], ModeTag::Known).is_ok()
}

/// Counts a fault by the contributions in the row with the highest score while it lasted.
fn count(tally: &mut Tally, fault: &ScheduledFault, test: &Recording, said: &[Option<Judged>]) {
    tally.faults += 1;
    let span = said[fault.at_row..fault.at_row + fault.rows].iter().flatten();
    let Some(worst) = span.clone().max_by(|a, b| a.verdict.score.total_cmp(&b.verdict.score)) else { return };
    let guilty = guilty(fault, test);
    let mut order: Vec<&andon_plant::TagVerdict> = worst.verdict.tags.iter().collect();
    order.sort_by(|a, b| b.contribution.total_cmp(&a.contribution));
    let rank = order.iter().position(|t| guilty.contains(&t.tag.as_str()));
    tally.first += usize::from(rank == Some(0));
    tally.top += usize::from(rank.is_some_and(|r| r < 3));
    tally.alarmed += usize::from(span.clone().any(|j| j.verdict.anomalous()));
}

/// The tag, and for a leak the one that parts with it.
fn guilty<'a>(fault: &'a ScheduledFault, test: &'a Recording) -> Vec<&'a str> {
    let mut tags: Vec<&str> = fault.tag.iter().map(|t| t.as_str()).collect();
    if fault.kind == FaultKind::Leak {
        let profile = andon_simulator::SimulatedPlant::new(1, andon_plant::Timestamp::from_secs(0));
        let profile = profile.profile(&test.asset);
        let partner = profile.and_then(|p| {
            let own = p.tags.iter().find(|t| Some(&t.name) == fault.tag.as_ref())?;
            Some(own.partner?.tag)
        });
        tags.extend(partner.map(|p| test.tags[p].name.as_str()));
    }
    tags
}

fn page(tallies: &BTreeMap<(FaultKind, usize), Tally>) -> String {
    let mut page = "## The guilty tag on the simulated plant\n\nFaults of 60 rows on every tag that can carry them, in units of the \
                    tag's deviation within a mode: guilty tag first / among the first three / threshold reached, in per cent.\n\n"
        .to_owned();
    page += &format!("| kind | faults a size | {} |\n", SIZES.map(|s| s.to_string()).join(" | "));
    page += &format!("|{}\n", "---|".repeat(SIZES.len() + 2));
    let percent = |part: usize, whole: usize| 100.0 * part as f64 / whole.max(1) as f64;
    let cell = |t: Tally| {
        format!(
            "{:.0} / {:.0} / {:.0}",
            percent(t.first, t.faults),
            percent(t.top, t.faults),
            percent(t.alarmed, t.faults)
        )
    };
    let mut all = [Tally::default(); SIZES.len()];
    for kind in KINDS {
        let row: Vec<Tally> = (0..SIZES.len()).map(|s| tallies.get(&(kind, s)).copied().unwrap_or_default()).collect();
        page += &format!(
            "| {kind} | {} | {} |\n",
            row[0].faults,
            row.iter().map(|t| cell(*t)).collect::<Vec<_>>().join(" | ")
        );
        all.iter_mut().zip(&row).for_each(|(sum, t)| {
            *sum = Tally {
                faults: sum.faults + t.faults,
                first: sum.first + t.first,
                top: sum.top + t.top,
                alarmed: sum.alarmed + t.alarmed,
            };
        });
    }
    page + &format!("| all | {} | {} |\n", all[0].faults, all.map(cell).join(" | "))
}
