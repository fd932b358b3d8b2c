//! One window judged: the models' residuals, the score, the threshold, and what is learned of it.

use std::time::Duration;

use andon_plant::{
    AlarmState, AssetName, Fill, Reconstruct, StatusCode, Tag, TagFinding, TagVerdict, Timestamp, Verdict, Window,
    alarm::{Input, step},
    reconstruct::{Expectation, ReconstructError},
    verdict::Mode,
};
use andon_scoring::{
    Drift, Followed, Judgement, Row, Scorer, Threshold, ThresholdRow,
    thresholds::{Hold, ThresholdState},
};
use serde::{Deserialize, Serialize};

use crate::{
    artifact::Artifact,
    detector::DetectorSettings,
    evidence::Evidence,
    fit::{given_mode, is_judgeable, mode_values, residual, still, usable},
};

/// What a detector has learned since the fit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Learned {
    /// The version of the model it was learned beside.
    pub version: String,
    /// The threshold.
    pub threshold: Threshold,
    /// Each tag's drift.
    pub followed: Followed,
    /// Whether the model still fits.
    pub drift: Drift,
    /// Where the alarm stands.
    pub alarm: AlarmState,
    /// What it was before what an alarm shows was called normal, until the next alarm.
    #[serde(default)]
    before: Option<Box<Checkpoint>>,
}

/// What is gone back to once what was called normal turns out to be real.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Checkpoint {
    threshold: ThresholdState,
    followed: Followed,
    drift: Drift,
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
    /// Which tags stood still in training: nothing was learned of them, and they say nothing.
    still: Vec<bool>,
    /// Rows and time between two windows, and the time of the last one.
    stride: usize,
    step: Duration,
    last: Option<Timestamp>,
}

impl Judge {
    pub(crate) fn new(artifact: Artifact) -> Self {
        let Artifact { manifest, model, companions } = artifact;
        let still = still(&manifest.tags, &model);
        let models = std::iter::once(model).chain(companions).map(|m| Box::new(m) as Box<dyn Reconstruct>).collect();
        let mode_tag = manifest.mode_tag.as_ref().and_then(|name| manifest.tags.iter().position(|t| t.name == *name));
        let window = manifest.window();
        let version = manifest.version();
        let stride = window.stride.max(1);
        let step = window.grid * stride as u32;
        let (scorer, evidence) = (manifest.scorer, Evidence::new(manifest.habits, step));
        let (threshold, followed, alarm) = (manifest.threshold, scorer.followed(), AlarmState::default());
        let learned = Learned { version, threshold, followed, drift: Drift::new(manifest.drift), alarm, before: None };
        Self { models, scorer, learned, evidence, mode_tag, still, stride, step, last: None }
    }

    pub(crate) fn can_judge(&self, window: &Window) -> bool {
        is_judgeable(window, self.mode_tag, &self.still)
    }

    pub(crate) fn learned(&self) -> Learned {
        Learned { followed: self.scorer.followed(), ..self.learned.clone() }
    }

    /// Back to as it was fitted.
    pub(crate) fn revert(&mut self) {
        self.learned.threshold.revert();
        self.learned.before = None;
        self.learned.drift = self.learned.drift.anew();
        self.scorer.forget();
    }

    /// What goes on is normal: it may be learned from, and what was known before is remembered.
    pub(crate) fn assess_normal(&mut self) {
        let before = self.checkpoint();
        if self.learned.threshold.assess_normal(self.learned.alarm.active()) {
            self.learned.before = Some(before);
        }
        self.learned.drift.settled();
    }

    /// What goes on or has just ended is not normal, whatever was said of it or nobody said: what it has taught is taken back.
    pub(crate) fn assess_real(&mut self) {
        let Learned { threshold, drift, before, .. } = &mut self.learned;
        threshold.assess_real();
        if let Some(before) = before.take() {
            threshold.take_back(before.threshold);
            *drift = before.drift;
            self.scorer.restore(before.followed);
        }
    }

    /// The rows so far say nothing of those to come: the next begins anew.
    pub(crate) fn begin_anew(&mut self) {
        self.last = None;
    }

    fn checkpoint(&self) -> Box<Checkpoint> {
        let Learned { threshold, drift, .. } = &self.learned;
        let (threshold, drift) = (threshold.state(), drift.clone());
        Box::new(Checkpoint { threshold, followed: self.scorer.followed(), drift })
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
        let residuals: Vec<Vec<f64>> = expectations.iter().map(|e| residual(window, &e.expected)).collect();
        let judgement = self.scorer.judge(&Row {
            residuals: &residuals,
            limits: &subject.settings.limits,
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

    /// The threshold for a row, which then teaches whatever may be taught: a late row and a row under maintenance teach nothing,
    /// an anomaly only where it was called normal or has lasted too long to be anything else.
    fn learn(&mut self, time: Timestamp, said: &Judgement, settings: &DetectorSettings, arrival: Arrival) -> f64 {
        // A mode that has a name already may still be settling.
        let transition = said.mode == Mode::Transition || said.place == Some(self.scorer.modes().count());
        if arrival.late {
            return self.learned.threshold.in_force(said.place, transition);
        }
        let hold = Hold::of(arrival.held, self.learned.alarm.active());
        let row = ThresholdRow { time, score: said.score, mode: said.place, transition, hold };
        let learned_everything = self.learned.threshold.learns_everything();
        let threshold = self.learned.threshold.observe(&row);
        match self.learned.threshold.learns_everything() {
            // It has lapsed: this row is the first that teaches.
            true if !learned_everything => self.learned.before = Some(self.checkpoint()),
            false if hold == Hold::Alarm => self.learned.before = None,
            _ => {}
        }
        let input = Input::Level { time, level: said.score, threshold };
        self.learned.alarm = step(&settings.alarm, self.learned.alarm, input).0;
        if !self.learned.threshold.is_frozen() && (hold == Hold::Alarm || said.score < threshold) {
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

#[cfg(test)]
mod tests {
    use andon_model::NetworkKind;
    use andon_plant::{Assessment, Sample, TagName};
    use andon_scoring::ScorerSettings;

    use super::*;
    use crate::{
        Detector, FitSettings, Stream,
        fit::{self, tests::settings},
    };

    /// Numbers from 0 to 1 that look random.
    fn chance(t: i64, tag: usize) -> f64 {
        ((t as f64 * 12.9898 + tag as f64 * 78.233).sin() * 43_758.545).rem_euclid(1.0)
    }

    /// Two tags that go together, with noise of .29 on each; the first is `offset` higher.
    fn values(t: i64, offset: f64) -> [f64; 2] {
        let wave = (t as f64 / 40.0).sin() * 3.0;
        [wave + offset + chance(t, 0), 2.0 * wave + chance(t, 1)]
    }

    /// A detector that expects each tag from the other, and follows drift within some hundred rows.
    fn detector() -> Detector {
        let samples = (0..3_000).flat_map(|t| samples(t, 0.0)).collect();
        let mut network = settings().network;
        network.kind = NetworkKind::Ridge;
        let follow = Duration::from_secs(100);
        let scorer = ScorerSettings { follow, follow_rows: 100, ..ScorerSettings::default() };
        let settings = FitSettings { network, scorer, ..settings() };
        let tags = ["A", "B"].map(|name| Tag::analog(TagName::new(name).unwrap()));
        let artifact =
            fit::fit(&Stream::new(samples), &tags, &settings, &mut |_| std::ops::ControlFlow::Continue(())).unwrap();
        Detector::of(AssetName::new("Mixer").unwrap(), artifact)
    }

    fn samples(t: i64, offset: f64) -> [(usize, Sample); 2] {
        let values = values(t, offset);
        [0, 1].map(|tag| (tag, Sample::good(Timestamp::from_secs(t), values[tag])))
    }

    /// The mean residual of the first tag over the rows of `seconds`.
    fn residual(detector: &mut Detector, seconds: std::ops::Range<i64>, offset: f64) -> f64 {
        let mut residuals = Vec::new();
        for t in seconds {
            for (tag, sample) in samples(t, offset) {
                detector.push(tag, sample);
            }
            while let Some(step) = detector.step(Timestamp::from_secs(t), false) {
                residuals.extend(step.unwrap().verdict.map(|verdict| verdict.tags[0].residual));
            }
        }
        residuals.iter().sum::<f64>() / residuals.len() as f64
    }

    #[test]
    fn drift_belongs_to_what_is_expected_and_is_reverted() {
        let mut detector = detector();
        residual(&mut detector, 3_000..3_030, 0.0);
        let fresh = residual(&mut detector, 3_030..3_060, 0.25);
        let late = {
            residual(&mut detector, 3_060..4_000, 0.25);
            residual(&mut detector, 4_000..4_200, 0.25)
        };
        assert!(fresh > 0.1 && late.abs() < 0.05, "{fresh} {late}");
        detector.revert();
        let reverted = residual(&mut detector, 4_200..4_230, 0.25);
        assert!(reverted > 0.1, "{reverted}");
    }

    #[test]
    fn what_was_learned_of_a_nuisance_that_is_real_after_all_is_taken_back() {
        let mut detector = detector();
        residual(&mut detector, 3_000..3_100, 0.0);
        residual(&mut detector, 3_100..3_160, 9.0);
        assert!(detector.alarm_active());
        let before = detector.learned().unwrap();
        let known = |learned: &Learned| (learned.threshold.state(), learned.followed.clone());
        detector.assess(Assessment::Nuisance);
        residual(&mut detector, 3_160..3_400, 9.0);
        let taught = detector.learned().unwrap();
        assert!(known(&taught) != known(&before) && detector.alarm_active());
        detector.restore(serde_json::from_str(&serde_json::to_string(&taught).unwrap()).unwrap());
        detector.assess(Assessment::Real);
        assert_eq!(known(&detector.learned().unwrap()), known(&before));
        residual(&mut detector, 3_400..3_500, 9.0);
        assert_eq!(known(&detector.learned().unwrap()), known(&before));

        // What is learned well ends by itself, and may be real all the same.
        detector.restore(taught);
        residual(&mut detector, 3_500..6_000, 9.0);
        assert!(!detector.alarm_active());
        detector.assess(Assessment::Real);
        assert_eq!(known(&detector.learned().unwrap()), known(&before));
    }

    #[test]
    fn maintenance_teaches_nothing() {
        let mut detector = detector();
        residual(&mut detector, 3_000..3_100, 0.0);
        let before = detector.learned().unwrap();
        detector.hold(true);
        residual(&mut detector, 3_100..6_000, 0.25);
        let after = detector.learned().unwrap();
        assert_eq!(
            (&after.followed, after.threshold.in_force(Some(0), false)),
            (&before.followed, before.threshold.in_force(Some(0), false))
        );
    }
}
