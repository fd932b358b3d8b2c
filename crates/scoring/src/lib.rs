//! Judges residuals: operating modes, tail probabilities, thresholds and contributions.
//!
//! This crate has never heard of neural networks. Residuals (and the values they come from) go in, a
//! judgement comes out. In reading order:
//!
//! * [`scorer`]: the judge; it calls everything below in turn.
//! * [`settings`]: what may be set about it.
//! * [`scale`]: each tag's robust scale of the residual and its normal band.
//! * [`mode`]: which operating mode a row belongs to.
//! * `pooling`: which calibration rows a mode is judged by.
//! * [`methods`]: how unusual a row of residuals is in its mode.
//! * `member`, `recent`, `centring`, `tails`: one reconstructor's judgement: what the methods say of its last rows over each time
//!   scale, the drift that is followed, and the tails of each in each mode.
//! * [`tail`]: how often normal operation is as unusual.
//! * `combine`: one score out of all.
//! * `usual`, `contribution`: which tags carried the score.
//! * [`thresholds`]: the score from which on a row is an anomaly.
//! * [`limits`]: how far, and which way, a tag may be off before it counts.
//! * [`drift`]: when the model no longer fits.
//! * [`explain`]: what an alarm is about, in words.
//! * [`gmm`], `linalg`, `effective`: the statistics underneath.

mod centring;
mod combine;
mod contribution;
pub mod drift;
mod effective;
pub mod explain;
pub mod gmm;
pub mod limits;
mod linalg;
mod member;
pub mod methods;
pub mod mode;
mod pooling;
mod recent;
pub mod scale;
pub mod scorer;
pub mod settings;
pub mod tail;
mod tails;
pub mod thresholds;
mod usual;

pub use drift::{Drift, DriftEvent, DriftSettings, DriftState};
pub use limits::TagLimits;
pub use scorer::{CalibrationRow, FitError, Fitted, Followed, Judgement, Row, Scorer};
pub use settings::{ModeSettings, ScorerSettings};
pub use thresholds::{Threshold, ThresholdCalibration, ThresholdError, ThresholdRow, ThresholdSettings};
