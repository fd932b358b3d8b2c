//! Behaviour of the judge as a whole, on simulated residuals.

use std::time::Duration;

use andon_plant::Mode;
use andon_scoring::{
    CalibrationRow, FitError, Fitted, Judgement, Row, Scorer, ScorerSettings, TagLimits, limits::Direction,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

const TAGS: usize = 5;
const STEP: Duration = Duration::from_secs(1);

/// Rows of normal operation: residuals of two models of five tags with scales 1, 2, 3, .., in three modes that last 200 rows
/// each and show in the values.
struct Plant {
    rng: ChaCha8Rng,
    row: usize,
    mode_tag: bool,
}

impl Plant {
    fn new(seed: u64) -> Self {
        Self { rng: ChaCha8Rng::seed_from_u64(seed), row: 0, mode_tag: false }
    }

    fn noise(&mut self) -> f64 {
        StandardNormal.sample(&mut self.rng)
    }

    fn next(&mut self) -> CalibrationRow {
        let mode = self.row / 200 % 3;
        self.row += 1;
        let residual: Vec<f64> = (1..=TAGS).map(|tag| tag as f64 * self.noise()).collect();
        // Another model's residuals are much the same.
        let other = residual.iter().map(|r| 1.5 * r + 0.3 * self.noise()).collect();
        let values = (0..8).map(|j| if j % 3 == mode { 10.0 } else { 0.0 } + self.noise()).collect();
        let given_mode = self.mode_tag.then_some(10 * mode as i64);
        let segment_start = self.row == 1;
        CalibrationRow { residuals: vec![residual, other], usable: vec![true; TAGS], values, given_mode, segment_start }
    }

    fn rows(&mut self, n: usize) -> Vec<CalibrationRow> {
        (0..n).map(|_| self.next()).collect()
    }
}

fn fitted() -> Scorer {
    fit(&Plant::new(1).rows(3000))
}

fn fit(rows: &[CalibrationRow]) -> Scorer {
    fit_with(rows, &ScorerSettings::default()).scorer
}

fn fit_with(rows: &[CalibrationRow], settings: &ScorerSettings) -> Fitted {
    match Scorer::fit(rows, STEP, settings, 7) {
        Ok(fitted) => fitted,
        Err(e) => panic!("{e}"),
    }
}

fn judge(scorer: &mut Scorer, row: &CalibrationRow) -> Judgement {
    scorer.judge(&of(row))
}

fn of(row: &CalibrationRow) -> Row<'_> {
    Row { residuals: &row.residuals, limits: &[], usable: &row.usable, values: &row.values, given_mode: row.given_mode }
}

/// The row with `residual` in tag number `tag` of both models.
fn with(mut row: CalibrationRow, tag: usize, residual: f64) -> CalibrationRow {
    row.residuals.iter_mut().for_each(|r| r[tag] = residual);
    row
}

/// The judgement of a row with `residual` in tag 2 after some normal rows.
fn with_residual(scorer: &Scorer, residual: f64) -> Judgement {
    let mut scorer = scorer.clone();
    let mut plant = Plant::new(2);
    plant.rows(30).iter().for_each(|r| drop(judge(&mut scorer, r)));
    judge(&mut scorer, &with(plant.next(), 2, residual))
}

#[test]
fn far_row_is_finite_and_scores_above_a_near_one() {
    let scorer = fitted();
    let scores: Vec<f64> =
        [6.0, 12.0, 30.0, 100.0, 1e4, 1e9, 1e100].iter().map(|r| with_residual(&scorer, *r).score).collect();
    assert!(scores.windows(2).all(|w| w[0] < w[1]), "{scores:?}");
    assert!(scores.iter().all(|s| (0.0..=16.0).contains(s)), "{scores:?}");
    assert!(scores[2] > 3.5, "one row of ten sigma in one tag is far: {scores:?}");
}

#[test]
fn the_guilty_tag_carries_the_score() {
    let shares = with_residual(&fitted(), 30.0).contributions;
    assert!(shares[2] > 0.7, "{shares:?}");
    assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
}

#[test]
fn an_imputed_tag_contributes_nothing_whatever_its_residual() {
    let scorer = fitted();
    let mut plant = Plant::new(3);
    let mut row = plant.next();
    row.usable[2] = false;
    let judged = [0.0, 1e9, f64::NAN].map(|r| {
        row = with(row.clone(), 2, r);
        judge(&mut scorer.clone(), &row)
    });
    assert_eq!(judged[0].contributions[2], 0.0);
    assert!(judged.iter().all(|j| *j == judged[0]), "{judged:?}");
    assert!(judged[0].score < 3.0);
}

#[test]
fn limits_make_rows_more_usual_and_teach_no_drift() {
    let limits = [TagLimits::new(Direction::High, 0.0).unwrap(), TagLimits::new(Direction::Both, 50.0).unwrap()];
    let (mut free, mut limited) = (fitted(), fitted());
    let (mut over, mut over_limited) = (0, 0);
    for row in Plant::new(9).rows(4_000) {
        over += usize::from(judge(&mut free, &row).score >= 1.0);
        over_limited += usize::from(limited.judge(&Row { limits: &limits, ..of(&row) }).score >= 1.0);
        limited.follow();
    }
    assert!(over_limited <= over, "{over_limited} {over}");
    let low = with(Plant::new(10).next(), 0, -30.0);
    assert!(limited.clone().judge(&Row { limits: &limits, ..of(&low) }).score + 1.0 < judge(&mut free, &low).score);
    // 4,000 rows of a time constant of 172,800: chance moves a drift by some .0004 scales, half of it by .009.
    let drift = limited.drift();
    assert!(drift[0].iter().zip(1..).all(|(drift, scale)| drift.abs() < 0.005 * f64::from(scale)), "{drift:?}");
}

#[test]
fn nothing_that_is_not_a_number_becomes_a_score() {
    let mut scorer = fitted();
    for residual in [vec![f64::NAN; TAGS], vec![f64::INFINITY; TAGS], vec![0.0; TAGS], vec![]] {
        let residuals = [residual.clone(), residual];
        let j = scorer.judge(&Row {
            residuals: &residuals,
            limits: &[],
            usable: &[true; TAGS],
            values: &[0.0; 8],
            given_mode: None,
        });
        assert!(j.score.is_finite() && j.p > 0.0 && j.p <= 1.0, "{j:?}");
        assert!((j.contributions.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{j:?}");
    }
}

#[test]
fn scores_of_fresh_normal_rows_mean_what_they_say() {
    let mut scorer = fitted();
    let n = 60_000;
    let scores: Vec<f64> = Plant::new(4).rows(n).iter().map(|r| judge(&mut scorer, r).score).collect();
    for (s, want) in [(1.0, 0.1), (2.0, 0.01)] {
        let share = scores.iter().filter(|x| **x >= s).count() as f64 / n as f64;
        assert!((0.5 * want..=2.0 * want).contains(&share), "{s}: {share}");
    }
}

#[test]
fn the_interval_holds_the_probability() {
    let mut scorer = fitted();
    for row in Plant::new(5).rows(500) {
        let j = judge(&mut scorer, &row);
        assert!(j.probability_low <= j.probability && j.probability <= j.probability_high, "{j:?}");
        assert!(j.probability_low >= 0.0 && j.probability_high <= 1.0 && (j.probability - 1.0 + j.p).abs() < 1e-15);
    }
}

#[test]
fn modes_are_known_again_and_far_values_are_of_none() {
    let mut scorer = fitted();
    assert_eq!(scorer.modes().count(), 3);
    let mut row = Plant::new(6).next();
    assert!(matches!(judge(&mut scorer, &row).mode, Mode::Known(_)));
    row.values = vec![200.0; 8];
    assert_eq!(judge(&mut scorer, &row).mode, Mode::Unknown);
}

#[test]
fn a_mode_tag_names_the_modes_and_a_new_value_is_unknown() {
    let mut plant = Plant { mode_tag: true, ..Plant::new(1) };
    let mut scorer = fit(&plant.rows(3000));
    let mut row = plant.next();
    assert_eq!(judge(&mut scorer, &row).mode, Mode::Known("mode 0".to_owned()));
    for other in [Some(40), None] {
        row.given_mode = other;
        assert_eq!(judge(&mut scorer, &row).mode, Mode::Unknown);
    }
}

#[test]
fn a_residual_normal_in_one_mode_is_not_in_another() {
    let mut plant = Plant { mode_tag: true, ..Plant::new(1) };
    let loud = |mut row: CalibrationRow| {
        if row.given_mode == Some(10) {
            row.residuals.iter_mut().for_each(|r| r[0] *= 10.0);
        }
        row
    };
    let rows: Vec<CalibrationRow> = plant.rows(6000).into_iter().map(loud).collect();
    let scorer = fit(&rows);
    let score = |mode: i64| {
        let mut row = with(Plant::new(2).next(), 0, 12.0);
        row.given_mode = Some(mode);
        judge(&mut scorer.clone(), &row).score
    };
    assert!(score(0) > 3.0 && score(10) < 2.0, "{} {}", score(0), score(10));
}

#[test]
fn few_rows_of_one_segment_are_judged_with_care() {
    let reached = |seed: u64| {
        let mut scorer = fit(&Plant::new(seed).rows(120));
        let rows = Plant::new(100 + seed).rows(1000);
        rows.iter().filter(|r| judge(&mut scorer, r).score >= 3.0).count()
    };
    let mut reached: Vec<usize> = (0..20).map(reached).collect();
    reached.sort_unstable();
    let share = reached.iter().sum::<usize>() as f64 / 20_000.0;
    assert!(reached[10] <= 3 && share < 0.015, "{reached:?}");
}

#[test]
fn a_written_scorer_judges_alike_after_it_is_read() {
    let rows = Plant::new(1).rows(2000);
    let mut first = fit(&rows);
    let mut second: Scorer = serde_json::from_str(&serde_json::to_string(&first).unwrap()).unwrap();
    for row in Plant::new(8).rows(300) {
        let (a, b) = (judge(&mut first, &row), judge(&mut second, &row));
        assert_eq!(a.mode, b.mode);
        assert!((a.score - b.score).abs() < 1e-9, "{} {}", a.score, b.score);
    }
}

#[test]
fn the_same_seed_gives_the_same_judge_and_a_reset_begins_afresh() {
    let rows = Plant::new(1).rows(1500);
    let mut scorer = fit(&rows);
    assert_eq!(scorer, fit(&rows));
    let fresh = Plant::new(8).rows(50);
    let once: Vec<Judgement> = fresh.iter().map(|r| judge(&mut scorer, r)).collect();
    scorer.reset();
    let again: Vec<Judgement> = fresh.iter().map(|r| judge(&mut scorer, r)).collect();
    assert_eq!(once, again);
}

#[test]
fn scores_do_not_depend_on_where_the_stream_began() {
    let scorer = fitted();
    let rows = Plant::new(8).rows(400);
    let late = |from: usize| {
        let mut scorer = scorer.clone();
        rows[from..].iter().map(|r| judge(&mut scorer, r).score).collect::<Vec<_>>()
    };
    assert_eq!(late(0)[300..], late(50)[250..]);
}

#[test]
fn calibration_that_says_nothing_is_refused() {
    let refuse = |rows: &[CalibrationRow]| Scorer::fit(rows, STEP, &ScorerSettings::default(), 1).unwrap_err();
    let rows = Plant::new(1).rows(100);
    assert_eq!(refuse(&rows[..5]), FitError::TooFewRows { have: 5, need: 20 });
    let mut ragged = rows.clone();
    ragged[9].residuals[1].pop();
    assert!(matches!(refuse(&ragged), FitError::Ragged { row: 9, .. }));
    let still: Vec<CalibrationRow> =
        rows.iter().map(|r| CalibrationRow { residuals: vec![vec![0.5; TAGS]; 2], ..r.clone() }).collect();
    assert_eq!(refuse(&still), FitError::NothingVaries { tags: TAGS, rows: 100 });
}

#[test]
fn a_constant_tag_never_scores() {
    let mut rows = Plant::new(1).rows(1000);
    rows.iter_mut().for_each(|r| *r = with(r.clone(), 4, 0.25));
    let mut scorer = fit(&rows);
    let judged = judge(&mut scorer, &with(Plant::new(2).next(), 4, 0.25));
    assert!(judged.score < 3.0 && judged.contributions[4] == 0.0, "{judged:?}");
}

#[test]
fn settings_refuse_unknown_keys() {
    assert!(serde_json::from_str::<ScorerSettings>(r#"{"scales": [1, 5], "modes": {"max_components": 3}}"#).is_ok());
    assert!(serde_json::from_str::<ScorerSettings>(r#"{"scale": [1]}"#).is_err());
}
