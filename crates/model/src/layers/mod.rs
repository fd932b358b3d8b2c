//! Layers in forms that carry gradients through candle and train quickly on a CPU. One file each.
//!
//! A layer takes its weights by name from [`Vars`], which either makes them (seeded) or finds them in a file.

mod conv;
mod linear;
mod norm;
mod vars;

pub(crate) use conv::MultiScaleConv;
pub(crate) use linear::Linear;
pub(crate) use norm::LayerNorm;
pub(crate) use vars::{Init, Vars, VarsError};
