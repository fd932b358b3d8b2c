//! A threshold, row by row.

use andon_plant::{Timestamp, verdict::MAX_SCORE};
use serde::{Deserialize, Serialize};

use super::{
    Base, Change, Entry, Fitted, ThresholdCalibration, ThresholdError, ThresholdSettings,
    base::Bounds,
    calibration::{Normal, Place, Places},
    freeze::{Freeze, Hold, Limits, Teaches},
    journal::Journal,
    lessons::{Lesson, Lessons},
};

/// How far a place's threshold may stand above the highest score that has taught there, and how far above where it was fitted: what
/// one mode's alarm has taught makes the others hardly deafer, and none deafer than it was loud.
const ABOVE: Above = Above { taught: 1.0, fitted: 0.5 };
/// For so many rows a gap in the stream counts at most towards the longest freeze.
const GAP_ROWS: u32 = 10;

struct Above {
    taught: f64,
    fitted: f64,
}

/// What a threshold needs to know of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ThresholdRow {
    /// The row's time.
    pub time: Timestamp,
    /// -log10 p. One that is not a finite number teaches nothing.
    pub score: f64,
    /// The number of its operating mode; none where calibration has not seen it.
    pub mode: Option<usize>,
    /// It is between two modes.
    pub transition: bool,
    /// What keeps it from teaching.
    pub hold: Hold,
}

/// What a threshold has learned, without why and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ThresholdState {
    strategy: Fitted,
    /// The highest score that has taught, of each place.
    taught: Vec<f64>,
}

/// A threshold with its state. It is written out with the rest of a detector, so that a restart goes on where it stopped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    base: Base,
    bounds: Bounds,
    places: Places,
    freezing: Limits,
    transition_factor: f64,
    #[serde(flatten)]
    state: ThresholdState,
    as_fitted: Fitted,
    freeze: Freeze,
    lessons: Lessons,
    journal: Journal,
    /// The time and the place of the last row.
    last: Option<(Timestamp, Place)>,
}

impl Threshold {
    /// Fits a threshold to scores of normal operation.
    ///
    /// # Errors
    /// If a setting is out of its range, the calibration contradicts itself or has no score, or a mixture can't be fitted.
    pub fn fit(settings: &ThresholdSettings, calibration: &ThresholdCalibration<'_>) -> Result<Self, ThresholdError> {
        settings.check()?;
        calibration.check()?;
        let base = Base::new(settings, calibration);
        let normal = Normal::new(calibration, base);
        let bounds = Bounds::new(settings, base.score);
        let strategy = Fitted::fit(settings, &normal)?;
        let start = normal.places.all().map(|place| bounds.keep(strategy.at(place))).collect();
        Ok(Self {
            base,
            bounds,
            state: ThresholdState { strategy: strategy.clone(), taught: vec![0.0; normal.places.all().count()] },
            places: normal.places,
            freezing: Limits { longest: settings.freeze, gap: calibration.step * GAP_ROWS },
            transition_factor: settings.transition_factor,
            as_fitted: strategy,
            freeze: Freeze::default(),
            lessons: Lessons::default(),
            journal: Journal::new(start),
            last: None,
        })
    }

    /// The threshold in force for this row, which then may teach the one for the rows after it.
    pub fn observe(&mut self, row: &ThresholdRow) -> f64 {
        let place = self.places.of(row.mode, row.transition);
        let threshold = self.at(place);
        self.last = Some((row.time, place));
        if let Some(change) = self.freeze.see(row.time, row.hold, self.freezing) {
            self.journal.write(row.time, place, threshold, change);
        }
        if row.score.is_finite() {
            let speed = if row.transition { self.transition_factor } else { 1.0 };
            self.hear(Lesson { score: row.score.clamp(0.0, MAX_SCORE), place, speed }, threshold);
            self.journal.follow(row.time, place, self.at(place));
        }
        threshold
    }

    /// The threshold for a row of this mode. A row that comes late, out of a backfill, is judged by this and not observed:
    /// it teaches nothing.
    pub fn in_force(&self, mode: Option<usize>, transition: bool) -> f64 {
        self.at(self.places.of(mode, transition))
    }

    /// An operator says that what the asset does is normal: the freeze ends, and until its cause does every row teaches. Whether
    /// that changes anything: it does not where nothing is frozen and no alarm is `active`.
    pub fn assess_normal(&mut self, active: bool) -> bool {
        let change = self.freeze.assess_normal(active);
        change.into_iter().for_each(|change| self.note(change));
        change.is_some()
    }

    /// An operator says that what the asset does is not normal after all: nothing teaches any more until it has ended. What it has
    /// taught stays; [`take_back`](Self::take_back) undoes it.
    pub fn assess_real(&mut self) {
        if let Some(change) = self.freeze.no_longer_normal() {
            self.note(change);
        }
    }

    /// Back to what it had learned `before`.
    pub fn take_back(&mut self, before: ThresholdState) {
        self.state = before;
        self.lessons.forget();
        self.note(Change::TakenBack);
    }

    /// Whether what is unusual teaches too, because it was called normal or has lasted too long to be anything else.
    pub fn learns_everything(&self) -> bool {
        self.freeze.is_normal()
    }

    /// What it has learned, to go back to.
    pub fn state(&self) -> ThresholdState {
        self.state.clone()
    }

    /// Back to as it was fitted. The journal stays; while something holds, nothing teaches, whatever was said of it.
    pub fn revert(&mut self) {
        self.freeze.no_longer_normal();
        self.state.strategy = self.as_fitted.clone();
        self.state.taught.fill(0.0);
        self.lessons.forget();
        self.note(Change::Reverted);
    }

    /// Where it stands in steady normal operation.
    pub fn base(&self) -> Base {
        self.base
    }

    /// Whether nothing teaches at present.
    pub fn is_frozen(&self) -> bool {
        self.freeze.teaches() == Teaches::Nothing
    }

    /// The last notable changes, at most 64, oldest first.
    pub fn journal(&self) -> impl ExactSizeIterator<Item = &Entry> {
        self.journal.entries()
    }

    fn at(&self, place: Place) -> f64 {
        let fitted = self.bounds.keep(self.as_fitted.at(place));
        let highest = (fitted + ABOVE.fitted).max(self.state.taught[place.0] + ABOVE.taught);
        self.bounds.keep(self.state.strategy.at(place)).min(highest)
    }

    fn hear(&mut self, lesson: Lesson, threshold: f64) {
        let Self { freeze, lessons, state: ThresholdState { strategy, taught }, .. } = self;
        let mut learn = |lesson: &Lesson| {
            let highest = &mut taught[lesson.place.0];
            *highest = highest.max(lesson.score);
            strategy.learn(lesson);
        };
        match freeze.teaches() {
            Teaches::Usual => lessons.hear(lesson, threshold, learn),
            Teaches::Nothing => lessons.forget(),
            Teaches::Everything => learn(&lesson),
        }
    }

    fn note(&mut self, change: Change) {
        if let Some((time, place)) = self.last {
            self.journal.write(time, place, self.at(place), change);
        }
    }
}
