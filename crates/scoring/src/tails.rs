//! The tails of one statistic, one a mode.

use serde::{Deserialize, Serialize};

use crate::{
    pooling::Pooling,
    tail::{Observation, Tail},
};

/// The tails of a statistic in all pooled rows and in each place that stands alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PlaceTails {
    everywhere: Tail,
    /// One a place, where it has rows enough.
    places: Vec<Option<Tail>>,
}

impl PlaceTails {
    /// Tails of a statistic's `values`, one a calibration row, none where it had none; none if it never had one.
    pub(crate) fn fit(values: &[Option<f64>], calibration: &Placed<'_>) -> Option<Self> {
        let Placed { places, breaks, pooling } = *calibration;
        let seen = observations(values, breaks);
        let pooled: Vec<Observation> = seen.iter().filter(|o| pooling.is_pooled(places[o.row])).copied().collect();
        let everywhere = Tail::fit(&pooled)?;
        let of_place = |place: usize| {
            let own: Vec<Observation> = seen.iter().filter(|o| places[o.row] == Some(place)).copied().collect();
            pooling.stands_alone(place, own.len(), seen.len()).then(|| Tail::fit(&own))?
        };
        Some(Self { everywhere, places: (0..pooling.places).map(of_place).collect() })
    }

    /// The tail of a place, or of all rows where the place is not known or had too few.
    pub(crate) fn of(&self, place: Option<usize>) -> &Tail {
        place.and_then(|m| self.places.get(m)?.as_ref()).unwrap_or(&self.everywhere)
    }
}

/// Where the calibration rows belong.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placed<'a> {
    /// Each row's place.
    pub(crate) places: &'a [Option<usize>],
    /// Which rows do not continue the one before.
    pub(crate) breaks: &'a [bool],
    pub(crate) pooling: &'a Pooling,
}

fn observations(values: &[Option<f64>], breaks: &[bool]) -> Vec<Observation> {
    let mut segment = 0;
    let mut seen = Vec::with_capacity(values.len());
    for (row, value) in values.iter().enumerate() {
        segment += usize::from(breaks[row]);
        seen.extend(value.map(|value| Observation { value, row, segment }));
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_break_begins_a_new_segment_and_a_missing_value_is_no_observation() {
        let seen = observations(&[Some(1.0), None, Some(3.0), Some(5.0)], &[true, false, false, true]);
        let seen: Vec<(f64, usize, usize)> = seen.iter().map(|o| (o.value, o.row, o.segment)).collect();
        assert_eq!(seen, [(1.0, 0, 1), (3.0, 2, 1), (5.0, 3, 2)]);
    }
}
