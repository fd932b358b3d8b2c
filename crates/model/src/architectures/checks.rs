//! What every baseline must pass.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor, Var};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::{Architecture, Forward, Network, NetworkKind, Pass, build};
use crate::{layers::Vars, loss::masked_squared_error, optimizer::AdamW, settings::TrainSettings};

/// Rows and tags of the small window.
const SHAPE: (usize, usize) = (9, 3);

/// A tiny network in f64 with its weights, and a lesson of two windows.
struct Tiny {
    network: Box<dyn Network>,
    vars: BTreeMap<String, Var>,
    cells: Tensor,
    truth: Tensor,
    weights: Tensor,
}

impl Tiny {
    fn new(kind: NetworkKind, code: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let mut draw = |width: usize| {
            let values: Vec<f64> = StandardNormal.sample_iter(&mut rng).take(2 * SHAPE.0 * width).collect();
            Tensor::from_vec(values, (2, SHAPE.0, width), &Device::Cpu).unwrap()
        };
        let (cells, truth, weights) = (draw(2 * SHAPE.1), draw(SHAPE.1), draw(SHAPE.1).relu().unwrap());
        let architecture = Architecture { embed: 4, filters: 2, kernels: vec![1, 3], code, ..Architecture::default() };
        let mut vars = Vars::fresh(ChaCha8Rng::seed_from_u64(6), DType::F64, &Device::Cpu);
        let network = build(kind, &mut vars, &architecture, SHAPE).unwrap();
        Self { network, vars: vars.made().0, cells, truth, weights }
    }

    fn forward(&self, seed: u64) -> Forward {
        self.network.forward(&self.cells, &mut Pass::Train(&mut ChaCha8Rng::seed_from_u64(seed))).unwrap()
    }

    fn loss(&self) -> Tensor {
        let forward = self.forward(7);
        let error = masked_squared_error(&forward.expected, &self.truth, &self.weights).unwrap();
        forward.penalty.map_or(error.clone(), |penalty| (error + penalty).unwrap())
    }
}

/// Within a tenth of the multi-scale network's number of weights, whatever the number of tags.
pub(super) fn as_large_as_the_multi_scale(kind: NetworkKind) {
    for architecture in [Architecture::default(), Architecture::paper()] {
        for tags in [8, 50, 200] {
            let count = |kind| Vars::count(|vars| build(kind, vars, &architecture, (100, tags))).unwrap() as f64;
            let ratio = count(kind) / count(NetworkKind::Multiscale);
            assert!((0.9..=1.1).contains(&ratio), "{tags} tags: {ratio}");
        }
    }
}

/// Every weight has a gradient, and it is the loss's slope.
pub(super) fn gradients(kind: NetworkKind) {
    for code in [0, 2] {
        let tiny = Tiny::new(kind, code);
        let slopes = slopes(&tiny.vars, || tiny.loss());
        for (name, slope) in slopes {
            assert!(slope.iter().any(|s| s.abs() > 1e-12), "the gradient of `{name}` is zero");
        }
    }
}

/// The gradients of `loss` by the weights, each of which has one; they equal finite differences.
pub(super) fn slopes(vars: &BTreeMap<String, Var>, loss: impl Fn() -> Tensor) -> BTreeMap<String, Vec<f64>> {
    let gradients = loss().backward().unwrap();
    let one = |(name, var): (&String, &Var)| {
        let gradient = gradients.get(var).unwrap_or_else(|| panic!("`{name}` has no gradient"));
        let slope: Vec<f64> = gradient.flatten_all().unwrap().to_vec1().unwrap();
        let at: Vec<f64> = var.flatten_all().unwrap().to_vec1().unwrap();
        for ix in (0..at.len()).step_by(3) {
            let loss_at = |change: f64| {
                let mut moved = at.clone();
                moved[ix] += change;
                var.set(&Tensor::from_vec(moved, var.shape(), &Device::Cpu).unwrap()).unwrap();
                loss().to_scalar::<f64>().unwrap()
            };
            let measured = (loss_at(1e-6) - loss_at(-1e-6)) / 2e-6;
            loss_at(0.0);
            let error = (measured - slope[ix]).abs();
            assert!(error < 1e-6 + 1e-5 * measured.abs(), "{name}[{ix}]: {measured} against {}", slope[ix]);
        }
        (name.clone(), slope)
    };
    vars.iter().map(one).collect()
}

/// The same randomness gives the same answer, other randomness another, and an answer outside training none.
pub(super) fn draws_only_in_training(kind: NetworkKind) {
    let tiny = Tiny::new(kind, 2);
    let values = |forward: Forward| forward.expected.flatten_all().unwrap().to_vec1::<f64>().unwrap();
    let trained = |seed| values(tiny.forward(seed));
    let answer = || values(tiny.network.forward(&tiny.cells, &mut Pass::Infer).unwrap());
    assert_eq!(trained(1), trained(1));
    assert_ne!(trained(1), trained(2));
    assert_eq!(answer(), answer());
}

/// Two windows of waves can be learned by heart, for the greater part.
pub(super) fn learns(kind: NetworkKind) {
    let mut tiny = Tiny::new(kind, 2);
    let wave = |ix: usize| (ix as f64 / 8.0).sin();
    let waves: Vec<f64> = (0..2 * SHAPE.0 * SHAPE.1).map(wave).collect();
    tiny.truth = Tensor::from_vec(waves, tiny.truth.shape(), &Device::Cpu).unwrap();
    let settings = TrainSettings { learning_rate: 2e-2, weight_decay: 0.0, ..TrainSettings::default() };
    let mut adam = AdamW::new(&tiny.vars, &settings, 150).unwrap();
    let loss = || tiny.loss().to_scalar::<f64>().unwrap();
    let before = loss();
    for _ in 0..150 {
        adam.step(&tiny.loss().backward().unwrap()).unwrap();
    }
    assert!(loss() < 0.4 * before, "{before} became {}", loss());
}
