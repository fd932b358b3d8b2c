//! Labelled faults for tests, the demo, rehearsals and the laboratory: the seven kinds of the contract.
//!
//! A [`Fault`] changes the tags *as served* for rows with `start <= time < end`, and exactly these rows carry the label.
//! It is planned against an [`AssetProfile`], which knows each tag's normal deviation, levels per mode and partner; a
//! profile comes from any normal series, so the same library works on the simulated plant and on real recordings
//! ([`inject`]). Sizes are in units of the tag's normal standard deviation within a mode.
//!
//! To add a kind: one file with `plan` and `apply`, one variant of [`FaultKind`] and of `Effect`, and what the compiler
//! then lists.

mod contextual;
mod drift;
mod error;
mod leak;
mod noise;
mod out_of_range;
mod profile;
mod request;
mod spike;
mod stuck;

use std::{fmt, time::Duration};

use andon_plant::Timestamp;
use serde::{Deserialize, Serialize};

pub use error::FaultError;
pub use profile::{AssetProfile, Partner, TagProfile};
pub use request::{ActiveFault, FaultRequest, ScheduledFault};

/// How large a fault is where nobody says: clearly visible.
pub const DEFAULT_MAGNITUDE: f64 = 8.0;
/// How long a fault lasts where nobody says.
pub const DEFAULT_DURATION: Duration = Duration::from_secs(60);
/// The longest a fault may last.
pub const LONGEST_DURATION: Duration = Duration::from_secs(7 * 24 * 3600);

/// What goes wrong with a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// It jumps at once and decays.
    Spike,
    /// It wanders off along a straight line.
    Drift,
    /// It shows one and the same value.
    Stuck,
    /// It shows a value that is normal in another operating mode.
    Contextual,
    /// It and the tag it goes with part.
    Leak,
    /// It becomes noisy.
    Noise,
    /// It leaves the instrument's range.
    OutOfRange,
}

impl FaultKind {
    /// Every kind, in the contract's order.
    pub const ALL: [FaultKind; 7] = [
        FaultKind::Spike,
        FaultKind::Drift,
        FaultKind::Stuck,
        FaultKind::Contextual,
        FaultKind::Leak,
        FaultKind::Noise,
        FaultKind::OutOfRange,
    ];

    /// The word for JSON and people.
    pub fn as_str(self) -> &'static str {
        match self {
            FaultKind::Spike => "spike",
            FaultKind::Drift => "drift",
            FaultKind::Stuck => "stuck",
            FaultKind::Contextual => "contextual",
            FaultKind::Leak => "leak",
            FaultKind::Noise => "noise",
            FaultKind::OutOfRange => "out_of_range",
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for FaultKind {
    type Err = FaultError;
    fn from_str(text: &str) -> Result<Self, FaultError> {
        let found = FaultKind::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| FaultError::UnknownKind { kind: text.to_owned() })
    }
}

/// The rows a fault acts on: `start <= time < end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first instant of the fault.
    pub start: Timestamp,
    /// The first instant after it.
    pub end: Timestamp,
}

impl Span {
    /// Whether a row at `time` is within the fault.
    pub fn contains(self, time: Timestamp) -> bool {
        self.start <= time && time < self.end
    }

    /// How much of the fault has passed at `time`, from 0 to 1.
    fn share(self, time: Timestamp) -> f64 {
        let whole = self.end.since(self.start).as_secs_f64();
        if whole > 0.0 { time.since(self.start).as_secs_f64() / whole } else { 0.0 }
    }
}

/// What a fault is to be.
#[derive(Debug, Clone, Copy)]
pub struct FaultPlan<'a> {
    /// What goes wrong.
    pub kind: FaultKind,
    /// The number of the tag it befalls.
    pub tag: usize,
    /// Its size in units of the tag's deviation, where given. Its sign is the direction.
    pub magnitude: Option<f64>,
    /// When.
    pub span: Span,
    /// The seed of what is random in it.
    pub seed: u64,
    /// What is normal for the asset.
    pub profile: &'a AssetProfile,
}

impl FaultPlan<'_> {
    fn tag_profile(&self) -> &TagProfile {
        &self.profile.tags[self.tag]
    }

    /// The size, in units of the tag's deviation.
    fn size(&self) -> f64 {
        self.magnitude.unwrap_or(DEFAULT_MAGNITUDE)
    }

    /// The size in the tag's unit.
    fn offset(&self) -> f64 {
        self.size() * self.tag_profile().deviation
    }

    fn refused(&self, reason: String) -> FaultError {
        FaultError::CannotCarry { tag: self.tag_profile().name.clone(), kind: self.kind, reason }
    }

    /// That the tag can take any value, as most kinds need.
    fn needs_analog(&self) -> Result<(), FaultError> {
        if self.tag_profile().discrete {
            Err(self.refused("it is on or off; only stuck and contextual befall a switch".to_owned()))
        } else {
            Ok(())
        }
    }
}

/// A fault that is ready to act.
#[derive(Debug, Clone)]
pub struct Fault {
    kind: FaultKind,
    tag: usize,
    span: Span,
    effect: Effect,
}

#[derive(Debug, Clone)]
enum Effect {
    Spike(spike::Spike),
    Drift(drift::Drift),
    Stuck(stuck::Stuck),
    Contextual(contextual::Contextual),
    Leak(leak::Leak),
    Noise(Box<noise::NoiseBurst>),
    OutOfRange(out_of_range::OutOfRange),
}

impl Fault {
    /// Plans a fault.
    ///
    /// # Errors
    /// If there is no such tag, the magnitude or the duration can't be used, or the tag can't carry a fault of this kind.
    pub fn new(plan: &FaultPlan<'_>) -> Result<Self, FaultError> {
        check_plan(plan)?;
        let effect = match plan.kind {
            FaultKind::Spike => Effect::Spike(spike::Spike::plan(plan)?),
            FaultKind::Drift => Effect::Drift(drift::Drift::plan(plan)?),
            FaultKind::Stuck => Effect::Stuck(stuck::Stuck::plan(plan)?),
            FaultKind::Contextual => Effect::Contextual(contextual::Contextual::plan(plan)?),
            FaultKind::Leak => Effect::Leak(leak::Leak::plan(plan)?),
            FaultKind::Noise => Effect::Noise(Box::new(noise::NoiseBurst::plan(plan)?)),
            FaultKind::OutOfRange => Effect::OutOfRange(out_of_range::OutOfRange::plan(plan)?),
        };
        Ok(Self { kind: plan.kind, tag: plan.tag, span: plan.span, effect })
    }

    /// What goes wrong.
    pub fn kind(&self) -> FaultKind {
        self.kind
    }

    /// The number of the tag it befalls.
    pub fn tag(&self) -> usize {
        self.tag
    }

    /// The number of the tag that parts with it, for a leak.
    pub fn partner(&self) -> Option<usize> {
        match &self.effect {
            Effect::Leak(leak) => Some(leak.partner()),
            Effect::Spike(_)
            | Effect::Drift(_)
            | Effect::Stuck(_)
            | Effect::Contextual(_)
            | Effect::Noise(_)
            | Effect::OutOfRange(_) => None,
        }
    }

    /// When it acts.
    pub fn span(&self) -> Span {
        self.span
    }

    /// Its size in units of the tag's deviation, as far as it is known before it acts.
    pub fn magnitude(&self) -> f64 {
        match &self.effect {
            Effect::Spike(f) => f.magnitude,
            Effect::Drift(f) => f.magnitude,
            Effect::Stuck(f) => f.magnitude,
            Effect::Contextual(f) => f.magnitude,
            Effect::Leak(f) => f.magnitude,
            Effect::Noise(f) => f.magnitude,
            Effect::OutOfRange(f) => f.magnitude,
        }
    }

    /// Changes one row (one value a tag) if it lies within the fault, and says whether it does. Rows come in rising
    /// order of time; a missing value (NaN) stays missing. `mode` is the number of the row's operating mode.
    pub fn apply(&mut self, time: Timestamp, row: &mut [f64], mode: Option<usize>) -> bool {
        if !self.span.contains(time) {
            return false;
        }
        let share = self.span.share(time);
        match &mut self.effect {
            Effect::Spike(f) => row[self.tag] += f.at(share),
            Effect::Drift(f) => row[self.tag] += f.at(share),
            Effect::Stuck(f) => row[self.tag] = f.at(row[self.tag]),
            Effect::Contextual(f) => row[self.tag] = f.at(row[self.tag], mode),
            Effect::Leak(f) => f.apply(self.tag, share, row),
            Effect::Noise(f) => row[self.tag] += f.next(),
            Effect::OutOfRange(f) => row[self.tag] = f.at(row[self.tag]),
        }
        true
    }
}

fn check_plan(plan: &FaultPlan<'_>) -> Result<(), FaultError> {
    if plan.magnitude.is_some_and(|m| !m.is_finite() || (m == 0.0 && plan.kind != FaultKind::Stuck)) {
        return Err(FaultError::Magnitude { magnitude: plan.magnitude.unwrap_or(f64::NAN) });
    }
    let tag = plan.tag_profile();
    if tag.is_mode {
        return Err(plan.refused("it names the operating mode, which is the truth faults are labelled by".to_owned()));
    }
    let moves = tag.deviation > 0.0 && tag.deviation.is_finite();
    if !(tag.discrete || moves) {
        return Err(
            plan.refused("it never changes in normal operation, so a size in its deviations means nothing".into())
        );
    }
    Ok(())
}

/// A series of an asset's rows, to be changed in place.
#[derive(Debug)]
pub struct Series<'a> {
    /// The time of each row, rising.
    pub times: &'a [Timestamp],
    /// The values, row-major, one a tag; NaN is missing.
    pub values: &'a mut [f64],
    /// The number of the operating mode of each row, where known.
    pub modes: Option<&'a [usize]>,
}

/// Puts a fault into a series and returns the label of each row.
pub fn inject(series: &mut Series<'_>, fault: &mut Fault) -> Vec<bool> {
    let tags = series.values.len() / series.times.len().max(1);
    let rows = series.values.chunks_exact_mut(tags.max(1));
    let labelled = rows.zip(series.times).enumerate();
    labelled.map(|(at, (row, time))| fault.apply(*time, row, series.modes.map(|m| m[at]))).collect()
}

#[cfg(test)]
mod tests;
