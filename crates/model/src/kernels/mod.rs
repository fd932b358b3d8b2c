//! Forward and backward passes over plain slices, as candle operations for a CPU.
//!
//! candle's own operations compute one step of a formula each, over the whole batch: most of a training step is then spent
//! on memory. A kernel here does a whole layer, a few windows at a time, so that they stay in the cache. In reading order:
//!
//! * [`op`]: what a kernel is, and how candle calls it.
//! * [`real`] and [`matrix`]: numbers of either width, and products of strided matrices.
//! * [`taps`]: convolutions and linear maps; [`attention`]; [`norm`]; [`pointwise`]; [`adam`] for the optimiser.
//!
//! To add a kernel, write its type with [`Kernel`] and call [`apply`] from its layer; the layer keeps plain operations for
//! devices other than the CPU. Work is shared among the threads of rayon's pool in pieces that do not depend on how many
//! threads there are, and sums over pieces are taken in order: any number of threads gives the same bits.

mod adam;
mod attention;
mod matrix;
mod norm;
mod op;
mod pointwise;
mod real;
mod taps;

pub(crate) use adam::{Adam, Blend, square_sum};
pub(crate) use attention::Attention;
pub(crate) use norm::{BatchNorm, Cut, LayerNorm, Moments};
pub(crate) use op::{apply, apply_three, fit};
pub(crate) use pointwise::{Relu, SquaredError};
pub(crate) use taps::{Branch, Taps};
