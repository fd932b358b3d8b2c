//! Whether a trained network may be served less exactly than it was trained.

use candle_core::Tensor;

use super::{TrainError, VALIDATION_WINDOWS, generator};
use crate::{
    autoencoder::flat,
    batch::{Batch, Lessons},
    checkpoint::Best,
    engine::{Engine, Kernel, Output, Precision, Workspace},
    mask::MaskSettings,
    series,
    settings::ModelSettings,
};

/// The share of the energy of the newest rows' residuals that a lower precision may change, at the most.
const MOST: f64 = 0.01;

/// The precision asked for, or f32: where this processor has no other, or where the other changes the answers to validation
/// windows (to training windows where nothing validates) by more than [`MOST`].
pub(super) fn allowed(kept: &Best, settings: &ModelSettings, lessons: &Lessons) -> Result<Precision, TrainError> {
    let asked = settings.precision;
    if asked == Precision::F32 {
        return Ok(asked);
    }
    let weights = flat(kept.weights.iter())?;
    let shape = (lessons.shape.rows, lessons.shape.tags);
    let engine = |precision| {
        Engine::with_precision(&settings.architecture, shape, &weights, (Kernel::best(), precision))
            .map_err(|error| TrainError::Failed(error.to_string()))
    };
    let less = engine(asked)?;
    if less.precision() != asked {
        tracing::warn!("this processor has no {asked}: the model is served in f32");
        return Ok(Precision::F32);
    }
    let share = share_changed(engine(Precision::F32)?, less, &as_served(settings, lessons)?)?;
    if share <= MOST {
        tracing::info!(share, "the model is served in {asked}, which changes so much of its residuals' energy");
        return Ok(asked);
    }
    tracing::warn!(
        "{asked} would change {:.1} % of the residuals' energy, more than {} %: the model is served in f32",
        100.0 * share,
        100.0 * MOST
    );
    Ok(Precision::F32)
}

/// Windows as a plant shows them: nothing hidden, nothing falsified.
fn as_served(settings: &ModelSettings, lessons: &Lessons) -> Result<Batch, TrainError> {
    let mask = MaskSettings { share: 0.0, falsified: 0.0, noise: 0.0, ..settings.training.mask.clone() };
    let rows = lessons.shape.rows;
    let mut places = series::validation_places(lessons.material, rows, VALIDATION_WINDOWS);
    if places.is_empty() {
        places = series::training_places(lessons.material, rows);
        let step = places.len().div_ceil(VALIDATION_WINDOWS);
        places = places.into_iter().step_by(step.max(1)).collect();
    }
    let mut rng = generator(settings.training.seed, 3);
    Ok(Lessons { mask: &mask, ..*lessons }.batch(&places, &mut rng)?)
}

/// How much of the energy of the newest rows' residuals `less` changes, in cells that were measured.
fn share_changed(exact: Engine, less: Engine, batch: &Batch) -> Result<f64, TrainError> {
    let cells = batch.cells.flatten_all()?.to_vec1::<f32>()?;
    let newest = |table: &Tensor| table.narrow(1, table.dim(1)? - 1, 1)?.flatten_all()?.to_vec1::<f32>();
    let (truth, weights) = (newest(&batch.truth)?, newest(&batch.weights)?);
    let answers = |engine: Engine| -> Vec<f32> {
        let mut workspace = Workspace::new(engine.into(), 1);
        let tags = batch.truth.dims()[2];
        let newest = |output: &Output| output.expected[output.expected.len() - tags..].to_vec();
        workspace.windows(&cells).iter().flat_map(newest).collect()
    };
    let (exact, less) = (answers(exact), answers(less));
    let energy = |a: &[f32], b: &[f32]| -> f64 {
        let cells = a.iter().zip(b).zip(&weights).filter(|(_, weight)| **weight > 0.0);
        cells.map(|((a, b), _)| f64::from(a - b).powi(2)).sum()
    };
    Ok(energy(&less, &exact) / energy(&exact, &truth).max(f64::MIN_POSITIVE))
}
