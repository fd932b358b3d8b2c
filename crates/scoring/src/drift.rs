//! When the model no longer fits: one word to retrain instead of an alarm every minute.
//!
//! A score is calibrated, so its level in normal operation is known: log10 e = 0.43 on average. An anomaly raises the
//! level and ends; a plant that has changed raises it and stays. [`Drift`] tells them apart by time alone.
//!
//! It is Page's cumulative sum (E. S. Page, "Continuous inspection schemes", Biometrika 41, 1954; as a test of a mean
//! against the one followed so far: D. V. Hinkley, Biometrika 58, 1971) on means of consecutive rows instead of rows,
//! because rows depend on one another (batch means: G. C. Runger and T. R. Willemain, IIE Transactions 28, 1996). Three
//! things are ours:
//!
//! * A row counts for at most 3, once in 1,000 rows: how long the level is up matters, not how far.
//! * A block moves the sum by at most 1 either way and the sum stays within 0 and 4, so a fault of any size is forgotten
//!   four blocks after its end.
//! * The level must have been up in as many blocks as make up the patience, [`BLOCKS`], since the sum was last 0.

use std::{fmt, time::Duration};

use andon_plant::Timestamp;
use serde::{Deserialize, Serialize};

/// Blocks that make up the patience.
pub const BLOCKS: u32 = 24;
/// The mean score of normal operation: -log10 p where p is uniform.
const NORMAL: f64 = std::f64::consts::LOG10_E;
/// The most that one row counts for.
const ROW_CAP: f64 = 3.0;
/// The most that the sum may be: blocks of normal operation that forget a fault.
const SUM_CAP: f64 = 4.0;
/// From this sum on the level is raised; one block of normal operation after a fault may be left.
const RAISED: f64 = 3.0;
/// The weight of the newest block in the level that is reported.
const LEVEL_WEIGHT: f64 = 0.25;
/// Patiences that the reference remembers.
const MEMORY: f64 = 7.0;

/// Settings of the watch for a model that no longer fits.
///
/// The patience is `patience` or `patience_rows`, whichever is longer. A day is longer than a shift and the next one take
/// to find and mend an ordinary fault, and it holds a whole daily cycle. On slow grids a day is few rows: of 219 labelled
/// faults in eight public data sets 206 last 800 rows or less, and a thousand rows that each are a mean of ten are still a
/// hundred independent ones.
///
/// Measured by `figures` in `tests/drift.rs`: no report in 80 million rows of normal operation (scores of means of 10 and
/// 100 rows, 1 s, 60 s and 1 h apart). Of faults that end, 7 in 1,000 are reported if they last 20 h on a grid of 60 s, and
/// 3 if 800 rows on one of 1 h; after 22 h and 900 rows it is a fifth and a twelfth. A step of the level from 0.43 to 0.68,
/// the slack, was reported 0 times of 40, one to 0.85 40 times of 40, after 1.5 to 1.7 patiences, one to 1.4 after 1.0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DriftSettings {
    /// How long the level must stay up, in event time.
    pub patience: Duration,
    /// How many rows the level must stay up for.
    pub patience_rows: u32,
    /// How far above the level followed so far is up, in units of the score. By 0.25, a score of 3 comes 12 times as often
    /// as it should.
    pub slack: f64,
    /// Up to which level a gradual drift is followed. At 0.7, a score of 3 comes some fourteen times as
    /// often as it should, and following would hide it.
    pub follow_to: f64,
}

impl Default for DriftSettings {
    fn default() -> Self {
        Self { patience: Duration::from_secs(24 * 3600), patience_rows: 1000, slack: 0.25, follow_to: 0.7 }
    }
}

/// The model no longer fits.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DriftEvent {
    /// When the level rose, to within a block.
    pub since: Timestamp,
    /// When that had lasted for the patience.
    pub time: Timestamp,
    /// The mean score of the last few blocks, no row counting for more than 3.
    pub level: f64,
    /// The mean score that was followed so far.
    pub reference: f64,
}

/// What is said of the model.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum DriftState {
    /// It fits.
    Fits,
    /// The level is up: an anomaly, or the beginning of the end.
    Raised {
        /// When it rose, to within a block.
        since: Timestamp,
    },
    /// It no longer fits, until [`Drift::settled`] is called or a new model brings a new watch.
    NoLongerFits(DriftEvent),
}

/// The watch with its state. It is written out with the rest of a detector, so that a restart goes on where it stopped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    settings: DriftSettings,
    block: Option<Block>,
    /// The level that is followed.
    reference: f64,
    level: f64,
    sum: f64,
    rise: Option<Rise>,
    latched: Option<DriftEvent>,
}

/// Consecutive rows that are judged by their mean.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Block {
    start: Timestamp,
    rows: u32,
    scores: f64,
}

/// Consecutive blocks over which the sum was not 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Rise {
    since: Timestamp,
    /// How many of them the level was up in.
    up: u32,
}

impl DriftSettings {
    fn block_rows(&self) -> u32 {
        self.patience_rows.div_ceil(BLOCKS).max(1)
    }
}

impl Drift {
    /// Begins as if it had seen normal operation for ever.
    pub fn new(settings: DriftSettings) -> Self {
        Self { settings, block: None, reference: NORMAL, level: NORMAL, sum: 0.0, rise: None, latched: None }
    }

    /// A watch with the same settings that has seen nothing.
    pub fn anew(&self) -> Self {
        Self::new(self.settings.clone())
    }

    /// Takes a row's score; says so once when the model no longer fits.
    ///
    /// `held` rows count neither for nor against: maintenance, an asset that stands idle by plan. *Not* rows
    /// with an active alarm, as the threshold has it: what is looked for is an alarm that does not end. Scores that are
    /// not finite are as if held. A gap in time counts for at most one block.
    pub fn observe(&mut self, time: Timestamp, score: f64, held: bool) -> Option<DriftEvent> {
        if held || !score.is_finite() {
            return None;
        }
        let block = self.block.get_or_insert(Block { start: time, rows: 0, scores: 0.0 });
        // A clock that was set back must not keep the block open until it has caught up.
        block.start = block.start.min(time);
        block.rows = block.rows.saturating_add(1);
        block.scores += score.clamp(0.0, ROW_CAP);
        let lasted = time.since(block.start) >= self.settings.patience / BLOCKS;
        if !lasted || block.rows < self.settings.block_rows() {
            return None;
        }
        let block = self.block.take()?;
        self.close(block, time)
    }

    /// What is said of the model now.
    pub fn state(&self) -> DriftState {
        match (self.latched, self.rise) {
            (Some(event), _) => DriftState::NoLongerFits(event),
            (None, Some(rise)) if self.sum >= RAISED => DriftState::Raised { since: rise.since },
            (None, _) => DriftState::Fits,
        }
    }

    /// Someone has assessed what it said, and goes on with this model: the level of now is normal from here on. After a
    /// training take a [`Drift::new`] instead.
    pub fn settled(&mut self) {
        self.reference = self.level.max(NORMAL);
        (self.block, self.sum, self.rise, self.latched) = (None, 0.0, None, None);
    }

    fn close(&mut self, block: Block, time: Timestamp) -> Option<DriftEvent> {
        let mean = block.scores / f64::from(block.rows);
        let excess = (mean - self.reference) / self.settings.slack - 1.0;
        self.level += LEVEL_WEIGHT * (mean - self.level);
        if self.latched.is_some() {
            return None;
        }
        self.follow(mean);
        self.sum = (self.sum + excess.clamp(-1.0, 1.0)).clamp(0.0, SUM_CAP);
        let Rise { since, up } = self.rise.unwrap_or(Rise { since: block.start, up: 0 });
        let up = up.saturating_add(u32::from(excess > 0.0));
        self.rise = (self.sum > 0.0).then_some(Rise { since, up });
        if up < BLOCKS || self.sum < RAISED {
            return None;
        }
        self.latched = Some(DriftEvent { since, time, level: self.level, reference: self.reference });
        self.latched
    }

    /// mu_b = mu_(b-1) + a (m_b - mu_(b-1)) for the mean m_b of block b, no step up larger than `a` slacks: an anomaly
    /// hardly moves it, and a drift that takes weeks does. It never falls below normal, and rises up to `follow_to`.
    fn follow(&mut self, mean: f64) {
        let step = (mean - self.reference).min(self.settings.slack) / (MEMORY * f64::from(BLOCKS));
        let ceiling = self.settings.follow_to.max(self.reference);
        self.reference = (self.reference + step).min(ceiling).max(NORMAL);
    }
}

impl fmt::Display for DriftEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let times = self.level / self.reference;
        write!(
            f,
            "model no longer fits: retrain; scores have been {times:.1} times as high as before since {}",
            self.since
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The watch after hourly blocks of these levels, one row every 10 s, and the blocks after which it spoke.
    fn run(drift: &mut Drift, levels: impl IntoIterator<Item = f64>) -> Vec<usize> {
        let from = drift.block.map_or(0, |b| b.start.as_micros() / 1_000_000);
        let mut said = Vec::new();
        for (hour, level) in levels.into_iter().enumerate() {
            for row in 0..360 {
                let time = Timestamp::from_secs(from + 3600 * hour as i64 + 10 * row);
                said.extend(drift.observe(time, level, false).map(|_| hour));
            }
        }
        said
    }

    fn fresh() -> Drift {
        Drift::new(DriftSettings::default())
    }

    #[test]
    fn a_level_that_stays_up_is_reported_once_after_the_patience() {
        let mut drift = fresh();
        let said = run(&mut drift, [NORMAL; 10].into_iter().chain([1.5; 100]));
        assert!(matches!(said[..], [34 | 35]), "{said:?}");
        let DriftState::NoLongerFits(event) = drift.state() else { panic!("{:?}", drift.state()) };
        assert!((event.level - 1.5).abs() < 0.01 && event.reference < 0.5, "{event:?}");
        assert!(event.to_string().starts_with("model no longer fits: retrain; scores have been 3."), "{event}");
    }

    #[test]
    fn a_fault_that_ends_within_22_hours_is_no_drift_however_large() {
        let mut drift = fresh();
        let levels = [NORMAL; 5].into_iter().chain([16.0; 22]).chain([NORMAL; 100]);
        assert!(run(&mut drift, levels).is_empty());
        assert_eq!(drift.state(), DriftState::Fits);
        assert!(drift.reference < NORMAL + 0.03, "a fault hardly teaches: {}", drift.reference);
    }

    #[test]
    fn a_raised_level_shows_before_it_is_reported() {
        let mut drift = fresh();
        run(&mut drift, [1.5; 4]);
        assert!(matches!(drift.state(), DriftState::Raised { since } if since == Timestamp::from_secs(0)));
    }

    #[test]
    fn two_normal_hours_a_day_do_not_hide_a_model_that_no_longer_fits() {
        let levels = (0..60).map(|hour| if hour % 12 == 11 { NORMAL } else { 1.5 });
        assert_eq!(run(&mut fresh(), levels).len(), 1);
    }

    #[test]
    fn what_was_assessed_as_normal_is_not_said_again_but_the_next_rise_is() {
        let mut drift = fresh();
        assert_eq!(run(&mut drift, [1.0; 40]).len(), 1);
        drift.settled();
        assert_eq!(drift.state(), DriftState::Fits);
        assert!(run(&mut drift, [1.0; 200]).is_empty());
        assert_eq!(run(&mut drift, [1.8; 40]).len(), 1);
    }

    #[test]
    fn held_rows_and_no_numbers_count_neither_for_nor_against() {
        let mut drift = fresh();
        run(&mut drift, [1.5; 3]);
        let before = drift.clone();
        for row in 0..100_000 {
            let time = Timestamp::from_secs(10_800 + row);
            assert_eq!(drift.observe(time, 16.0, true), None);
            assert_eq!(drift.observe(time, f64::NAN, false), None);
            assert_eq!(drift.observe(time, f64::INFINITY, false), None);
        }
        assert_eq!(drift, before);
    }

    #[test]
    fn few_rows_are_not_enough_however_long_they_take() {
        let mut drift = fresh();
        let said = (0..990).find_map(|hour| drift.observe(Timestamp::from_secs(3600 * hour), 3.0, false));
        assert_eq!(said, None);
        let said = (990..1040).find_map(|hour| drift.observe(Timestamp::from_secs(3600 * hour), 3.0, false));
        assert!(said.is_some());
    }

    #[test]
    fn a_gap_is_not_patience() {
        let mut drift = fresh();
        run(&mut drift, [1.5; 12]);
        let week = Timestamp::from_secs(8 * 24 * 3600);
        let said = (0..3000).find_map(|row| drift.observe(week.after(Duration::from_secs(row)), 1.5, false));
        assert_eq!(said, None);
    }

    #[test]
    fn a_clock_set_back_does_not_stop_the_watch() {
        let mut drift = fresh();
        drift.observe(Timestamp::from_secs(1_000_000_000), 1.5, false);
        assert_eq!(run(&mut Drift { block: None, ..drift.clone() }, [1.5; 40]).len(), 1);
        let said = (0..200_000).filter_map(|row| drift.observe(Timestamp::from_secs(row), 1.5, false)).count();
        assert_eq!(said, 1);
    }

    #[test]
    fn a_restart_goes_on_where_it_stopped() {
        let mut drift = fresh();
        run(&mut drift, (0..20).map(|hour| 0.3 + f64::from(hour % 7)));
        let again: Drift = serde_json::from_str(&serde_json::to_string(&drift).unwrap()).unwrap();
        assert_eq!(again, drift);
        run(&mut drift, [2.0; 40]);
        assert_eq!(
            serde_json::from_str::<Drift>(&serde_json::to_string(&drift).unwrap()).unwrap().state(),
            drift.state()
        );
    }
}
