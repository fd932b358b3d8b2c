//! What an instrument makes of the truth: noise, resolution and the ends of its range.

use andon_plant::Range;
use rand::{Rng, RngExt};
use rand_distr::StandardNormal;

/// An instrument.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sensor {
    /// Standard deviation of its white noise, in the tag's unit.
    pub noise: f64,
    /// The smallest step it shows, in the tag's unit; 0 for none.
    pub resolution: f64,
}

impl Sensor {
    /// What the instrument shows of `truth`; it can't show more than its range.
    pub fn read(&self, truth: f64, range: Option<Range>, rng: &mut impl Rng) -> f64 {
        let disturbance: f64 = rng.sample(StandardNormal);
        let shown = self.quantise(truth + self.noise * disturbance);
        range.map_or(shown, |r| shown.clamp(r.low(), r.high()))
    }

    fn quantise(&self, value: f64) -> f64 {
        if self.resolution <= 0.0 {
            value
        } else if self.resolution < 1.0 {
            // Dividing by the whole number of steps per unit keeps 0.07 from becoming 0.07000000000000001.
            let steps_per_unit = (1.0 / self.resolution).round();
            (value * steps_per_unit).round() / steps_per_unit
        } else {
            (value / self.resolution).round() * self.resolution
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::process::SimRng;

    #[test]
    fn a_reading_has_no_more_digits_than_the_instrument() {
        let sensor = Sensor { noise: 0.3, resolution: 0.01 };
        let mut rng = SimRng::seed_from_u64(1);
        for _ in 0..200 {
            let shown = sensor.read(0.07, None, &mut rng);
            assert!(shown.to_string().trim_start_matches('-').len() <= 4, "{shown}");
        }
    }

    #[test]
    fn a_reading_stays_within_the_range() {
        let sensor = Sensor { noise: 10.0, resolution: 0.1 };
        let range = Range::new(0.0, 5.0).ok();
        let mut rng = SimRng::seed_from_u64(1);
        assert!((0..200).map(|_| sensor.read(5.0, range, &mut rng)).all(|v| (0.0..=5.0).contains(&v)));
    }
}
