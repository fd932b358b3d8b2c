//! The last rows' statistics, averaged over several scales.

use std::collections::VecDeque;

/// One row's statistic and what each tag had in it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Recent {
    pub(crate) statistic: f64,
    pub(crate) terms: Vec<f64>,
}

/// The last rows, as many as the longest scale needs.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Smoother {
    rows: VecDeque<Recent>,
}

impl Smoother {
    /// Takes a row and forgets what lies more than `longest` rows back.
    pub(crate) fn push(&mut self, row: Recent, longest: usize) {
        self.rows.push_back(row);
        while self.rows.len() > longest {
            self.rows.pop_front();
        }
    }

    /// The mean statistic of the last `scale` rows; none while there are fewer. It is added up afresh each time, so it
    /// depends on those rows alone and not on where the stream began.
    pub(crate) fn mean(&self, scale: usize) -> Option<f64> {
        let first = self.rows.len().checked_sub(scale)?;
        Some(self.rows.range(first..).map(|r| r.statistic).sum::<f64>() / scale as f64)
    }

    /// Each tag's terms added up over the last `scale` rows.
    pub(crate) fn terms(&self, scale: usize) -> Vec<f64> {
        let mut sum = vec![0.0; self.rows.back().map_or(0, |r| r.terms.len())];
        for row in self.rows.iter().rev().take(scale) {
            sum.iter_mut().zip(&row.terms).for_each(|(s, t)| *s += t);
        }
        sum
    }

    /// Forgets all rows: what follows is not their continuation.
    pub(crate) fn reset(&mut self) {
        self.rows.clear();
    }
}
