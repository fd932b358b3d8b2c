//! A value outside the instrument's range: a broken thermocouple, a short circuit.

use super::{FaultError, FaultPlan};

/// A value beyond the upper end of the range by the magnitude; with a negative one, beyond the lower end.
#[derive(Debug, Clone)]
pub(super) struct OutOfRange {
    pub(super) magnitude: f64,
    shown: f64,
}

impl OutOfRange {
    pub(super) fn plan(plan: &FaultPlan<'_>) -> Result<Self, FaultError> {
        plan.needs_analog()?;
        let Some(range) = plan.tag_profile().range else {
            return Err(plan.refused("it has no range to leave; give the tag one".to_owned()));
        };
        let end = if plan.size() > 0.0 { range.high() } else { range.low() };
        Ok(Self { magnitude: plan.size(), shown: end + plan.offset() })
    }

    /// What is shown instead of `value`.
    pub(super) fn at(&self, value: f64) -> f64 {
        if value.is_nan() { value } else { self.shown }
    }
}
