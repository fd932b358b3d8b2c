//! Fitting: a model on the older part of a recording, judgement on the newer part that the model has not seen.

use std::ops::{ControlFlow, Range};

use andon_model::{ModelSettings, Progress, Series, TrainError};
use andon_plant::{
    Fill, Reconstruct, Tag, Timestamp, Window, WindowerSettings, alarm::AlarmSettings, reconstruct::ReconstructError,
    windower::Row,
};
use andon_scoring::{CalibrationRow, Scorer, ScorerSettings, Threshold, ThresholdSettings};

use crate::{
    artifact::{Artifact, FORMAT, Manifest},
    stream::Stream,
};

/// The usual share of a recording that judgement is calibrated on.
pub const CALIBRATION_SHARE: f64 = 0.25;

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
    /// When alarms are raised and cleared, for offline scoring.
    pub alarm: AlarmSettings,
    /// The share of the rows on which judgement is calibrated and the model is not trained: the newest of a short recording,
    /// the newest of each quarter of a long one, so that every operating mode has its part.
    pub calibration_share: f64,
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
    /// The model could not be trained.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The trained model could not reconstruct a calibration window.
    #[error("calibration failed: {0}")]
    Reconstruct(#[from] ReconstructError),
    /// Judgement could not be calibrated.
    #[error("calibration failed: {0}")]
    Scorer(#[from] andon_scoring::FitError),
}

/// Fits a detector for `tags` to normal operation as recorded in `stream`.
///
/// # Errors
/// If there are too few rows, a tag has no values, training fails or is cancelled by `progress`, or judgement can't be
/// calibrated.
pub fn fit(
    stream: &Stream,
    tags: &[Tag],
    settings: &FitSettings,
    progress: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
) -> Result<Artifact, FitError> {
    let all = series(stream, tags.len(), &settings.window);
    let have = all.iter().map(|s| s.rows.len()).sum();
    let need = settings.window.rows * 5 / 2;
    if have < need {
        let (window, grid_s) = (settings.window.rows, settings.window.grid.as_secs_f64());
        return Err(FitError::TooFewRows { have, need, window, grid_s });
    }
    let held_out = HeldOut::new(&all, settings);
    let training = held_out.rest(all);
    let mut model = andon_model::train(&training, tags, settings.window.rows, &settings.network, progress)?;
    let rows = calibration(stream, tags.len(), settings, &held_out, &mut model)?;
    let scorer = Scorer::fit(&rows, &settings.scorer, settings.network.training.seed)?;
    let threshold = Threshold::new(settings.threshold.clone());
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
        calibration_rows: rows.len(),
        scorer,
        threshold,
        alarm: settings.alarm,
    };
    Ok(Artifact { manifest, model })
}

/// The recording as runs of consecutive grid rows.
fn series(stream: &Stream, tags: usize, window: &WindowerSettings) -> Vec<Series> {
    let mut all: Vec<Series> = Vec::new();
    let mut last: Option<Timestamp> = None;
    stream.play(window, tags, |windower, time| {
        if last.is_none_or(|l| l.after(window.grid) != time) {
            all.push(Series { rows: Vec::new() });
        }
        last = Some(time);
        if let (Some(series), Some(row)) = (all.last_mut(), windower.last_row()) {
            series.rows.push(row.clone());
        }
    });
    all
}

/// Windows' worth of rows that a part of a recording must have to be split on its own.
const PART_WINDOWS: usize = 20;
/// Parts of a long recording.
const PARTS: usize = 4;

/// The spans of time that calibrate and do not train.
struct HeldOut(Vec<Range<Timestamp>>);

impl HeldOut {
    fn new(all: &[Series], settings: &FitSettings) -> Self {
        let times: Vec<Timestamp> = all.iter().flat_map(|s| s.rows.iter().map(|r| r.time)).collect();
        let parts = (times.len() / (PART_WINDOWS * settings.window.rows)).clamp(1, PARTS);
        let part = times.len().div_ceil(parts).max(1);
        let newest = |part: &[Timestamp]| {
            let first = (part.len() as f64 * (1.0 - settings.calibration_share)).round() as usize;
            let (first, last) = (part.get(first).or(part.last())?, part.last()?);
            Some(*first..last.after(settings.window.grid))
        };
        Self(times.chunks(part).filter_map(newest).collect())
    }

    fn has(&self, time: Timestamp) -> bool {
        self.0.iter().any(|span| span.contains(&time))
    }

    /// The rows that are not held out, in runs of consecutive ones.
    fn rest(&self, all: Vec<Series>) -> Vec<Series> {
        let runs = all.into_iter().flat_map(|s| {
            let runs: Vec<Vec<Row>> =
                s.rows.chunk_by(|a, b| self.has(a.time) == self.has(b.time)).map(<[Row]>::to_vec).collect();
            runs
        });
        let kept = runs.filter(|rows| rows.first().is_some_and(|r| !self.has(r.time)));
        kept.map(|rows| Series { rows }).collect()
    }
}

/// Residuals and codes of every window whose newest row was held out, cut exactly as they would be live.
fn calibration(
    stream: &Stream,
    tags: usize,
    settings: &FitSettings,
    held_out: &HeldOut,
    model: &mut dyn Reconstruct,
) -> Result<Vec<CalibrationRow>, ReconstructError> {
    let mut rows = Vec::new();
    let mut failed = None;
    let mut last: Option<Timestamp> = None;
    stream.play(&settings.window, tags, |windower, time| {
        if !held_out.has(time) || failed.is_some() {
            return;
        }
        let Some(window) = windower.window().filter(is_judgeable) else { return };
        let step = settings.window.grid * settings.window.stride.max(1) as u32;
        let segment_start = last.is_none_or(|l| l.after(step) != time);
        last = Some(time);
        match model.reconstruct(&window) {
            Ok(reconstruction) => rows.push(CalibrationRow {
                residual: residual(&window, &reconstruction.expected),
                usable: usable(&window),
                code: reconstruction.code.unwrap_or_default(),
                given_mode: settings.mode_tag.and_then(|ix| given_mode(&window, ix)),
                segment_start,
            }),
            Err(e) => failed = Some(e),
        }
    });
    failed.map_or(Ok(rows), Err)
}

/// Whether a window can be judged: every cell has a number and the newest row is not made up as a whole.
pub(crate) fn is_judgeable(window: &Window) -> bool {
    window.is_complete() && window.row_fill(window.rows - 1).iter().any(|f| !f.is_imputed())
}

/// `value - expected` of the newest row, a number a tag, in engineering units.
pub(crate) fn residual(window: &Window, expected: &[f64]) -> Vec<f64> {
    let newest = (window.rows - 1) * window.tags;
    window.row(window.rows - 1).iter().zip(&expected[newest..]).map(|(v, e)| v - e).collect()
}

/// Which tags of the newest row were measured.
pub(crate) fn usable(window: &Window) -> Vec<bool> {
    window.row_fill(window.rows - 1).iter().map(|f| !f.is_imputed()).collect()
}

/// The operating mode the mode tag names in the newest row; none where it was not measured.
pub(crate) fn given_mode(window: &Window, tag: usize) -> Option<i64> {
    let newest = window.rows - 1;
    let measured = matches!(window.row_fill(newest)[tag], Fill::Measured | Fill::Doubtful);
    measured.then(|| window.row(newest)[tag].round() as i64)
}
