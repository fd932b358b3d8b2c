use andon_plant::{Tag, TagName};

use super::*;
use crate::plant::{MODE_TAG, SimulatedPlant, record};

const ROWS: usize = 3600;

/// A recording of the pump with what is needed to put a fault into it.
struct Bench {
    tags: Vec<Tag>,
    times: Vec<Timestamp>,
    values: Vec<f64>,
    modes: Vec<usize>,
    profile: &'static AssetProfile,
}

impl Bench {
    fn new(asset: &str) -> Self {
        let recording = record(21, asset, Timestamp::from_secs(0), ROWS, &[]).unwrap();
        let state = recording.tags.iter().position(|t| t.name.as_str() == MODE_TAG).unwrap();
        Self {
            modes: recording.column(state).map(|v| v as usize).collect(),
            profile: SimulatedPlant::new(21, Timestamp::from_secs(0)).profile(asset).unwrap(),
            tags: recording.tags,
            times: recording.times,
            values: recording.values,
        }
    }

    fn tag(&self, name: &str) -> usize {
        self.tags.iter().position(|t| t.name.as_str() == name).unwrap()
    }

    fn column(&self, values: &[f64], tag: usize) -> Vec<f64> {
        values.iter().skip(tag).step_by(self.tags.len()).copied().collect()
    }

    fn plan(&self, kind: FaultKind, tag: &str, rows: std::ops::Range<i64>) -> FaultPlan<'_> {
        let span = Span { start: Timestamp::from_secs(rows.start), end: Timestamp::from_secs(rows.end) };
        FaultPlan { kind, tag: self.tag(tag), magnitude: None, span, seed: 1, profile: self.profile }
    }

    /// The values with the fault in them; checks that nothing else has changed and that the labels are exact.
    fn check(&self, plan: FaultPlan<'_>) -> Vec<f64> {
        let mut values = self.values.clone();
        let mut fault = Fault::new(&plan).unwrap();
        let mut series = Series { times: &self.times, values: &mut values, modes: Some(&self.modes) };
        let labels = inject(&mut series, &mut fault);
        let touched = [Some(plan.tag), fault.partner()];
        for (at, label) in labels.iter().enumerate() {
            assert_eq!(*label, plan.span.contains(self.times[at]));
            for tag in 0..self.tags.len() {
                let same = values[at * self.tags.len() + tag] == self.values[at * self.tags.len() + tag];
                assert!(same || (*label && touched.contains(&Some(tag))), "row {at}, tag {tag}");
            }
        }
        values
    }
}

/// What the fault adds to a tag, in the tag's deviations, for the rows of the fault.
fn added(bench: &Bench, plan: FaultPlan<'_>) -> Vec<f64> {
    let after = bench.column(&bench.check(plan), plan.tag);
    let before = bench.column(&bench.values, plan.tag);
    let deviation = bench.profile.tags[plan.tag].deviation;
    let rows = plan.span.start.as_micros() / 1_000_000..plan.span.end.as_micros() / 1_000_000;
    rows.map(|at| (after[at as usize] - before[at as usize]) / deviation).collect()
}

#[test]
fn a_spike_is_whole_at_once_and_decays() {
    let bench = Bench::new("Pump");
    let added = added(&bench, bench.plan(FaultKind::Spike, "Flow", 100..160));
    assert!((added[0] - 8.0).abs() < 1e-9);
    assert!(added.windows(2).all(|w| w[1] < w[0]) && added[59] < 0.5 && added[59] > 0.0);
}

#[test]
fn a_negative_spike_goes_down() {
    let bench = Bench::new("Pump");
    let plan = FaultPlan { magnitude: Some(-3.0), ..bench.plan(FaultKind::Spike, "Flow", 100..160) };
    assert!((added(&bench, plan)[0] + 3.0).abs() < 1e-9);
}

#[test]
fn a_drift_rises_along_a_line_to_its_magnitude() {
    let bench = Bench::new("Pump");
    let added = added(&bench, bench.plan(FaultKind::Drift, "BearingTemperature", 200..280));
    assert!(added.iter().enumerate().all(|(at, v)| (v - 0.1 * at as f64).abs() < 1e-9));
}

#[test]
fn a_stuck_tag_shows_one_value() {
    let bench = Bench::new("Pump");
    let plan = bench.plan(FaultKind::Stuck, "Flow", 300..360);
    let values = bench.column(&bench.check(plan), plan.tag);
    assert!(values[300..360].iter().all(|v| *v == values[300]));
    assert_eq!(values[300], bench.column(&bench.values, plan.tag)[300]);
    let aside = FaultPlan { magnitude: Some(5.0), ..plan };
    assert!((added(&bench, aside)[0] - 5.0).abs() < 1e-9);
}

#[test]
fn a_noisy_tag_spreads_by_its_magnitude_and_the_seed() {
    let bench = Bench::new("Pump");
    let plan = bench.plan(FaultKind::Noise, "Vibration", 0..3000);
    let noise = added(&bench, plan);
    let spread = (noise.iter().map(|v| v * v).sum::<f64>() / 3000.0).sqrt();
    assert!((spread - 8.0).abs() < 0.4, "{spread}");
    assert_eq!(noise, added(&bench, plan));
    assert_ne!(noise, added(&bench, FaultPlan { seed: 2, ..plan }));
}

#[test]
fn out_of_range_is_beyond_the_end_of_the_range() {
    let bench = Bench::new("Pump");
    let plan = bench.plan(FaultKind::OutOfRange, "MotorCurrent", 100..130);
    let high = bench.column(&bench.check(plan), plan.tag);
    assert!(high[100..130].iter().all(|v| *v > 40.0));
    let low = bench.column(&bench.check(FaultPlan { magnitude: Some(-1.0), ..plan }), plan.tag);
    assert!(low[100..130].iter().all(|v| *v < 0.0));
}

#[test]
fn a_contextual_value_is_normal_in_another_mode_and_never_in_its_own() {
    for (asset, tag) in [("Mixer", "Level"), ("Pump", "DischargePressure"), ("Oven", "BeltSpeed")] {
        let bench = Bench::new(asset);
        let plan = bench.plan(FaultKind::Contextual, tag, 0..ROWS as i64);
        let profile = &bench.profile.tags[plan.tag];
        let values = bench.column(&bench.check(plan), plan.tag);
        assert!(values.iter().all(|v| (profile.normal.0..=profile.normal.1).contains(v)), "{asset}.{tag}");
        // Once the mode has settled, the value lies at another mode's level, far from its own.
        let settled = (60..ROWS).filter(|&at| bench.modes[at - 60..at].iter().all(|m| *m == bench.modes[at]));
        for at in settled {
            let off = |mode: usize| (values[at] - profile.levels[mode]).abs() / profile.deviation;
            assert!((0..3).any(|mode| mode != bench.modes[at] && off(mode) < 6.0), "{asset}.{tag} at {at}");
            assert!(off(bench.modes[at]) > 3.0, "{asset}.{tag} at {at}");
        }
    }
}

#[test]
fn a_contextual_switch_is_turned_over() {
    let bench = Bench::new("Mixer");
    let plan = bench.plan(FaultKind::Contextual, "InletOpen", 0..ROWS as i64);
    let (before, after) = (bench.column(&bench.values, plan.tag), bench.column(&bench.check(plan), plan.tag));
    assert!(before.iter().zip(&after).all(|(b, a)| *a == 1.0 - b));
}

#[test]
fn a_leak_breaks_the_correlation_of_two_tags() {
    for (asset, tag) in [("Mixer", "Power"), ("Pump", "Flow"), ("Oven", "ExhaustOxygen")] {
        let bench = Bench::new(asset);
        // The longest stay in one mode, so that the change of mode does not hide what happens within it.
        let mut stays: Vec<std::ops::Range<usize>> = Vec::new();
        for at in 0..ROWS {
            match stays.last_mut() {
                Some(stay) if bench.modes[stay.start] == bench.modes[at] => stay.end = at + 1,
                _ => stays.push(at..at + 1),
            }
        }
        let stay = stays.into_iter().filter(|s| bench.modes[s.start] == 1).max_by_key(|s| s.len()).unwrap();
        let rows = stay.start + 60..stay.end;
        let plan = bench.plan(FaultKind::Leak, tag, rows.start as i64..rows.end as i64);
        let partner = Fault::new(&plan).unwrap().partner().unwrap();
        let correlation = |values: &[f64]| {
            let (a, b) = (bench.column(values, plan.tag), bench.column(values, partner));
            pearson(&a[rows.clone()], &b[rows.clone()])
        };
        let (before, after) = (correlation(&bench.values), correlation(&bench.check(plan)));
        println!("{asset}.{tag} with {}: {before:.2} -> {after:.2}", bench.tags[partner].name);
        assert!(before.abs() > 0.6 && after * before.signum() < 0.3, "{asset}.{tag}: {before} -> {after}");
    }
}

fn pearson(a: &[f64], b: &[f64]) -> f64 {
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let (ma, mb) = (mean(a), mean(b));
    let sum = |f: &dyn Fn(f64, f64) -> f64| a.iter().zip(b).map(|(x, y)| f(x - ma, y - mb)).sum::<f64>();
    sum(&|x, y| x * y) / (sum(&|x, _| x * x) * sum(&|_, y| y * y)).sqrt()
}

#[test]
fn a_missing_value_stays_missing() {
    let mut bench = Bench::new("Pump");
    let tag = bench.tag("Flow");
    let at = 110 * bench.tags.len() + tag;
    bench.values[at] = f64::NAN;
    for kind in FaultKind::ALL {
        let plan = bench.plan(kind, "Flow", 100..160);
        let mut values = bench.values.clone();
        let mut series = Series { times: &bench.times, values: &mut values, modes: Some(&bench.modes) };
        let labels = inject(&mut series, &mut Fault::new(&plan).unwrap());
        assert!(values[at].is_nan() && labels[110], "{kind}");
    }
}

/// A series from elsewhere: two tags that go together and one that stands still, no modes, no ranges.
fn foreign() -> (Vec<Tag>, Vec<f64>) {
    let tags = ["a", "b", "still"].map(|n| Tag::analog(TagName::new(n).unwrap())).to_vec();
    let wave = |at: usize| (at as f64 * 0.7).sin();
    (tags, (0..400).flat_map(|at| [wave(at), 5.0 - 3.0 * wave(at), 1.0]).collect())
}

#[test]
fn a_foreign_series_needs_no_modes_but_for_contextual() {
    let (tags, mut values) = foreign();
    let profile = AssetProfile::of(&tags, &values, None, None);
    assert!((profile.tags[1].deviation / profile.tags[0].deviation - 3.0).abs() < 1e-9);
    assert!(profile.tags[0].partner.is_some_and(|p| p.tag == 1 && p.correlation < -0.999));
    let times: Vec<Timestamp> = (0..400).map(Timestamp::from_secs).collect();
    let span = Span { start: times[100], end: times[200] };
    let plan = |kind, tag| FaultPlan { kind, tag, magnitude: None, span, seed: 0, profile: &profile };
    for kind in [FaultKind::Spike, FaultKind::Drift, FaultKind::Stuck, FaultKind::Leak, FaultKind::Noise] {
        let mut fault = Fault::new(&plan(kind, 0)).unwrap();
        let labels = inject(&mut Series { times: &times, values: &mut values, modes: None }, &mut fault);
        assert_eq!(labels.iter().filter(|l| **l).count(), 100);
    }
    let refused = |kind, tag| Fault::new(&plan(kind, tag)).unwrap_err().to_string();
    assert!(refused(FaultKind::Contextual, 0).contains("give the series a mode"));
    assert!(refused(FaultKind::OutOfRange, 0).contains("no range to leave"));
    assert!(refused(FaultKind::Spike, 2).contains("never changes in normal operation"));
}

#[test]
fn a_level_that_is_the_same_in_every_mode_can_not_be_contextual() {
    let (tags, values) = foreign();
    let modes: Vec<usize> = (0..400).map(|at| at / 200).collect();
    let profile = AssetProfile::of(&tags, &values, Some(&modes), None);
    let span = Span { start: Timestamp::from_secs(0), end: Timestamp::from_secs(9) };
    let plan = FaultPlan { kind: FaultKind::Contextual, tag: 0, magnitude: None, span, seed: 0, profile: &profile };
    assert!(Fault::new(&plan).unwrap_err().to_string().contains("choose another tag"));
}

#[test]
fn a_kind_is_read_from_its_word() {
    for kind in FaultKind::ALL {
        assert_eq!(kind.to_string().parse(), Ok(kind));
        assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{kind}\""));
    }
    assert!("gremlin".parse::<FaultKind>().unwrap_err().to_string().starts_with("`gremlin` is not a kind of fault"));
}
