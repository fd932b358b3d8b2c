//! One and the same value: a frozen transmitter, a jammed switch.

use super::{FaultError, FaultPlan};

/// The first value of the fault, held; with a magnitude, held that far from it.
#[derive(Debug, Clone)]
pub(super) struct Stuck {
    pub(super) magnitude: f64,
    offset: f64,
    held: Option<f64>,
}

impl Stuck {
    pub(super) fn plan(plan: &FaultPlan<'_>) -> Result<Self, FaultError> {
        let magnitude = plan.magnitude.unwrap_or(0.0);
        if magnitude != 0.0 {
            plan.needs_analog()?;
        }
        Ok(Self { magnitude, offset: magnitude * plan.tag_profile().deviation, held: None })
    }

    /// What is shown instead of `value`.
    pub(super) fn at(&mut self, value: f64) -> f64 {
        if value.is_nan() {
            return value;
        }
        *self.held.get_or_insert(value + self.offset)
    }
}
