//! Detectors fitted to the simulated plant, and recordings of it to judge.

use std::{ops::ControlFlow, time::Duration};

use andon_detect::{Artifact, Detector, FitSettings, Stream, fit, fit::CALIBRATION_SHARE};
use andon_model::ModelSettings;
use andon_plant::{AssetName, Sample, Timestamp, Verdict, WindowerSettings, alarm::AlarmSettings};
use andon_simulator::{
    Recording, ScheduledFault,
    plant::{MODE_TAG, STEP, record},
};

/// The assets of the simulated plant.
pub(crate) const ASSETS: [&str; 3] = ["Mixer", "Pump", "Oven"];
/// Rows of a shift of eight hours.
pub(crate) const SHIFT_ROWS: f64 = 28_800.0;
/// Rows of a day.
pub(crate) const DAY: usize = 86_400;
/// As `andon run` has it where nothing is said.
const ALARM: AlarmSettings =
    AlarmSettings { on_delay: Duration::from_secs(5), off_delay: Duration::from_secs(30), hysteresis: 0.2 };

/// Whether the detector is told of the tag that names the operating mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ModeTag {
    Known,
    /// It is not even among the tags.
    Absent,
}

/// Rows of an asset in the plant of `seed`, with faults.
pub(crate) fn recording(
    seed: u64,
    asset: &str,
    rows: usize,
    faults: &[ScheduledFault],
    mode_tag: ModeTag,
) -> anyhow::Result<Recording> {
    let whole = record(seed, asset, Timestamp::from_secs(1_700_000_000), rows, faults)?;
    Ok(match mode_tag {
        ModeTag::Known => whole,
        ModeTag::Absent => without_mode_tag(&whole),
    })
}

fn without_mode_tag(whole: &Recording) -> Recording {
    let kept: Vec<usize> = (0..whole.tags.len()).filter(|ix| whole.tags[*ix].name.as_str() != MODE_TAG).collect();
    let tags = kept.iter().map(|ix| whole.tags[*ix].clone()).collect();
    let mut less = Recording::new(whole.asset.clone(), tags);
    for (row, time) in whole.times.iter().enumerate() {
        let values: Vec<f64> = kept.iter().map(|ix| whole.row(row)[*ix]).collect();
        less.push_row(*time, &values);
    }
    (less.labels, less.modes) = (whole.labels.clone(), whole.modes.clone());
    less
}

/// A detector fitted to `rows` of normal operation of an asset.
pub(crate) fn fitted(seed: u64, asset: &str, rows: usize, mode_tag: ModeTag) -> anyhow::Result<Artifact> {
    let normal = recording(seed, asset, rows, &[], mode_tag)?;
    let mut network = ModelSettings::default();
    network.training.seed = seed;
    let settings = FitSettings {
        window: WindowerSettings::new(STEP, 100, 1),
        mode_tag: normal.tags.iter().position(|tag| tag.name.as_str() == MODE_TAG),
        network,
        scorer: Default::default(),
        threshold: Default::default(),
        shift: Duration::from_secs(8 * 3600),
        drift: Default::default(),
        limits: Vec::new(),
        alarm: ALARM,
        calibration_share: CALIBRATION_SHARE,
        begin_with: None,
        checkpoint: None,
        now: Timestamp::from_secs(0),
    };
    Ok(fit(&stream(&normal), &normal.tags, &settings, &mut |_| ControlFlow::Continue(()))?)
}

/// The same artifact once more, for another recording.
pub(crate) fn copy(artifact: &Artifact) -> anyhow::Result<Artifact> {
    let manifest = artifact.manifest_json()?;
    Ok(Artifact::from_parts("the fitted model".as_ref(), manifest.as_bytes(), artifact.weights())?)
}

/// A verdict, and whether the alarm was active after it.
pub(crate) struct Judged {
    pub(crate) verdict: Verdict,
    pub(crate) active: bool,
}

/// What a detector says of each row of a recording; nothing of those before the first full window.
pub(crate) fn judged(artifact: Artifact, recording: &Recording) -> anyhow::Result<Vec<Option<Judged>>> {
    let mut detector = Detector::of(AssetName::new("simulated")?, artifact);
    let mut said: Vec<Option<Judged>> = (0..recording.rows()).map(|_| None).collect();
    let first = recording.times.first().copied().unwrap_or_default();
    let mut take = |detector: &mut Detector, watermark: Timestamp| -> anyhow::Result<()> {
        while let Some(step) = detector.step(watermark, false) {
            let Some(verdict) = step?.verdict else { continue };
            let row = (verdict.time.since(first).as_secs_f64() / STEP.as_secs_f64()).round() as usize;
            let active = detector.alarm_active();
            if let Some(place) = said.get_mut(row) {
                *place = Some(Judged { verdict, active });
            }
        }
        Ok(())
    };
    let stream = stream(recording);
    for (tag, sample) in stream.samples() {
        take(&mut detector, sample.time)?;
        detector.push(*tag, *sample);
    }
    if let Some((_, last)) = stream.span() {
        take(&mut detector, last.after(STEP * 2))?;
    }
    Ok(said)
}

fn stream(recording: &Recording) -> Stream {
    let rows = recording.times.iter().enumerate();
    let samples = rows.flat_map(|(row, time)| {
        recording.row(row).iter().enumerate().map(|(tag, value)| (tag, Sample::good(*time, *value)))
    });
    Stream::new(samples.collect())
}
