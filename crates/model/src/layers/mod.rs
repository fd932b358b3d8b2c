//! Layers in forms that carry gradients through candle and train quickly on a CPU. One file each.
//!
//! A layer takes its weights by name from [`Vars`], which either makes them (seeded) or finds them in a file.

mod attention;
mod conv;
mod dropout;
mod linear;
mod norm;
mod relu;
mod vars;

pub(crate) use attention::{Attention, seen};
pub(crate) use conv::{Convolutions, Taps};
pub(crate) use dropout::dropout;
pub(crate) use linear::Linear;
pub(crate) use norm::{BatchNorm, EPSILON, LayerNorm};
pub(crate) use relu::relu;
pub(crate) use vars::{Init, Vars, VarsError};
