//! Whether a trained network may be served less exactly than it was trained.

use super::{TrainError, VALIDATION_WINDOWS, generator};
use crate::{
    autoencoder::flat,
    batch::Lessons,
    checkpoint::Best,
    engine::{Engine, Kernel, Precision, Workspace},
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
    let shape = (lessons.shape.rows, lessons.shape.tags);
    let weights = flat(kept.weights.iter())?;
    let workspace = |precision| {
        let engine = Engine::with_precision(&settings.architecture, shape, &weights, (Kernel::best(), precision));
        engine.map(|engine| Workspace::new(engine.into(), 1)).map_err(|error| TrainError::Failed(error.to_string()))
    };
    if !asked.is_here() {
        tracing::warn!("this processor has no {asked}: the model is served in f32");
        return Ok(Precision::F32);
    }
    let mut rng = generator(settings.training.seed, 3);
    let mut places = series::validation_places(lessons.material, shape.0, VALIDATION_WINDOWS);
    if places.is_empty() {
        places = series::training_places(lessons.material, shape.0);
        let step = places.len().div_ceil(VALIDATION_WINDOWS);
        places = places.into_iter().step_by(step.max(1)).collect();
    }
    let as_served = MaskSettings { share: 0.0, falsified: 0.0, noise: 0.0, ..settings.training.mask.clone() };
    let batch = Lessons { mask: &as_served, ..*lessons }.batch(&places, &mut rng)?;
    let cells = batch.cells.flatten_all()?.to_vec1::<f32>()?;
    let truth = batch.truth.narrow(1, shape.0 - 1, 1)?.flatten_all()?.to_vec1::<f32>()?;
    let newest = |precision| -> Result<Vec<f32>, TrainError> {
        let outputs = workspace(precision)?.windows(&cells).to_vec();
        Ok(outputs.iter().flat_map(|output| &output.expected[(shape.0 - 1) * shape.1..]).copied().collect())
    };
    let (exact, less) = (newest(Precision::F32)?, newest(asked)?);
    let energy = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>();
    let share = energy(&less, &exact) / energy(&exact, &truth).max(f64::MIN_POSITIVE);
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
