use andon_plant::Ne107;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::*;

const ROWS: usize = 60;
/// Deviation of the tag's noise around what is expected, in its unit.
const NOISE: f64 = 0.5;

/// A tag that swings between 50 and 70 and shows its value to a tenth.
struct Tag {
    rng: ChaCha8Rng,
    range: Option<Range>,
    others: bool,
}

fn tag(seed: u64) -> Tag {
    Tag { rng: ChaCha8Rng::seed_from_u64(seed), range: Range::new(0.0, 150.0).ok(), others: false }
}

fn wave(row: usize) -> f64 {
    60.0 + 10.0 * (row as f64 / 40.0).sin()
}

fn tenth(value: f64) -> f64 {
    (10.0 * value).round() / 10.0
}

impl Tag {
    fn noise(&mut self) -> f64 {
        StandardNormal.sample(&mut self.rng)
    }

    fn values(&mut self, rows: usize) -> Vec<f64> {
        (0..rows).map(|row| tenth(wave(row) + NOISE * self.noise())).collect()
    }

    /// What is found in 60 rows of which the last ones pass through `fault` (rows since it began, normal value).
    fn with(mut self, last: usize, fault: impl Fn(&mut Self, usize, f64) -> f64) -> Option<Finding> {
        let habits = TagHabits::fit(&self.values(3000));
        let normal = self.values(ROWS);
        let values: Vec<f64> = normal
            .iter()
            .enumerate()
            .map(|(row, v)| if row < ROWS - last { *v } else { fault(&mut self, row + last - ROWS, *v) })
            .collect();
        let expected: Vec<f64> = (0..ROWS).map(wave).collect();
        let scale = TagScale { centre: 0.0, scale: NOISE, reach: 3.3 * NOISE };
        let rows =
            TagRows { values: &values, expected: &expected, scale, range: self.range, habits, others: self.others };
        diagnose(&rows)
    }
}

/// Of 200 tags, at least 95 in a hundred with `fault` for the last `last` rows are of this class.
fn check(want: FaultClass, last: usize, fault: impl Fn(&mut Tag, usize, f64) -> f64) {
    let found: Vec<Option<FaultClass>> = (0..200).map(|seed| tag(seed).with(last, &fault).map(|f| f.class)).collect();
    let right = found.iter().filter(|f| **f == Some(want)).count();
    assert!(right >= 190, "{want:?} in {last} rows: {right} of 200, {:?}", found.iter().find(|f| **f != Some(want)));
}

#[test]
fn each_fault_is_known_by_what_it_looks_like() {
    for last in [6, 20, 60] {
        check(FaultClass::OutOfRange, last, |_, _, _| 152.0);
        check(FaultClass::Stuck, last.max(9), |_, _, _| 61.3);
        check(FaultClass::Deviation, last, |_, _, v| v + 8.0 * NOISE);
        check(FaultClass::Deviation, last, |_, _, v| v - 8.0 * NOISE);
    }
    check(FaultClass::Deviation, 60, |_, row, v| v + 8.0 * NOISE * row as f64 / 60.0);
    for last in [15, 30, 60] {
        check(FaultClass::NoiseBurst, last, |t, _, v| v + 8.0 * NOISE * t.noise());
    }
    check(FaultClass::Spike, 25, |_, row, v| v + 20.0 * NOISE * (-3.0 * row as f64 / 40.0).exp());
    check(FaultClass::Spike, 4, |_, row, v| if row == 0 { v + 20.0 * NOISE } else { v });
}

#[test]
fn a_normal_tag_is_rarely_called_anything() {
    let called = (0..200).filter(|seed| tag(*seed).with(0, |_, _, v| v).is_some()).count();
    assert!(called <= 10, "{called}");
}

#[test]
fn what_is_over_or_was_not_measured_is_nothing() {
    assert_eq!(tag(1).with(20, |_, row, v| if row < 10 { v + 9.0 } else { v }), None);
    assert_eq!(tag(1).with(60, |_, _, _| f64::NAN), None);
}

#[test]
fn a_finding_says_since_when_and_how_far() {
    let found = tag(2).with(20, |_, _, v| v - 6.0).unwrap();
    assert!(found.rows == 20 && (-7.0..-5.0).contains(&found.deviation), "{found:?}");
    let spike = tag(2).with(4, |_, row, v| if row == 0 { v + 30.0 } else { v }).unwrap();
    assert!(spike.rows == 4 && (28.0..32.0).contains(&spike.deviation), "{spike:?}");
    let noise = tag(2).with(40, |t, _, v| v + 5.0 * t.noise()).unwrap();
    assert!((3.0..7.0).contains(&noise.deviation), "{noise:?}");
}

#[test]
fn a_small_lean_that_lasts_is_a_deviation() {
    check(FaultClass::Deviation, 40, |_, _, v| v + 2.2 * NOISE);
}

#[test]
fn with_other_tags_it_is_the_process_unless_the_value_gives_the_sensor_away() {
    let joint = |last, fault: fn(&mut Tag, usize, f64) -> f64| {
        Tag { others: true, ..tag(3) }.with(last, fault).map(|f| f.class)
    };
    assert_eq!(joint(20, |_, _, v| v + 6.0), Some(FaultClass::JointDeviation));
    assert_eq!(joint(20, |t, _, v| v + 6.0 * t.noise()), Some(FaultClass::JointDeviation));
    assert_eq!(joint(20, |_, _, _| 61.3), Some(FaultClass::Stuck));
    assert_eq!(joint(20, |_, _, _| 200.0), Some(FaultClass::OutOfRange));
    assert_eq!(joint(20, |_, _, _| 0.0), Some(FaultClass::JointDeviation), "a pump that has stopped");
}

fn still(value: f64, longest_run: usize) -> Option<Finding> {
    let habits = TagHabits { longest_run, step: 0.0, seen: Some((value, value)) };
    let scale = TagScale { centre: 0.0, scale: 0.0, reach: 0.0 };
    let rows = [value; ROWS];
    diagnose(&TagRows { values: &rows, expected: &rows, scale, range: None, habits, others: false })
}

#[test]
fn a_tag_that_normally_stands_still_is_not_stuck() {
    assert_eq!(still(7.0, 3000), None);
    assert_eq!(still(7.0, 45), None);
    assert_eq!(still(7.0, 20).map(|f| (f.class, f.rows)), Some((FaultClass::Stuck, ROWS)));
}

#[test]
fn a_range_that_normal_operation_leaves_is_typed_in_wrong() {
    let tag = Tag { range: Range::new(0.0, 55.0).ok(), ..tag(4) };
    assert_eq!(tag.with(20, |_, _, v| v - 5.0).map(|f| f.class), Some(FaultClass::Deviation));
}

#[test]
fn rows_without_a_value_hide_no_stuck_tag() {
    let found = tag(5).with(20, |_, row, _| if row % 3 == 0 { f64::NAN } else { 61.3 });
    assert_eq!(found.map(|f| f.class), Some(FaultClass::Stuck));
}

#[test]
fn rows_of_unequal_length_and_no_rows_are_no_trouble() {
    let habits = TagHabits::fit(&[]);
    let scale = TagScale { centre: 0.0, scale: 1.0, reach: 3.0 };
    let rows = TagRows { values: &[1.0; 7], expected: &[1.0], scale, range: None, habits, others: false };
    assert_eq!(diagnose(&rows), None);
    assert_eq!(diagnose(&TagRows { values: &[], ..rows }), None);
}

#[test]
fn another_tag_counts_from_half_the_share_on() {
    assert!(!others_deviate(&[0.8, 0.1, 0.1], 0));
    assert!(others_deviate(&[0.5, 0.3, 0.2], 0));
    assert!(others_deviate(&[0.8, 0.1, 0.1], 1));
    assert!(!others_deviate(&[1.0, 0.0], 0) && !others_deviate(&[], 0) && !others_deviate(&[0.0, 0.0], 0));
}

#[test]
fn the_word_is_the_one_in_json_and_health_follows_the_class() {
    use FaultClass::*;
    for class in [OutOfRange, Stuck, NoiseBurst, Spike, Deviation, JointDeviation] {
        assert_eq!(serde_json::to_string(&class).unwrap(), format!("\"{}\"", class.as_str()));
    }
    assert_eq!(Stuck.health(), Ne107::Failure);
    assert_eq!(Deviation.health(), Ne107::MaintenanceRequired);
    assert_eq!(JointDeviation.health(), Ne107::OutOfSpecification);
    assert!(Deviation.is_sensor() && !JointDeviation.is_sensor());
}
