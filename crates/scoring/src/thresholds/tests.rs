//! Behaviour that all strategies share.

mod freeze;

use std::{collections::VecDeque, sync::LazyLock, time::Duration};

use andon_plant::Timestamp;
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use statrs::distribution::{ChiSquared, ContinuousCDF};

use super::{Strategy, *};

const SMOOTHED: usize = 10;

/// Calibrated scores that depend on each other as real ones do: -log10 of the survival of a mean over ten rows.
struct Scores {
    rng: ChaCha8Rng,
    squares: VecDeque<f64>,
    /// How wide residuals are; 1 is as calibrated.
    width: f64,
}

fn normal(seed: u64) -> Scores {
    Scores { rng: ChaCha8Rng::seed_from_u64(seed), squares: VecDeque::new(), width: 1.0 }
}

fn wider(seed: u64, width: f64) -> Scores {
    Scores { width, ..normal(seed) }
}

impl Iterator for Scores {
    type Item = f64;

    fn next(&mut self) -> Option<f64> {
        while self.squares.len() <= SMOOTHED {
            let residual: f64 = StandardNormal.sample(&mut self.rng);
            self.squares.push_back((residual * self.width).powi(2));
        }
        self.squares.pop_front();
        let sums = ChiSquared::new(SMOOTHED as f64).ok()?;
        Some(-sums.sf(self.squares.iter().sum()).max(1e-16).log10())
    }
}

/// The rows at which runs begin that reach `threshold`; ten lower rows end a run.
fn runs(over: impl Iterator<Item = bool>) -> usize {
    let mut last: Option<usize> = None;
    let mut runs = 0;
    for (row, _) in over.enumerate().filter(|(_, over)| *over) {
        runs += usize::from(last.is_none_or(|last| row - last > SMOOTHED));
        last = Some(row);
    }
    runs
}

fn extremal_index(scores: &[f64]) -> f64 {
    let over = scores.iter().filter(|s| **s >= 2.5).count();
    runs(scores.iter().map(|s| *s >= 2.5)) as f64 / over as f64
}

/// Two modes in turn, 1,000 rows each, and the transitions' 30 rows.
fn mode_of(row: usize) -> Option<usize> {
    (row % 1000 >= 30).then_some(row / 1000 % 2)
}

fn fit(settings: &ThresholdSettings) -> Threshold {
    let scores: Vec<f64> = normal(1).take(20_000).collect();
    fit_to(settings, &scores).unwrap()
}

fn fit_to(settings: &ThresholdSettings, scores: &[f64]) -> Result<Threshold, ThresholdError> {
    let modes: Vec<Option<usize>> = (0..scores.len()).map(|row| mode_of(row).or(Some(2))).collect();
    Threshold::fit(settings, &calibration(scores, &modes))
}

fn calibration<'a>(scores: &'a [f64], modes: &'a [Option<usize>]) -> ThresholdCalibration<'a> {
    ThresholdCalibration {
        extremal_index: 0.25,
        scores,
        modes,
        mode_count: 2,
        step: Duration::from_secs(1),
        shift: Duration::from_secs(8 * 3600),
    }
}

fn settings(strategy: Strategy) -> ThresholdSettings {
    ThresholdSettings { strategy, ..ThresholdSettings::default() }
}

fn row(number: usize, score: f64) -> ThresholdRow {
    let (time, mode) = (Timestamp::from_secs(number as i64), mode_of(number));
    ThresholdRow { time, score, mode, transition: mode.is_none(), hold: Hold::None }
}

fn alarm_if(active: bool) -> Hold {
    if active { Hold::Alarm } else { Hold::None }
}

fn held(number: usize, score: f64) -> ThresholdRow {
    ThresholdRow { hold: Hold::Alarm, ..row(number, score) }
}

fn observe(threshold: &mut Threshold, scores: impl Iterator<Item = f64>) -> Vec<f64> {
    scores.enumerate().map(|(number, score)| threshold.observe(&row(number, score))).collect()
}

fn teach(threshold: &mut Threshold, rows: std::ops::Range<usize>, row: impl Fn(usize) -> ThresholdRow) {
    for number in rows {
        threshold.observe(&row(number));
    }
}

/// The threshold at every place.
fn everywhere(t: &Threshold) -> [f64; 4] {
    [t.in_force(Some(0), false), t.in_force(Some(1), false), t.in_force(None, true), t.in_force(None, false)]
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Those that move.
fn adaptive() -> impl Iterator<Item = Strategy> {
    Strategy::ALL.into_iter().filter(|s| *s != Strategy::Fixed)
}

#[test]
fn in_steady_normal_operation_it_stands_at_its_base() {
    for strategy in Strategy::ALL {
        let mut t = fit(&settings(strategy));
        let base = t.base().score;
        assert!(everywhere(&t).iter().all(|at| (at - base).abs() < 0.5), "{strategy:?} {:?}", everywhere(&t));
        let seen = mean(&observe(&mut t, normal(2).take(60_000)));
        assert!((seen - base).abs() < 0.2, "{strategy:?} {seen} {base}");
    }
}

#[test]
fn the_alarm_budget_is_met() {
    let scores: Vec<f64> = normal(1).take(50_000).collect();
    let modes = vec![Some(0); scores.len()];
    let calibration =
        ThresholdCalibration { extremal_index: extremal_index(&scores), mode_count: 1, ..calibration(&scores, &modes) };
    let hours = 60;
    for strategy in Strategy::ALL {
        let budget = Some("2 per hour".parse().unwrap());
        let mut t = Threshold::fit(&ThresholdSettings { budget, ..settings(strategy) }, &calibration).unwrap();
        let rows = normal(3).take(hours * 3600).enumerate();
        let over = rows
            .map(|(n, score)| score >= t.observe(&ThresholdRow { mode: Some(0), transition: false, ..row(n, score) }));
        let an_hour = runs(over) as f64 / hours as f64;
        assert!((1.0..=4.0).contains(&an_hour), "{strategy:?} {an_hour}");
    }
}

#[test]
fn it_rises_where_scores_rise_for_good_and_comes_back() {
    for strategy in adaptive() {
        let mut t = fit(&settings(strategy));
        let base = t.base().score;
        let alarms = |seen: &[f64]| wider(4, 1.1).zip(seen).filter(|(score, at)| score >= *at).count();
        let seen = observe(&mut t, wider(4, 1.1).take(40_000));
        let fixed = vec![base; seen.len()];
        assert!(mean(&seen[20_000..]) > base + 0.2, "{strategy:?} {}", mean(&seen[20_000..]));
        assert!(2 * alarms(&seen) < alarms(&fixed), "{strategy:?} {} {}", alarms(&seen), alarms(&fixed));
        let back = observe(&mut t, normal(5).take(60_000));
        assert!((mean(&back[40_000..]) - base).abs() < 0.25, "{strategy:?} {}", mean(&back[40_000..]));
    }
}

#[test]
fn what_one_mode_has_taught_makes_no_other_deaf_nor_itself_deafer_than_it_was_loud() {
    for strategy in adaptive() {
        let mut t = fit(&settings(strategy));
        let before = everywhere(&t);
        let in_first = |n: usize| ThresholdRow { mode: Some(0), transition: false, ..held(n, 5.0) };
        t.observe(&in_first(0));
        t.assess_normal(false);
        teach(&mut t, 1..20_000, in_first);
        let after = everywhere(&t);
        assert!(after[0] <= 6.0, "{strategy:?} {after:?}");
        assert!(
            after.iter().zip(before).skip(1).all(|(after, before)| *after <= before + 1.0),
            "{strategy:?} {after:?}"
        );
    }
}

#[test]
fn it_goes_back_to_as_it_was_fitted() {
    for strategy in Strategy::ALL {
        let mut t = fit(&settings(strategy));
        let before = everywhere(&t);
        observe(&mut t, wider(7, 1.3).take(10_000));
        t.revert();
        assert_eq!(everywhere(&t), before, "{strategy:?}");
        assert_eq!(t.journal().last().map(|e| e.why), Some(Change::Reverted));
    }
}

#[test]
fn what_is_no_number_teaches_nothing() {
    for strategy in Strategy::ALL {
        let mut t = fit(&settings(strategy));
        let before = everywhere(&t);
        for score in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            teach(&mut t, 0..3000, |n| row(n, score));
        }
        assert_eq!(everywhere(&t), before, "{strategy:?}");
    }
}

#[test]
fn a_restart_goes_on_exactly_where_it_stopped() {
    for strategy in Strategy::ALL {
        let mut t = fit(&settings(strategy));
        let rows: Vec<ThresholdRow> = wider(8, 1.15).take(6000).enumerate().map(|(n, s)| row(n, s)).collect();
        let rows = rows.into_iter().map(|r| ThresholdRow { hold: alarm_if(r.time.as_secs_f64() % 900.0 > 800.0), ..r });
        for (n, row) in rows.enumerate() {
            t.observe(&row);
            if n % 997 == 0 {
                let again: Threshold = serde_json::from_str(&serde_json::to_string(&t).unwrap()).unwrap();
                assert_eq!(again, t, "{strategy:?}");
            }
        }
    }
}

#[test]
fn transitions_teach_faster() {
    for strategy in adaptive() {
        let risen = |transition: bool| {
            let scores: Vec<f64> = normal(1).take(20_000).collect();
            let modes = vec![Some(0); scores.len()];
            let mut t = Threshold::fit(&settings(strategy), &calibration(&scores, &modes)).unwrap();
            let place = (!transition).then_some(1);
            let before = t.in_force(place, transition);
            for (n, score) in wider(9, 1.3).take(600).enumerate() {
                t.observe(&ThresholdRow { mode: place, transition, ..row(n, score) });
            }
            t.in_force(place, transition) - before
        };
        assert!(risen(true) > risen(false), "{strategy:?} {} {}", risen(true), risen(false));
    }
}

#[test]
fn modes_and_transitions_have_offsets_of_their_own() {
    let in_mode = |row: usize, score: f64| match mode_of(row) {
        Some(0) => score,
        Some(_) => 1.3 * score,
        None => 1.6 * score,
    };
    let scores: Vec<f64> = normal(1).take(40_000).enumerate().map(|(row, score)| in_mode(row, score)).collect();
    for strategy in [Strategy::Context, Strategy::Gmm] {
        let t = fit_to(&settings(strategy), &scores).unwrap();
        let [first, second, transition, _] = everywhere(&t);
        assert!(second > first + 0.3 && transition > first + 0.3, "{strategy:?} {:?}", everywhere(&t));
    }
    let mut t = fit(&settings(Strategy::Context));
    let before = everywhere(&t);
    teach(&mut t, 30..1000, |n| row(n, 1.5));
    let after = everywhere(&t);
    assert!(after[0] != before[0] && after[1..] == before[1..]);
}

#[test]
fn the_journal_says_what_moved_and_keeps_the_last_of_it() {
    let mut t = fit(&settings(Strategy::Ewma));
    observe(&mut t, wider(10, 1.2).take(20_000));
    let moved: Vec<&Entry> = t.journal().filter(|e| e.why == Change::Moved).collect();
    assert!(!moved.is_empty() && moved.iter().all(|e| (e.to - e.from).abs() > 0.25));
    for n in 0..1000 {
        t.observe(&ThresholdRow { hold: alarm_if(n % 2 == 0), ..row(n, 0.1) });
    }
    assert_eq!(t.journal().len(), 64);
    assert_eq!(t.journal().last().map(|e| e.time), Some(Timestamp::from_secs(999)));
}

#[test]
fn few_calibration_rows_are_enough_to_stand_near_the_base() {
    for strategy in Strategy::ALL {
        for n in [1, 30, 300] {
            let scores: Vec<f64> = normal(11).take(n).collect();
            let t = fit_to(&settings(strategy), &scores).unwrap();
            let base = t.base().score;
            assert!(everywhere(&t).iter().all(|at| (at - base).abs() < 0.5), "{strategy:?} {n} {:?}", everywhere(&t));
        }
    }
}

#[test]
fn a_base_is_a_score_a_budget_or_costs() {
    let base = |json: &str| fit(&serde_json::from_str(json).unwrap()).base();
    assert_eq!(base(r#"{"strategy": "fixed", "score": 4}"#), Base { wanted: 4.0, score: 4.0 });
    assert_eq!(base(r#"{"strategy": "fixed", "score": 1}"#), Base { wanted: 1.0, score: 1.0 });
    let shift = base("{}");
    assert!((shift.wanted - 7200f64.log10()).abs() < 1e-9 && shift.score == 3.5);
    assert_eq!(base(r#"{"budget": "1000 per hour"}"#).score, 1.9);
    let cost = base(r#"{"cost": {"false_alarm": 1, "miss": 10}}"#);
    assert!((3.2..3.4).contains(&cost.wanted) && cost.score == cost.wanted);
    assert_eq!(fit(&serde_json::from_str(r#"{"strategy": "fixed", "score": 1}"#).unwrap()).in_force(None, false), 1.0);
}

#[test]
fn settings_are_read_as_they_are_written() {
    let read = |json: &str| serde_json::from_str::<ThresholdSettings>(json);
    let all = r#"{"strategy": "gmm", "budget": "2 per day", "floor": 2.5, "freeze_s": 60.5, "components": 2}"#;
    let settings = read(all).unwrap();
    assert_eq!(settings.freeze, Duration::from_secs_f64(60.5));
    assert_eq!(read(&serde_json::to_string(&settings).unwrap()).unwrap(), settings);
    assert_eq!(read("{}").unwrap(), ThresholdSettings::default());
    for wrong in [
        r#"{"strategy": "gmm", "flor": 3.2}"#,
        r#"{"strategy": "best"}"#,
        r#"{"budget": "1 per moon"}"#,
        r#"{"cost": {"false_alarm": 1}}"#,
        r#"{"freeze_s": -1}"#,
    ] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_setting_out_of_its_range_is_named_with_its_value_and_its_range() {
    let error = |json: &str| serde_json::from_str::<ThresholdSettings>(json).unwrap().check().unwrap_err().to_string();
    for (json, message) in [
        (r#"{"score": 40}"#, "threshold.score is 40; it must be from 0.1 to 16"),
        (r#"{"floor": -1}"#, "threshold.floor is -1; it must be from 0 to 16"),
        (r#"{"cap": 1.5}"#, "threshold.cap is 1.5; it must be from threshold.floor to 16"),
        (r#"{"reach": 17}"#, "threshold.reach is 17; it must be from 0 to 16"),
        (r#"{"fall": -0.5}"#, "threshold.fall is -0.5; it must be from 0 to 16"),
        (r#"{"freeze_s": 1e9}"#, "threshold.freeze_s is 1000000000; it must be from 0 s to 366 days"),
        (r#"{"transition_factor": 0.5}"#, "threshold.transition_factor is 0.5; it must be from 1 to 100"),
        (r#"{"alpha": 0}"#, "threshold.alpha is 0; it must be from 0.000001 to 0.5"),
        (r#"{"percentile": 95}"#, "threshold.percentile is 95; it must be from 0.6 to 0.999"),
        (r#"{"window": 10}"#, "threshold.window is 10; it must be from 100 to 50000 rows"),
        (r#"{"components": 0}"#, "threshold.components is 0; it must be from 1 to 8"),
        (
            r#"{"cost": {"false_alarm": 0, "miss": 1}}"#,
            "threshold.cost.false_alarm is 0; it must be above 0, at most 1e9",
        ),
        (r#"{"cost": {"false_alarm": 1, "miss": -1}}"#, "threshold.cost.miss is -1; it must be above 0, at most 1e9"),
        (
            r#"{"cost": {"false_alarm": 1, "miss": 1, "anomalous": 1}}"#,
            "threshold.cost.anomalous is 1; it must be above 0, at most 0.5",
        ),
        (
            r#"{"budget": "1 per day", "cost": {"false_alarm": 1, "miss": 1}}"#,
            "threshold.budget and threshold.cost both say where the threshold stands; keep one of them",
        ),
    ] {
        assert_eq!(error(json), message);
    }
    assert!(ThresholdSettings { floor: f64::NAN, ..ThresholdSettings::default() }.check().is_err());
}

#[test]
fn a_calibration_that_contradicts_itself_is_refused() {
    let (scores, modes) = ([0.5; 30], [Some(0); 30]);
    let good = calibration(&scores, &modes);
    let error = |calibration: ThresholdCalibration<'_>| {
        Threshold::fit(&ThresholdSettings::default(), &calibration).unwrap_err().to_string()
    };
    assert_eq!(
        error(ThresholdCalibration { modes: &modes[..29], ..good }),
        "30 calibration scores have 29 modes; each score needs its row's mode, or none"
    );
    assert_eq!(
        error(ThresholdCalibration { scores: &[f64::NAN; 30], ..good }),
        "none of 30 calibration scores is a finite number; record normal operation for longer"
    );
    assert_eq!(
        error(ThresholdCalibration { extremal_index: 1.5, ..good }),
        "the calibration's extremal index is 1.5; it must be above 0, at most 1"
    );
    assert_eq!(
        error(ThresholdCalibration { step: Duration::ZERO, ..good }),
        "the calibration's step is 0; it must be longer than 0 s"
    );
    assert_eq!(
        error(ThresholdCalibration { shift: Duration::ZERO, ..good }),
        "the calibration's shift is 0; it must be longer than 0 s"
    );
}

/// A strategy and its threshold after some rows of normal operation that ended with usual ones.
fn watched(strategy: usize) -> (Strategy, Threshold) {
    static ALL: LazyLock<Vec<Threshold>> = LazyLock::new(|| {
        let watch = |strategy| {
            let mut t = fit(&settings(strategy));
            observe(&mut t, normal(12).take(2000).chain([0.1; 20]));
            t
        };
        Strategy::ALL.map(watch).into()
    });
    (Strategy::ALL[strategy], ALL[strategy].clone())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn an_anomaly_never_moves_any_threshold(
        strategy in 0..Strategy::ALL.len(),
        mut scores in prop::collection::vec(2.0..16.0, 1..200),
        peak in 7.6..16.0,
        at in any::<prop::sample::Index>(),
    ) {
        let (strategy, mut t) = watched(strategy);
        let before = everywhere(&t);
        let at = at.index(scores.len());
        scores[at] = peak;
        for score in scores.into_iter().chain([0.5; SMOOTHED]) {
            t.observe(&row(500, score));
        }
        prop_assert_eq!(everywhere(&t), before, "{:?}", strategy);
    }

    #[test]
    fn what_grows_slowly_towards_the_threshold_does_not_raise_it(
        strategy in 0..Strategy::ALL.len(),
        rows in 25..400usize,
    ) {
        let (strategy, mut t) = watched(strategy);
        let before = everywhere(&t);
        let growing = |n: usize| 2.0 + (before[0] - 2.0) * n as f64 / rows as f64;
        for score in (0..rows).map(growing).chain([0.5; SMOOTHED]) {
            t.observe(&row(500, score));
        }
        prop_assert_eq!(everywhere(&t), before, "{:?}", strategy);
    }

    #[test]
    fn whatever_comes_it_stays_within_its_bounds(
        strategy in 0..Strategy::ALL.len(),
        rows in prop::collection::vec((-1.0..20.0, 0..4usize, any::<bool>(), any::<bool>()), 1..600),
    ) {
        let (strategy, mut t) = watched(strategy);
        let base = t.base().score;
        for (n, (score, mode, transition, held)) in rows.into_iter().enumerate() {
            let seen = ThresholdRow { mode: (mode < 3).then_some(mode), transition, hold: alarm_if(held), ..row(n, score) };
            if n % 7 == 0 {
                t.assess_normal(false);
            }
            let at = t.observe(&seen);
            prop_assert!((base - 0.5..=base + 4.0).contains(&at), "{:?} {}", strategy, at);
        }
    }

    #[test]
    fn the_same_data_make_the_same_thresholds(strategy in 0..Strategy::ALL.len(), seed in 0..100u64) {
        let (_, first) = watched(strategy);
        let [a, b] = [(); 2].map(|()| {
            let mut t = first.clone();
            observe(&mut t, wider(seed, 1.2).take(300));
            t
        });
        prop_assert_eq!(a, b);
    }
}
