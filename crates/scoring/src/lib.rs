//! Judges residuals: operating modes, tail probabilities, thresholds and contributions.
//!
//! This crate has never heard of neural networks. Residuals (and a short code of the window they come from) go in, a
//! judgement comes out. In reading order:
//!
//! * [`scorer`]: the judge; it calls everything below in turn.
//! * [`settings`]: what may be set about it.
//! * [`scale`]: each tag's robust scale of the residual and its normal band.
//! * [`mode`]: which operating mode a row belongs to.
//! * `pooling`: which calibration rows a mode is judged by.
//! * [`methods`]: how unusual a row of residuals is in its mode.
//! * `smooth`, `tails`: averages over the last rows, and their tails in each mode.
//! * [`tail`]: how often normal operation is as unusual.
//! * `combine`: one p-value out of several.
//! * `contribution`: which tags carried the score.
//! * [`thresholds`]: the score from which on a row is an anomaly.
//! * [`gmm`], `linalg`, `effective`: the statistics underneath.

mod combine;
mod contribution;
mod effective;
pub mod gmm;
mod linalg;
pub mod methods;
pub mod mode;
mod pooling;
pub mod scale;
pub mod scorer;
pub mod settings;
mod smooth;
pub mod tail;
mod tails;
pub mod thresholds;

pub use scorer::{CalibrationRow, FitError, Judgement, Scorer};
pub use settings::{ModeSettings, ScorerSettings};
pub use thresholds::{Threshold, ThresholdCalibration, ThresholdError, ThresholdRow, ThresholdSettings};
