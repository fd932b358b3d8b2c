//! How a tag behaves in normal operation, apart from what the model expects of it.

use serde::{Deserialize, Serialize};

use crate::scale::MAD_TO_SIGMA;

/// One tag in normal operation, in the tag's unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TagHabits {
    /// Rows in the longest run of one and the same value.
    pub longest_run: usize,
    /// How far it moves from row to row, as a robust standard deviation; 0 if it mostly stands still.
    pub step: f64,
    /// The lowest and the highest value; none if it was never measured.
    pub seen: Option<(f64, f64)>,
}

impl TagHabits {
    /// The habits of one tag whose `values` stand in the order of their rows; NaN where nothing was measured. They must
    /// be filled as the rows to be judged later are: a tag that its source reports only when it changes stands still
    /// between reports, and that is its habit.
    pub fn fit(values: &[f64]) -> Self {
        let seen = values.iter().copied().filter(|v| v.is_finite());
        let seen = seen.fold(None, |e: Option<(f64, f64)>, v| Some(e.map_or((v, v), |(l, h)| (l.min(v), h.max(v)))));
        Self { longest_run: longest_run(values), step: step(values), seen }
    }

    /// The habits of each of `tags` tags, from rows one after another (row-major).
    pub fn of_rows(values: &[f64], tags: usize) -> Vec<Self> {
        let column = |tag: usize| values.iter().copied().skip(tag).step_by(tags).collect::<Vec<f64>>();
        (0..tags).map(|tag| Self::fit(&column(tag))).collect()
    }

    /// Whether the tag has shown `value`, or one on either side of it.
    pub(super) fn knows(&self, value: f64) -> bool {
        self.seen.is_some_and(|(low, high)| (low..=high).contains(&value))
    }
}

/// Rows of the longest run of equal values; a row without a value neither ends a run nor adds to it.
fn longest_run(values: &[f64]) -> usize {
    let (mut longest, mut run, mut last) = (0, 0, f64::NAN);
    for value in values.iter().copied().filter(|v| v.is_finite()) {
        run = if value == last { run + 1 } else { 1 };
        longest = longest.max(run);
        last = value;
    }
    longest
}

/// The robust standard deviation of differences between consecutive values; 0 if there are none. The median leaves out the
/// steps between operating modes.
pub(super) fn step(values: &[f64]) -> f64 {
    let differences = values.windows(2).map(|w| (w[1] - w[0]).abs()).filter(|d| d.is_finite());
    let mut differences: Vec<f64> = differences.collect();
    differences.sort_by(f64::total_cmp);
    MAD_TO_SIGMA * differences.get(differences.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO: f64 = f64::NAN;

    #[test]
    fn the_longest_run_spans_rows_without_a_value() {
        assert_eq!(TagHabits::fit(&[1.0, 2.0, 2.0, NO, 2.0, 3.0, 3.0]).longest_run, 3);
        assert_eq!(TagHabits::fit(&[NO, NO]).longest_run, 0);
    }

    #[test]
    fn the_step_is_that_of_most_rows_and_not_of_a_change_of_mode() {
        let values: Vec<f64> = (0..100).map(|i| f64::from(i % 2) + if i > 50 { 1e6 } else { 0.0 }).collect();
        assert!((TagHabits::fit(&values).step - MAD_TO_SIGMA).abs() < 1e-6);
        assert_eq!(TagHabits::fit(&[4.0; 10]).step, 0.0);
    }

    #[test]
    fn each_tag_of_the_rows_has_its_own_habits() {
        let habits = TagHabits::of_rows(&[1.0, 5.0, 2.0, 5.0, NO, 5.0], 2);
        assert_eq!(habits[0].seen, Some((1.0, 2.0)));
        assert_eq!(habits[1], TagHabits { longest_run: 3, step: 0.0, seen: Some((5.0, 5.0)) });
        assert_eq!(TagHabits::fit(&[]), TagHabits { longest_run: 0, step: 0.0, seen: None });
        assert!(TagHabits::of_rows(&[], 0).is_empty());
    }

    #[test]
    fn habits_are_written_and_read() {
        let habits = TagHabits::fit(&[1.0, 2.5]);
        assert_eq!(serde_json::from_str::<TagHabits>(&serde_json::to_string(&habits).unwrap()).unwrap(), habits);
    }
}
