//! Outputs, losses and gradients against PyTorch's, which `tests/golden/gradients.py` wrote.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use super::{Architecture, Multiscale, Network, Pass};
use crate::{
    batch::Batch,
    layers::Vars,
    loss::{self, LossSettings},
};

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    architecture: Architecture,
    /// Batch, time, the window's rows, tags.
    shape: (usize, usize, usize, usize),
    loss_settings: LossSettings,
    cells: Vec<f64>,
    truth: Vec<f64>,
    weights: Vec<f64>,
    parameters: BTreeMap<String, Vec<f64>>,
    expected: Vec<f64>,
    loss: f64,
    gradients: BTreeMap<String, Vec<f64>>,
}

fn check_close(what: &str, got: &Tensor, want: &[f64]) {
    let got: Vec<f64> = got.flatten_all().unwrap().to_vec1().unwrap();
    assert_eq!(got.len(), want.len(), "{what}");
    let size = want.iter().fold(1e-3f64, |most, x| most.max(x.abs()));
    let error = got.iter().zip(want).fold(0f64, |most, (x, y)| most.max((x - y).abs()));
    assert!(error < 1e-9 * size, "{what} is off by {error:e}, its largest number is {size:e}");
}

fn check(case: &Case) {
    let (batch, time, rows, tags) = case.shape;
    let mut vars = Vars::fresh(ChaCha8Rng::seed_from_u64(1), DType::F64, &Device::Cpu);
    let network = Multiscale::new(&mut vars, &case.architecture, (rows, tags)).unwrap();
    let vars = vars.made().0;
    assert!(vars.keys().eq(case.parameters.keys()));
    for (name, var) in &vars {
        var.set(&Tensor::from_slice(&case.parameters[name], var.shape(), &Device::Cpu).unwrap()).unwrap();
    }
    let tensor = |numbers: &[f64], width| Tensor::from_slice(numbers, (batch, time, width), &Device::Cpu).unwrap();
    let lessons = Batch {
        cells: tensor(&case.cells, 2 * tags),
        truth: tensor(&case.truth, tags),
        weights: tensor(&case.weights, tags),
    };
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let forward = network.forward(&lessons.cells, &mut Pass::Train(&mut rng)).unwrap();
    let loss = loss::total(&forward, &lessons, &case.loss_settings).unwrap();
    check_close("what is expected", &forward.expected, &case.expected);
    check_close("the loss", &loss, &[case.loss]);
    let gradients = loss.backward().unwrap();
    for (name, var) in &vars {
        check_close(name, gradients.get(var).unwrap(), &case.gradients[name]);
    }
}

#[test]
fn output_loss_and_gradients_are_pytorch_s() {
    let golden: Golden = serde_json::from_str(include_str!("../../tests/golden/gradients.json")).unwrap();
    assert_eq!(golden.cases.len(), 2);
    golden.cases.iter().for_each(check);
}
