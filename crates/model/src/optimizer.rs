//! AdamW with warm-up, cosine and a limit on the gradient. candle's own keeps its state to itself.

use std::{collections::BTreeMap, f64::consts::PI};

use candle_core::{DType, Result, Tensor, Var, backprop::GradStore};

use crate::{
    kernels::{self, Adam, Blend},
    settings::TrainSettings,
};

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
        let step = self.step as i32;
        for state in &mut self.weights {
            let Some(gradient) = gradients.get(&state.var) else { continue };
            let keep = if state.decays { 1.0 - rate * self.decay } else { 1.0 };
            let (rate, factor) = (rate / (1.0 - BETA_1.powi(step)), 1.0 / (1.0 - BETA_2.powi(step)));
            let change = Adam { keep, rate, factor, epsilon: EPSILON };
            if kernels::fit(gradient) {
                state.step(&gradient.contiguous()?, shrink, &change)?;
            } else {
                state.step_plainly(gradient, shrink, &change)?;
            }
        }
        Ok(())
    }
}

impl AdamW {
    /// What it goes on from besides the weights: steps done, and copies of the two moments in the order of the weights' names.
    pub(crate) fn state(&self) -> Result<(usize, Vec<[Tensor; 2]>)> {
        let moments = self.weights.iter().map(|state| Ok([state.mean.copy()?, state.square.copy()?]));
        Ok((self.step, moments.collect::<Result<_>>()?))
    }

    /// Goes on from what [`state`](Self::state) gave.
    pub(crate) fn restore(&mut self, step: usize, moments: &[[Tensor; 2]]) -> Result<()> {
        self.step = step;
        for (state, [mean, square]) in self.weights.iter_mut().zip(moments) {
            (state.mean, state.square) = (mean.copy()?, square.copy()?);
        }
        Ok(())
    }

    /// Changes the highest learning rate for all further steps.
    pub(crate) fn set_rate(&mut self, highest: f64) {
        self.schedule.highest = highest;
    }
}

impl State {
    fn step(&self, gradient: &Tensor, shrink: f64, change: &Adam) -> Result<()> {
        self.mean.inplace_op2(gradient, &Blend { keep: BETA_1, shrink, squared: false })?;
        self.square.inplace_op2(gradient, &Blend { keep: BETA_2, shrink, squared: true })?;
        self.var.inplace_op3(&self.mean, &self.square, change)
    }

    fn step_plainly(&mut self, gradient: &Tensor, shrink: f64, change: &Adam) -> Result<()> {
        // A gradient remembers the activations it came from; the moments must not keep them for ever.
        let gradient = (gradient.detach() * shrink)?;
        self.mean = ((&self.mean * BETA_1)? + (&gradient * (1.0 - BETA_1))?)?;
        self.square = ((&self.square * BETA_2)? + (gradient.sqr()? * (1.0 - BETA_2))?)?;
        let scale = ((&self.square * change.factor)?.sqrt()? + change.epsilon)?;
        let moved = ((&self.mean * change.rate)? / scale)?;
        self.var.set(&((self.var.as_tensor() * change.keep)? - moved)?)
    }
}

/// The Euclidean norm of all gradients together.
fn norm(weights: &[State], gradients: &GradStore) -> Result<f64> {
    let mut sum = 0.0;
    for state in weights {
        if let Some(gradient) = gradients.get(&state.var) {
            sum += if kernels::fit(gradient) {
                kernels::square_sum(&gradient.contiguous()?)?
            } else {
                gradient.sqr()?.sum_all()?.to_dtype(DType::F64)?.to_scalar::<f64>()?
            };
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
    fn a_changed_rate_changes_the_step_and_a_restored_state_the_moments() {
        let var = Var::new(&[[1.0f64]], &Device::Cpu).unwrap();
        let weights = BTreeMap::from([("x".to_owned(), var.clone())]);
        let settings = TrainSettings { weight_decay: 0.0, ..TrainSettings::default() };
        let mut adam = AdamW::new(&weights, &settings, 10).unwrap();
        let (step, moments) = adam.state().unwrap();
        let mut moved = |rate| {
            adam.set_rate(rate);
            adam.restore(step, &moments).unwrap();
            let before = var.to_vec2::<f64>().unwrap()[0][0];
            adam.step(&var.as_tensor().sqr().unwrap().sum_all().unwrap().backward().unwrap()).unwrap();
            before - var.to_vec2::<f64>().unwrap()[0][0]
        };
        let (whole, half) = (moved(1e-3), moved(5e-4));
        assert!((whole - 2.0 * half).abs() < 1e-9, "{whole} {half}");
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

    #[test]
    fn plain_operations_give_the_same() {
        let state = || {
            let var = Var::new(&[[0.5f64, -2.0, 1.0]], &Device::Cpu).unwrap();
            State { mean: var.ones_like().unwrap(), square: var.ones_like().unwrap(), var, decays: true }
        };
        let (fused, mut plain) = (state(), state());
        let gradient = Tensor::new(&[[3.0f64, -0.1, 0.0]], &Device::Cpu).unwrap();
        let change = Adam { keep: 0.9, rate: 0.3, factor: 1.5, epsilon: EPSILON };
        fused.step(&gradient, 0.7, &change).unwrap();
        plain.step_plainly(&gradient, 0.7, &change).unwrap();
        for (x, y) in [(&fused.mean, &plain.mean), (&fused.square, &plain.square), (&fused.var, &plain.var)] {
            let apart = (x - y).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f64>().unwrap();
            assert!(apart < 1e-12, "{x} {y}");
        }
    }
}
