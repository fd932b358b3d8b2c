//! A jump that decays: a knock, a surge, a burst of interference.

use super::{FaultError, FaultPlan};

/// The whole jump at once, down to a twentieth of it at the end of the fault.
#[derive(Debug, Clone)]
pub(super) struct Spike {
    pub(super) magnitude: f64,
    offset: f64,
}

impl Spike {
    pub(super) fn plan(plan: &FaultPlan<'_>) -> Result<Self, FaultError> {
        plan.needs_analog()?;
        Ok(Self { magnitude: plan.size(), offset: plan.offset() })
    }

    /// What is added when `share` of the fault has passed.
    pub(super) fn at(&self, share: f64) -> f64 {
        self.offset * (-3.0 * share).exp()
    }
}
