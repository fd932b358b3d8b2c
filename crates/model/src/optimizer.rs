//! AdamW with warm-up, cosine and a limit on the gradient. candle's own keeps its state to itself.

use std::{collections::BTreeMap, f64::consts::PI};

use candle_core::{DType, Result, Tensor, Var, backprop::GradStore};

use crate::settings::TrainSettings;

const BETA_1: f64 = 0.9;
const BETA_2: f64 = 0.99;
const EPSILON: f64 = 1e-8;

/// AdamW (Loshchilov and Hutter 2019, algorithm 2).
pub(crate) struct AdamW {
    weights: Vec<State>,
    schedule: Schedule,
    decay: f64,
    clip: f64,
    step: usize,
}

struct State {
    var: Var,
    mean: Tensor,
    square: Tensor,
    /// Biases and gains, which have one dimension, do not decay.
    decays: bool,
}

impl AdamW {
    /// For `weights` over `steps` steps.
    pub(crate) fn new(weights: &BTreeMap<String, Var>, settings: &TrainSettings, steps: usize) -> Result<Self> {
        let states = weights.values().map(|var| {
            let (mean, square) = (var.zeros_like()?, var.zeros_like()?);
            Ok(State { var: var.clone(), mean, square, decays: var.rank() > 1 })
        });
        Ok(Self {
            weights: states.collect::<Result<_>>()?,
            schedule: Schedule { highest: settings.learning_rate, warmup: settings.warmup, steps },
            decay: settings.weight_decay,
            clip: settings.clip,
            step: 0,
        })
    }

    /// One step along `gradients`. A weight without a gradient stays.
    pub(crate) fn step(&mut self, gradients: &GradStore) -> Result<()> {
        let rate = self.schedule.rate(self.step);
        self.step += 1;
        let shrink = (self.clip / (norm(&self.weights, gradients)? + 1e-12)).min(1.0);
        let corrections = (1.0 - BETA_1.powi(self.step as i32), 1.0 - BETA_2.powi(self.step as i32));
        for state in &mut self.weights {
            let Some(gradient) = gradients.get(&state.var) else { continue };
            // A gradient remembers the activations it came from; the moments must not keep them for ever.
            let gradient = (gradient.detach() * shrink)?;
            state.mean = ((&state.mean * BETA_1)? + (&gradient * (1.0 - BETA_1))?)?;
            state.square = ((&state.square * BETA_2)? + (gradient.sqr()? * (1.0 - BETA_2))?)?;
            let scale = ((&state.square / corrections.1)?.sqrt()? + EPSILON)?;
            let change = ((&state.mean * (rate / corrections.0))? / scale)?;
            let keep = if state.decays { 1.0 - rate * self.decay } else { 1.0 };
            state.var.set(&((state.var.as_tensor() * keep)? - change)?)?;
        }
        Ok(())
    }
}

/// The Euclidean norm of all gradients together.
fn norm(weights: &[State], gradients: &GradStore) -> Result<f64> {
    let mut sum = 0.0;
    for state in weights {
        if let Some(gradient) = gradients.get(&state.var) {
            sum += gradient.sqr()?.sum_all()?.to_dtype(DType::F64)?.to_scalar::<f64>()?;
        }
    }
    Ok(sum.sqrt())
}

/// The learning rate over the steps: up along a line, down along half a cosine to nearly nothing.
#[derive(Debug, Clone, Copy)]
struct Schedule {
    highest: f64,
    warmup: f64,
    steps: usize,
}

impl Schedule {
    fn rate(self, step: usize) -> f64 {
        let warm = (self.steps as f64 * self.warmup).ceil();
        let step = step as f64;
        if step < warm {
            return self.highest * (step + 1.0) / warm;
        }
        let done = (step - warm) / (self.steps as f64 - warm).max(1.0);
        self.highest * (0.01 + 0.99 * 0.5 * (1.0 + (PI * done.min(1.0)).cos()))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn the_rate_rises_then_falls_to_a_hundredth() {
        let schedule = Schedule { highest: 1.0, warmup: 0.1, steps: 100 };
        assert!((schedule.rate(0) - 0.1).abs() < 1e-12 && (schedule.rate(10) - 1.0).abs() < 1e-12);
        assert!(schedule.rate(55) < 0.6 && (schedule.rate(100) - 0.01).abs() < 1e-12);
    }

    #[test]
    fn it_finds_the_minimum_of_a_parabola() {
        let var = Var::new(&[[5.0f64, -3.0]], &Device::Cpu).unwrap();
        let weights = BTreeMap::from([("x".to_owned(), var.clone())]);
        let settings = TrainSettings { learning_rate: 0.2, weight_decay: 0.0, ..TrainSettings::default() };
        let mut adam = AdamW::new(&weights, &settings, 300).unwrap();
        for _ in 0..300 {
            let loss = (var.as_tensor() - 1.0).unwrap().sqr().unwrap().sum_all().unwrap();
            adam.step(&loss.backward().unwrap()).unwrap();
        }
        let found: Vec<f64> = var.flatten_all().unwrap().to_vec1().unwrap();
        assert!(found.iter().all(|x| (x - 1.0).abs() < 1e-2), "{found:?}");
    }

    #[test]
    fn a_huge_gradient_is_cut() {
        let var = Var::new(&[[0.0f64]], &Device::Cpu).unwrap();
        let weights = BTreeMap::from([("x".to_owned(), var.clone())]);
        let mut adam = AdamW::new(&weights, &TrainSettings::default(), 10).unwrap();
        let loss = (var.as_tensor() * 1e30).unwrap().sum_all().unwrap();
        adam.step(&loss.backward().unwrap()).unwrap();
        let moment: Vec<f64> = adam.weights[0].mean.flatten_all().unwrap().to_vec1().unwrap();
        assert!((moment[0] - 0.1).abs() < 1e-9, "{moment:?}");
    }
}
