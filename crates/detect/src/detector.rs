//! The streaming detector of one asset: samples in, a step a grid row out.

use andon_plant::{
    Assessment, AssetName, Sample, Tag, TagName, Timestamp, Verdict, Windower, WindowerSettings, alarm::AlarmSettings,
    reconstruct::ReconstructError, windower::Pushed,
};
use andon_scoring::{DriftState, TagLimits};

use crate::{
    artifact::{Artifact, Manifest},
    judge::{Arrival, Judge, Learned, Subject},
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

/// What a detector is told besides its tags.
#[derive(Debug, Clone)]
pub struct DetectorSettings {
    /// How windows are cut.
    pub window: WindowerSettings,
    /// Which deviations of each tag matter; tags beyond its end have no limits.
    pub limits: Vec<TagLimits>,
    /// When an alarm is active: while it is, nothing is learned.
    pub alarm: AlarmSettings,
}

/// The detector of one asset. It cuts windows from the first sample on, and judges them once a model is installed.
pub struct Detector {
    asset: AssetName,
    tags: Vec<Tag>,
    settings: DetectorSettings,
    windower: Windower,
    judge: Option<Judge>,
    held: bool,
}

impl Detector {
    /// A detector without a model.
    pub fn new(asset: AssetName, tags: Vec<Tag>, settings: DetectorSettings) -> Self {
        let windower = Windower::new(settings.window, tags.len());
        Self { asset, tags, settings, windower, judge: None, held: false }
    }

    /// A detector with the windows, tags, limits and alarm of `artifact`.
    pub fn of(asset: AssetName, artifact: Artifact) -> Self {
        let manifest = &artifact.manifest;
        let (window, alarm) = (manifest.window(), manifest.alarm);
        let settings = DetectorSettings { window, alarm, limits: manifest.limits.clone() };
        let mut detector = Self::new(asset, manifest.tags.clone(), settings);
        detector.judge = Some(Judge::new(artifact));
        detector
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

    /// Judges the next row that lies before `watermark`; none if there is none yet. A late row is judged with what was learned
    /// before, and teaches nothing.
    ///
    /// # Errors
    /// If the model failed on the row. The row is done with, the next call goes on.
    pub fn step(&mut self, watermark: Timestamp, late: bool) -> Option<Result<Step, ReconstructError>> {
        let time = self.windower.next_row(watermark)?.time;
        let window = self.windower.window();
        let verdict = match (window, self.judge.as_mut()) {
            (Some(window), Some(judge)) if judge.can_judge(&window) => {
                let subject = Subject { asset: &self.asset, tags: &self.tags, settings: &self.settings };
                judge.verdict(&subject, &window, Arrival { late, held: self.held }).map(Some)
            }
            _ => Ok(None),
        };
        Some(verdict.map(|verdict| Step { time, verdict }))
    }

    /// Learns nothing while it is held: the asset is under maintenance. After it no average looks back at what was done there.
    pub fn hold(&mut self, held: bool) {
        if let Some(judge) = self.judge.as_mut().filter(|_| self.held && !held) {
            judge.begin_anew();
        }
        self.held = held;
    }

    /// An operator says that what is going on is normal: it may be learned from; or that it is not.
    pub fn assess(&mut self, said: Assessment) {
        let Some(judge) = &mut self.judge else { return };
        match said {
            Assessment::Real => judge.assess_real(),
            Assessment::Nuisance => judge.assess_normal(),
        }
    }

    /// Takes what was learned back to as it was fitted: the threshold, whose journal says so, the drift that was followed, and
    /// the level at which the model fits.
    pub fn revert(&mut self) {
        if let Some(judge) = &mut self.judge {
            judge.revert();
        }
    }

    /// Whether an alarm of these verdicts is active, with its delays and hysteresis.
    pub fn alarm_active(&self) -> bool {
        self.judge.as_ref().is_some_and(|j| j.learned.alarm.active())
    }

    /// Whether the model still fits what comes; none without a model.
    pub fn drift(&self) -> Option<DriftState> {
        self.judge.as_ref().map(|j| j.learned.drift.state())
    }

    /// What was learned since the fit, to go on with after a restart.
    pub fn learned(&self) -> Option<Learned> {
        self.judge.as_ref().map(Judge::learned)
    }

    /// Goes on with what was learned before a restart.
    pub fn restore(&mut self, learned: Learned) {
        if let Some(judge) = &mut self.judge {
            judge.restore(learned);
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
