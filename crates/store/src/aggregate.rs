//! Aggregates of a history over equal intervals, as OPC 10000-13 (Part 13) names and defines them.
//!
//! Andon's tags are stepped: OPC UA reports by exception, so a value stays until the next one (`Stepped` is true, 5.3.3.2). Only Good
//! values count (`TreatUncertainAsBad` is true); an interval in which others were left out is `UncertainDataSubNormal`, one without
//! any is `BadNoData`. The value in force when an interval begins is its simple bounding value.

use std::{str::FromStr, time::Duration};

use andon_plant::{Sample, StatusCode, TagKey, Timestamp};

use crate::{error::StoreError, walk::Histories};

/// What is computed of each interval (OPC 10000-13, 5.4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Aggregate {
    /// The value in force at its beginning.
    Interpolative,
    /// The mean of its values, each counting alike.
    Average,
    /// The mean over time.
    TimeAverage2,
    /// The lowest of its values.
    Minimum,
    /// The highest of its values.
    Maximum,
    /// How many values it has.
    Count,
    /// The share of time in which a Good value was in force, in percent.
    PercentGood,
    /// The standard deviation of its values, by n - 1; 0 of one.
    StandardDeviationSample,
}

/// Every aggregate, with the standard's name.
const NAMES: [(&str, Aggregate); 8] = [
    ("Interpolative", Aggregate::Interpolative),
    ("Average", Aggregate::Average),
    ("TimeAverage2", Aggregate::TimeAverage2),
    ("Minimum", Aggregate::Minimum),
    ("Maximum", Aggregate::Maximum),
    ("Count", Aggregate::Count),
    ("PercentGood", Aggregate::PercentGood),
    ("StandardDeviationSample", Aggregate::StandardDeviationSample),
];

/// The name is not an aggregate's.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not an aggregate: write one of {known}", known = NAMES.map(|(name, _)| name).join(", "))]
pub struct UnknownAggregate(String);

impl FromStr for Aggregate {
    type Err = UnknownAggregate;

    fn from_str(text: &str) -> Result<Self, UnknownAggregate> {
        let found = NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
        found.map(|(_, aggregate)| *aggregate).ok_or_else(|| UnknownAggregate(text.to_owned()))
    }
}

/// Info bits of a value that was computed from raw ones, and of one that was carried over (OPC 10000-4, 7.39.1; 10000-13, 6.3.3).
const CALCULATED: u32 = 0x0401;
const INTERPOLATED: u32 = 0x0402;

/// Samples that are in memory at a time.
const PAGE: usize = 65_536;

impl Histories {
    /// An aggregate of a tag over each `interval` of `from <= time < to`, the last one cut at `to`: a sample at the beginning of
    /// each, without a value where there is none. Any span is read in pages.
    ///
    /// # Errors
    /// If the database fails, or a row or a block is broken.
    pub async fn aggregate(
        &self,
        key: &TagKey,
        (from, to): (Timestamp, Timestamp),
        interval: Duration,
        aggregate: Aggregate,
    ) -> Result<Vec<Sample>, StoreError> {
        let before = Timestamp::from_micros(from.as_micros().saturating_sub(1));
        let mut line = Line::new((from, to), interval, self.sample_at(key, before).await?);
        let mut walk = self.walk(vec![key.clone()], from, to).in_pages(PAGE);
        while let Some(piece) = walk.next().await? {
            piece.iter().for_each(|(_, sample)| line.add(sample));
        }
        Ok(line.finish(aggregate))
    }
}

/// What is gathered of one interval.
#[derive(Debug, Clone, Copy)]
struct Gathered {
    begin_us: i64,
    /// The value in force at its beginning, or the last that was Good before, and whether that is the same.
    bound: Option<(f64, bool)>,
    /// Whether that value is of its very beginning.
    exact: bool,
    good: u64,
    others: u64,
    min: f64,
    max: f64,
    mean: f64,
    /// The sum of squares about the mean (Welford).
    squares: f64,
    /// Time in which a value was in force, and in which it was Good.
    known_us: f64,
    good_us: f64,
    /// The sum of Good values, each times how long it was in force.
    area: f64,
}

/// The intervals of a span, and where in it the samples have come.
struct Line {
    to_us: i64,
    step_us: i64,
    gathered: Vec<Gathered>,
    at_us: i64,
    held: Option<Sample>,
    last_good: Option<f64>,
}

impl Line {
    fn new((from, to): (Timestamp, Timestamp), interval: Duration, held: Option<Sample>) -> Self {
        let step_us = i64::try_from(interval.as_micros()).unwrap_or(i64::MAX).max(1);
        let last_good = held.filter(|s| s.status.is_good()).map(|s| s.value);
        Self { to_us: to.as_micros(), step_us, gathered: Vec::new(), at_us: from.as_micros(), held, last_good }
    }

    fn add(&mut self, sample: &Sample) {
        self.advance(sample.time.as_micros());
        self.held = Some(*sample);
        if sample.status.is_good() {
            self.last_good = Some(sample.value);
        }
        let (time_us, value) = (sample.time.as_micros(), sample.value);
        let now = self.interval();
        now.exact |= now.begin_us == time_us;
        if now.begin_us == time_us {
            now.bound = sample.status.is_good().then_some((value, true)).or(now.bound.map(|(value, _)| (value, false)));
        }
        if !sample.status.is_good() {
            now.others += 1;
            return;
        }
        now.good += 1;
        (now.min, now.max) = (now.min.min(value), now.max.max(value));
        let from_mean = value - now.mean;
        now.mean += from_mean / now.good as f64;
        now.squares += from_mean * (value - now.mean);
    }

    /// Up to a time the value in force stays.
    fn advance(&mut self, until_us: i64) {
        while self.at_us < until_us {
            let (at_us, held) = (self.at_us, self.held);
            let end_us = self.interval().begin_us.saturating_add(self.step_us);
            let next_us = end_us.min(until_us);
            let lasted = (next_us - at_us) as f64;
            let now = self.interval();
            if let Some(held) = held {
                now.known_us += lasted;
                if held.status.is_good() {
                    now.good_us += lasted;
                    now.area += held.value * lasted;
                }
            }
            self.at_us = next_us;
        }
    }

    /// The interval that the line has come to.
    fn interval(&mut self) -> &mut Gathered {
        let begin_us = match self.gathered.last() {
            None => self.at_us,
            Some(last) => match last.begin_us.saturating_add(self.step_us) {
                next if next <= self.at_us => next,
                _ => last.begin_us,
            },
        };
        if self.gathered.last().is_none_or(|last| last.begin_us < begin_us) {
            let in_force = self.held.is_some_and(|held| held.status.is_good());
            self.gathered.push(Gathered {
                begin_us,
                bound: self.last_good.map(|value| (value, in_force)),
                exact: false,
                good: 0,
                others: 0,
                min: f64::INFINITY,
                max: f64::NEG_INFINITY,
                mean: 0.0,
                squares: 0.0,
                known_us: 0.0,
                good_us: 0.0,
                area: 0.0,
            });
        }
        let last = self.gathered.len() - 1;
        &mut self.gathered[last]
    }

    fn finish(mut self, aggregate: Aggregate) -> Vec<Sample> {
        self.advance(self.to_us);
        self.gathered.iter().map(|interval| interval.compute(aggregate)).collect()
    }
}

impl Gathered {
    fn compute(&self, aggregate: Aggregate) -> Sample {
        let mixed = self.others > 0;
        match aggregate {
            Aggregate::Interpolative => {
                let bits = if self.exact { 0 } else { INTERPOLATED };
                self.sample(self.bound.map(|(value, in_force)| (value, !in_force)), bits)
            }
            Aggregate::Average => self.sample(self.of_good(self.mean, mixed), CALCULATED),
            Aggregate::Minimum => self.sample(self.of_good(self.min, mixed), CALCULATED),
            Aggregate::Maximum => self.sample(self.of_good(self.max, mixed), CALCULATED),
            Aggregate::StandardDeviationSample => {
                let deviation = (self.squares / (self.good.max(2) - 1) as f64).sqrt();
                self.sample(self.of_good(deviation, mixed), CALCULATED)
            }
            Aggregate::Count => self.sample(Some((self.good as f64, mixed)), CALCULATED),
            Aggregate::TimeAverage2 => {
                let value = (self.good_us > 0.0).then(|| (self.area / self.good_us, self.good_us < self.known_us));
                self.sample(value, CALCULATED)
            }
            Aggregate::PercentGood => {
                let value = (self.known_us > 0.0).then(|| (100.0 * self.good_us / self.known_us, false));
                self.sample(value, CALCULATED)
            }
        }
    }

    fn of_good(&self, value: f64, mixed: bool) -> Option<(f64, bool)> {
        (self.good > 0).then_some((value, mixed))
    }

    /// A value, and whether something was left out of it.
    fn sample(&self, value: Option<(f64, bool)>, bits: u32) -> Sample {
        let time = Timestamp::from_micros(self.begin_us);
        let with = |status: StatusCode| StatusCode(status.0 | bits);
        match value {
            Some((value, false)) => Sample::new(time, value, with(StatusCode::GOOD)),
            Some((value, true)) => Sample::new(time, value, with(StatusCode::UNCERTAIN_DATA_SUB_NORMAL)),
            None => Sample::bad(time, StatusCode::BAD_NO_DATA),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const AT: fn(i64) -> Timestamp = Timestamp::from_micros;

    fn line(held: Option<Sample>, samples: &[Sample], to: i64, step: u64) -> Line {
        let mut line = Line::new((AT(0), AT(to)), Duration::from_micros(step), held);
        samples.iter().for_each(|sample| line.add(sample));
        line
    }

    #[test]
    fn a_small_history_gives_what_the_standard_says() {
        let samples = [
            Sample::good(AT(2), 10.0),
            Sample::good(AT(6), 20.0),
            Sample::bad(AT(8), StatusCode::BAD),
            Sample::good(AT(15), 40.0),
        ];
        let of = |aggregate| {
            let all = line(Some(Sample::good(AT(-5), 4.0)), &samples, 25, 10).finish(aggregate);
            all.iter().map(|s| (s.time.as_micros(), s.value, s.status.0)).collect::<Vec<_>>()
        };
        let (good, mixed) = (CALCULATED, StatusCode::UNCERTAIN_DATA_SUB_NORMAL.0 | CALCULATED);
        assert_eq!(of(Aggregate::Average)[..2], [(0, 15.0, mixed), (10, 40.0, good)]);
        assert_eq!(of(Aggregate::Count), [(0, 2.0, mixed), (10, 1.0, good), (20, 0.0, good)]);
        assert_eq!(of(Aggregate::Minimum)[0], (0, 10.0, mixed));
        assert_eq!(of(Aggregate::Maximum)[0], (0, 20.0, mixed));
        // 4 for 2, 10 for 4, 20 for 2, then nothing for 2.
        assert_eq!(of(Aggregate::TimeAverage2)[0], (0, 11.0, mixed));
        assert_eq!(of(Aggregate::PercentGood), [(0, 80.0, good), (10, 50.0, good), (20, 100.0, good)]);
        let held = StatusCode::UNCERTAIN_DATA_SUB_NORMAL.0 | INTERPOLATED;
        assert_eq!(of(Aggregate::Interpolative), [(0, 4.0, INTERPOLATED), (10, 20.0, held), (20, 40.0, INTERPOLATED)]);
        assert_eq!(of(Aggregate::StandardDeviationSample)[0], (0, 50f64.sqrt(), mixed));
        assert_eq!(of(Aggregate::Average)[2].2, StatusCode::BAD_NO_DATA.0);
    }

    #[test]
    fn a_name_is_the_standard_s_and_another_is_refused() {
        for (name, aggregate) in NAMES {
            assert_eq!(name.parse(), Ok(aggregate));
        }
        assert_eq!("average".parse(), Ok(Aggregate::Average));
        assert!("Median".parse::<Aggregate>().unwrap_err().to_string().contains("PercentGood"));
    }

    fn samples() -> impl Strategy<Value = Vec<Sample>> {
        let sample = (0i64..120, -50i32..50, 0..3u8);
        prop::collection::vec(sample, 0..40).prop_map(|all| {
            let of = |(time, value, kind): (i64, i32, u8)| match kind {
                0 => Sample::bad(AT(time), StatusCode::BAD),
                1 => Sample::new(AT(time), value.into(), StatusCode::UNCERTAIN),
                _ => Sample::good(AT(time), value.into()),
            };
            let mut samples: Vec<_> = all.into_iter().map(of).collect();
            samples.sort_by_key(|s| s.time);
            samples.dedup_by_key(|s| s.time);
            samples
        })
    }

    proptest! {
        /// Against the plainest way: each microsecond looked at by itself.
        #[test]
        fn every_interval_is_what_its_microseconds_say(samples in samples(), to in 1i64..150, step in 1u64..60, before in any::<bool>()) {
            let held = before.then(|| Sample::good(AT(-3), 7.0));
            let within: Vec<_> = samples.iter().copied().filter(|s| s.time.as_micros() < to).collect();
            let in_force = |us: i64| within.iter().rev().find(|s| s.time.as_micros() <= us).copied().or(held);
            let average = line(held, &within, to, step).finish(Aggregate::Average);
            let time_average = line(held, &within, to, step).finish(Aggregate::TimeAverage2);
            let percent = line(held, &within, to, step).finish(Aggregate::PercentGood);
            let begins: Vec<i64> = (0..to).step_by(step as usize).collect();
            prop_assert_eq!(average.iter().map(|s| s.time.as_micros()).collect::<Vec<_>>(), begins.clone());
            for (ix, begin) in begins.into_iter().enumerate() {
                let end = (begin + step as i64).min(to);
                let good: Vec<f64> = within.iter().filter(|s| (begin..end).contains(&s.time.as_micros()) && s.status.is_good()).map(|s| s.value).collect();
                let held: Vec<Sample> = (begin..end).filter_map(in_force).collect();
                let held_good: Vec<f64> = held.iter().filter(|s| s.status.is_good()).map(|s| s.value).collect();
                let mean = |of: &[f64]| of.iter().sum::<f64>() / of.len() as f64;
                let same = |a: f64, b: f64| (a - b).abs() < 1e-9 || a.is_nan() && b.is_nan();
                prop_assert!(same(average[ix].value, mean(&good)), "{:?} {good:?}", average[ix]);
                prop_assert!(same(time_average[ix].value, mean(&held_good)), "{:?} {held_good:?}", time_average[ix]);
                let share = 100.0 * held_good.len() as f64 / held.len() as f64;
                prop_assert!(same(percent[ix].value, share), "{:?} {share}", percent[ix]);
            }
        }
    }
}
