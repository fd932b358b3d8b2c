//! The one detector: samples go in, verdicts come out. Live monitoring, offline scoring and the laboratory all call it,
//! in the same streaming order, so there is nothing to agree about.
//!
//! * [`stream`]: recorded samples in time order, and how they are played through a windower.
//! * [`fit`](mod@fit): trains a model on a part of a recording and calibrates judgement on another.
//! * [`artifact`]: what was fitted, as one manifest and one weights file.
//! * [`detector`]: the streaming detector; `judge`: one window judged, and what is learned of it; `evidence`: what is wrong with
//!   the tags.

pub mod artifact;
pub mod detector;
mod evidence;
pub mod fit;
mod judge;
pub mod stream;

pub use artifact::{Artifact, ArtifactError, Companion, Manifest};
pub use detector::{Detector, DetectorSettings, InstallError, Step};
pub use fit::{Challenger, FitError, FitSettings, fit};
pub use judge::Learned;
pub use stream::Stream;
