//! A noisy tag: a loose contact, a failing shield, cavitation.

use rand::{RngExt, SeedableRng};
use rand_distr::StandardNormal;

use super::{FaultError, FaultPlan};
use crate::process::SimRng;

/// White noise whose standard deviation is the magnitude.
#[derive(Debug, Clone)]
pub(super) struct NoiseBurst {
    pub(super) magnitude: f64,
    deviation: f64,
    rng: SimRng,
}

impl NoiseBurst {
    pub(super) fn plan(plan: &FaultPlan<'_>) -> Result<Self, FaultError> {
        plan.needs_analog()?;
        Ok(Self { magnitude: plan.size(), deviation: plan.offset(), rng: SimRng::seed_from_u64(plan.seed) })
    }

    /// What is added to the next row.
    pub(super) fn next(&mut self) -> f64 {
        let disturbance: f64 = self.rng.sample(StandardNormal);
        self.deviation * disturbance
    }
}
