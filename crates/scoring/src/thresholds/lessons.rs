//! Which rows teach while nothing is frozen: an anomaly must not raise the threshold that it is to cross.

use serde::{Deserialize, Serialize};

use super::calibration::Place;

/// A score from which on a row is unusual: one in a hundred of normal operation.
const UNUSUAL: f64 = 2.0;
/// Rows from the first unusual one to the last, in normal operation, whose scores are means of ten rows.
const LONGEST: usize = 20;
/// Usual rows in a row after which what was unusual has ended: ten rows hold the last of it.
const ENDED: usize = 10;

/// What a row has to teach.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Lesson {
    /// From 0 to 16.
    pub(super) score: f64,
    pub(super) place: Place,
    /// How many rows it is worth; more than one in a transition.
    pub(super) speed: f64,
}

/// The gate that lessons pass.
///
/// Usual rows teach at once. Unusual ones, and those between them, wait until they have ended; then they teach if they
/// lasted no longer than in normal operation and none of them reached the threshold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Lessons {
    /// The rows since the first unusual one, at most `LONGEST + ENDED`; none once they are barred.
    waiting: Vec<Lesson>,
    /// Usual rows since the last unusual one.
    usual: usize,
    /// What waits, and what still comes until it has ended, does not teach.
    barred: bool,
}

impl Lessons {
    pub(super) fn hear(&mut self, lesson: Lesson, threshold: f64, mut teach: impl FnMut(&Lesson)) {
        let unusual = lesson.score >= UNUSUAL.min(threshold);
        if !unusual && !self.barred && self.waiting.is_empty() {
            return teach(&lesson);
        }
        self.usual = if unusual { 0 } else { self.usual + 1 };
        self.barred |= lesson.score >= threshold || (unusual && self.waiting.len() >= LONGEST);
        self.waiting.push(lesson);
        if self.barred {
            self.waiting.clear();
        }
        if self.usual == ENDED {
            self.waiting.iter().for_each(teach);
            self.forget();
        }
    }

    /// What waits does not teach.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The scores that teach of those heard, under a threshold of 3.
    fn taught(scores: &[f64]) -> Vec<f64> {
        let (mut lessons, mut taught) = (Lessons::default(), Vec::new());
        for score in scores {
            lessons.hear(Lesson { score: *score, place: Place(0), speed: 1.0 }, 3.0, |l| taught.push(l.score));
        }
        taught
    }

    fn then_usual(scores: &[f64], rows: usize) -> Vec<f64> {
        [scores, &vec![0.5; rows]].concat()
    }

    #[test]
    fn usual_rows_teach_at_once() {
        assert_eq!(taught(&[0.1, 1.9]), [0.1, 1.9]);
    }

    #[test]
    fn unusual_rows_teach_once_they_have_ended() {
        let rows = [0.1, 2.5, 0.2, 2.1];
        assert_eq!(taught(&then_usual(&rows, ENDED - 1)), [0.1]);
        assert_eq!(taught(&then_usual(&rows, ENDED)), then_usual(&rows, ENDED));
    }

    #[test]
    fn no_row_of_what_reached_the_threshold_teaches() {
        assert_eq!(taught(&then_usual(&[0.1, 2.5, 3.0, 2.1], ENDED)), [0.1]);
        assert_eq!(taught(&then_usual(&[0.1, 2.5, 3.0, 2.1], ENDED + 1)), [0.1, 0.5]);
    }

    #[test]
    fn no_row_of_what_lasts_longer_than_normal_teaches() {
        let mut rows = [2.5, 1.5].repeat(LONGEST / 2);
        assert_eq!(taught(&then_usual(&rows, ENDED)).len(), LONGEST + ENDED);
        rows.push(2.5);
        assert!(taught(&then_usual(&rows, ENDED)).is_empty());
    }

    #[test]
    fn under_a_threshold_that_is_lower_than_unusual_nothing_that_reaches_it_teaches() {
        let (mut lessons, mut taught) = (Lessons::default(), 0);
        for score in [[1.2].as_slice(), &[0.1; ENDED]].concat() {
            lessons.hear(Lesson { score, place: Place(0), speed: 1.0 }, 1.0, |_| taught += 1);
        }
        assert_eq!(taught, 0);
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut lessons = Lessons::default();
        for score in [2.5, 1.0].repeat(1000) {
            lessons.hear(Lesson { score, place: Place(0), speed: 1.0 }, 3.0, |_| ());
            assert!(lessons.waiting.len() <= LONGEST + ENDED);
        }
    }
}
