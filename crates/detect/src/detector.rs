//! The streaming detector of one asset: samples in, a step a grid row out.

use std::time::Duration;

use andon_plant::{
    AssetName, Fill, Reconstruct, Sample, StatusCode, Tag, TagName, TagVerdict, Timestamp, Verdict, Window, Windower,
    WindowerSettings, verdict::Mode, windower::Pushed,
};
use andon_scoring::{Judgement, Row, Scorer, Threshold};

use crate::{
    artifact::{Artifact, Manifest},
    fit::{given_mode, is_judgeable, mode_values, residual, usable},
};

/// What came of one grid row.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The row's grid time.
    pub time: Timestamp,
    /// The verdict, where there was a model, a full window with numbers, and something measured in its newest row.
    pub verdict: Option<Verdict>,
}

/// A fitted model is not for this asset.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InstallError {
    /// It was fitted to other tags.
    #[error(
        "asset {asset}: the model was fitted to tags [{}], the asset has [{}]; fit it again with `andon fit`, or list the \
         same tags in the same order", list(.model), list(.tags)
    )]
    Tags {
        /// The asset.
        asset: AssetName,
        /// Its tags.
        tags: Vec<TagName>,
        /// The model's tags.
        model: Vec<TagName>,
    },
    /// It was fitted to other windows.
    #[error(
        "asset {asset}: the model was fitted to windows of {model_rows} rows, {model_grid_s} s apart; the asset has {rows} \
         rows, {grid_s} s apart; fit it again, or set `window` and `grid` to the model's"
    )]
    Window {
        /// The asset.
        asset: AssetName,
        /// Rows of the asset's windows.
        rows: usize,
        /// Seconds between two rows of the asset.
        grid_s: String,
        /// Rows of the model's windows.
        model_rows: usize,
        /// Seconds between two rows of the model.
        model_grid_s: String,
    },
}

fn list(names: &[TagName]) -> String {
    names.join(", ")
}

/// The detector of one asset. It cuts windows from the first sample on, and judges them once a model is installed.
pub struct Detector {
    asset: AssetName,
    tags: Vec<Tag>,
    windower: Windower,
    judge: Option<Judge>,
}

struct Judge {
    /// The model and its companions.
    models: Vec<Box<dyn Reconstruct>>,
    scorer: Scorer,
    threshold: Threshold,
    mode_tag: Option<usize>,
    /// Rows and time between two windows, and the time of the last one.
    stride: usize,
    step: Duration,
    last: Option<Timestamp>,
}

impl Detector {
    /// A detector without a model.
    pub fn new(asset: AssetName, tags: Vec<Tag>, window: WindowerSettings) -> Self {
        let windower = Windower::new(window, tags.len());
        Self { asset, tags, windower, judge: None }
    }

    /// A detector with the windows and tags of `artifact`.
    pub fn of(asset: AssetName, artifact: Artifact) -> Self {
        let (tags, window) = (artifact.manifest.tags.clone(), artifact.manifest.window());
        let windower = Windower::new(window, tags.len());
        Self { asset, tags, windower, judge: Some(Judge::new(artifact)) }
    }

    /// Judges with `artifact` from the next row on.
    ///
    /// # Errors
    /// If it was fitted to other tags, another order of tags, or other windows; the model in force stays.
    pub fn install(&mut self, artifact: Artifact) -> Result<(), InstallError> {
        fits(&self.asset, &self.tags, self.windower.settings(), &artifact.manifest)?;
        self.judge = Some(Judge::new(artifact));
        Ok(())
    }

    /// Begins at `time`; see [`Windower::begin`].
    pub fn begin(&mut self, time: Timestamp) {
        self.windower.begin(time);
    }

    /// Takes one sample of tag number `tag`.
    pub fn push(&mut self, tag: usize, sample: Sample) -> Pushed {
        self.windower.push(tag, sample)
    }

    /// Notes that the source was heard of at `time`; see [`Windower::heard`].
    pub fn heard(&mut self, time: Timestamp) {
        self.windower.heard(time);
    }

    /// Judges the next row that lies before `watermark`; none if there is none yet.
    ///
    /// # Errors
    /// If the model failed on the row. The row is done with, the next call goes on.
    pub fn step(&mut self, watermark: Timestamp) -> Option<Result<Step, andon_plant::reconstruct::ReconstructError>> {
        let time = self.windower.next_row(watermark)?.time;
        let window = self.windower.window().filter(is_judgeable);
        let verdict = match (window, self.judge.as_mut()) {
            (Some(window), Some(judge)) => judge.verdict(&self.asset, &self.tags, &window).map(Some),
            _ => Ok(None),
        };
        Some(verdict.map(|verdict| Step { time, verdict }))
    }

    /// The threshold as it stands, to go on with after a restart.
    pub fn threshold(&self) -> Option<&Threshold> {
        self.judge.as_ref().map(|j| &j.threshold)
    }

    /// Goes on with a threshold that was kept before a restart.
    pub fn restore_threshold(&mut self, threshold: Threshold) {
        if let Some(judge) = &mut self.judge {
            judge.threshold = threshold;
        }
    }
}

/// Whether a model fits an asset.
///
/// # Errors
/// If it was fitted to other tags, another order of tags, or other windows.
pub fn fits(
    asset: &AssetName,
    tags: &[Tag],
    window: &WindowerSettings,
    manifest: &Manifest,
) -> Result<(), InstallError> {
    let names: Vec<TagName> = tags.iter().map(|t| t.name.clone()).collect();
    if names != manifest.tag_names() {
        return Err(InstallError::Tags { asset: asset.clone(), tags: names, model: manifest.tag_names() });
    }
    let model = manifest.window();
    if (model.rows, model.grid) != (window.rows, window.grid) {
        return Err(InstallError::Window {
            asset: asset.clone(),
            rows: window.rows,
            grid_s: window.grid.as_secs_f64().to_string(),
            model_rows: model.rows,
            model_grid_s: model.grid.as_secs_f64().to_string(),
        });
    }
    Ok(())
}

impl Judge {
    fn new(artifact: Artifact) -> Self {
        let Artifact { manifest, model, companions } = artifact;
        let models = std::iter::once(model).chain(companions).map(|m| Box::new(m) as Box<dyn Reconstruct>).collect();
        let mode_tag = manifest.mode_tag.as_ref().and_then(|name| manifest.tags.iter().position(|t| t.name == *name));
        let window = manifest.window();
        let stride = window.stride.max(1);
        let step = window.grid * stride as u32;
        let (scorer, threshold) = (manifest.scorer, manifest.threshold);
        Self { models, scorer, threshold, mode_tag, stride, step, last: None }
    }

    fn verdict(
        &mut self,
        asset: &AssetName,
        tags: &[Tag],
        window: &Window,
    ) -> Result<Verdict, andon_plant::reconstruct::ReconstructError> {
        let continues = self.last.is_some_and(|last| last.after(self.step) == window.time);
        if !continues {
            self.scorer.reset();
        }
        // Where a model fails, the next window begins anew.
        self.last = None;
        let mut expected = Vec::with_capacity(self.models.len());
        for model in &mut self.models {
            expected.push(model.expect(window, continues.then_some(self.stride))?.expected);
        }
        self.last = Some(window.time);
        let residuals: Vec<Vec<f64>> = expected.iter().map(|expected| residual(window, expected)).collect();
        let judgement = self.scorer.judge(&Row {
            residuals: &residuals,
            usable: &usable(window),
            values: &mode_values(window, tags),
            given_mode: self.mode_tag.and_then(|ix| given_mode(window, ix)),
        });
        let threshold = self.threshold.observe(judgement.score);
        Ok(Verdict {
            asset: asset.clone(),
            time: window.time,
            score: judgement.score,
            threshold,
            probability: judgement.probability,
            probability_low: judgement.probability_low,
            probability_high: judgement.probability_high,
            imputed: window.imputed_share(),
            status: status(window, &judgement.mode),
            tags: tag_verdicts(tags, window, &expected[0], &judgement),
            mode: judgement.mode,
        })
    }
}

fn tag_verdicts(tags: &[Tag], window: &Window, expected: &[f64], judgement: &Judgement) -> Vec<TagVerdict> {
    let newest = window.rows - 1;
    let cells = window.row(newest).iter().zip(window.row_fill(newest)).zip(expected);
    tags.iter()
        .zip(cells)
        .zip(judgement.bands.iter().zip(&judgement.contributions))
        .map(|((tag, ((value, fill), expected)), (band, contribution))| TagVerdict {
            tag: tag.name.clone(),
            value: *value,
            expected: *expected,
            expected_low: expected + band.0,
            expected_high: expected + band.1,
            residual: value - expected,
            contribution: *contribution,
            imputed: fill.is_imputed(),
        })
        .collect()
}

/// The verdict's honesty: anything made up in the window, doubtful in its newest row, or a mode nobody has seen, shows.
fn status(window: &Window, mode: &Mode) -> StatusCode {
    if window.fill.iter().any(|f| f.is_imputed()) {
        StatusCode::UNCERTAIN_SUBSTITUTE_VALUE
    } else if *mode == Mode::Unknown || window.row_fill(window.rows - 1).contains(&Fill::Doubtful) {
        StatusCode::UNCERTAIN_SUB_NORMAL
    } else {
        StatusCode::GOOD
    }
}
