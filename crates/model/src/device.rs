//! The processor that trains and infers.

use candle_core::Device;

/// The first CUDA device where the `cuda` feature is on and one is there; the CPU otherwise, and the log says so.
#[cfg(feature = "cuda")]
pub(crate) fn pick() -> Device {
    match Device::new_cuda(0) {
        Ok(device) => device,
        Err(error) => {
            tracing::warn!(%error, "no CUDA device can be used; training and inference go on with the CPU");
            Device::Cpu
        }
    }
}

/// The CPU: the crate was built without the `cuda` feature.
#[cfg(not(feature = "cuda"))]
pub(crate) fn pick() -> Device {
    Device::Cpu
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Tensor};
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::{
        architectures::{Architecture, NetworkKind, Padding, Pass, build},
        layers::Vars,
        loss::masked_squared_error,
    };

    const SHAPE: (usize, usize) = (16, 3);

    /// What a network with the weights of a seed answers on `device`, and the gradients of its error by name.
    fn answers(kind: NetworkKind, device: &Device) -> Vec<(String, Vec<f32>)> {
        let architecture = Architecture { padding: Padding::Causal, ..Architecture::paper() };
        let mut vars = Vars::fresh(ChaCha8Rng::seed_from_u64(1), DType::F32, device);
        let network = build(kind, &mut vars, &architecture, SHAPE).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let mut draw = |width: usize| {
            let values: Vec<f32> = (0..2 * SHAPE.0 * width).map(|_| rng.random_range(-1.0..1.0)).collect();
            Tensor::from_vec(values, (2, SHAPE.0, width), device).unwrap()
        };
        let (cells, truth, weights) = (draw(2 * SHAPE.1), draw(SHAPE.1), draw(SHAPE.1).relu().unwrap());
        let numbers = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let served = network.forward(&cells, &mut Pass::Infer).unwrap().expected;
        let learning = network.forward(&cells, &mut Pass::Train(&mut ChaCha8Rng::seed_from_u64(3))).unwrap().expected;
        let gradients = masked_squared_error(&learning, &truth, &weights).unwrap().backward().unwrap();
        let slope = |(name, var): (String, candle_core::Var)| Some((name, numbers(gradients.get(var.as_tensor())?)));
        std::iter::once(("answer".to_owned(), numbers(&served)))
            .chain(vars.made().0.into_iter().filter_map(slope))
            .collect()
    }

    #[test]
    fn a_cuda_device_answers_and_learns_as_the_cpu_does() {
        let device = pick();
        if device.is_cpu() {
            let why =
                if cfg!(feature = "cuda") { "there is no CUDA device" } else { "built without the feature `cuda`" };
            eprintln!("SKIPPED: {why}, so whether it computes as the CPU does was not tested");
            return;
        }
        for kind in [NetworkKind::Multiscale, NetworkKind::Dense, NetworkKind::Lstm, NetworkKind::Vae] {
            for ((name, got), (_, want)) in answers(kind, &device).into_iter().zip(answers(kind, &Device::Cpu)) {
                let largest = want.iter().fold(1e-3, |largest: f32, x| largest.max(x.abs()));
                let worst = got.iter().zip(&want).fold(0.0, |worst: f32, (a, b)| worst.max((a - b).abs()));
                assert!(got.iter().all(|x| x.is_finite()), "{kind:?} {name}");
                assert!(got.len() == want.len() && worst <= 1e-3 * largest, "{kind:?} {name}: {worst} of {largest}");
            }
        }
    }
}
