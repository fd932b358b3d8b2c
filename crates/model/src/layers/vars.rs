//! A network's weights by name: made from a seed for training, or taken from a file for inference.

use std::collections::{BTreeMap, HashMap};

use candle_core::{DType, Device, Tensor, Var};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal};

/// How a weight begins.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Init {
    /// All zero: biases.
    Zeros,
    /// All one: gains.
    Ones,
    /// Normal with variance 2 / `fan_in` (He et al. 2015), for layers before a ReLU.
    He {
        /// How many inputs feed one output.
        fan_in: usize,
    },
    /// Normal with variance 1 / `fan_in`, for layers without a ReLU.
    Lecun {
        /// How many inputs feed one output.
        fan_in: usize,
    },
}

/// A network's weights do not fit its architecture.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VarsError {
    /// The file has no tensor of that name.
    #[error("there is no weight `{0}`")]
    Missing(String),
    /// The tensor has another shape.
    #[error("weight `{name}` has shape {found:?}, the architecture asks for {expected:?}")]
    Shape { name: String, expected: Vec<usize>, found: Vec<usize> },
    /// candle failed.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
}

/// Hands out weights by name.
pub(crate) struct Vars {
    source: Source,
    dtype: DType,
    device: Device,
}

enum Source {
    /// Makes trainable weights; candle's own CPU generator can't be seeded, so the numbers come from ours.
    Fresh { rng: Box<ChaCha8Rng>, made: BTreeMap<String, Var> },
    /// Takes constants from a file: nothing is recorded for a backward pass.
    Stored(HashMap<String, Tensor>),
}

impl Vars {
    /// Trainable weights drawn from `rng`.
    pub(crate) fn fresh(rng: ChaCha8Rng, dtype: DType, device: &Device) -> Self {
        Self { source: Source::Fresh { rng: Box::new(rng), made: BTreeMap::new() }, dtype, device: device.clone() }
    }

    /// Constant weights.
    pub(crate) fn stored(tensors: HashMap<String, Tensor>, device: &Device) -> Self {
        Self { source: Source::Stored(tensors), dtype: DType::F32, device: device.clone() }
    }

    /// The weight `name` of `shape`.
    pub(crate) fn get(&mut self, name: &str, shape: &[usize], init: Init) -> Result<Tensor, VarsError> {
        match &mut self.source {
            Source::Fresh { rng, made } => {
                let values = draw(init, shape.iter().product(), rng);
                let tensor = Tensor::from_vec(values, shape, &self.device)?.to_dtype(self.dtype)?;
                let var = Var::from_tensor(&tensor)?;
                let weight = var.as_tensor().clone();
                made.insert(name.to_owned(), var);
                Ok(weight)
            }
            Source::Stored(tensors) => {
                let tensor = tensors.get(name).ok_or_else(|| VarsError::Missing(name.to_owned()))?;
                if tensor.dims() != shape {
                    let (expected, found) = (shape.to_vec(), tensor.dims().to_vec());
                    return Err(VarsError::Shape { name: name.to_owned(), expected, found });
                }
                Ok(tensor.to_dtype(self.dtype)?)
            }
        }
    }

    /// The trainable weights made so far, by name; none where they came from a file.
    pub(crate) fn trainable(self) -> BTreeMap<String, Var> {
        match self.source {
            Source::Fresh { made, .. } => made,
            Source::Stored(_) => BTreeMap::new(),
        }
    }
}

fn draw(init: Init, count: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let variance = match init {
        Init::Zeros => return vec![0.0; count],
        Init::Ones => return vec![1.0; count],
        Init::He { fan_in } => 2.0 / fan_in.max(1) as f64,
        Init::Lecun { fan_in } => 1.0 / fan_in.max(1) as f64,
    };
    match Normal::new(0.0, variance.sqrt()) {
        Ok(normal) => normal.sample_iter(rng).take(count).collect(),
        Err(_) => vec![0.0; count],
    }
}
