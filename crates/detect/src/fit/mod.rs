//! Fitting: a model on one part of a recording, judgement on another that the model has not seen.
//!
//! A recording is split in time: the oldest 60 % train, the next 20 % validate (they choose the epoch), the newest 20 %
//! calibrate; a long one is split so in each of its quarters. Where a part would be shorter than a window and a quarter that
//! would leave too little of each, and fewer than 20,000 rows of an asset with a mode tag too few of its changes of mode. So a
//! short recording is cut in four folds and cross-fitted: each fold is judged by a model of the three others, all residuals
//! calibrate, and the model that is kept trains on all of it for as many epochs as served the four best. That costs five
//! trainings in place of one, and only where a recording is short.
//!
//! Between a row that trained and the rows after it that calibrate lies an embargo: a whole window, so that no window that
//! calibrates holds a row that trained; of short folds a quarter of one, because a whole one would leave nothing of them. After
//! what calibrates there is none.
//!
//! * [`held_out`]: which rows calibrate.
//! * [`recording`]: what a recording must be.
//! * [`challengers`]: the linear models that every network must beat, on the same rows.

mod challengers;
mod held_out;
mod recording;

use std::{ops::ControlFlow, path::PathBuf, sync::Arc, time::Duration};

use andon_model::{Autoencoder, ModelSettings, Progress, Series, TrainError};
use andon_plant::{
    Fill, Reconstruct, Tag, TagKind, TagName, Timestamp, Window, WindowerSettings, alarm::AlarmSettings,
    reconstruct::ReconstructError,
};
use andon_scoring::{
    CalibrationRow, DriftSettings, Fitted, Scorer, ScorerSettings, TagLimits, Threshold, ThresholdCalibration,
    ThresholdSettings, explain::TagHabits,
};

use crate::{
    artifact::{Artifact, Companion, FORMAT, Manifest},
    stream::Stream,
};
pub use challengers::Challenger;
use held_out::HeldOut;
pub use recording::least_rows;
use recording::{MOST_MODES, enough};

/// The usual share of a recording that judgement is calibrated on.
pub const CALIBRATION_SHARE: f64 = 0.2;

/// What [`fit`] is told besides the data.
#[derive(Debug, Clone)]
pub struct FitSettings {
    /// How windows are cut.
    pub window: WindowerSettings,
    /// The number of the tag that names the operating mode.
    pub mode_tag: Option<usize>,
    /// The network and its training, whose seed is everybody's.
    pub network: ModelSettings,
    /// How residuals are judged.
    pub scorer: ScorerSettings,
    /// Which threshold.
    pub threshold: ThresholdSettings,
    /// The length of a shift, by which alarms are budgeted.
    pub shift: Duration,
    /// When the model no longer fits.
    pub drift: DriftSettings,
    /// Which deviations of each tag matter; tags beyond its end have no limits.
    pub limits: Vec<TagLimits>,
    /// When alarms are raised and cleared, for offline scoring.
    pub alarm: AlarmSettings,
    /// The share of the rows on which judgement is calibrated and the model is not trained: the newest of a short recording,
    /// the newest of each quarter of a long one, so that every operating mode has its part. A recording of which this would
    /// be less than a window and a quarter is cross-fitted, and so is one of fewer than 20,000 rows with a mode tag.
    pub calibration_share: f64,
    /// What training begins with, if it does not begin from scratch; it may be of an asset with other tags.
    pub begin_with: Option<Arc<Autoencoder>>,
    /// A folder that holds where the trainings stand, from which a fit that was killed goes on. It is the caller's to remove.
    pub checkpoint: Option<PathBuf>,
    /// The present, for the manifest.
    pub now: Timestamp,
}

/// Fitting failed; nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum FitError {
    /// There is not enough data.
    #[error(
        "{have} rows of data on a grid of {grid_s} s are too few: a window of {window} rows needs at least {need}; \
         record longer, or make window.rows smaller"
    )]
    TooFewRows {
        /// Rows there are.
        have: usize,
        /// Rows needed.
        need: usize,
        /// Rows of a window.
        window: usize,
        /// Seconds between two rows.
        grid_s: f64,
    },
    /// A tag has a value that can't have been measured.
    #[error(
        "tag `{tag}` is {value:e} at {time}: no instrument measures that, and beside it everything else of the tag would look \
         alike; leave the value out of the recording, or train on a span without it"
    )]
    TooLarge {
        /// The tag.
        tag: TagName,
        /// The value.
        value: f64,
        /// When.
        time: Timestamp,
    },
    /// The mode tag shows no states.
    #[error(
        "mode tag `{tag}` names no operating modes: it shows {values} different values, {example} among them; a mode is a whole \
         number, and there are at most {MOST_MODES} of them; name a tag that shows a state, or none"
    )]
    ModeTag {
        /// The tag.
        tag: TagName,
        /// How many different values it has.
        values: usize,
        /// One of them, that is no whole number where there is one.
        example: f64,
    },
    /// The model could not be trained.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The trained model could not reconstruct a calibration window.
    #[error("calibration failed: {0}")]
    Reconstruct(#[from] ReconstructError),
    /// Judgement could not be calibrated.
    #[error("calibration failed: {0}")]
    Scorer(#[from] andon_scoring::FitError),
    /// The threshold's settings can't be used.
    #[error(transparent)]
    Threshold(#[from] andon_scoring::ThresholdError),
}

/// Fits a detector for `tags` to normal operation as recorded in `stream`.
///
/// # Errors
/// If there are too few rows, a tag has no values, the model to begin with does not fit, training fails or is cancelled by
/// `progress`, or judgement can't be calibrated.
pub fn fit(
    stream: &Stream,
    tags: &[Tag],
    settings: &FitSettings,
    progress: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
) -> Result<Artifact, FitError> {
    let all = enough(stream, tags, settings)?;
    let mut fitting = Fitting { stream, tags, settings, progress };
    let (model, rows) = fitting.run(&all)?;
    let columns = model.manifest().normalisation.width();
    let (challengers, companion) = challengers::challenge(&fitting, &all, (&rows, columns));
    let (companions, beside): (Vec<Autoencoder>, Vec<Vec<HeldOutRow>>) =
        companion.into_iter().map(|solved| (solved.model, solved.rows)).unzip();
    let rows = calibration(rows, &beside);
    let step = settings.window.grid * settings.window.stride.max(1) as u32;
    let fitted = Scorer::fit(&rows, step, &settings.scorer, settings.network.training.seed)?;
    let threshold = threshold(&fitted, step, settings)?;
    let (trained_from, trained_to) = stream.span().unwrap_or_default();
    let manifest = Manifest {
        format: FORMAT,
        trained_at: settings.now,
        trained_from,
        trained_to,
        tags: tags.to_vec(),
        grid_us: settings.window.grid.as_micros() as u64,
        stride: settings.window.stride,
        mode_tag: settings.mode_tag.map(|ix| tags[ix].name.clone()),
        model: model.manifest().clone(),
        companions: companions.iter().map(Companion::of).collect(),
        calibration_rows: rows.len(),
        challengers,
        habits: habits(&all, tags.len()),
        limits: settings.limits.clone(),
        scorer: fitted.scorer,
        threshold,
        threshold_settings: settings.threshold.clone(),
        drift: settings.drift.clone(),
        alarm: settings.alarm,
    };
    Ok(Artifact { manifest, model, companions })
}

/// The threshold as it stands before the first row: from the scores of the rows that calibrate.
fn threshold(fitted: &Fitted, step: Duration, settings: &FitSettings) -> Result<Threshold, FitError> {
    let calibration = ThresholdCalibration {
        scores: &fitted.scores,
        modes: &fitted.places,
        mode_count: fitted.scorer.modes().count(),
        extremal_index: fitted.scorer.extremal_index(),
        step,
        shift: settings.shift,
    };
    Ok(Threshold::fit(&settings.threshold, &calibration)?)
}

/// How each tag behaves in the recording.
fn habits(all: &[Series], tags: usize) -> Vec<TagHabits> {
    let rows = all.iter().flat_map(|s| &s.rows);
    let cells = rows.flat_map(|row| row.values.iter().zip(&row.fill));
    let values: Vec<f64> = cells.map(|(value, fill)| if fill.is_imputed() { f64::NAN } else { *value }).collect();
    TagHabits::of_rows(&values, tags)
}

/// Rows that several models have left residuals of; they are the same rows in the same order.
fn calibration(rows: Vec<HeldOutRow>, beside: &[Vec<HeldOutRow>]) -> Vec<CalibrationRow> {
    let join = |(ix, row): (usize, HeldOutRow)| {
        let others = beside.iter().map(|theirs| theirs[ix].residual.clone());
        CalibrationRow {
            residuals: std::iter::once(row.residual).chain(others).collect(),
            usable: row.usable,
            values: row.values,
            given_mode: row.given_mode,
            segment_start: row.segment_start,
        }
    };
    rows.into_iter().enumerate().map(join).collect()
}

/// A row that was held out of training, and what a model left of it.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldOutRow {
    /// `value - expected`, one a tag, in the tag's unit.
    pub residual: Vec<f64>,
    /// Which tags were measured.
    pub usable: Vec<bool>,
    /// As [`CalibrationRow::values`].
    pub values: Vec<f64>,
    /// As [`CalibrationRow::given_mode`].
    pub given_mode: Option<i64>,
    /// The row does not continue the one before it.
    pub segment_start: bool,
}

/// A model of `tags`, and what its judgement is calibrated on: the first half of [`fit`].
///
/// # Errors
/// As [`fit`].
pub fn train(
    stream: &Stream,
    tags: &[Tag],
    settings: &FitSettings,
    progress: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
) -> Result<(Autoencoder, Vec<HeldOutRow>), FitError> {
    let all = enough(stream, tags, settings)?;
    Fitting { stream, tags, settings, progress }.run(&all)
}

/// A fit that runs.
struct Fitting<'a> {
    stream: &'a Stream,
    tags: &'a [Tag],
    settings: &'a FitSettings,
    progress: &'a mut dyn FnMut(&Progress) -> ControlFlow<()>,
}

impl Fitting<'_> {
    /// The model to judge with, and what to calibrate judgement on.
    fn run(&mut self, all: &[Series]) -> Result<(Autoencoder, Vec<HeldOutRow>), FitError> {
        let network = &self.settings.network;
        if let Some(held_out) = HeldOut::single(all, self.settings) {
            let mut model = self.train(&held_out.rest(all), network, (0, network.training.epochs))?;
            let rows = self.calibration(&held_out, &mut model)?;
            return Ok((model, rows));
        }
        let folds = HeldOut::folds(all, self.settings);
        let (mut rows, mut epochs, most) = (Vec::new(), 0, network.training.epochs * (folds.len() + 1));
        for (number, fold) in folds.iter().enumerate() {
            let mut model = self.train(&fold.rest(all), network, (number, most))?;
            epochs += model.manifest().epochs;
            rows.extend(self.calibration(fold, &mut model)?);
        }
        let mut network = network.clone();
        (network.training.validation, network.training.epochs) = (0.0, epochs.div_ceil(folds.len()).max(1));
        let model = self.train(all, &network, (folds.len(), most))?;
        Ok((model, rows))
    }

    /// Training `number` of trainings that have `most` epochs in all at the most.
    fn train(
        &mut self,
        series: &[Series],
        network: &ModelSettings,
        (number, most): (usize, usize),
    ) -> Result<Autoencoder, TrainError> {
        let mut network = network.clone();
        network.training.checkpoint =
            self.settings.checkpoint.as_ref().map(|folder| folder.join(format!("{number}.safetensors")));
        let before = number * self.settings.network.training.epochs;
        let begin_with = self.settings.begin_with.as_deref();
        andon_model::train_from(begin_with, series, self.tags, self.settings.window.rows, &network, &mut |p| {
            (self.progress)(&Progress { epoch: before + p.epoch, epochs: most, ..*p })
        })
    }

    /// Residuals of every window whose newest row was held out and is clear of what trained, cut exactly as they
    /// would be live.
    fn calibration(&self, held_out: &HeldOut, model: &mut Autoencoder) -> Result<Vec<HeldOutRow>, ReconstructError> {
        let still = still(self.tags, model);
        let (settings, mut rows, mut failed) = (self.settings, Vec::new(), None);
        let mut last: Option<Timestamp> = None;
        self.stream.play(&settings.window, self.tags.len(), |windower, time| {
            if failed.is_some() || !held_out.calibrates(time, &settings.window) {
                return;
            }
            let Some(window) = windower.window().filter(|w| is_judgeable(w, settings.mode_tag, &still)) else { return };
            let step = settings.window.grid * settings.window.stride.max(1) as u32;
            let segment_start = last.is_none_or(|l| l.after(step) != time);
            last = Some(time);
            match model.expect(&window, (!segment_start).then_some(settings.window.stride.max(1))) {
                Ok(expectation) => rows.push(HeldOutRow {
                    // Without its limits: a tag that never went beyond them in normal operation has a scale all the same.
                    residual: residual(&window, &expectation.expected),
                    usable: usable(&window, settings.mode_tag),
                    values: mode_values(&window, self.tags),
                    given_mode: settings.mode_tag.and_then(|ix| given_mode(&window, ix)),
                    segment_start,
                }),
                Err(e) => failed = Some(e),
            }
        });
        failed.map_or(Ok(rows), Err)
    }
}

/// Which of its tags stood still when a model was trained: nothing was learned of them, and they say nothing.
pub(crate) fn still(tags: &[Tag], model: &Autoencoder) -> Vec<bool> {
    let constant: Vec<&TagName> = model.manifest().normalisation.constant().collect();
    tags.iter().map(|tag| constant.contains(&&tag.name)).collect()
}

/// Whether a window can be judged: every cell has a number, and in the newest row one that says something was measured.
pub(crate) fn is_judgeable(window: &Window, mode_tag: Option<usize>, still: &[bool]) -> bool {
    let measured = usable(window, mode_tag);
    window.is_complete() && measured.iter().zip(still).any(|(measured, still)| *measured && !still)
}

/// `value - expected` of the newest row, a number a tag, in engineering units.
pub(crate) fn residual(window: &Window, expected: &[f64]) -> Vec<f64> {
    window.row(window.rows - 1).iter().zip(expected).map(|(v, e)| v - e).collect()
}

/// Which tags of the newest row were measured, and are judged: the tag that names the mode is what the others are judged by.
pub(crate) fn usable(window: &Window, mode_tag: Option<usize>) -> Vec<bool> {
    let fill = window.row_fill(window.rows - 1).iter().enumerate();
    fill.map(|(tag, fill)| !fill.is_imputed() && Some(tag) != mode_tag).collect()
}

/// The newest row's values that operating modes are told by: all but counters, which never come back to a value.
pub(crate) fn mode_values(window: &Window, tags: &[Tag]) -> Vec<f64> {
    let cells = window.row(window.rows - 1).iter().zip(tags);
    cells.filter(|(_, tag)| tag.kind != TagKind::Counter).map(|(value, _)| *value).collect()
}

/// The operating mode the mode tag names in the newest row; none where it was not measured.
pub(crate) fn given_mode(window: &Window, tag: usize) -> Option<i64> {
    let newest = window.rows - 1;
    let measured = matches!(window.row_fill(newest)[tag], Fill::Measured | Fill::Doubtful);
    measured.then(|| window.row(newest)[tag].round() as i64)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::{ops::Range, time::Duration};

    use andon_plant::Sample;

    use super::*;

    pub(super) const ROWS: usize = 20;

    pub(crate) fn settings() -> FitSettings {
        let mut network = ModelSettings::default();
        (network.training.epochs, network.training.windows) = (2, 32);
        FitSettings {
            window: WindowerSettings::new(Duration::from_secs(1), ROWS, 1),
            mode_tag: None,
            network,
            scorer: ScorerSettings::default(),
            threshold: ThresholdSettings::default(),
            shift: Duration::from_secs(8 * 3600),
            drift: DriftSettings::default(),
            limits: Vec::new(),
            alarm: AlarmSettings { on_delay: Duration::ZERO, off_delay: Duration::ZERO, hysteresis: 0.5 },
            calibration_share: CALIBRATION_SHARE,
            begin_with: None,
            checkpoint: None,
            now: Timestamp::from_secs(0),
        }
    }

    /// Two tags, every second for `rows` seconds, with nothing heard in `gap`.
    pub(super) fn recording(rows: i64, gap: Range<i64>) -> Stream {
        let seconds = (0..rows).filter(|t| !gap.contains(t));
        let samples = seconds.flat_map(|t| {
            let wave = (t as f64 / 5.0).sin();
            [(0, wave), (1, wave * wave)].map(|(tag, value)| (tag, Sample::good(Timestamp::from_secs(t), value)))
        });
        Stream::new(samples.collect())
    }

    fn tags() -> Vec<Tag> {
        ["A", "B"].map(|name| Tag::analog(TagName::new(name).unwrap())).to_vec()
    }

    #[test]
    fn where_only_the_mode_or_what_stood_still_was_measured_there_is_nothing_to_judge() {
        let window = |fill| Window { time: Timestamp::from_secs(0), rows: 1, tags: 2, values: vec![1.0; 2], fill };
        let judgeable = |fill, mode_tag, still| is_judgeable(&window(fill), mode_tag, &[still, false]);
        let first = || vec![Fill::Measured, Fill::Held];
        assert!(judgeable(first(), None, false));
        assert!(!judgeable(first(), Some(0), false) && !judgeable(first(), None, true));
        assert!(judgeable(vec![Fill::Held, Fill::Doubtful], Some(0), true));
    }

    #[test]
    fn a_cross_fitted_model_trains_on_all_its_rows() {
        let settings = settings();
        let mut seen = Vec::new();
        let artifact = fit(&recording(80, 0..0), &tags(), &settings, &mut |p| {
            seen.push((p.epoch, p.epochs));
            ControlFlow::Continue(())
        });
        let manifest = artifact.unwrap().manifest;
        assert!(manifest.calibration_rows > 26, "{}", manifest.calibration_rows);
        assert_eq!(manifest.threshold_settings, settings.threshold);
        assert!(seen.is_sorted() && seen.iter().all(|(epoch, epochs)| epoch <= epochs && *epochs == 10), "{seen:?}");
    }

    #[test]
    fn a_value_that_no_instrument_measures_is_named_by_tag_and_time() {
        for value in [1e300, -f64::from(f32::MAX)] {
            let mut samples = recording(80, 0..0).samples().to_vec();
            samples[2 * 33 + 1].1.value = value;
            let refused =
                fit(&Stream::new(samples), &tags(), &settings(), &mut |_| ControlFlow::Continue(())).unwrap_err();
            let named = format!("tag `B` is {value:e} at 1970-01-01T00:00:33Z: ");
            assert!(refused.to_string().starts_with(&named), "{refused}");
        }
    }

    #[test]
    fn what_is_measured_names_no_operating_modes() {
        let settings = FitSettings { mode_tag: Some(1), ..settings() };
        let refused =
            fit(&recording(80, 0..0), &tags(), &settings, &mut |_| ControlFlow::Continue(())).unwrap_err().to_string();
        assert!(refused.starts_with("mode tag `B` names no operating modes: it shows "), "{refused}");
    }

    #[test]
    fn a_fit_that_was_broken_off_goes_on_to_the_same_model() {
        let dir = tempfile::tempdir().unwrap();
        let (stream, mut settings) = (recording(80, 0..0), settings());
        let sum = |artifact: Artifact| artifact.manifest.model.weights_sha256;
        let whole = sum(fit(&stream, &tags(), &settings, &mut |_| ControlFlow::Continue(())).unwrap());
        settings.checkpoint = Some(dir.path().join("checkpoint"));
        for stop in [1, 5, 8] {
            let broken = fit(&stream, &tags(), &settings, &mut |p| {
                if p.epoch >= stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            assert!(matches!(broken, Err(FitError::Train(TrainError::Cancelled { .. }))));
        }
        let mut left = 0;
        let resumed = fit(&stream, &tags(), &settings, &mut |_| {
            left += 1;
            ControlFlow::Continue(())
        });
        assert_eq!(sum(resumed.unwrap()), whole);
        assert!(left <= 2, "{left}");
    }
}
