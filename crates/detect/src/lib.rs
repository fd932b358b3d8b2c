//! The one detector: window, reconstruct, judge.
