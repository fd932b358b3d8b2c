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
    Fresh { rng: Box<ChaCha8Rng>, made: BTreeMap<String, Var>, remembered: BTreeMap<String, Var> },
    /// Takes constants from a file: nothing is recorded for a backward pass.
    Stored(HashMap<String, Tensor>),
    /// Makes zeros and counts them.
    Counted(usize),
}

impl Vars {
    /// Trainable weights drawn from `rng`.
    pub(crate) fn fresh(rng: ChaCha8Rng, dtype: DType, device: &Device) -> Self {
        let (made, remembered) = (BTreeMap::new(), BTreeMap::new());
        Self { source: Source::Fresh { rng: Box::new(rng), made, remembered }, dtype, device: device.clone() }
    }

    /// Constant weights.
    pub(crate) fn stored(tensors: HashMap<String, Tensor>, device: &Device) -> Self {
        Self { source: Source::Stored(tensors), dtype: DType::F32, device: device.clone() }
    }

    /// How many numbers `network` asks for.
    pub(crate) fn count<N>(network: impl FnOnce(&mut Self) -> Result<N, VarsError>) -> Result<usize, VarsError> {
        let mut vars = Self { source: Source::Counted(0), dtype: DType::F32, device: Device::Cpu };
        network(&mut vars)?;
        Ok(if let Source::Counted(count) = vars.source { count } else { 0 })
    }

    /// The weight `name` of `shape`.
    pub(crate) fn get(&mut self, name: &str, shape: &[usize], init: Init) -> Result<Tensor, VarsError> {
        match &mut self.source {
            Source::Fresh { rng, made, .. } => {
                let values = draw(init, shape.iter().product(), rng);
                let var = Var::from_tensor(&Tensor::from_vec(values, shape, &self.device)?.to_dtype(self.dtype)?)?;
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
            Source::Counted(count) => {
                *count += shape.iter().product::<usize>();
                Ok(Tensor::zeros(shape, self.dtype, &self.device)?)
            }
        }
    }

    /// The shape of the weight `name` in the file; none where weights are made.
    pub(crate) fn stored_dims(&self, name: &str) -> Option<Vec<usize>> {
        match &self.source {
            Source::Stored(tensors) => tensors.get(name).map(|tensor| tensor.dims().to_vec()),
            Source::Fresh { .. } | Source::Counted(_) => None,
        }
    }

    /// A number that is remembered and not learned, such as a mean: `name` of `shape`.
    pub(crate) fn remembered(&mut self, name: &str, shape: &[usize], init: Init) -> Result<Var, VarsError> {
        let Source::Fresh { rng, remembered, .. } = &mut self.source else {
            return Ok(Var::from_tensor(&self.get(name, shape, init)?)?);
        };
        let values = draw(init, shape.iter().product(), rng);
        let var = Var::from_tensor(&Tensor::from_vec(values, shape, &self.device)?.to_dtype(self.dtype)?)?;
        remembered.insert(name.to_owned(), var.clone());
        Ok(var)
    }

    /// The weights to learn and the numbers to remember that were made so far, by name; none where they came from a file.
    pub(crate) fn made(self) -> (BTreeMap<String, Var>, BTreeMap<String, Var>) {
        match self.source {
            Source::Fresh { made, remembered, .. } => (made, remembered),
            Source::Stored(_) | Source::Counted(_) => Default::default(),
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
