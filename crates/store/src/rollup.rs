//! What a block says of its samples without being opened.

use andon_plant::{Quality, Sample, StatusCode, Timestamp};

/// A sum of the samples of a block; see the `block` table for what each means.
#[derive(Debug, Clone, PartialEq)]
pub struct RollUp {
    /// The first sample's time.
    pub first_us: i64,
    /// The last sample's time.
    pub last_us: i64,
    /// How many samples.
    pub count: i64,
    /// The earliest of the lowest.
    pub min: Option<Sample>,
    /// The earliest of the highest.
    pub max: Option<Sample>,
    /// The earliest without a value.
    pub gap: Option<Sample>,
    /// The first value.
    pub first: Option<f64>,
    /// The last value.
    pub last: Option<f64>,
    /// The sum of all values.
    pub sum: f64,
    /// How many samples have a value.
    pub usable: i64,
    /// How many are Good.
    pub good: i64,
}

impl RollUp {
    /// Of samples in order of time; none where there are none.
    pub(crate) fn of(samples: &[Sample]) -> Option<Self> {
        let (first, last) = (samples.first()?, samples.last()?);
        let mut extremes = Extremes::default();
        samples.iter().for_each(|sample| extremes.add(*sample));
        let usable = || samples.iter().filter(|s| !s.status.is_bad()).map(|s| s.value);
        Some(Self {
            first_us: first.time.as_micros(),
            last_us: last.time.as_micros(),
            count: samples.len() as i64,
            min: extremes.min,
            max: extremes.max,
            gap: extremes.gap,
            first: usable().next(),
            last: usable().next_back(),
            sum: usable().sum(),
            usable: usable().count() as i64,
            good: samples.iter().filter(|s| s.quality() == Quality::Good).count() as i64,
        })
    }
}

/// The lowest, the highest and the first gap of what was added in order of time: what a bucket of a thinned trend keeps.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Extremes {
    /// The lowest.
    pub min: Option<Sample>,
    /// The highest.
    pub max: Option<Sample>,
    /// The first without a value.
    pub gap: Option<Sample>,
}

impl Extremes {
    /// Adds a sample, in any order: of equals the earlier counts.
    pub(crate) fn add(&mut self, sample: Sample) {
        if sample.status.is_bad() {
            if self.gap.is_none_or(|gap| sample.time < gap.time) {
                self.gap = Some(sample);
            }
            return;
        }
        let earlier = |than: &Sample| sample.value == than.value && sample.time < than.time;
        if self.min.is_none_or(|min| sample.value < min.value || earlier(&min)) {
            self.min = Some(sample);
        }
        if self.max.is_none_or(|max| sample.value > max.value || earlier(&max)) {
            self.max = Some(sample);
        }
    }

    /// Whether no sample of a block could make this lower, higher or the gap earlier, given the block's own extremes.
    pub(crate) fn covers(&self, block: &Extremes) -> bool {
        block.min.is_none_or(|b| self.min.is_some_and(|own| own.value <= b.value))
            && block.max.is_none_or(|b| self.max.is_some_and(|own| own.value >= b.value))
            && block.gap.is_none_or(|b| self.gap.is_some_and(|own| own.time <= b.time))
    }

    /// What is kept, in no order.
    pub(crate) fn kept(&self) -> impl Iterator<Item = Sample> {
        [self.min, self.max, self.gap].into_iter().flatten()
    }
}

/// The time and status of a sample in columns that may be null.
pub fn columns(sample: Option<Sample>) -> (Option<i64>, Option<i64>, Option<f64>) {
    (
        sample.map(|s| s.time.as_micros()),
        sample.map(|s| i64::from(s.status.0)),
        sample.map(|s| s.value).filter(|v| v.is_finite()),
    )
}

/// A sample from such columns: a value exactly where the status is not Bad. None where they are null or do not fit.
pub fn sample(time_us: Option<i64>, status: Option<i64>, value: Option<f64>) -> Option<Sample> {
    let (time, status) = (Timestamp::from_micros(time_us?), StatusCode(u32::try_from(status?).ok()?));
    match value {
        Some(value) if !status.is_bad() => Some(Sample { time, value, status }),
        None if status.is_bad() => Some(Sample::bad(time, status)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_roll_up_names_the_earliest_of_equals() {
        let at = Timestamp::from_micros;
        let samples = [
            Sample::bad(at(1), StatusCode::BAD),
            Sample::good(at(2), 5.0),
            Sample::new(at(3), -1.0, StatusCode::UNCERTAIN_SUBSTITUTE_VALUE),
            Sample::good(at(4), 5.0),
            Sample::good(at(5), -1.0),
            Sample::bad(at(6), StatusCode::BAD),
        ];
        let rolled = RollUp::of(&samples).unwrap();
        assert_eq!((rolled.first_us, rolled.last_us, rolled.count), (1, 6, 6));
        assert_eq!((rolled.min, rolled.max), (Some(samples[2]), Some(samples[1])));
        assert_eq!(rolled.gap.map(|s| s.time), Some(at(1)));
        assert_eq!((rolled.first, rolled.last, rolled.sum), (Some(5.0), Some(-1.0), 8.0));
        assert_eq!((rolled.usable, rolled.good), (4, 3));
        assert_eq!(RollUp::of(&[]), None);
    }
}
