//! Which calibration rows a mode is judged by: its own where there are enough, else all rows together.
//!
//! Transitions are kept out of "all rows together" as soon as they can stand for themselves: a mode with few rows of its
//! own would otherwise take every step between modes for usual.

use crate::mode::Modes;

/// Transition rows that can stand for themselves.
const TRANSITION_ROWS: usize = 60;

/// How rows are pooled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pooling {
    /// How many places there are.
    pub(crate) places: usize,
    /// A mode with fewer rows than this has none of its own.
    min_rows: usize,
    /// The transition's number, where it stands for itself.
    apart: Option<usize>,
}

impl Pooling {
    pub(crate) fn new(modes: &Modes, places: &[Option<usize>], min_rows: usize) -> Self {
        let of = |place: usize| places.iter().filter(|p| **p == Some(place)).count();
        let apart = modes.transition().filter(|t| (TRANSITION_ROWS..places.len()).contains(&of(*t)));
        Self { places: modes.places(), min_rows, apart }
    }

    /// Modes without transitions.
    #[cfg(test)]
    pub(crate) fn of_modes(places: usize, min_rows: usize) -> Self {
        Self { places, min_rows, apart: None }
    }

    /// Whether a place with `own` of `all` rows is judged by them alone.
    pub(crate) fn stands_alone(&self, place: usize, own: usize, all: usize) -> bool {
        let least = if self.apart == Some(place) { TRANSITION_ROWS / 2 } else { self.min_rows.max(1) };
        (least..all).contains(&own)
    }

    /// Whether a row of this place is one of "all rows together".
    pub(crate) fn is_pooled(&self, place: Option<usize>) -> bool {
        self.apart.is_none() || place != self.apart
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{scorer::CalibrationRow, settings::ModeSettings};

    fn pooling(changes_every: usize) -> Pooling {
        let rows: Vec<CalibrationRow> = (0..1200)
            .map(|row| CalibrationRow {
                residuals: vec![vec![0.0]],
                usable: vec![true],
                values: Vec::new(),
                given_mode: Some((row / changes_every % 2) as i64),
                segment_start: row == 0,
            })
            .collect();
        let modes = Modes::fit(&rows, &ModeSettings::default(), 1).unwrap();
        let places = crate::scorer::places(&modes, &rows);
        Pooling::new(&modes, &places, 5000)
    }

    #[test]
    fn enough_transition_rows_stand_apart_though_no_mode_does() {
        let it = pooling(100);
        assert!(!it.is_pooled(Some(2)) && it.is_pooled(Some(0)) && it.is_pooled(None));
        assert!(it.stands_alone(2, 330, 1200) && !it.stands_alone(0, 400, 1200));
    }

    #[test]
    fn a_single_transition_is_one_of_all_rows() {
        assert!(pooling(900).is_pooled(Some(2)));
    }
}
