//! Why a fault is refused.

use andon_plant::TagName;

use super::{FaultKind, LONGEST_DURATION};

/// A fault that can't be put in.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum FaultError {
    /// There is no such asset.
    #[error("there is no asset `{asset}`; the assets are {known}")]
    UnknownAsset {
        /// The name asked for.
        asset: String,
        /// The names there are.
        known: String,
    },
    /// The asset has no such tag.
    #[error("asset `{asset}` has no tag `{tag}`; its tags are {known}")]
    UnknownTag {
        /// The asset.
        asset: String,
        /// The name asked for.
        tag: String,
        /// The names there are.
        known: String,
    },
    /// There is no such kind.
    #[error("`{kind}` is not a kind of fault; write spike, drift, stuck, contextual, leak, noise or out_of_range")]
    UnknownKind {
        /// The word given.
        kind: String,
    },
    /// The tag can't show this fault.
    #[error("tag `{tag}` can't carry a {kind} fault: {reason}")]
    CannotCarry {
        /// The tag.
        tag: TagName,
        /// The kind.
        kind: FaultKind,
        /// Why, and what to do instead.
        reason: String,
    },
    /// The size is not one.
    #[error("magnitude {magnitude} is refused: give a number of the tag's standard deviations other than 0, such as 8")]
    Magnitude {
        /// The size given.
        magnitude: f64,
    },
    /// The duration is not one.
    #[error("duration_s {duration_s} is refused: give seconds above 0 and at most {}", LONGEST_DURATION.as_secs())]
    Duration {
        /// The duration given.
        duration_s: f64,
    },
    /// Too many faults at once.
    #[error("{limit} faults are active already; clear some first")]
    TooMany {
        /// The most there may be.
        limit: usize,
    },
}
