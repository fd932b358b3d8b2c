//! A straight line away from the truth: fouling, wear, a transmitter losing its zero.

use super::{FaultError, FaultPlan};

/// Nothing at first, the whole magnitude at the end of the fault.
#[derive(Debug, Clone)]
pub(super) struct Drift {
    pub(super) magnitude: f64,
    offset: f64,
}

impl Drift {
    pub(super) fn plan(plan: &FaultPlan<'_>) -> Result<Self, FaultError> {
        plan.needs_analog()?;
        Ok(Self { magnitude: plan.size(), offset: plan.offset() })
    }

    /// What is added when `share` of the fault has passed.
    pub(super) fn at(&self, share: f64) -> f64 {
        self.offset * share
    }
}
