//! A value that is normal in another operating mode, shown in the wrong one: each tag alone looks healthy.

use super::{FaultError, FaultPlan};

/// Moves the tag from its usual level in the row's mode to its usual level in another mode.
///
/// The other mode is the one whose level lies farthest away, so a magnitude has no say; the one reported is the largest
/// difference there is. What is shown never leaves the values the tag takes in normal operation.
#[derive(Debug, Clone)]
pub(super) struct Contextual {
    pub(super) magnitude: f64,
    /// The usual level in each mode.
    levels: Vec<f64>,
    normal: (f64, f64),
    discrete: bool,
}

impl Contextual {
    pub(super) fn plan(plan: &FaultPlan<'_>) -> Result<Self, FaultError> {
        let tag = plan.tag_profile();
        let levels: Vec<f64> = tag.levels.clone();
        if levels.iter().filter(|l| l.is_finite()).count() < 2 {
            return Err(
                plan.refused("it needs rows of at least two operating modes; give the series a mode".to_owned())
            );
        }
        let farthest = (0..levels.len()).map(|mode| (farthest(&levels, mode) - levels[mode]).abs()).fold(0.0, f64::max);
        // A level that differs by less than the tag wanders anyway would be a fault nobody could see.
        if farthest == 0.0 || (!tag.discrete && farthest < 3.0 * tag.deviation) {
            return Err(plan.refused("its level is the same in every operating mode; choose another tag".to_owned()));
        }
        let magnitude = if tag.discrete { 1.0 } else { farthest / tag.deviation };
        Ok(Self { magnitude, levels, normal: tag.normal, discrete: tag.discrete })
    }

    /// What is shown instead of `value` in `mode`.
    pub(super) fn at(&self, value: f64, mode: Option<usize>) -> f64 {
        let level = mode.and_then(|m| self.levels.get(m)).copied().filter(|l| l.is_finite());
        let (Some(mode), Some(level)) = (mode, level) else { return value };
        let elsewhere = farthest(&self.levels, mode);
        if value.is_nan() {
            value
        } else if self.discrete {
            elsewhere
        } else {
            (elsewhere + value - level).clamp(self.normal.0, self.normal.1)
        }
    }
}

/// The level farthest from that of `mode`; its own where there is no other.
fn farthest(levels: &[f64], mode: usize) -> f64 {
    let own = levels[mode];
    let others = levels.iter().copied().filter(|l| l.is_finite());
    others.fold(own, |far, l| if (l - own).abs() > (far - own).abs() { l } else { far })
}
