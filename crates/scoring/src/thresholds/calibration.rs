//! What a threshold is fitted to: scores of normal operation, and where each belongs.

use std::time::Duration;

use andon_plant::verdict::MAX_SCORE;
use serde::{Deserialize, Serialize};

use super::{
    Base, ThresholdError,
    lessons::{Lesson, Lessons},
    moments::Moments,
};

/// Scores that calibration is taken to have seen before its own: a few rows do not say how the scores of a mode differ
/// from what scores are.
const BELIEVED: u32 = 1000;

/// Scores of normal operation in the order of their rows, and what is known about them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ThresholdCalibration<'a> {
    /// -log10 p of each row, as a fresh row would be scored.
    pub scores: &'a [f64],
    /// Each row's mode: a number below `mode_count`, that number for a transition, none where it is of no known mode.
    pub modes: &'a [Option<usize>],
    /// How many modes there are.
    pub mode_count: usize,
    /// How many runs there are for each row above a high score, above 0 to 1 (Ferro and Segers 2003).
    pub extremal_index: f64,
    /// From one row to the next.
    pub step: Duration,
    /// How long a shift is.
    pub shift: Duration,
}

impl ThresholdCalibration<'_> {
    pub(super) fn check(&self) -> Result<(), ThresholdError> {
        let (scores, modes) = (self.scores.len(), self.modes.len());
        if scores != modes {
            return Err(ThresholdError::Ragged { scores, modes });
        }
        if !self.scores.iter().any(|s| s.is_finite()) {
            return Err(ThresholdError::NoScores { scores });
        }
        let facts = [
            ("extremal index", self.extremal_index, 1.0, "above 0, at most 1"),
            ("step", self.step.as_secs_f64(), f64::MAX, "longer than 0 s"),
            ("shift", self.shift.as_secs_f64(), f64::MAX, "longer than 0 s"),
        ];
        match facts.into_iter().find(|(_, value, most, _)| !(*value > 0.0 && value <= most)) {
            Some((name, value, _, range)) => Err(ThresholdError::Calibration { name, value, range }),
            None => Ok(()),
        }
    }
}

/// Where a row belongs: a mode, a transition, or no mode that calibration has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place(pub(super) usize);

/// The places there are: the modes, then transitions, then what is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Places {
    modes: usize,
}

impl Places {
    pub(super) fn new(modes: usize) -> Self {
        Self { modes }
    }

    pub(super) fn count(self) -> usize {
        self.modes + 2
    }

    pub(super) fn all(self) -> impl Iterator<Item = Place> {
        (0..self.count()).map(Place)
    }

    pub(super) fn of(self, mode: Option<usize>, transition: bool) -> Place {
        match mode {
            Some(mode) if !transition && mode < self.modes => Place(mode),
            None if !transition => Place(self.modes + 1),
            _ => Place(self.modes),
        }
    }
}

/// Calibration as the strategies see it: only what would have taught, had the threshold stood at its base.
#[derive(Debug, Clone)]
pub(super) struct Normal {
    pub(super) base: f64,
    pub(super) places: Places,
    pub(super) extremal_index: f64,
    /// The moments of what teaches.
    pub(super) moments: Moments,
    pub(super) lessons: Vec<Lesson>,
}

impl Normal {
    pub(super) fn new(calibration: &ThresholdCalibration<'_>, base: Base) -> Self {
        let places = Places::new(calibration.mode_count);
        let (mut gate, mut lessons) = (Lessons::default(), Vec::new());
        for (score, mode) in calibration.scores.iter().zip(calibration.modes).filter(|(s, _)| s.is_finite()) {
            let place = places.of(*mode, false);
            let lesson = Lesson { score: score.clamp(0.0, MAX_SCORE), place, speed: 1.0 };
            gate.hear(lesson, base.score, |lesson| lessons.push(*lesson));
        }
        let all = calibration.scores.iter().filter(|s| s.is_finite()).map(|s| s.clamp(0.0, MAX_SCORE));
        let taught = Moments::of(believed().chain(lessons.iter().map(|l| l.score)));
        let moments = Moments::normal(taught, Moments::of(believed().chain(all)));
        Self { base: base.score, places, extremal_index: calibration.extremal_index, moments, lessons }
    }

    /// What scores are before any was seen, then those of the rows at `place`, or of all.
    pub(super) fn scores(&self, place: Option<Place>) -> impl Iterator<Item = f64> {
        let here = move |lesson: &&Lesson| place.is_none_or(|place| lesson.place == place);
        believed().chain(self.lessons.iter().filter(here).map(|l| l.score))
    }
}

/// -log10 of numbers spread evenly over 0 to 1: what calibrated scores are.
fn believed() -> impl Iterator<Item = f64> {
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    (1..=BELIEVED).map(|i| -(f64::from(i) * GOLDEN).fract().log10())
}
