//! Reconstruction models on candle: normalisation, architectures, training, inference and weights.
