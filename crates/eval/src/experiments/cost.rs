//! What judging a row costs: all methods over all scales, of two reconstructors.

use std::time::{Duration, Instant};

use andon_scoring::{CalibrationRow, Row, Scorer, ScorerSettings};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::Size;

const CALIBRATION: usize = 2_000;

pub(super) fn run(size: Size) -> anyhow::Result<String> {
    let rows = size.pick(2_000, 20_000);
    let mut page = format!(
        "## Cost of judging\n\nMicroseconds a row on one core, {rows} rows of residuals of two reconstructors
         in three modes, one row in ten with a tag that was not measured; the median of five turns.\n\n\
         | tags | a row |\n|---|---|\n"
    );
    for tags in [8, 50, 200] {
        let calibration = residuals(1, CALIBRATION, tags);
        let mut scorer = Scorer::fit(&calibration, Duration::from_secs(1), &ScorerSettings::default(), 1)?.scorer;
        let fresh = residuals(2, rows, tags);
        let mut turns = [(); 5].map(|()| turn(&mut scorer, &fresh));
        turns.sort_unstable();
        page += &format!("| {tags} | {:.1} µs |\n", turns[2].as_secs_f64() * 1e6 / rows as f64);
    }
    Ok(page)
}

fn turn(scorer: &mut Scorer, rows: &[CalibrationRow]) -> Duration {
    let begun = Instant::now();
    for row in rows {
        let CalibrationRow { residuals, usable, values, given_mode, .. } = row;
        let said = scorer.judge(&Row { residuals, limits: &[], usable, values, given_mode: *given_mode });
        std::hint::black_box(said);
    }
    begun.elapsed()
}

/// Independent noise on every tag, around values that differ in three modes of 200 rows each.
fn residuals(seed: u64, rows: usize, tags: usize) -> Vec<CalibrationRow> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut around = |level: f64| {
        let noise = (0..tags).map(|_| -> f64 { StandardNormal.sample(&mut rng) });
        noise.map(|noise| level + noise).collect::<Vec<f64>>()
    };
    (0..rows)
        .map(|row| CalibrationRow {
            residuals: vec![around(0.0), around(0.0)],
            usable: (0..tags).map(|tag| row % 10 > 0 || row / 10 % tags != tag).collect(),
            values: around((row / 200 % 3 * 10) as f64),
            given_mode: None,
            segment_start: row == 0,
        })
        .collect()
}
