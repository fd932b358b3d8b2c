//! Which operating mode a machine is in: a seeded schedule with dwell times of two to six minutes.

use std::ops::RangeInclusive;

use rand::RngExt;

use crate::process::SimRng;

/// How long a machine stays in a mode, in steps.
pub const DWELL_STEPS: RangeInclusive<u32> = 120..=360;

/// The modes of one machine, one after another.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    successors: [&'static [usize]; 3],
    mode: usize,
    left: u32,
    rng: SimRng,
}

impl Schedule {
    /// Begins in mode 0.
    pub(crate) fn new(successors: [&'static [usize]; 3], mut rng: SimRng) -> Self {
        let left = rng.random_range(DWELL_STEPS);
        Self { successors, mode: 0, left, rng }
    }

    /// The mode of the next step.
    pub(crate) fn step(&mut self) -> usize {
        if self.left == 0 {
            let next = self.successors[self.mode];
            self.mode = next[self.rng.random_range(0..next.len())];
            self.left = self.rng.random_range(DWELL_STEPS);
        }
        self.left -= 1;
        self.mode
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn every_mode_is_held_for_its_dwell_time() {
        let mut schedule = Schedule::new([&[1, 2], &[0, 2], &[0, 1]], SimRng::seed_from_u64(7));
        let modes: Vec<usize> = (0..20_000).map(|_| schedule.step()).collect();
        let runs: Vec<&[usize]> = modes.chunk_by(|a, b| a == b).collect();
        assert!((0..3).all(|mode| modes.contains(&mode)));
        assert!(runs[..runs.len() - 1].iter().all(|run| DWELL_STEPS.contains(&(run.len() as u32))));
    }
}
