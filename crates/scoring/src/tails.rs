//! The tails of a statistic averaged over one scale, one a mode.

use serde::{Deserialize, Serialize};

use crate::{
    pooling::Pooling,
    smooth::{Recent, Smoother},
    tail::{Observation, Tail},
};

/// The tails of the statistic averaged over one scale.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ScaleTails {
    /// Rows averaged over.
    pub(crate) rows: usize,
    everywhere: Tail,
    /// One a mode, where it has rows enough.
    modes: Vec<Option<Tail>>,
}

impl ScaleTails {
    /// Tails of the averaged statistic `seen`, in all pooled rows and in each place that stands alone; none if no segment is
    /// as long as the scale.
    pub(crate) fn fit(rows: usize, seen: &[Observation], places: &[Option<usize>], pooling: &Pooling) -> Option<Self> {
        let pooled: Vec<Observation> = seen.iter().filter(|o| pooling.is_pooled(places[o.row])).copied().collect();
        let everywhere = Tail::fit(&pooled)?;
        let of_place = |place: usize| {
            let own: Vec<Observation> = seen.iter().filter(|o| places[o.row] == Some(place)).copied().collect();
            pooling.stands_alone(place, own.len(), seen.len()).then(|| Tail::fit(&own))?
        };
        Some(Self { rows, everywhere, modes: (0..pooling.places).map(of_place).collect() })
    }

    /// The tail of a mode, or of all rows where the mode is not known or had too few.
    pub(crate) fn of(&self, mode: Option<usize>) -> &Tail {
        mode.and_then(|m| self.modes.get(m)?.as_ref()).unwrap_or(&self.everywhere)
    }
}

/// The mean of each run of `scale` statistics that no break interrupts, at the row it ends with.
pub(crate) fn averaged(statistics: &[f64], breaks: &[bool], scale: usize) -> Vec<Observation> {
    let mut recent = Smoother::default();
    let mut segment = 0;
    let mut out = Vec::new();
    for (row, statistic) in statistics.iter().enumerate() {
        if breaks[row] {
            recent.reset();
            segment += 1;
        }
        recent.push(Recent { statistic: *statistic, terms: Vec::new() }, scale);
        if let Some(value) = recent.mean(scale) {
            out.push(Observation { value, row, segment });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_break_starts_the_average_afresh() {
        let seen = averaged(&[1.0, 3.0, 5.0, 7.0, 9.0], &[true, false, true, false, false], 2);
        let seen: Vec<(f64, usize, usize)> = seen.iter().map(|o| (o.value, o.row, o.segment)).collect();
        assert_eq!(seen, [(2.0, 1, 1), (6.0, 3, 2), (8.0, 4, 2)]);
    }
}
