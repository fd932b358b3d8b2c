//! Principal components: a row lies near the plane that normal rows span.

use candle_core::{Result, Tensor};

use super::{Forward, Network, Pass};
use crate::layers::{Vars, VarsError};

/// expected = mean + (x - mean) P P', with the components P (tags, k) in columns (Jackson and Mudholkar 1979).
///
/// The squared residual of a row is its SPE (Q). A row's code is (x - mean) P / deviation, so that its squared length is
/// Hotelling's T2; the window's code is its newest row's. Its weights are solved, not learned: see
/// [`solve`](crate::solve).
#[derive(Debug)]
pub(crate) struct PrincipalComponents {
    mean: Tensor,
    components: Tensor,
    deviations: Tensor,
}

impl PrincipalComponents {
    /// For `tags` tags; how many components there are is the weights' to say.
    pub(crate) fn new(vars: &mut Vars, tags: usize) -> std::result::Result<Self, VarsError> {
        let components = vars.stored_dims("components").and_then(|dims| dims.get(1).copied()).unwrap_or(1);
        let init = crate::layers::Init::Zeros;
        Ok(Self {
            mean: vars.get("mean", &[tags], init)?,
            components: vars.get("components", &[tags, components], init)?,
            deviations: vars.get("deviations", &[components], init)?,
        })
    }
}

impl Network for PrincipalComponents {
    fn forward(&self, cells: &Tensor, _: &mut Pass) -> Result<Forward> {
        let (batch, time, width) = cells.dims3()?;
        let values = cells.narrow(2, 0, width / 2)?.contiguous()?.reshape((batch * time, width / 2))?;
        let scores = values.broadcast_sub(&self.mean)?.matmul(&self.components)?;
        let expected = scores.matmul(&self.components.t()?.contiguous()?)?.broadcast_add(&self.mean)?;
        let codes = scores.broadcast_div(&self.deviations)?.reshape((batch, time, ()))?;
        let code = codes.narrow(1, time - 1, 1)?.reshape((batch, ()))?;
        let expected = expected.reshape((batch, time, width / 2))?;
        Ok(Forward { expected, codes: None, code: Some(code), penalty: None, attention: None })
    }
}
