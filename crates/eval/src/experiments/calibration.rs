//! Whether a score means what it says: the share of fresh normal rows with at least that score.

use super::Size;
use crate::plant::{ASSETS, ModeTag, copy, fitted, judged, recording};

/// Rows of one recording.
const ROWS: usize = 50_000;

pub(super) fn run(size: Size) -> anyhow::Result<String> {
    let recordings = size.pick(1, 7);
    let mut page = format!(
        "## Calibration on the simulated plant\n\nThe share of {} rows of normal operation that no detector was fitted to with at \
         least a score, times 10^score; 1 is as it should be. In brackets its 95 % interval, from the runs above the score \
         counted as independent.\n\n| asset | score 1 | score 2 | score 3 | rows in alarm |\n|---|---|---|---|---|\n",
        ASSETS.len() * recordings * ROWS
    );
    let mut all = Vec::new();
    let mut alarms = (0usize, 0usize);
    for asset in ASSETS {
        let artifact = fitted(11, asset, ModeTag::Known)?;
        let (mut scores, mut active) = (Vec::new(), 0);
        for number in 0..recordings {
            let test = recording(100 + number as u64, asset, ROWS, &[], ModeTag::Known)?;
            for judged in judged(copy(&artifact)?, &test)?.into_iter().flatten() {
                scores.push(judged.verdict.score);
                active += usize::from(judged.active);
            }
        }
        page += &row(asset, &scores, active);
        alarms = (alarms.0 + active, alarms.1 + scores.len());
        all.extend(scores);
    }
    page += &row("all", &all, alarms.0);
    Ok(page)
}

fn row(name: &str, scores: &[f64], active: usize) -> String {
    let cells: Vec<String> = [1, 2, 3].map(|score| cell(scores, score)).to_vec();
    format!("| {name} | {} | {:.3} % |\n", cells.join(" | "), 100.0 * active as f64 / scores.len().max(1) as f64)
}

/// The share over what it should be, with its interval.
fn cell(scores: &[f64], score: i32) -> String {
    let over = |s: &f64| *s >= f64::from(score);
    let rows = scores.iter().filter(|s| over(s)).count() as f64;
    let runs = (0..scores.len()).filter(|at| over(&scores[*at]) && (*at == 0 || !over(&scores[at - 1]))).count() as f64;
    let ratio = rows / scores.len().max(1) as f64 * 10f64.powi(score);
    if runs == 0.0 {
        return "no run".to_owned();
    }
    let reach = 1.96 / runs.sqrt();
    format!("{ratio:.2} ({:.2} to {:.2}, {runs} runs)", ratio * (1.0 - reach).max(0.0), ratio * (1.0 + reach))
}
