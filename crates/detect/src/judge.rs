//! One window judged: the models' residuals, the score, the threshold, and what is learned of it.

use std::time::Duration;

use andon_plant::{
    AlarmState, AssetName, Fill, Reconstruct, StatusCode, Tag, TagFinding, TagVerdict, Timestamp, Verdict, Window,
    alarm::{Input, step},
    reconstruct::{Expectation, ReconstructError},
    verdict::Mode,
};
use andon_scoring::{Drift, Followed, Judgement, Row, Scorer, Threshold, ThresholdRow};
use serde::{Deserialize, Serialize};

use crate::{
    artifact::Artifact,
    detector::DetectorSettings,
    evidence::Evidence,
    fit::{given_mode, mode_values, residual, usable},
};

/// What a detector has learned since the fit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Learned {
    /// The threshold.
    pub threshold: Threshold,
    /// Each tag's drift.
    pub followed: Followed,
    /// Whether the model still fits.
    pub drift: Drift,
    /// Where the alarm stands.
    pub alarm: AlarmState,
}

/// Whose window it is.
pub(crate) struct Subject<'a> {
    pub(crate) asset: &'a AssetName,
    pub(crate) tags: &'a [Tag],
    pub(crate) settings: &'a DetectorSettings,
}

/// How a row comes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    /// After its time.
    pub(crate) late: bool,
    /// While the asset is under maintenance.
    pub(crate) held: bool,
}

/// A fitted detector at work.
pub(crate) struct Judge {
    /// The model and its companions.
    models: Vec<Box<dyn Reconstruct>>,
    scorer: Scorer,
    pub(crate) learned: Learned,
    evidence: Evidence,
    mode_tag: Option<usize>,
    /// Rows and time between two windows, and the time of the last one.
    stride: usize,
    step: Duration,
    last: Option<Timestamp>,
}

impl Judge {
    pub(crate) fn new(artifact: Artifact) -> Self {
        let Artifact { manifest, model, companions } = artifact;
        let models = std::iter::once(model).chain(companions).map(|m| Box::new(m) as Box<dyn Reconstruct>).collect();
        let mode_tag = manifest.mode_tag.as_ref().and_then(|name| manifest.tags.iter().position(|t| t.name == *name));
        let window = manifest.window();
        let stride = window.stride.max(1);
        let step = window.grid * stride as u32;
        let (scorer, evidence) = (manifest.scorer, Evidence::new(manifest.habits, step));
        let (threshold, followed, alarm) = (manifest.threshold, scorer.followed(), AlarmState::default());
        let learned = Learned { threshold, followed, drift: Drift::new(manifest.drift), alarm };
        Self { models, scorer, learned, evidence, mode_tag, stride, step, last: None }
    }

    pub(crate) fn learned(&self) -> Learned {
        Learned { followed: self.scorer.followed(), ..self.learned.clone() }
    }

    /// Back to as it was fitted.
    pub(crate) fn revert(&mut self) {
        self.learned.threshold.revert();
        self.scorer.forget();
    }

    pub(crate) fn restore(&mut self, learned: Learned) {
        self.scorer.restore(learned.followed.clone());
        self.learned = learned;
    }

    pub(crate) fn verdict(
        &mut self,
        subject: &Subject<'_>,
        window: &Window,
        arrival: Arrival,
    ) -> Result<Verdict, ReconstructError> {
        let expectations = self.expect(window)?;
        let limits = &subject.settings.limits;
        let residuals: Vec<Vec<f64>> = expectations.iter().map(|e| residual(window, &e.expected, limits)).collect();
        let judgement = self.scorer.judge(&Row {
            residuals: &residuals,
            usable: &usable(window, self.mode_tag),
            values: &mode_values(window, subject.tags),
            given_mode: self.mode_tag.and_then(|ix| given_mode(window, ix)),
        });
        let threshold = self.learn(window.time, &judgement, subject.settings, arrival);
        let Some(Expectation { expected, attention, .. }) = expectations.into_iter().next() else {
            return Err(ReconstructError::Failed("there is no model".to_owned()));
        };
        self.evidence.take(window, &expected);
        let anomalous = judgement.score >= threshold;
        let findings = match anomalous {
            true => self.evidence.findings(subject.tags, &judgement, &self.scorer),
            false => Vec::new(),
        };
        let attention = attention.filter(|_| anomalous).unwrap_or_default();
        let tags = tag_verdicts(subject.tags, window, &expected, &judgement);
        Ok(told(subject.asset, window, judgement, Told { threshold, tags, findings, attention, late: arrival.late }))
    }

    /// What each model expected of the window's newest row, and the drift that was followed since.
    fn expect(&mut self, window: &Window) -> Result<Vec<Expectation>, ReconstructError> {
        let continues = self.last.is_some_and(|last| last.after(self.step) == window.time);
        if !continues {
            self.scorer.reset();
            self.evidence.reset();
        }
        // Where a model fails, the next window begins anew.
        self.last = None;
        let new_rows = continues.then_some(self.stride);
        let mut expected: Vec<Expectation> =
            self.models.iter_mut().map(|model| model.expect(window, new_rows)).collect::<Result<_, _>>()?;
        for (expectation, drift) in expected.iter_mut().zip(self.scorer.drift()) {
            expectation.expected.iter_mut().zip(drift).for_each(|(expected, drift)| *expected += drift);
        }
        self.last = Some(window.time);
        Ok(expected)
    }

    /// The threshold for a row, which then teaches whatever may be taught: an anomaly, a late row and a row under maintenance
    /// teach nothing.
    fn learn(&mut self, time: Timestamp, said: &Judgement, settings: &DetectorSettings, arrival: Arrival) -> f64 {
        // A mode that has a name already may still be settling.
        let transition = said.mode == Mode::Transition || said.place == Some(self.scorer.modes().count());
        if arrival.late {
            return self.learned.threshold.in_force(said.place, transition);
        }
        let held = arrival.held || self.learned.alarm.active();
        let row = ThresholdRow { time, score: said.score, mode: said.place, transition, held };
        let threshold = self.learned.threshold.observe(&row);
        let input = Input::Level { time, level: said.score, threshold };
        self.learned.alarm = step(&settings.alarm, self.learned.alarm, input).0;
        // What is held and not frozen may be learned from: it was called normal, or has lasted too long to be anything else.
        if !self.learned.threshold.is_frozen() && (held || said.score < threshold) {
            self.scorer.follow();
        }
        if let Some(event) = self.learned.drift.observe(time, said.score, arrival.held) {
            tracing::warn!("{event}");
        }
        threshold
    }
}

/// What is said besides the judgement.
struct Told {
    threshold: f64,
    tags: Vec<TagVerdict>,
    findings: Vec<TagFinding>,
    attention: Vec<f64>,
    late: bool,
}

fn told(asset: &AssetName, window: &Window, judgement: Judgement, told: Told) -> Verdict {
    let Told { threshold, tags, findings, attention, late } = told;
    Verdict {
        asset: asset.clone(),
        time: window.time,
        score: judgement.score,
        threshold,
        probability: judgement.probability,
        probability_low: judgement.probability_low,
        probability_high: judgement.probability_high,
        imputed: window.imputed_share(),
        status: status(window, &judgement.mode),
        mode: judgement.mode,
        tags,
        late,
        findings,
        attention,
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
