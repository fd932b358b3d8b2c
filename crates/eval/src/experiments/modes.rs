//! Whether operating modes are found, and how soon after a change.

use std::collections::BTreeMap;

use andon_plant::Mode;

use super::Size;
use crate::{
    metrics::{adjusted_rand_index, quantile},
    plant::{ASSETS, DAY, Judged, ModeTag, fitted, judged, recording},
};

/// A mode must be known this many rows after a change.
const SOON: usize = 10;

pub(super) fn run(size: Size) -> anyhow::Result<String> {
    let mut page = "## Operating modes on the simulated plant\n\nA transition counts as a label of its own.\n\n\
                    | asset | mode tag | modes found | adjusted Rand index | known after, median | 95 % | within 10 rows |\n\
                    |---|---|---|---|---|---|---|\n"
        .to_owned();
    for asset in ASSETS {
        for mode_tag in [ModeTag::Known, ModeTag::Absent] {
            let artifact = fitted(11, asset, DAY, mode_tag)?;
            let found = artifact.manifest.scorer.modes().count();
            let test = recording(12, asset, size.pick(4_000, 20_000), &[], mode_tag)?;
            let truth = test.mode_numbers().map(|(numbers, _)| numbers).unwrap_or_default();
            let said = judged(artifact, &test)?;
            let (ari, delays) = compare(&truth, &said);
            let soon = delays.iter().filter(|d| **d <= SOON as f64).count() as f64 / delays.len().max(1) as f64;
            page += &format!(
                "| {asset} | {} | {found} | {ari:.3} | {:.0} | {:.0} | {:.1} % |\n",
                if mode_tag == ModeTag::Known { "yes" } else { "no" },
                quantile(delays.clone(), 0.5),
                quantile(delays, 0.95),
                100.0 * soon,
            );
        }
    }
    Ok(page)
}

/// The adjusted Rand index, and for each change of the true mode the rows until the new one was named.
fn compare(truth: &[usize], said: &[Option<Judged>]) -> (f64, Vec<f64>) {
    let labelled: Vec<(usize, usize, String)> = said
        .iter()
        .enumerate()
        .filter_map(|(row, judged)| Some((row, truth[row], judged.as_ref()?.verdict.mode.as_str().to_owned())))
        .collect();
    let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
    let names: Vec<usize> = labelled
        .iter()
        .map(|(_, _, name)| {
            let next = numbers.len();
            *numbers.entry(name).or_insert(next)
        })
        .collect();
    let true_modes: Vec<usize> = labelled.iter().map(|(_, mode, _)| *mode).collect();
    (adjusted_rand_index(&true_modes, &names), delays(&labelled))
}

/// Rows from each change of the true mode to the first row that is called what that mode is mostly called.
fn delays(labelled: &[(usize, usize, String)]) -> Vec<f64> {
    let mut votes: BTreeMap<(usize, &str), usize> = BTreeMap::new();
    labelled.iter().for_each(|(_, mode, name)| *votes.entry((*mode, name)).or_default() += 1);
    let name_of = |mode: usize| {
        let named = votes.iter().filter(|((m, name), _)| *m == mode && *name != Mode::Transition.as_str());
        named.max_by_key(|(_, count)| **count).map(|((_, name), _)| *name)
    };
    let changes = (1..labelled.len()).filter(|at| labelled[*at].1 != labelled[*at - 1].1);
    changes
        .map(|at| {
            let mode = labelled[at].1;
            let in_mode = labelled[at..].iter().take_while(|(_, m, _)| *m == mode);
            let until = in_mode.clone().position(|(_, _, name)| Some(name.as_str()) == name_of(mode));
            until.unwrap_or(in_mode.count()) as f64
        })
        .collect()
}
