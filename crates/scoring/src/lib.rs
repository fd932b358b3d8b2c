//! Judges residuals: operating modes, tail probabilities, thresholds and contributions.
