//! The bounded past of one asset, and reading it raw as OPC 10000-11, 6.4.3 asks.
//!
//! A ring of rows: when it is full, the oldest row goes. Rows are numbered from the first one ever, so that a reading that
//! is continued later knows where it was, whatever has gone since.

use std::collections::VecDeque;

use andon_plant::Timestamp;

/// The rows kept.
#[derive(Debug)]
pub(super) struct History {
    most: usize,
    /// The number of the oldest row kept.
    first: u64,
    times: VecDeque<Timestamp>,
    /// One a tag; NaN is missing.
    columns: Vec<VecDeque<f64>>,
}

/// What is asked for. Two of start, end and most must be given.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RawRead {
    pub(super) start: Option<Timestamp>,
    pub(super) end: Option<Timestamp>,
    /// The most values wanted at once; 0 for all of them.
    pub(super) most: usize,
    /// Whether the values around the interval are wanted too.
    pub(super) bounds: bool,
}

/// A reading under way: what is left of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reading {
    /// Rows still to come, by number; the second one is past the end.
    from: u64,
    to: u64,
    newest_first: bool,
    /// A bound that is not there, before and after the rows.
    lead: Option<Timestamp>,
    trail: Option<Timestamp>,
    /// How many values are still wanted, where the interval is open.
    wanted: Option<usize>,
}

/// One value of a reading.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Point {
    /// A value that was; NaN is missing.
    Row { time: Timestamp, value: f64 },
    /// There is no value to bound the interval with at this time.
    NoBound(Timestamp),
}

impl Reading {
    /// Whether nothing is left.
    pub(super) fn is_over(&self) -> bool {
        self.wanted == Some(0) || (self.from >= self.to && self.lead.is_none() && self.trail.is_none())
    }
}

impl History {
    /// An empty past of `tags` tags that keeps `most` rows.
    pub(super) fn new(most: usize, tags: usize) -> Self {
        let most = most.max(1);
        Self { most, first: 0, times: VecDeque::new(), columns: vec![VecDeque::new(); tags] }
    }

    /// Adds a row, not older than the last one.
    pub(super) fn push(&mut self, time: Timestamp, values: &[f64]) {
        if self.times.len() == self.most {
            self.first += 1;
            self.times.pop_front();
            for column in &mut self.columns {
                column.pop_front();
            }
        }
        self.times.push_back(time);
        for (column, value) in self.columns.iter_mut().zip(values) {
            column.push_back(*value);
        }
    }

    /// Begins a reading; none where fewer than two of start, end and most are given.
    pub(super) fn begin(&self, read: &RawRead) -> Option<Reading> {
        match (read.start, read.end, read.most) {
            (Some(start), Some(end), _) if start <= end => Some(self.forwards(start, end, read.bounds)),
            (Some(start), Some(end), _) => Some(self.backwards(start, end, read.bounds)),
            (None, None, _) | (_, _, 0) => None,
            (Some(start), None, most) => {
                let to = self.first + self.times.len() as u64;
                Some(Reading { to, wanted: Some(most), ..self.forwards(start, start, read.bounds) }.without_trail())
            }
            (None, Some(end), most) => {
                let from = self.first;
                Some(Reading { from, wanted: Some(most), ..self.backwards(end, end, read.bounds) }.without_trail())
            }
        }
    }

    /// The next values of a reading, at most `most`.
    pub(super) fn page(&self, reading: &mut Reading, column: usize, most: usize) -> Vec<Point> {
        // What has gone since the reading began can't be had any more.
        reading.from = reading.from.max(self.first);
        let mut page = Vec::new();
        while page.len() < most && !reading.is_over() {
            let point = if let Some(time) = reading.lead.take() {
                Point::NoBound(time)
            } else if reading.from < reading.to {
                self.row(reading.next_number(), column)
            } else {
                reading.trail.take().map_or(Point::NoBound(Timestamp::default()), Point::NoBound)
            };
            page.push(point);
            reading.wanted = reading.wanted.map(|n| n - 1);
        }
        page
    }

    fn row(&self, number: u64, column: usize) -> Point {
        let at = (number - self.first) as usize;
        Point::Row { time: self.times[at], value: self.columns[column][at] }
    }

    /// The number of the first row not before `time`.
    fn not_before(&self, time: Timestamp) -> u64 {
        self.first + self.times.partition_point(|t| *t < time) as u64
    }

    /// The number of the first row after `time`.
    fn after(&self, time: Timestamp) -> u64 {
        self.first + self.times.partition_point(|t| *t <= time) as u64
    }

    /// From `start` up to but without `end`; at one instant, what is there. A bound is the nearest value at or outside an
    /// end of the interval.
    fn forwards(&self, start: Timestamp, end: Timestamp, bounds: bool) -> Reading {
        let mut reading = Reading::plain(self.not_before(start), self.not_before(end), false);
        if start == end {
            reading.to = self.after(end);
        }
        if bounds {
            if self.after(start) == reading.from {
                reading.bound_below(self.first, start);
            }
            if reading.to == self.not_before(end) {
                reading.bound_above(self.first + self.times.len() as u64, end);
            }
        }
        reading
    }

    /// From `start` down to but without `end`.
    fn backwards(&self, start: Timestamp, end: Timestamp, bounds: bool) -> Reading {
        let mut reading = Reading::plain(self.after(end), self.after(start), true);
        if start == end {
            reading.from = self.not_before(end);
        }
        if bounds {
            if self.not_before(start) == self.after(start) {
                reading.bound_above(self.first + self.times.len() as u64, start);
            }
            if self.after(end) == reading.from {
                reading.bound_below(self.first, end);
            }
        }
        reading
    }
}

impl Reading {
    fn plain(from: u64, to: u64, newest_first: bool) -> Self {
        Self { from, to, newest_first, lead: None, trail: None, wanted: None }
    }

    fn next_number(&mut self) -> u64 {
        if self.newest_first {
            self.to -= 1;
            self.to
        } else {
            self.from += 1;
            self.from - 1
        }
    }

    /// One row more at the old end, or word that there is none.
    fn bound_below(&mut self, first: u64, time: Timestamp) {
        if self.from > first {
            self.from -= 1;
        } else if self.newest_first {
            self.trail = Some(time);
        } else {
            self.lead = Some(time);
        }
    }

    /// One row more at the new end, or word that there is none.
    fn bound_above(&mut self, end: u64, time: Timestamp) {
        if self.to < end {
            self.to += 1;
        } else if self.newest_first {
            self.lead = Some(time);
        } else {
            self.trail = Some(time);
        }
    }

    fn without_trail(self) -> Self {
        Self { trail: None, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows at 10, 12, 13, 15 and 16 s whose value is their time.
    fn history() -> History {
        let mut history = History::new(5, 1);
        for s in [3, 10, 12, 13, 15, 16] {
            history.push(Timestamp::from_secs(s), &[s as f64]);
        }
        history
    }

    /// The seconds of what is read, page after page; a bound that is not there is negative.
    fn check(start: Option<i64>, end: Option<i64>, most: usize, bounds: bool) -> Vec<i64> {
        let history = history();
        let read = RawRead { start: start.map(Timestamp::from_secs), end: end.map(Timestamp::from_secs), most, bounds };
        let mut reading = history.begin(&read).unwrap();
        let mut seconds = Vec::new();
        while !reading.is_over() {
            for point in history.page(&mut reading, 0, 2) {
                seconds.push(match point {
                    Point::Row { time, value } => {
                        assert_eq!(time.as_secs_f64(), value);
                        value as i64
                    }
                    Point::NoBound(time) => -time.as_micros() / 1_000_000,
                });
            }
        }
        seconds
    }

    #[test]
    fn the_start_is_in_and_the_end_is_out() {
        assert_eq!(check(Some(10), Some(15), 0, false), [10, 12, 13]);
        assert_eq!(check(Some(15), Some(10), 0, false), [15, 13, 12]);
        assert_eq!(check(Some(12), Some(12), 0, false), [12]);
    }

    #[test]
    fn bounds_are_the_values_at_or_outside_the_ends() {
        assert_eq!(check(Some(10), Some(15), 0, true), [10, 12, 13, 15]);
        assert_eq!(check(Some(11), Some(14), 0, true), [10, 12, 13, 15]);
        assert_eq!(check(Some(14), Some(11), 0, true), [15, 13, 12, 10]);
    }

    #[test]
    fn a_bound_that_is_not_there_is_said_to_be_missing() {
        assert_eq!(check(Some(9), Some(11), 0, true), [-9, 10, 12]);
        assert_eq!(check(Some(15), Some(20), 0, true), [15, 16, -20]);
        assert_eq!(check(Some(20), Some(16), 0, true), [-20, 16]);
    }

    #[test]
    fn an_open_interval_gives_as_many_as_asked() {
        assert_eq!(check(Some(12), None, 3, false), [12, 13, 15]);
        assert_eq!(check(None, Some(13), 2, false), [13, 12]);
        assert_eq!(check(Some(12), None, 99, false), [12, 13, 15, 16]);
    }

    #[test]
    fn one_of_the_three_alone_is_refused() {
        let start = Some(Timestamp::from_secs(12));
        assert_eq!(history().begin(&RawRead { start, ..RawRead::default() }), None);
        assert_eq!(history().begin(&RawRead { most: 5, ..RawRead::default() }), None);
    }

    #[test]
    fn a_full_ring_forgets_the_oldest_and_a_reading_under_way_goes_on() {
        let mut history = history();
        let read =
            RawRead { start: Some(Timestamp::from_secs(0)), end: Some(Timestamp::from_secs(99)), ..RawRead::default() };
        let mut reading = history.begin(&read).unwrap();
        assert_eq!(history.page(&mut reading, 0, 1).len(), 1);
        for s in 17..20 {
            history.push(Timestamp::from_secs(s), &[s as f64]);
        }
        let rest = history.page(&mut reading, 0, 99);
        assert_eq!(rest.first(), Some(&Point::Row { time: Timestamp::from_secs(15), value: 15.0 }));
        assert!(reading.is_over());
    }
}
