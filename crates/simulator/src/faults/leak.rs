//! Two tags that go with one another part: what one of them should bring, the other no longer sees.

use super::{FaultError, FaultPlan};

/// The tag falls away to one side and its partner to the other, half the magnitude each.
///
/// The parting grows over the first half of the fault and stays. Where the tags rise together, a positive magnitude lets
/// the tag fall and its partner rise; where one rises as the other falls, both fall.
#[derive(Debug, Clone)]
pub(super) struct Leak {
    pub(super) magnitude: f64,
    offset: f64,
    partner: usize,
    partner_offset: f64,
}

impl Leak {
    pub(super) fn plan(plan: &FaultPlan<'_>) -> Result<Self, FaultError> {
        plan.needs_analog()?;
        let Some(partner) = plan.tag_profile().partner else {
            return Err(plan.refused("no other tag goes with it, so there is nothing to part from".to_owned()));
        };
        let deviation = plan.profile.tags[partner.tag].deviation;
        Ok(Self {
            magnitude: plan.size(),
            offset: -0.5 * plan.offset(),
            partner: partner.tag,
            partner_offset: 0.5 * plan.size() * deviation * partner.correlation.signum(),
        })
    }

    pub(super) fn partner(&self) -> usize {
        self.partner
    }

    /// Changes the row when `share` of the fault has passed.
    pub(super) fn apply(&self, tag: usize, share: f64, row: &mut [f64]) {
        let open = (2.0 * share).min(1.0);
        row[tag] += self.offset * open;
        row[self.partner] += self.partner_offset * open;
    }
}
