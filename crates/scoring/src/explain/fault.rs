//! Is it the sensor or the process? What kind of fault the recent rows of one tag look like.
//!
//! The rules are asked in this order, and the first that holds answers: what the value alone gives away (out of range,
//! stuck) is the sensor's whatever other tags do, because a model that reads a broken tag expects nonsense of its
//! neighbours. (But a tag that rests at nothing while others deviate is no stuck one.) What is a matter of expectation (noise, spike, deviation) is the sensor's only if it is alone.

use andon_plant::{FaultClass, Range};

use super::habits::{TagHabits, step};
use crate::scale::TagScale;

/// From this many scales on a row deviates.
const DEVIATES: f64 = 3.0;
/// This many rows in a row that don't deviate end a fault.
const QUIET_ROWS: usize = 8;
/// Where no row deviates by itself, the mean of this many may, by this many scales.
const FAINT: (usize, f64) = (10, 1.5);
/// The fewest rows that can be stuck, and how much longer than ever they must be.
const STUCK: (usize, f64) = (5, 1.5);
/// The fewest rows that can be noisy, and how much farther than usual they must step.
const NOISY: (usize, f64) = (6, 3.0);
/// A spike is at least this many scales high.
const FAR: f64 = 6.0;
/// Another tag deviates too from this much of the tag's own share on.
const JOINT_SHARE: f64 = 0.5;

/// The recent rows of one tag, oldest first, in its unit; some 60 are enough. Rows beyond the shorter of the two are left
/// out.
#[derive(Debug, Clone, Copy)]
pub struct TagRows<'a> {
    /// Its values; NaN where nothing was measured, or where a value was made up.
    pub values: &'a [f64],
    /// What the model expected.
    pub expected: &'a [f64],
    /// Its scale of the residual.
    pub scale: TagScale,
    /// The range its instrument can show, where known.
    pub range: Option<Range>,
    /// How it behaves in normal operation.
    pub habits: TagHabits,
    /// Whether other tags deviate with it; see [`others_deviate`].
    pub others: bool,
}

/// What was found in the recent rows of one tag.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Finding {
    /// What it looks like.
    pub class: FaultClass,
    /// Rows since it began, as far as the rows given reach back.
    pub rows: usize,
    /// How far it is from expected, in the tag's unit and with its sign: the median of the last five rows; for a spike the
    /// farthest row, for noise the root mean square.
    pub deviation: f64,
}

/// What the recent rows of a tag look like; `None` where it is as expected, or was not measured lately.
///
/// A tag that stood still for over two thirds as many rows in normal operation as are given can't be called stuck.
pub fn diagnose(rows: &TagRows<'_>) -> Option<Finding> {
    let residuals: Vec<f64> = rows.values.iter().zip(rows.expected).map(|(v, e)| v - e).collect();
    let values = &rows.values[..residuals.len()];
    let found =
        |class, from: usize| Finding { class, rows: residuals.len() - from, deviation: near(&residuals[from..]) };
    if let Some(from) = trailing(values, |v| is_out_of_range(rows, v)) {
        return Some(found(FaultClass::OutOfRange, from));
    }
    if let Some(from) = stuck_since(values, rows) {
        return Some(found(FaultClass::Stuck, from));
    }
    let z: Vec<f64> = residuals.iter().map(|r| (r - rows.scale.centre) / rows.scale.scale).collect();
    let from = deviates_since(&z)?;
    if rows.others {
        return Some(found(FaultClass::JointDeviation, from));
    }
    let since = &residuals[from..];
    Some(if is_noisy(&values[from..], &z[from..], &rows.habits) {
        Finding { deviation: root_mean_square(since), ..found(FaultClass::NoiseBurst, from) }
    } else if let Some(peak) = spike(since, rows.scale) {
        Finding { deviation: peak, ..found(FaultClass::Spike, from) }
    } else {
        found(FaultClass::Deviation, from)
    })
}

/// Whether other tags deviate with tag number `tag`: another has at least half as large a share of the score. Smaller
/// shares are what a fault of one tag leaves in what the model expects of the others.
pub fn others_deviate(shares: &[f64], tag: usize) -> bool {
    let own = shares.get(tag).copied().unwrap_or(0.0);
    shares.iter().enumerate().any(|(j, share)| j != tag && *share > 0.0 && *share >= JOINT_SHARE * own)
}

/// Beyond the range, and beyond what it showed in normal operation: a range typed in wrong is no fault of the sensor.
fn is_out_of_range(rows: &TagRows<'_>, value: f64) -> bool {
    let outside = rows.range.is_some_and(|r| value < r.low() || value > r.high());
    outside && !rows.habits.knows(value)
}

/// The first row of the newest rows that all are so, rows without a value aside; none if the newest is not.
fn trailing(values: &[f64], is_so: impl Fn(f64) -> bool) -> Option<usize> {
    let measured = values.iter().enumerate().rev().filter(|(_, v)| v.is_finite());
    measured.take_while(|(_, v)| is_so(**v)).last().map(|(row, _)| row)
}

fn stuck_since(values: &[f64], rows: &TagRows<'_>) -> Option<usize> {
    let newest = values.iter().rev().copied().find(|v| v.is_finite())?;
    // Where others deviate too, a tag at rest is a pump that has stopped or a valve that has closed.
    if rows.others && is_at_rest(newest, rows.range) {
        return None;
    }
    let from = trailing(values, |v| v == newest)?;
    let run = values[from..].iter().filter(|v| v.is_finite()).count();
    let usual = STUCK.1 * rows.habits.longest_run as f64;
    (run >= STUCK.0 && run as f64 > usual).then_some(from)
}

/// Nothing, or an end of the range.
fn is_at_rest(value: f64, range: Option<Range>) -> bool {
    value == 0.0 || range.is_some_and(|r| value == r.low() || value == r.high())
}

/// The first row of the newest stretch that deviates, in which fewer than [`QUIET_ROWS`] in a row don't; none if it is over.
fn deviates_since(z: &[f64]) -> Option<usize> {
    let mut since = None;
    let mut quiet = 0;
    for (row, z) in z.iter().enumerate().rev().filter(|(_, z)| z.is_finite()) {
        if z.abs() >= DEVIATES {
            (since, quiet) = (Some(row), 0);
        } else {
            quiet += 1;
        }
        if quiet == QUIET_ROWS {
            break;
        }
    }
    since.or_else(|| faint_since(z))
}

/// Where every row is within bounds but all lean to one side.
fn faint_since(z: &[f64]) -> Option<usize> {
    let from = z.len().checked_sub(FAINT.0)?;
    let newest: Vec<f64> = z[from..].iter().copied().filter(|z| z.is_finite()).collect();
    let mean = newest.iter().sum::<f64>() / newest.len() as f64;
    (newest.len() > FAINT.0 / 2 && mean.abs() >= FAINT.1).then_some(from)
}

/// Steps far wider than usual, and not all on one side of what is expected.
fn is_noisy(values: &[f64], z: &[f64], habits: &TagHabits) -> bool {
    let z: Vec<f64> = z.iter().copied().filter(|z| z.is_finite()).collect();
    let mean = z.iter().sum::<f64>() / z.len() as f64;
    z.len() >= NOISY.0 && mean.abs() < 0.8 * root_mean_square(&z) && step(values) > NOISY.1 * habits.step
}

/// The farthest residual, if it is far, stands near the beginning, and the newest are less than half as far.
fn spike(residuals: &[f64], scale: TagScale) -> Option<f64> {
    let measured: Vec<f64> = residuals.iter().copied().filter(|r| r.is_finite()).collect();
    let (at, peak) = measured.iter().copied().enumerate().max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()))?;
    let far = peak.abs() >= FAR * scale.scale;
    (far && 3 * at < measured.len() && 2.0 * near(&measured).abs() < peak.abs()).then_some(peak)
}

/// The median of the last five finite numbers, the upper one of two; NaN if there are none.
fn near(residuals: &[f64]) -> f64 {
    let mut last: Vec<f64> = residuals.iter().rev().copied().filter(|r| r.is_finite()).take(5).collect();
    last.sort_by(f64::total_cmp);
    last.get(last.len() / 2).copied().unwrap_or(f64::NAN)
}

fn root_mean_square(numbers: &[f64]) -> f64 {
    let finite = || numbers.iter().filter(|x| x.is_finite());
    (finite().map(|x| x * x).sum::<f64>() / finite().count().max(1) as f64).sqrt()
}

#[cfg(test)]
mod tests;
