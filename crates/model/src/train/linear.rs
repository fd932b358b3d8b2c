//! The linear models, which are solved in one go.

use super::{Progress, TrainError, VALIDATION_WINDOWS, generator, mean_error};
use crate::{
    architectures::{self, NetworkKind},
    batch::Lessons,
    checkpoint::Best,
    layers::Vars,
    series::{self, Place},
    settings::ModelSettings,
    solve,
};

/// Columns of a linear model's sums of squares, at the most: they are columns x columns numbers of eight bytes.
const WIDEST: usize = 8_192;

/// Refuses what would not fit into memory, of what is solved.
pub(super) fn check_width(columns: usize, settings: &ModelSettings) -> Result<(), TrainError> {
    let (lags, remedy) = match settings.kind {
        NetworkKind::Multiscale | NetworkKind::Var => (
            settings.architecture.autoregressive,
            "make `architecture.autoregressive` smaller, or give the asset fewer tags",
        ),
        NetworkKind::Ridge | NetworkKind::Pca => (1, "give the asset fewer tags"),
        NetworkKind::Dense | NetworkKind::Lstm | NetworkKind::Vae => return Ok(()),
    };
    if columns * lags > WIDEST {
        return Err(TrainError::TooWide { columns, lags, most: WIDEST, remedy });
    }
    Ok(())
}

/// A linear model's weights, from the training rows.
pub(super) fn solved(lessons: &Lessons, settings: &ModelSettings) -> Result<Best, TrainError> {
    let columns = lessons.shape.tags;
    check_width(columns, settings)?;
    let weights = solve::solve(&lessons.to_solve(), columns, settings)?;
    let shape = (lessons.shape.rows, columns);
    let mut vars = Vars::stored(weights.clone().into_iter().collect(), lessons.device);
    let network = architectures::build(settings.kind, &mut vars, &settings.architecture, shape)?;
    let mut rng = generator(settings.training.seed, 1);
    let mut loss = |places: Vec<Place>| -> Result<f64, TrainError> {
        let batches = places.chunks(settings.training.batch).map(|some| lessons.batch(some, &mut rng));
        mean_error(&*network, &batches.collect::<Result<Vec<_>, _>>()?)
    };
    let training = series::training_places(lessons.material, lessons.shape.rows);
    let step = training.len().div_ceil(VALIDATION_WINDOWS).max(1);
    let training_loss = loss(training.into_iter().step_by(step).collect())?;
    let validation_loss = loss(series::validation_places(lessons.material, lessons.shape.rows, VALIDATION_WINDOWS))?;
    let at = Progress { epoch: 1, epochs: 1, training_loss, validation_loss };
    Ok(Best { at, weights })
}
