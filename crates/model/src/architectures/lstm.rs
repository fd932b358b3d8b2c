//! The LSTM autoencoder, a baseline.

use candle_core::{Result, Tensor};

use super::{Architecture, Forward, Network, Pass, size};
use crate::layers::{Init, Linear, Vars, VarsError};

/// The longest window: candle goes back through a graph by recursion, a level for each operation, and a thread's stack is
/// two megabytes.
pub(crate) const MOST_ROWS: usize = 500;

/// An LSTM that reads the window and one that writes it (paper, section 4.2; Malhotra et al. 2016).
///
/// ```text
/// cells and their visibility (b, t, 2 d)
///   LSTM, its last state            (b, hidden)
///   Linear: the code                (b, code)
///   LSTM, the code at every step    (b, t, hidden), from the newest row back to the oldest
///   Linear                          (b, t, d)
/// ```
///
/// Without a bottleneck the code is the last state. It writes the newest row first, as Malhotra et al. have it: that row
/// is the one freshest in the state, and the one that is judged.
#[derive(Debug)]
pub(crate) struct Lstm {
    embedding: Linear,
    encoder: Recurrence,
    bottleneck: Option<Linear>,
    expansion: Linear,
    decoder: Recurrence,
    output: Linear,
}

impl Lstm {
    /// The network for windows of `shape` = (rows, tags) with weights from `vars`.
    pub(crate) fn new(
        vars: &mut Vars,
        a: &Architecture,
        shape: (usize, usize),
    ) -> std::result::Result<Self, VarsError> {
        let hidden = size::width(a, shape, |vars, hidden| Self::of(vars, a.code, hidden, shape.1))?;
        Self::of(vars, a.code, hidden, shape.1)
    }

    fn of(vars: &mut Vars, code: usize, hidden: usize, tags: usize) -> std::result::Result<Self, VarsError> {
        let width = if code == 0 { hidden } else { code };
        Ok(Self {
            embedding: Linear::new(vars, "embedding", 2 * tags, 4 * hidden)?,
            encoder: Recurrence::new(vars, "encoder", hidden)?,
            bottleneck: (code > 0).then(|| Linear::new(vars, "bottleneck", hidden, code)).transpose()?,
            expansion: Linear::new(vars, "expansion", width, 4 * hidden)?,
            decoder: Recurrence::new(vars, "decoder", hidden)?,
            output: Linear::new(vars, "output", hidden, tags)?,
        })
    }
}

impl Network for Lstm {
    fn forward(&self, cells: &Tensor, _pass: &mut Pass) -> Result<Forward> {
        let (_, time, _) = cells.dims3()?;
        let states = self.encoder.forward(time, |row| self.embedding.forward(&cells.narrow(1, row, 1)?))?;
        let mut code = states[time - 1].unsqueeze(1)?;
        if let Some(bottleneck) = &self.bottleneck {
            code = bottleneck.forward(&code)?;
        }
        let told = self.expansion.forward(&code)?;
        let mut states = self.decoder.forward(time, |_| Ok(told.clone()))?;
        states.reverse();
        let expected = self.output.forward(&Tensor::stack(&states, 1)?)?;
        Ok(Forward { expected, codes: None, code: Some(code.squeeze(1)?), penalty: None, attention: None })
    }
}

/// The recurrent part of an LSTM (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000):
///
/// (i, f, o, g) = x + h U; c = sigmoid(f + 1) c + sigmoid(i) tanh(g); h = sigmoid(o) tanh(c)
///
/// The 1 lets it begin by remembering (Jozefowicz et al. 2015). What comes of the input, x with the bias, is a [`Linear`]'s,
/// made step by step: the gradient of a slice is as large as what it was cut from, so that a product for all steps at
/// once would cost the square of the steps in the backward pass.
#[derive(Debug)]
struct Recurrence {
    weight: Tensor,
    hidden: usize,
}

impl Recurrence {
    /// Weight `{name}.weight`, (hidden, 4 hidden).
    fn new(vars: &mut Vars, name: &str, hidden: usize) -> std::result::Result<Self, VarsError> {
        let weight = vars.get(&format!("{name}.weight"), &[hidden, 4 * hidden], Init::Lecun { fan_in: hidden })?;
        Ok(Self { weight, hidden })
    }

    /// The states h, (b, hidden), after each of `steps` steps from the zero state; `input` gives a step's x, (b, 1, 4 hidden).
    fn forward(&self, steps: usize, input: impl Fn(usize) -> Result<Tensor>) -> Result<Vec<Tensor>> {
        let mut states: Vec<Tensor> = Vec::with_capacity(steps);
        let mut memory: Option<Tensor> = None;
        for step in 0..steps {
            let mut gates = input(step)?.squeeze(1)?;
            if let Some(state) = states.last() {
                gates = (gates + state.matmul(&self.weight)?)?;
            }
            let gate = |ix: usize| gates.narrow(1, ix * self.hidden, self.hidden);
            let mut next = (sigmoid(&gate(0)?)? * gate(3)?.tanh()?)?;
            if let Some(memory) = memory {
                next = (next + (sigmoid(&(gate(1)? + 1.0)?)? * memory)?)?;
            }
            states.push((sigmoid(&gate(2)?)? * next.tanh()?)?);
            memory = Some(next);
        }
        Ok(states)
    }
}

/// 1 / (1 + exp(-x)) = (1 + tanh(x / 2)) / 2, which does not overflow.
fn sigmoid(x: &Tensor) -> Result<Tensor> {
    x.affine(0.5, 0.0)?.tanh()?.affine(0.5, 0.5)
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::{
        super::{NetworkKind::Lstm, checks},
        *,
    };

    #[test]
    fn it_is_as_large_as_the_multi_scale_network() {
        checks::as_large_as_the_multi_scale(Lstm);
    }

    #[test]
    fn gradients_equal_finite_differences_and_reach_every_weight() {
        checks::gradients(Lstm);
    }

    #[test]
    fn it_learns() {
        checks::learns(Lstm);
    }

    #[test]
    fn its_longest_window_does_not_use_up_the_stack() {
        let mut vars = Vars::fresh(ChaCha8Rng::seed_from_u64(1), DType::F32, &Device::Cpu);
        let network = super::Lstm::of(&mut vars, 2, 4, 1).unwrap();
        let cells = Tensor::ones((1, MOST_ROWS, 2), DType::F32, &Device::Cpu).unwrap();
        let expected = network.forward(&cells, &mut Pass::Infer).unwrap().expected;
        expected.sum_all().unwrap().backward().unwrap();
    }
}
