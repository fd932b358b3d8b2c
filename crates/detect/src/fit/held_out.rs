//! Which rows of a recording calibrate judgement and train nothing.

use std::ops::Range;

use andon_model::Series;
use andon_plant::{Timestamp, WindowerSettings};

use super::FitSettings;

/// Windows' worth of rows that a part of a recording must have to be split on its own.
const PART_WINDOWS: usize = 20;
/// Parts of a long recording.
const PARTS: usize = 4;

/// Parts of a short recording that are judged by models of the others in turn. Of two, each would be judged by a model that
/// has not seen what the plant drifts to: on skab's 400 rows calibration then calls a closed valve normal.
const FOLDS: usize = 4;

/// Windows' worth of rows of which a part has to have so many that it is not cross-fitted. With one, tep's 500 rows would be
/// calibrated on 100, worth some ten independent ones, and 3.3 % of normal rows be in alarm; cross-fitted on 377 none are. With
/// two, skab's 400 rows would be cross-fitted with windows of 60 rows too; calibrated on all of the recording, its beginning
/// included, a valve that is closed later does not score, and calibrated on the newest fifth it does.
const LEAST_WINDOWS: f64 = 1.25;

/// Rows of which an asset with a mode tag has to have so many that it is not cross-fitted: a fifth of less holds too few changes
/// of mode to say what is normal of them. Calibrated on a fifth of two hours at 1 s the simulated plant has some thirty false
/// alarms a shift, cross-fitted up to three. Without modes to learn, the newest rows say more than all: asd's 8,640
/// rows, cross-fitted, have .035 less VUS-PR.
const LEAST_MODE_ROWS: usize = 20_000;

/// The spans of time that calibrate and do not train.
pub(super) struct HeldOut(Vec<Block>);

/// One such span, and the last row before it that trains.
#[derive(Debug, PartialEq)]
struct Block {
    span: Range<Timestamp>,
    trained_until: Option<Timestamp>,
    /// Rows from the last that trained to the first that calibrates.
    embargo: u32,
}

impl HeldOut {
    /// The newest share of each part; none if that would be too little.
    pub(super) fn single(all: &[Series], settings: &FitSettings) -> Option<Self> {
        let times = times(all);
        let rows = settings.window.rows;
        let parts = (times.len() / (PART_WINDOWS * rows)).clamp(1, PARTS);
        let part = times.len().div_ceil(parts).max(1);
        let spans = times.chunks(part).filter_map(|part| {
            let first = (part.len() as f64 * (1.0 - settings.calibration_share)).round() as usize;
            span(part.get(first..).filter(|newest| !newest.is_empty()).unwrap_or(part), settings)
        });
        let windows = part as f64 * settings.calibration_share >= LEAST_WINDOWS * rows as f64;
        let modes = settings.mode_tag.is_none() || times.len() >= LEAST_MODE_ROWS;
        (windows && modes).then(|| Self::new(spans.collect(), rows as u32, all, settings))
    }

    /// A short recording in [`FOLDS`] parts, one after another.
    pub(super) fn folds(all: &[Series], settings: &FitSettings) -> Vec<Self> {
        let times = times(all);
        let ends = (0..FOLDS).map(|k| times.len() * k / FOLDS..times.len() * (k + 1) / FOLDS);
        let spans = ends.filter_map(|fold| span(&times[fold], settings));
        let rows = settings.window.rows;
        let embargo = if times.len() < PART_WINDOWS * rows { (rows / 4).max(1) } else { rows } as u32;
        spans.map(|span| Self::new(vec![span], embargo, all, settings)).collect()
    }

    fn new(spans: Vec<Range<Timestamp>>, embargo: u32, all: &[Series], settings: &FitSettings) -> Self {
        let block = |span| Block { span, trained_until: None, embargo };
        let mut held_out = Self(spans.into_iter().map(block).collect());
        let (rows, validation) = (settings.window.rows, settings.network.training.validation);
        for series in held_out.rest(all) {
            let trains = series.rows[..series.training_rows(rows, validation)].last();
            for block in &mut held_out.0 {
                let before = trains.map(|row| row.time).filter(|time| *time < block.span.start);
                block.trained_until = block.trained_until.max(before);
            }
        }
        held_out
    }

    fn has(&self, time: Timestamp) -> bool {
        self.0.iter().any(|block| block.span.contains(&time))
    }

    /// Whether the window whose newest row is at `time` calibrates.
    pub(super) fn calibrates(&self, time: Timestamp, window: &WindowerSettings) -> bool {
        let clear = |b: &Block| {
            let oldest = time.before(window.grid * (b.embargo - 1));
            b.trained_until.is_none_or(|trained| oldest > trained)
        };
        self.0.iter().any(|block| block.span.contains(&time) && clear(block))
    }

    /// The rows that are not held out, in runs of consecutive ones.
    pub(super) fn rest(&self, all: &[Series]) -> Vec<Series> {
        let runs = all.iter().flat_map(|s| s.rows.chunk_by(|a, b| self.has(a.time) == self.has(b.time)));
        let kept = runs.filter(|rows| rows.first().is_some_and(|row| !self.has(row.time)));
        kept.map(|rows| Series { rows: rows.to_vec() }).collect()
    }
}

fn times(all: &[Series]) -> Vec<Timestamp> {
    all.iter().flat_map(|s| s.rows.iter().map(|row| row.time)).collect()
}

/// From the first of `times` through the last.
fn span(times: &[Timestamp], settings: &FitSettings) -> Option<Range<Timestamp>> {
    Some(*times.first()?..times.last()?.after(settings.window.grid))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::fit::{
        recording::series,
        tests::{ROWS, recording, settings},
    };

    /// The rows that train, by their times.
    fn trained(held_out: &HeldOut, all: &[Series], settings: &FitSettings) -> BTreeSet<Timestamp> {
        let validation = settings.network.training.validation;
        let rest = held_out.rest(all).into_iter();
        let times = rest.flat_map(|s| {
            let trains = s.training_rows(ROWS, validation);
            s.rows.into_iter().take(trains).map(|row| row.time)
        });
        times.collect()
    }

    /// No row of the embargo up to a row that calibrates has trained; returns how many train and how many calibrate.
    fn check(held_out: &HeldOut, all: &[Series], settings: &FitSettings) -> (usize, usize) {
        let trained = trained(held_out, all, settings);
        let calibrating: Vec<Timestamp> =
            times(all).into_iter().filter(|time| held_out.calibrates(*time, &settings.window)).collect();
        for time in &calibrating {
            let rows = (0..held_out.0[0].embargo).map(|back| time.before(settings.window.grid * back));
            assert!(rows.into_iter().all(|row| !trained.contains(&row)), "{time}");
        }
        (trained.len(), calibrating.len())
    }

    #[test]
    fn a_recording_is_split_60_20_20_and_no_row_leaks() {
        for (rows, gap) in [(300, 0..0), (3_000, 0..0), (3_000, 1_000..1_700), (600, 400..460)] {
            let settings = settings();
            let all = series(&recording(rows, gap), 2, &settings.window);
            let (train, calibrate) = check(&HeldOut::single(&all, &settings).unwrap(), &all, &settings);
            let count = times(&all).len() as f64;
            let (train, calibrate) = (train as f64 / count, calibrate as f64 / count);
            assert!((train - 0.6).abs() < 0.02 && (calibrate - 0.2).abs() < 0.04, "{rows}: {train} {calibrate}");
        }
    }

    #[test]
    fn with_a_mode_tag_two_hours_are_cross_fitted() {
        let settings = FitSettings { mode_tag: Some(0), ..settings() };
        let all = series(&recording(7_200, 0..0), 2, &settings.window);
        assert!(HeldOut::single(&all, &settings).is_none());
        let folds = HeldOut::folds(&all, &settings);
        let used: usize = folds.iter().map(|fold| check(fold, &all, &settings).1).sum();
        assert!(folds.iter().all(|fold| fold.0[0].embargo == ROWS as u32) && used > 7_000, "{used}");
    }

    #[test]
    fn a_short_recording_is_cross_fitted_and_no_row_leaks() {
        let settings = settings();
        for (rows, gap) in [(60, 0..0), (80, 0..0), (95, 0..0), (98, 40..75)] {
            let all = series(&recording(rows, gap), 2, &settings.window);
            assert!(HeldOut::single(&all, &settings).is_none());
            let folds = HeldOut::folds(&all, &settings);
            assert_eq!(folds.len(), FOLDS);
            let used: usize = folds.iter().map(|fold| check(fold, &all, &settings).1).sum();
            assert!(used >= times(&all).len() / 3, "{rows}: {used}");
        }
    }
}
