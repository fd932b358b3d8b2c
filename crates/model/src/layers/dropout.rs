//! Dropout with our own seeded generator: candle's can't be seeded on a CPU.

use candle_core::{Result, Tensor};
use rand::RngExt;

use crate::architectures::Pass;

/// In training, numbers become zero with probability `share` and the others grow by 1 / (1 - share).
pub(crate) fn dropout(x: &Tensor, share: f64, pass: &mut Pass) -> Result<Tensor> {
    let Pass::Train(rng) = pass else { return Ok(x.clone()) };
    if share == 0.0 {
        return Ok(x.clone());
    }
    let kept = (1.0 / (1.0 - share)) as f32;
    let mask: Vec<f32> = (0..x.elem_count()).map(|_| if rng.random_bool(share) { 0.0 } else { kept }).collect();
    x * Tensor::from_vec(mask, x.shape(), x.device())?.to_dtype(x.dtype())?
}
