//! Whether a score means what it says: the share of fresh normal rows with at least that score.

use super::Size;
use crate::plant::{ASSETS, DAY, ModeTag, SHIFT_ROWS, copy, fitted, judged, recording};

/// Rows of one recording.
const ROWS: usize = 50_000;

pub(super) fn run(size: Size) -> anyhow::Result<String> {
    let recordings = size.pick(1, 7);
    let mut page = format!(
        "## Calibration on the simulated plant\n\nThe share of {} rows of normal operation that no detector was fitted to with at \
         least a score, times 10^score; 1 is as it should be. In brackets its 95 % interval, from the runs above the score \
         counted as independent.\n\n| asset | score 1 | score 2 | score 3 | rows in alarm | alarms a shift |\n|---|---|---|---|---|---|\n",
        ASSETS.len() * recordings * ROWS
    );
    let mut all = Vec::new();
    let mut all_alarms = Alarms::default();
    for asset in ASSETS {
        let artifact = fitted(11, asset, DAY, ModeTag::Known)?;
        let (mut scores, mut alarms) = (Vec::new(), Alarms::default());
        for number in 0..recordings {
            let test = recording(100 + number as u64, asset, ROWS, &[], ModeTag::Known)?;
            for judged in judged(copy(&artifact)?, &test)?.into_iter().flatten() {
                scores.push(judged.verdict.score);
                alarms.see(judged.active);
            }
        }
        page += &row(asset, &scores, alarms);
        all_alarms = all_alarms.and(alarms);
        all.extend(scores);
    }
    page += &row("all", &all, all_alarms);
    Ok(page)
}

/// Rows in alarm, and alarms.
#[derive(Debug, Clone, Copy, Default)]
struct Alarms {
    rows: usize,
    raised: usize,
    active: bool,
}

impl Alarms {
    fn see(&mut self, active: bool) {
        self.rows += usize::from(active);
        self.raised += usize::from(active && !self.active);
        self.active = active;
    }

    fn and(self, other: Self) -> Self {
        Self { rows: self.rows + other.rows, raised: self.raised + other.raised, active: false }
    }
}

fn row(name: &str, scores: &[f64], alarms: Alarms) -> String {
    let cells: Vec<String> = [1, 2, 3].map(|score| cell(scores, score)).to_vec();
    let rows = scores.len().max(1) as f64;
    let (share, a_shift) = (100.0 * alarms.rows as f64 / rows, alarms.raised as f64 * SHIFT_ROWS / rows);
    format!("| {name} | {} | {share:.3} % | {a_shift:.2} |\n", cells.join(" | "))
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
