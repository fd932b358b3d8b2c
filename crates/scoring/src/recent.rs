//! The last rows of a stream, and what each method says of them over each time scale.

use std::collections::VecDeque;

use crate::methods::{Contextual, KlWindow, Measure, Method, Methods, PointWise};

/// What the methods say of one row alone.
#[derive(Debug, Clone, PartialEq)]
struct RowErrors {
    point_wise: f64,
    contextual: f64,
    mahalanobis: f64,
    probabilistic: f64,
    /// Each tag's part in the point-wise error.
    terms: Vec<f64>,
}

/// A row as it is seen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen<'a> {
    /// Residuals in scales, NaN where nothing was measured.
    pub(crate) z: &'a [f64],
    /// Whose deviation matters.
    pub(crate) matters: &'a [bool],
}

impl Seen<'_> {
    /// The residuals, and `instead` where a measured one does not matter.
    fn with(&self, instead: f64) -> Vec<f64> {
        let cells = self.z.iter().zip(self.matters);
        cells.map(|(z, matters)| if *matters || z.is_nan() { *z } else { instead }).collect()
    }
}

/// The last rows, as many as the longest scale needs. What it says depends on those rows alone and not on where the stream
/// began.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Recent {
    rows: VecDeque<RowErrors>,
    /// One a scale.
    windows: Vec<(usize, KlWindow)>,
}

impl Recent {
    /// Takes a row at a place. What does not matter is as usual as can be, and no part of a distribution.
    pub(crate) fn push(&mut self, methods: &Methods, scales: &[usize], seen: &Seen<'_>, place: Option<usize>) {
        let longest = scales.iter().copied().max().unwrap_or(1);
        let z = seen.with(0.0);
        self.rows.push_back(RowErrors {
            point_wise: PointWise::statistic(&z),
            contextual: Contextual::row_error(&z),
            mahalanobis: methods.mahalanobis.as_ref().map_or(0.0, |m| m.statistic(&z)),
            probabilistic: methods.likelihood.statistic(&z, place),
            terms: PointWise::terms(&z),
        });
        while self.rows.len() > Contextual::rows(longest) {
            self.rows.pop_front();
        }
        // Terms are not looked at further back than the longest scale.
        if let Some(old) = self.rows.len().checked_sub(longest + 1) {
            self.rows[old].terms = Vec::new();
        }
        if self.windows.is_empty() {
            self.windows = scales.iter().map(|rows| (*rows, KlWindow::new(&methods.kl, *rows))).collect();
        }
        let matters = seen.with(f64::NAN);
        self.windows.iter_mut().for_each(|(_, window)| window.push(&methods.kl, &matters));
    }

    /// What a method says over a scale; none while there are too few rows.
    pub(crate) fn value(&self, methods: &Methods, measure: Measure) -> Option<f64> {
        match measure.method {
            Method::PointWise => self.mean(measure.rows, |row| row.point_wise),
            Method::Mahalanobis => self.mean(measure.rows, |row| row.mahalanobis),
            Method::Probabilistic => self.mean(measure.rows, |row| row.probabilistic),
            Method::Contextual => Contextual::average(self.rows.iter().map(|row| row.contextual), measure.rows),
            Method::KlDivergence => self.windows.iter().find(|(rows, _)| *rows == measure.rows)?.1.value(&methods.kl),
        }
    }

    /// Each tag's mean part in the point-wise errors of the last `rows` rows.
    pub(crate) fn terms(&self, rows: usize) -> Vec<f64> {
        let mut sum = vec![0.0; self.rows.back().map_or(0, |r| r.terms.len())];
        let some = self.rows.len().min(rows).max(1) as f64;
        for row in self.rows.iter().rev().take(rows) {
            sum.iter_mut().zip(&row.terms).for_each(|(s, t)| *s += t / some);
        }
        sum
    }

    /// Forgets all rows: what follows is not their continuation.
    pub(crate) fn reset(&mut self) {
        self.rows.clear();
        self.windows.clear();
    }

    /// It is added up afresh each time, so that rounding does not depend on where the stream began.
    fn mean(&self, rows: usize, of: impl Fn(&RowErrors) -> f64) -> Option<f64> {
        let first = self.rows.len().checked_sub(rows)?;
        Some(self.rows.range(first..).map(of).sum::<f64>() / rows as f64)
    }
}
