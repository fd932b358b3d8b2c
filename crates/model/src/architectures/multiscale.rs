//! The multi-scale convolutional autoencoder.

use candle_core::{Result, Tensor};

use super::Architecture;
use crate::layers::{LayerNorm, Linear, MultiScaleConv, Vars, VarsError};

/// Embedding, parallel convolutions, bottleneck, parallel convolutions, projection (paper, section 3.2 and Table 2).
///
/// ```text
/// cells and their visibility (b, t, 2 d)
///   Linear + LayerNorm                   (b, t, embed)
///   Conv 3/5/7 + ReLU                    (b, t, 3 filters)
///   Linear: the bottleneck, row by row   (b, t, code)        mean over t: the code of the window
///   Conv 3/5/7 + ReLU                    (b, t, 3 filters)
///   Linear                               (b, t, d)
/// ```
///
/// The paper pools the sequence to one code and does not say how; here a row keeps its own code up to the decoder and
/// the window's code is their mean. There is no BatchNorm: its statistics would be those of batches of overlapping,
/// partly hidden windows, which are not what is seen in inference, and the LayerNorm already fixes the scale.
#[derive(Debug)]
pub(crate) struct Multiscale {
    embedding: Linear,
    norm: LayerNorm,
    encoder: MultiScaleConv,
    compress: Linear,
    decoder: MultiScaleConv,
    output: Linear,
}

/// What a forward pass gives.
#[derive(Debug)]
pub(crate) struct Forward {
    /// Expected normalised values, (batch, time, tags).
    pub(crate) expected: Tensor,
    /// The window's code, (batch, code).
    pub(crate) code: Tensor,
}

impl Multiscale {
    /// The network for `tags` tags with weights from `vars`.
    pub(crate) fn new(vars: &mut Vars, a: &Architecture, tags: usize) -> std::result::Result<Self, VarsError> {
        let encoder_sizes = (a.embed, a.filters);
        let embedding = Linear::new(vars, "embedding", 2 * tags, a.embed)?;
        let norm = LayerNorm::new(vars, "embedding.norm", a.embed)?;
        let encoder = MultiScaleConv::new(vars, "encoder", encoder_sizes, &a.kernels, a.padding)?;
        let compress = Linear::new(vars, "bottleneck", encoder.output(), a.code)?;
        let decoder = MultiScaleConv::new(vars, "decoder", (a.code, a.filters), &a.kernels, a.padding)?;
        let output = Linear::new(vars, "output", decoder.output(), tags)?;
        Ok(Self { embedding, norm, encoder, compress, decoder, output })
    }

    /// `cells` is (batch, time, 2 tags): normalised values, zero where hidden, then 1 where visible and 0 where hidden.
    pub(crate) fn forward(&self, cells: &Tensor) -> Result<Forward> {
        let (batch, time, width) = cells.dims3()?;
        let rows = batch * time;
        let embedded = self.norm.forward(&self.embedding.forward(&cells.reshape((rows, width))?)?)?;
        let features = self.encoder.forward(&embedded.reshape((batch, time, ()))?)?;
        let codes = self.compress.forward(&features)?.reshape((batch, time, ()))?;
        let decoded = self.decoder.forward(&codes)?;
        let expected = self.output.forward(&decoded)?.reshape((batch, time, width / 2))?;
        Ok(Forward { expected, code: codes.mean(1)? })
    }
}
