//! Vector autoregression: a row follows linearly from the rows before it.

use candle_core::{Result, Tensor};

use super::{Forward, Network, Pass};
use crate::layers::{Convolutions, Init, Vars, VarsError};

/// expected_t = bias + sum over lags l of W_l x_(t-l), each row by itself (Luetkepohl 2005, section 2.1).
///
/// It never sees the row it is asked for, so that nothing of a fault's first row is copied. Its weights are solved, not
/// learned: see [`solve`](crate::solve).
#[derive(Debug)]
pub(crate) struct VectorAutoregression {
    past: Convolutions,
    bias: Tensor,
}

impl VectorAutoregression {
    /// Over `lags` rows of `tags` tags.
    pub(crate) fn new(vars: &mut Vars, lags: usize, tags: usize) -> std::result::Result<Self, VarsError> {
        Ok(Self { past: Convolutions::past(vars, lags, tags, 0)?, bias: vars.get("bias", &[tags], Init::Zeros)? })
    }
}

impl Network for VectorAutoregression {
    fn forward(&self, cells: &Tensor, pass: &mut Pass) -> Result<Forward> {
        let expected = self.past.forward(cells, pass)?.broadcast_add(&self.bias)?;
        Ok(Forward { expected, codes: None, code: None, penalty: None, attention: None })
    }
}
