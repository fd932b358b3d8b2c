//! Cross-tag ridge regression: a tag follows linearly from the other tags of the same row.

use candle_core::{Result, Tensor};

use super::{Forward, Network, Pass};
use crate::layers::{Linear, Vars, VarsError};

/// expected_i = bias_i + sum over j != i of w_ji x_j, each row by itself (Hoerl and Kennard 1970).
///
/// No tag has a say in its own expectation. Its weights are solved, not learned: see [`solve`](crate::solve).
#[derive(Debug)]
pub(crate) struct CrossTagRidge {
    others: Linear,
}

impl CrossTagRidge {
    /// For `tags` tags.
    pub(crate) fn new(vars: &mut Vars, tags: usize) -> std::result::Result<Self, VarsError> {
        Ok(Self { others: Linear::new(vars, "others", 2 * tags, tags)? })
    }
}

impl Network for CrossTagRidge {
    fn forward(&self, cells: &Tensor, _: &mut Pass) -> Result<Forward> {
        let expected = self.others.forward(cells)?;
        Ok(Forward { expected, codes: None, code: None, penalty: None, attention: None })
    }
}
