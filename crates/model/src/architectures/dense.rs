//! The dense autoencoder, a baseline.

use candle_core::{Result, Tensor};

use super::{Architecture, Forward, Network, Pass, size};
use crate::layers::{Linear, Vars, VarsError};

/// A standard autoencoder over the flattened window (paper, section 4.2).
///
/// ```text
/// cells and their visibility (b, t, 2 d)
///   Linear of each row + ReLU     (b, t, embed)
///   Linear of all rows: the code  (b, code)
///   Linear + ReLU                 (b, t, embed)
///   Linear of each row            (b, t, d)
/// ```
///
/// The rows share their first and last map: a map from all cells at once has 2 t d weights for each number of the code,
/// and with 200 tags one number would take as many weights as the whole multi-scale network has. The code is as wide as
/// that network's count of weights allows.
#[derive(Debug)]
pub(crate) struct Dense {
    embedding: Linear,
    encoder: Linear,
    decoder: Linear,
    output: Linear,
}

impl Dense {
    /// The network for windows of `shape` = (rows, tags) with weights from `vars`.
    pub(crate) fn new(
        vars: &mut Vars,
        a: &Architecture,
        shape: (usize, usize),
    ) -> std::result::Result<Self, VarsError> {
        let code = size::width(a, shape, |vars, code| Self::of(vars, a.embed, code, shape))?;
        Self::of(vars, a.embed, code, shape)
    }

    fn of(
        vars: &mut Vars,
        embed: usize,
        code: usize,
        (rows, tags): (usize, usize),
    ) -> std::result::Result<Self, VarsError> {
        Ok(Self {
            embedding: Linear::new(vars, "embedding", 2 * tags, embed)?,
            encoder: Linear::new(vars, "encoder", rows * embed, code)?,
            decoder: Linear::new(vars, "decoder", code, rows * embed)?,
            output: Linear::new(vars, "output", embed, tags)?,
        })
    }
}

impl Network for Dense {
    fn forward(&self, cells: &Tensor, _pass: &mut Pass) -> Result<Forward> {
        let (batch, time, _) = cells.dims3()?;
        let embedded = self.embedding.forward(cells)?.relu()?;
        let code = self.encoder.forward(&embedded.reshape((batch, 1, ()))?)?;
        let decoded = self.decoder.forward(&code)?.relu()?.reshape((batch, time, ()))?;
        let expected = self.output.forward(&decoded)?;
        Ok(Forward { expected, codes: None, code: Some(code.squeeze(1)?), penalty: None, attention: None })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{NetworkKind::Dense, checks};

    #[test]
    fn it_is_as_large_as_the_multi_scale_network() {
        checks::as_large_as_the_multi_scale(Dense);
    }

    #[test]
    fn gradients_equal_finite_differences_and_reach_every_weight() {
        checks::gradients(Dense);
    }

    #[test]
    fn it_learns() {
        checks::learns(Dense);
    }
}
