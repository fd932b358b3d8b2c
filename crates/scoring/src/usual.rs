//! What each tag usually adds to the point-wise error, so that contributions name what is unusual and not what is loud.

use serde::{Deserialize, Serialize};

/// A place with fewer rows than this says what all rows say.
const ENOUGH: usize = 30;
/// What is usual of a tag is at least this, in squared scales: one that stands still in a mode is not guilty of every move.
const LEAST: f64 = 0.25;

/// The mean of each tag's part in the point-wise error, in squared scales: in all rows, and in each place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct UsualTerms {
    everywhere: Vec<f64>,
    places: Vec<Option<Vec<f64>>>,
}

impl UsualTerms {
    /// From n x d residuals in scales (NaN where nothing was measured), each row with its place.
    pub(crate) fn fit(rows: &[Vec<f64>], places: &[Option<usize>], count: usize) -> Self {
        let all: Vec<&Vec<f64>> = rows.iter().collect();
        let of_place = |place: usize| {
            let own = rows.iter().zip(places).filter(|(_, p)| **p == Some(place));
            let own: Vec<&Vec<f64>> = own.map(|(row, _)| row).collect();
            (own.len() >= ENOUGH).then(|| means(&own))
        };
        Self { everywhere: means(&all), places: (0..count).map(of_place).collect() }
    }

    /// `terms` in units of what is usual of them at a place, and less than that: 0 for a tag that is as usual. Where all are,
    /// what they are in those units.
    pub(crate) fn beyond(&self, terms: &[f64], place: Option<usize>) -> Vec<f64> {
        let usual = place.and_then(|p| self.places.get(p)?.as_ref()).unwrap_or(&self.everywhere);
        let ratios: Vec<f64> = terms.iter().zip(usual).map(|(term, usual)| term / usual).collect();
        let beyond: Vec<f64> = ratios.iter().map(|ratio| (ratio - 1.0).max(0.0)).collect();
        if beyond.iter().any(|b| *b > 0.0) { beyond } else { ratios }
    }
}

fn means(rows: &[&Vec<f64>]) -> Vec<f64> {
    let tags = rows.first().map_or(0, |row| row.len());
    let mean = |tag: usize| {
        let seen = rows.iter().map(|row| row[tag]).filter(|z| z.is_finite());
        let (sum, count) = seen.fold((0.0, 0.0), |(sum, count), z| (sum + z * z, count + 1.0));
        (sum / f64::max(count, 1.0)).max(LEAST)
    };
    (0..tags).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_loud_at_a_place_is_not_unusual_there() {
        let rows: Vec<Vec<f64>> = (0..200).map(|i| if i < 100 { vec![1.0, 1.0] } else { vec![1.0, 6.0] }).collect();
        let places: Vec<Option<usize>> = (0..200).map(|i| Some(i / 100)).collect();
        let usual = UsualTerms::fit(&rows, &places, 2);
        assert_eq!(usual.beyond(&[4.0, 36.0], Some(1)), [3.0, 0.0]);
        assert_eq!(usual.beyond(&[4.0, 36.0], Some(0)), [3.0, 35.0]);
        assert_eq!(usual.beyond(&[4.0, 37.0], None), [3.0, 1.0]);
        assert_eq!(usual.beyond(&[0.5, 18.0], Some(1)), [0.5, 0.5]);
    }
}
