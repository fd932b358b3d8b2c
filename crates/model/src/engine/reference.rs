//! What the engine is compared with in tests and benchmarks: candle's answers, and what the core can do.

use std::time::Instant;

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::{
    Kernel, Weights,
    gemm::{Call, Packed},
    memory::Rows,
};
use crate::{
    architectures::{self, Architecture, Network, NetworkKind, Pass},
    layers::Vars,
};

/// A network in candle with weights drawn from a seed, also those that would begin as zero or one.
pub struct Reference {
    network: Box<dyn Network>,
    weights: Weights,
    tensors: BTreeMap<String, Tensor>,
}

/// What candle says of several windows, all row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// (windows, rows, tags).
    pub expected: Vec<f32>,
    /// (windows, code).
    pub code: Vec<f32>,
    /// (windows, rows).
    pub attention: Vec<f32>,
}

impl Reference {
    /// The network for windows of `shape` = (rows, tags).
    ///
    /// # Panics
    /// If the architecture can't be used: it is the test's own.
    #[expect(clippy::expect_used, reason = "the test's own architecture")]
    pub fn new(architecture: &Architecture, shape: (usize, usize), seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut vars = Vars::fresh(ChaCha8Rng::seed_from_u64(seed), DType::F32, &Device::Cpu);
        let network = architectures::build(NetworkKind::Multiscale, &mut vars, architecture, shape)
            .expect("the architecture can be built");
        let (learned, remembered) = vars.made();
        let (mut weights, mut tensors) = (Weights::new(), BTreeMap::new());
        for (name, var) in learned.into_iter().chain(remembered) {
            let noise: Vec<f32> = StandardNormal.sample_iter(&mut rng).take(var.elem_count()).collect();
            let noise = Tensor::from_vec(noise, var.shape(), &Device::Cpu).expect("as many numbers");
            let moved = (var.as_detached_tensor() + (noise * 0.05).expect("a product")).expect("a sum");
            let moved = if name.ends_with("variance") { moved.abs().expect("a magnitude") } else { moved };
            var.set(&moved).expect("the same shape");
            tensors.insert(name.clone(), moved.clone());
            weights.insert(name, moved.flatten_all().and_then(|w| w.to_vec1()).expect("f32"));
        }
        Self { network, weights, tensors }
    }

    /// Its weights by name.
    pub fn weights(&self) -> &Weights {
        &self.weights
    }

    /// Its weights as a safetensors file, for other runtimes.
    ///
    /// # Panics
    /// Never: the weights are there.
    #[expect(clippy::expect_used, reason = "its own weights")]
    pub fn safetensors(&self) -> Vec<u8> {
        crate::weights::serialize(&self.tensors).expect("weights in memory")
    }

    /// candle's forward pass over `cells`, (windows, rows, 2 tags), `shape` is (windows, rows, tags). The rows need not be as many as the window's.
    ///
    /// # Panics
    /// If `cells` has another size.
    #[expect(clippy::expect_used, reason = "the test's own cells")]
    pub fn forward(&self, cells: &[f32], (windows, rows, tags): (usize, usize, usize)) -> Answer {
        let cells = Tensor::from_slice(cells, (windows, rows, 2 * tags), &Device::Cpu).expect("as many cells");
        let forward = self.network.forward(&cells, &mut Pass::Infer).expect("a forward pass");
        let flat = |x: Option<Tensor>| x.map(|x| x.flatten_all().and_then(|x| x.to_vec1()).expect("f32"));
        Answer {
            expected: flat(Some(forward.expected)).unwrap_or_default(),
            code: flat(forward.code).unwrap_or_default(),
            attention: flat(forward.attention).unwrap_or_default(),
        }
    }
}

/// What the core can do: billions of additions and multiplications a second of the kernel's highest tile, on numbers that
/// lie in the nearest cache. The best of many short runs.
pub fn peak(kernel: Kernel) -> f64 {
    const DEPTH: usize = 256;
    let (rows, columns) = (kernel.tile(), kernel.panel());
    let packed = Packed::of(kernel, (DEPTH, columns), |_, _| 0.25);
    let a = vec![0.5; rows * DEPTH];
    let mut out = vec![0.0; rows * columns];
    let to = Rows { base: out.as_mut_ptr(), stride: columns };
    let sources = [Rows::of(&a, DEPTH)];
    let call = Call::new(&sources, 0..rows, to);
    let run = || {
        let begin = Instant::now();
        for _ in 0..20 {
            // SAFETY: `a` and `out` have all the rows and columns.
            unsafe { packed.multiply(0, &call) };
        }
        begin.elapsed().as_secs_f64() / 20.0
    };
    let best = (0..200).map(|_| run()).fold(f64::MAX, f64::min);
    std::hint::black_box(out);
    (2 * rows * columns * DEPTH) as f64 / best / 1e9
}
