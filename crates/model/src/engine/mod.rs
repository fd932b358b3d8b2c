//! Inference without candle: the weights of a trained network, laid out once for this processor.
//!
//! Serving asks the same network the same question all day, one window or one row at a time. The engine computes ahead what
//! can be ([`plan`]), multiplies with its own kernels ([`gemm`], chosen by [`Kernel::best`]), keeps its tables from window to window,
//! and shares a window among threads ([`team`]). [`Stream`] keeps what overlapping windows share. In reading order:
//!
//! * [`Engine`] here; [`workspace`] answers whole windows, [`stream`] row by row; [`pass`]: the layers, one after another, for both.
//! * [`plan`] and [`matrix`]: the weights as they are multiplied with.
//! * [`gemm`], [`quantized`], [`attention`] and [`norm`]: the computations; [`simd`]: the vectors they are written on.
//! * [`mod@product`]: what training multiplies with.
//! * [`memory`] and [`team`]: rows of numbers, and threads.
//! * [`reference`]: candle's answer, for tests and benchmarks.
//!
//! This is the only module with `unsafe`. What it relies on: tables have all rows that a layer reads or writes ([`pass`]
//! makes both from one architecture), pieces of work that run at once write different columns, and a kernel is used only
//! where the processor has it.
#![expect(unsafe_code, reason = "vectors, and threads that write different columns of one table")]

mod attention;
mod gemm;
#[cfg(test)]
mod guard;
mod matrix;
mod memory;
mod norm;
mod pass;
mod plan;
mod product;
mod quantized;
#[doc(hidden)]
pub mod reference;
mod simd;
mod stream;
mod team;
mod workspace;

use crate::{
    architectures::{Architecture, Padding},
    settings::SettingsError,
};

use plan::{Plan, Planner};

pub use plan::Weights;
pub(crate) use product::{Factor, product};
pub use quantized::Precision;
pub use simd::Kernel;
pub use stream::Stream;
pub use workspace::{Output, Workspace};

/// An engine can't be made.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The architecture can't be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A weight is missing.
    #[error("there is no weight `{0}`; train the model anew")]
    Missing(String),
    /// A weight has another size.
    #[error("weight `{name}` has {found} numbers, the architecture asks for {expected}; train the model anew")]
    Size {
        /// The weight.
        name: String,
        /// Numbers asked for.
        expected: usize,
        /// Numbers there are.
        found: usize,
    },
    /// The processor lacks the kernel's instructions.
    #[error("this processor can't run the {0:?} kernel; take `Kernel::best()`")]
    Kernel(Kernel),
    /// A network that sees the future can't be asked row by row.
    #[error("only a causal network streams; train with `padding = \"past\"` or `\"causal\"`, or ask for whole windows")]
    Centred,
}

/// A network's weights, ready to be multiplied with. Nothing changes it: one serves any number of threads.
#[derive(Debug)]
pub struct Engine {
    architecture: Architecture,
    plan: Plan,
    kernel: Kernel,
    precision: Precision,
    rows: usize,
    tags: usize,
    /// How many rows before and after a row its layers read.
    before: usize,
    after: usize,
}

impl Engine {
    /// The network of `architecture` for windows of `rows` rows of `tags` tags.
    ///
    /// # Errors
    /// If the architecture can't be used, if a weight is missing or has another size, or if the processor lacks the kernel.
    pub fn new(
        architecture: &Architecture,
        (rows, tags): (usize, usize),
        weights: &Weights,
        kernel: Kernel,
    ) -> Result<Self, EngineError> {
        Self::with_precision(architecture, (rows, tags), weights, (kernel, Precision::F32))
    }

    /// The same, its hidden layers computed less exactly: in f32 where the processor or the kernel has no better.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_precision(
        architecture: &Architecture,
        (rows, tags): (usize, usize),
        weights: &Weights,
        (kernel, precision): (Kernel, Precision),
    ) -> Result<Self, EngineError> {
        architecture.check()?;
        if !kernel.is_here() {
            return Err(EngineError::Kernel(kernel));
        }
        let has = kernel == Kernel::Avx512 && precision.is_here();
        let precision = if has { precision } else { Precision::F32 };
        let plan = Planner { weights, architecture, tags, kernel, precision }.plan()?;
        let (before, after) = plan.reach();
        Ok(Self { architecture: architecture.clone(), plan, kernel, precision, rows, tags, before, after })
    }

    /// How exactly its hidden layers are computed here.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Whether it can be asked row by row: no row sees a later one.
    pub fn streams(&self) -> bool {
        self.architecture.padding != Padding::Centred
    }
}
