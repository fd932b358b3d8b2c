//! The newest rows as they were measured and expected: what an anomaly is explained with.

use std::{collections::VecDeque, time::Duration};

use andon_plant::{FaultClass, Tag, TagFinding, Window};
use andon_scoring::{
    Judgement, Scorer,
    explain::{Finding, Reason, TagHabits, TagRows, diagnose, others_deviate, reason},
};

/// Rows looked back.
const ROWS: usize = 60;
/// Rows back to which a tag that is as expected again is still said to be off: the scale of the score's leaders.
const LATELY: usize = 10;
/// Tags that are looked at.
const NAMED: usize = 3;
/// A tag that carries less than this share is not looked at.
const NAMED_SHARE: f64 = 0.1;

/// The last rows of the stream.
pub(crate) struct Evidence {
    habits: Vec<TagHabits>,
    /// The time between two rows.
    step: Duration,
    rows: VecDeque<Seen>,
}

/// One row, one number a tag.
struct Seen {
    /// NaN where it was made up.
    values: Vec<f64>,
    expected: Vec<f64>,
}

impl Evidence {
    pub(crate) fn new(habits: Vec<TagHabits>, step: Duration) -> Self {
        Self { habits, step, rows: VecDeque::new() }
    }

    /// Takes the newest row of a window and what the model expected of it.
    pub(crate) fn take(&mut self, window: &Window, expected: &[f64]) {
        let newest = window.rows - 1;
        let cells = window.row(newest).iter().zip(window.row_fill(newest));
        let values = cells.map(|(value, fill)| if fill.is_imputed() { f64::NAN } else { *value }).collect();
        self.rows.push_back(Seen { values, expected: expected.to_vec() });
        while self.rows.len() > ROWS {
            self.rows.pop_front();
        }
    }

    pub(crate) fn reset(&mut self) {
        self.rows.clear();
    }

    /// What is wrong with the tags that carried the newest row's score most, largest share first.
    pub(crate) fn findings(&self, tags: &[Tag], judgement: &Judgement, scorer: &Scorer) -> Vec<TagFinding> {
        let shares = &judgement.contributions;
        let mut order: Vec<usize> = (0..shares.len()).filter(|tag| shares[*tag] >= NAMED_SHARE).collect();
        order.sort_by(|a, b| shares[*b].total_cmp(&shares[*a]));
        order.truncate(NAMED);
        order.into_iter().filter_map(|ix| self.finding(ix, tags.get(ix)?, judgement, scorer)).collect()
    }

    fn finding(&self, ix: usize, tag: &Tag, judgement: &Judgement, scorer: &Scorer) -> Option<TagFinding> {
        let at = |row: &[f64]| row.get(ix).copied().unwrap_or(f64::NAN);
        let rows = self.rows.iter().map(|row| (at(&row.values), at(&row.expected)));
        let (values, expected): (Vec<f64>, Vec<f64>) = rows.unzip();
        let (scale, habits) = (*scorer.tags()?.tags().get(ix)?, *self.habits.get(ix)?);
        let others = others_deviate(&judgement.contributions, ix);
        let rows = TagRows { values: &values, expected: &expected, scale, range: tag.range, habits, others };
        let value = *values.last()?;
        let class = if others { FaultClass::JointDeviation } else { FaultClass::Deviation };
        let found = diagnose(&rows).unwrap_or(Finding { class, rows: 1, deviation: farthest(&values, &expected) });
        let reason = reason(&Reason {
            tag: &tag.name,
            unit: &tag.unit,
            class: found.class,
            value,
            deviation: found.deviation,
            range: tag.range,
            mode: &judgement.mode,
            lasted: self.step * found.rows as u32,
        });
        Some(TagFinding { tag: tag.name.clone(), class: found.class, text: reason })
    }
}

/// The largest deviation of the last rows: where the newest row is as expected, it is not what the score is high for.
fn farthest(values: &[f64], expected: &[f64]) -> f64 {
    let newest = values.iter().zip(expected).rev().take(LATELY);
    let deviations = newest.map(|(value, expected)| value - expected).filter(|deviation| deviation.is_finite());
    deviations.max_by(|a, b| a.abs().total_cmp(&b.abs())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_that_is_back_as_expected_is_named_by_how_far_it_was_off() {
        assert_eq!(farthest(&[9.0, 1.0, f64::NAN, 1.0 + 1e-4], &[1.0, 3.0, 1.0, 1.0]), 8.0);
        assert_eq!(farthest(&[9.0; 1], &[1.0]), 8.0);
        let (mut values, expected) = ([1.0; 30], [1.0; 30]);
        (values[0], values[28]) = (50.0, -3.0);
        assert_eq!(farthest(&values, &expected), -4.0);
    }
}
