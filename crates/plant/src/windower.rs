//! Puts multi-rate tags on an asset's grid.
//!
//! OPC UA reports by exception: a tag that sends nothing has not changed, as long as its source is heard of. So a sample
//! stays valid until the tag's next one, and a gap begins where a Bad sample says so, or where nothing at all was heard
//! of the asset for [`WindowerSettings::stale_after`]. A recording played from a file behaves the same, because its empty
//! cells are Bad samples. The rules are in event time only, so live and offline windows are equal.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use crate::{
    sample::Sample,
    status::Quality,
    time::Timestamp,
    window::{Fill, Window},
};

/// How an asset's windows are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowerSettings {
    /// The time between two rows; rows stand at its multiples counted from the epoch.
    pub grid: Duration,
    /// Rows in a window.
    pub rows: usize,
    /// Rows between two windows.
    pub stride: usize,
    /// A gap up to this long is filled with the last value; a longer one is interpolated once it has ended.
    pub hold: Duration,
    /// Nothing heard of the asset for longer than this is a gap in all of its tags.
    pub stale_after: Duration,
}

impl WindowerSettings {
    /// Windows of `rows` rows on `grid` with the usual gap rules: three rows are held, five rows of silence are a gap.
    pub fn new(grid: Duration, rows: usize, stride: usize) -> Self {
        Self { grid, rows, stride, hold: grid * 3, stale_after: grid * 5 }
    }
}

/// What became of a pushed sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// It will be seen by the row it belongs to.
    Accepted,
    /// Its row has already been cut: it counts from the next row on, if the tag has no newer one.
    Late,
}

/// One grid row that has been cut.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The grid time.
    pub time: Timestamp,
    /// One value a tag; NaN where a tag never had one.
    pub values: Vec<f64>,
    /// Where each value comes from.
    pub fill: Vec<Fill>,
}

/// Cuts an asset's samples into rows and windows. Feed it with [`push`](Self::push) and [`heard`](Self::heard), then
/// call [`next_row`](Self::next_row) until it has none left.
#[derive(Debug)]
pub struct Windower {
    settings: WindowerSettings,
    tags: Vec<TagState>,
    ring: VecDeque<Row>,
    /// The next grid time to cut; none before the first sample.
    next: Option<Timestamp>,
    /// Times at which anything was heard, after the row cut last.
    heard: BTreeSet<Timestamp>,
    /// The newest such time up to the row cut last.
    last_heard: Option<Timestamp>,
    /// Rows cut since the window was last empty.
    cut: u64,
}

#[derive(Debug, Default)]
struct TagState {
    /// Samples of rows not yet cut.
    pending: BTreeMap<Timestamp, Sample>,
    current: Option<Sample>,
    /// The last value that was usable, and until when it was known to hold.
    last_usable: Option<(Timestamp, f64)>,
}

impl Windower {
    /// A windower for `tags` tags.
    pub fn new(settings: WindowerSettings, tags: usize) -> Self {
        Self {
            settings,
            tags: (0..tags).map(|_| TagState::default()).collect(),
            ring: VecDeque::with_capacity(settings.rows),
            next: None,
            heard: BTreeSet::new(),
            last_heard: None,
            cut: 0,
        }
    }

    /// The settings it was made with.
    pub fn settings(&self) -> &WindowerSettings {
        &self.settings
    }

    /// Begins at `time` instead of at the first sample: values from before it are then those in force at the beginning.
    /// A server hands out values that have not changed for days when it is first asked.
    pub fn begin(&mut self, time: Timestamp) {
        self.next.get_or_insert(time.ceil_to(self.settings.grid));
    }

    /// Takes one sample of tag number `tag`. Of two samples at one time the later pushed wins.
    pub fn push(&mut self, tag: usize, sample: Sample) -> Pushed {
        let tick = sample.time.ceil_to(self.settings.grid);
        let next = *self.next.get_or_insert(tick);
        self.tags[tag].pending.insert(sample.time, sample);
        if !sample.status.is_bad() {
            self.heard(sample.time);
        }
        if tick < next { Pushed::Late } else { Pushed::Accepted }
    }

    /// Notes that the asset's source was heard of at `time`, though no tag changed.
    pub fn heard(&mut self, time: Timestamp) {
        if self.last_heard.is_none_or(|last| time > last) {
            self.heard.insert(time);
        }
    }

    /// Cuts the next row if every sample before `watermark` has been pushed and the row lies before it.
    ///
    /// The row with grid time t holds, for each tag, the last sample with source time <= t. After a silence longer than
    /// a whole window there is nothing left to show: rows stop, and a new window begins where something is heard again.
    pub fn next_row(&mut self, watermark: Timestamp) -> Option<&Row> {
        let time = self.resume().filter(|t| *t < watermark)?;
        self.next = Some(time.after(self.settings.grid));
        while let Some(&heard) = self.heard.first().filter(|h| **h <= time) {
            self.last_heard = Some(heard);
            self.heard.pop_first();
        }
        let silent = self.last_heard.is_none_or(|h| time.since(h) > self.settings.stale_after);
        let (values, fill) = (0..self.tags.len()).map(|ix| self.cell(ix, time, silent)).unzip();
        if self.ring.len() == self.settings.rows {
            self.ring.pop_front();
        }
        self.ring.push_back(Row { time, values, fill });
        self.cut += 1;
        self.ring.back()
    }

    /// The grid time of the next row; past a silence that has outlasted the window, the one at which it ended.
    fn resume(&mut self) -> Option<Timestamp> {
        let next = self.next?;
        let forgotten = self.settings.stale_after + self.settings.grid * self.settings.rows as u32;
        if self.last_heard.is_none_or(|h| next.since(h) <= forgotten) {
            return Some(next);
        }
        let again = self.heard.first()?.ceil_to(self.settings.grid).max(next);
        if again > next {
            self.ring.clear();
            self.cut = 0;
            self.next = Some(again);
        }
        Some(again)
    }

    /// The window that ends at the row cut last, if there are enough rows and the stride has come round.
    pub fn window(&self) -> Option<Window> {
        let stride = self.settings.stride.max(1) as u64;
        let full = self.ring.len() == self.settings.rows;
        let last = self.ring.back()?;
        if !full || !(self.cut - self.settings.rows as u64).is_multiple_of(stride) {
            return None;
        }
        Some(Window {
            time: last.time,
            rows: self.ring.len(),
            tags: self.tags.len(),
            values: self.ring.iter().flat_map(|r| r.values.iter().copied()).collect(),
            fill: self.ring.iter().flat_map(|r| r.fill.iter().copied()).collect(),
        })
    }

    /// The row cut last.
    pub fn last_row(&self) -> Option<&Row> {
        self.ring.back()
    }

    /// The newest time at which a sample waits to be cut.
    pub fn newest_pending(&self) -> Option<Timestamp> {
        self.tags.iter().filter_map(|t| t.pending.last_key_value().map(|(time, _)| *time)).max()
    }

    fn cell(&mut self, ix: usize, time: Timestamp, silent: bool) -> (f64, Fill) {
        let tag = &mut self.tags[ix];
        let mut ended = None;
        while let Some(entry) = tag.pending.first_entry() {
            if *entry.key() > time {
                break;
            }
            let sample = entry.remove();
            if tag.current.is_some_and(|current| current.time > sample.time) {
                continue;
            }
            tag.current = Some(sample);
            if sample.status.is_bad() {
                continue;
            }
            ended = tag.last_usable;
            tag.last_usable = Some((sample.time, sample.value));
        }
        let (value, from) = match (tag.current, silent) {
            (Some(s), false) if !s.status.is_bad() => {
                // A value that is still in force counts as known up to this row.
                tag.last_usable = Some((time, s.value));
                let doubtful = s.quality() == Quality::Uncertain;
                (s.value, if doubtful { Fill::Doubtful } else { Fill::Measured })
            }
            _ => match tag.last_usable {
                Some((known, value)) if time.since(known) <= self.settings.hold => (value, Fill::Held),
                Some((_, value)) => (value, Fill::Missing),
                None => (f64::NAN, Fill::Missing),
            },
        };
        if let (false, Some(before)) = (from.is_imputed(), ended) {
            self.interpolate(ix, before, (time, value));
        }
        (value, from)
    }

    /// Fills the rows of a long gap that has just ended with the line from its last value to its next one.
    fn interpolate(&mut self, ix: usize, from: (Timestamp, f64), to: (Timestamp, f64)) {
        let span = to.0.since(from.0).as_secs_f64();
        for row in self.ring.iter_mut().rev().take_while(|r| r.time > from.0) {
            if row.fill[ix] == Fill::Missing && span > 0.0 {
                let share = row.time.since(from.0).as_secs_f64() / span;
                row.values[ix] = from.1 + (to.1 - from.1) * share;
                row.fill[ix] = Fill::Interpolated;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::status::StatusCode;

    fn at(s: i64) -> Timestamp {
        Timestamp::from_secs(s)
    }

    fn windower(rows: usize, tags: usize) -> Windower {
        Windower::new(WindowerSettings::new(Duration::from_secs(1), rows, 1), tags)
    }

    fn rows(w: &mut Windower, until: i64) -> Vec<Row> {
        std::iter::from_fn(|| w.next_row(at(until)).cloned()).collect()
    }

    #[test]
    fn tags_of_different_rates_meet_on_the_grid() {
        let mut w = windower(4, 2);
        for s in 0..5 {
            w.push(0, Sample::good(at(s), s as f64));
        }
        w.push(1, Sample::good(at(0), 10.0));
        w.push(1, Sample::good(Timestamp::from_micros(2_500_000), 20.0));
        let cut = rows(&mut w, 5);
        assert_eq!(cut.iter().map(|r| r.values[1]).collect::<Vec<_>>(), [10.0, 10.0, 10.0, 20.0, 20.0]);
        assert!(cut.iter().all(|r| r.fill == [Fill::Measured, Fill::Measured]));
        assert_eq!(w.window().unwrap().row(0), [1.0, 10.0]);
    }

    #[test]
    fn a_bad_sample_opens_a_gap_that_is_held_then_missing_then_interpolated() {
        let mut w = windower(10, 2);
        for s in 0..9 {
            w.push(1, Sample::good(at(s), 0.0));
        }
        w.push(0, Sample::good(at(0), 1.0));
        w.push(0, Sample::bad(at(1), StatusCode::BAD_SENSOR_FAILURE));
        let cut = rows(&mut w, 8);
        let fills: Vec<_> = cut.iter().map(|r| r.fill[0]).collect();
        use Fill::*;
        assert_eq!(fills, [Measured, Held, Held, Held, Missing, Missing, Missing, Missing]);
        w.push(0, Sample::good(at(8), 9.0));
        w.push(0, Sample::good(at(9), 9.0));
        w.push(1, Sample::good(at(9), 0.0));
        rows(&mut w, 10);
        let window = w.window().unwrap();
        assert_eq!(window.row_fill(5)[0], Interpolated);
        assert!((window.row(4)[0] - 5.0).abs() < 1e-12, "{:?}", window.row(4));
        assert_eq!(window.row_fill(3)[0], Held);
    }

    #[test]
    fn silence_is_a_gap_but_a_heartbeat_is_not() {
        let mut w = windower(20, 1);
        w.push(0, Sample::good(at(0), 1.0));
        for s in 0..6 {
            w.heard(at(s));
        }
        let cut = rows(&mut w, 16);
        assert_eq!(cut[5].fill[0], Fill::Measured);
        assert_eq!(cut[10].fill[0], Fill::Measured);
        assert_eq!(cut[11].fill[0], Fill::Held);
        assert_eq!(cut[15].fill[0], Fill::Missing);
    }

    #[test]
    fn a_tag_that_never_spoke_makes_the_window_incomplete() {
        let mut w = windower(2, 2);
        w.push(0, Sample::good(at(0), 1.0));
        w.push(0, Sample::good(at(1), 1.0));
        rows(&mut w, 2);
        let window = w.window().unwrap();
        assert!(!window.is_complete());
        assert_eq!(window.imputed_share(), 0.5);
    }

    #[test]
    fn an_uncertain_value_is_used_and_marked() {
        let mut w = windower(1, 1);
        w.push(0, Sample::new(at(0), 3.0, StatusCode::UNCERTAIN));
        assert_eq!(rows(&mut w, 1)[0].fill, [Fill::Doubtful]);
    }

    #[test]
    fn a_value_from_before_the_beginning_is_in_force() {
        let mut w = windower(2, 2);
        w.begin(at(100));
        assert_eq!(w.push(0, Sample::good(at(3), 7.0)), Pushed::Late);
        w.push(1, Sample::good(at(100), 1.0));
        let cut = rows(&mut w, 101);
        assert_eq!(cut.len(), 1);
        assert_eq!(cut[0].values, [7.0, 1.0]);
        w.push(0, Sample::good(at(2), 5.0));
        assert_eq!(rows(&mut w, 102)[0].values[0], 7.0, "an older sample does not come back into force");
    }

    #[test]
    fn a_silence_longer_than_the_window_begins_a_new_one() {
        let mut w = windower(3, 1);
        for s in 0..3 {
            w.push(0, Sample::good(at(s), 1.0));
        }
        rows(&mut w, 3);
        assert!(w.window().is_some());
        let far = 1_000_000;
        w.push(0, Sample::good(at(far), 2.0));
        let cut = rows(&mut w, far + 1);
        assert!(cut.len() < 12, "{}", cut.len());
        assert_eq!(cut.last().map(|r| (r.time, r.values[0])), Some((at(far), 2.0)));
        assert!(w.window().is_none());
    }

    proptest! {
        /// Rows stand on every grid time from the first to the last, each holds the newest sample not after it, and a
        /// sample is either accepted or called late.
        #[test]
        fn no_sample_is_lost_or_doubled(mut times in prop::collection::vec(0i64..60_000, 1..80)) {
            let mut w = windower(100, 1);
            times.sort_unstable();
            times.dedup();
            for t in &times {
                let time = Timestamp::from_micros(t * 1000);
                prop_assert_eq!(w.push(0, Sample::good(time, *t as f64)), Pushed::Accepted);
                w.heard(time);
            }
            let end = *times.last().unwrap() * 1000 + 1_000_001;
            let mut expect = Timestamp::from_micros(times[0] * 1000).ceil_to(Duration::from_secs(1));
            while let Some(row) = w.next_row(Timestamp::from_micros(end)) {
                prop_assert_eq!(row.time, expect);
                let newest = times.iter().rfind(|t| **t * 1000 <= expect.as_micros()).unwrap();
                prop_assert_eq!(row.values[0], *newest as f64);
                expect = expect.after(Duration::from_secs(1));
            }
            let late = Sample::good(Timestamp::from_micros(times[0] * 1000), 0.0);
            prop_assert_eq!(w.push(0, late), Pushed::Late);
        }
    }
}
