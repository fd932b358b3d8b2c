//! The training loop.

use std::{
    collections::{BTreeMap, HashMap},
    ops::ControlFlow,
};

use andon_plant::{Tag, TagKind, TagName};
use candle_core::{DType, Device, Tensor, Var};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{
    architectures::{MULTISCALE, Multiscale},
    autoencoder::Autoencoder,
    batch::{Batch, Lessons, Shape},
    device,
    layers::{Vars, VarsError},
    loss::masked_squared_error,
    manifest::{FORMAT, ModelManifest},
    normalize::Normalisation,
    optimizer::AdamW,
    series::{self, Material, Place, Series},
    settings::{ModelSettings, SettingsError, TrainSettings},
    weights,
};

/// Windows that validate, at the most.
const VALIDATION_WINDOWS: usize = 96;

/// Where training stands, after an epoch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Epochs done.
    pub epoch: usize,
    /// Epochs there will be at the most; the time left is the time taken times (epochs - epoch) / epoch.
    pub epochs: usize,
    /// Mean loss over this epoch's training windows, in squared normalised units.
    pub training_loss: f64,
    /// Loss over the validation windows.
    pub validation_loss: f64,
}

/// A model can't be trained.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// Too little history.
    #[error(
        "the longest stretch without a gap has {have} rows, training needs {need}; \
         collect more history, or make the window shorter"
    )]
    TooFewRows {
        /// Rows of the longest stretch.
        have: usize,
        /// Rows needed.
        need: usize,
    },
    /// There are no tags.
    #[error("there is no tag to learn; give the asset at least one")]
    NoTags,
    /// The rows are not of these tags.
    #[error("a training row has {found} values, there are {expected} tags; give one value a tag in every row")]
    Width {
        /// Tags.
        expected: usize,
        /// Values in the row.
        found: usize,
    },
    /// A tag has no value at all.
    #[error("tag `{tag}` was never measured in the training data; leave it out, or mend its source and collect anew")]
    AllMissing {
        /// The tag.
        tag: TagName,
    },
    /// No tag changes.
    #[error("all {tags} tags stand still in the training data: there is nothing to learn; train while the asset works")]
    AllConstant {
        /// How many.
        tags: usize,
    },
    /// A count only rises: its values are never seen again.
    #[error(
        "tag `{tag}` is a counter, and this model can't learn a value that only rises; leave it out, or give its rate as an analog tag"
    )]
    Counter {
        /// The tag.
        tag: TagName,
    },
    /// A setting can't be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The loss left the numbers.
    #[error("the loss is no longer a number in epoch {epoch}; halve `training.learning_rate` and train again")]
    NotANumber {
        /// The epoch.
        epoch: usize,
    },
    /// The caller broke off.
    #[error("training was cancelled after epoch {epoch}; no model was made")]
    Cancelled {
        /// Epochs done.
        epoch: usize,
    },
    /// The computation failed.
    #[error("training failed: {0}")]
    Failed(String),
}

impl From<candle_core::Error> for TrainError {
    fn from(error: candle_core::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<VarsError> for TrainError {
    fn from(error: VarsError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Trains an autoencoder for windows of `rows` rows of `tags` on `series`, which must be normal operation.
///
/// The last part of each series validates and never trains; what is kept are the weights with the best validation loss.
/// `progress` is called after each epoch and may break off. On a CPU the same data, settings and seed give the same
/// weights, bit for bit. Enum tags are taken as numbers on a scale; counters are refused.
///
/// # Errors
/// If the data or the settings can't be used, if the loss stops being a number, or if `progress` broke off.
pub fn train(
    series: &[Series],
    tags: &[Tag],
    rows: usize,
    settings: &ModelSettings,
    progress: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
) -> Result<Autoencoder, TrainError> {
    settings.check(rows)?;
    keep_freed_memory();
    let normalisation = normalise(series, tags, rows, settings)?;
    let validation = settings.training.validation;
    let material: Vec<Material> = series.iter().map(|s| Material::new(s, &normalisation, rows, validation)).collect();
    let device = device::pick();
    let lessons = Lessons {
        material: &material,
        shape: Shape { rows, tags: tags.len() },
        mask: &settings.training.mask,
        normalisation: &normalisation,
        device: &device,
    };
    let kept = Trainer::new(&lessons, settings)?.run(progress)?;
    finish(kept, normalisation, (tags, rows), settings, device)
}

/// A training step allocates and frees the same tensors each time, tens of megabytes in all, and glibc gives them back to
/// the system in between: page faults are then more than half of the time. glibc raises its limit for that to twice the
/// largest block it has seen freed, so a block is freed here; with another allocator this does nothing.
fn keep_freed_memory() {
    const BLOCK: usize = 24 << 20;
    drop(std::hint::black_box(Vec::<u8>::with_capacity(BLOCK)));
}

/// Checks the data and finds the scales.
fn normalise(
    series: &[Series],
    tags: &[Tag],
    rows: usize,
    settings: &ModelSettings,
) -> Result<Normalisation, TrainError> {
    if tags.is_empty() {
        return Err(TrainError::NoTags);
    }
    if let Some(counter) = tags.iter().find(|tag| tag.kind == TagKind::Counter) {
        return Err(TrainError::Counter { tag: counter.name.clone() });
    }
    let widths = series.iter().flat_map(|s| &s.rows).map(|row| row.values.len().min(row.fill.len()));
    if let Some(found) = widths.into_iter().find(|width| *width != tags.len()) {
        return Err(TrainError::Width { expected: tags.len(), found });
    }
    let have = series.iter().map(|s| s.rows.len()).max().unwrap_or(0);
    let need = series::need(rows);
    if have < need {
        return Err(TrainError::TooFewRows { have, need });
    }
    let normalisation = Normalisation::fit((settings.scaling, settings.levelling), series, tags)
        .map_err(|never| TrainError::AllMissing { tag: never.0 })?;
    if normalisation.scales.iter().all(|scale| scale.constant) {
        return Err(TrainError::AllConstant { tags: tags.len() });
    }
    Ok(normalisation)
}

/// The best weights so far.
struct Kept {
    weights: BTreeMap<String, Tensor>,
    at: Progress,
}

struct Trainer<'a> {
    lessons: &'a Lessons<'a>,
    settings: &'a TrainSettings,
    network: Multiscale,
    vars: BTreeMap<String, Var>,
    places: Vec<Place>,
    validation: Vec<Batch>,
    rng: ChaCha8Rng,
}

impl<'a> Trainer<'a> {
    fn new(lessons: &'a Lessons<'a>, settings: &'a ModelSettings) -> Result<Self, TrainError> {
        let training = &settings.training;
        let rows = lessons.shape.rows;
        let mut vars = Vars::fresh(generator(training.seed, 0), DType::F32, lessons.device);
        let network = Multiscale::new(&mut vars, &settings.architecture, lessons.shape.tags)?;
        let mut rng = generator(training.seed, 1);
        let places = series::validation_places(lessons.material, rows, VALIDATION_WINDOWS);
        let validation = places.chunks(training.batch).map(|some| lessons.batch(some, &mut rng));
        Ok(Self {
            lessons,
            settings: training,
            network,
            vars: vars.trainable(),
            places: series::training_places(lessons.material, rows),
            validation: validation.collect::<Result<_, _>>()?,
            rng: generator(training.seed, 2),
        })
    }

    fn run(mut self, progress: &mut dyn FnMut(&Progress) -> ControlFlow<()>) -> Result<Kept, TrainError> {
        let steps = self.settings.epochs * self.settings.windows.div_ceil(self.settings.batch);
        let mut optimizer = AdamW::new(&self.vars, self.settings, steps)?;
        let mut kept: Option<Kept> = None;
        for epoch in 1..=self.settings.epochs {
            let training_loss = self.epoch(&mut optimizer)?;
            let validation_loss = self.validate()?;
            if !(training_loss.is_finite() && validation_loss.is_finite()) {
                return Err(TrainError::NotANumber { epoch });
            }
            let at = Progress { epoch, epochs: self.settings.epochs, training_loss, validation_loss };
            tracing::debug!(epoch, training_loss, validation_loss, "an epoch of training is done");
            if kept.as_ref().is_none_or(|best| validation_loss < best.at.validation_loss) {
                kept = Some(Kept { weights: copy(&self.vars)?, at });
            }
            if progress(&at).is_break() {
                return Err(TrainError::Cancelled { epoch });
            }
            if kept.as_ref().is_some_and(|best| epoch - best.at.epoch >= self.settings.patience) {
                break;
            }
        }
        kept.ok_or(TrainError::NotANumber { epoch: 0 })
    }

    /// Goes through one sample of windows; the mean loss. Stops where the loss is not a number.
    fn epoch(&mut self, optimizer: &mut AdamW) -> Result<f64, TrainError> {
        let (mut sum, mut steps) = (0.0, 0.0);
        let mut left = self.settings.windows;
        while left > 0 {
            let count = left.min(self.settings.batch);
            left -= count;
            let places: Vec<Place> =
                (0..count).map(|_| self.places[self.rng.random_range(0..self.places.len())]).collect();
            let batch = self.lessons.batch(&places, &mut self.rng)?;
            let loss = loss_of(&self.network, &batch)?;
            let value = f64::from(loss.to_scalar::<f32>()?);
            if !value.is_finite() {
                return Ok(value);
            }
            optimizer.step(&loss.backward()?)?;
            (sum, steps) = (sum + value, steps + 1.0);
        }
        Ok(sum / steps)
    }

    fn validate(&self) -> Result<f64, TrainError> {
        let mut sum = 0.0;
        for batch in &self.validation {
            sum += f64::from(loss_of(&self.network, batch)?.to_scalar::<f32>()?);
        }
        Ok(sum / self.validation.len().max(1) as f64)
    }
}

fn loss_of(network: &Multiscale, batch: &Batch) -> candle_core::Result<Tensor> {
    masked_squared_error(&network.forward(&batch.cells)?.expected, &batch.truth, &batch.weights)
}

/// One of a seed's independent generators.
fn generator(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    rng
}

fn copy(vars: &BTreeMap<String, Var>) -> candle_core::Result<BTreeMap<String, Tensor>> {
    vars.iter().map(|(name, var)| Ok((name.clone(), var.as_tensor().copy()?.detach()))).collect()
}

fn finish(
    kept: Kept,
    normalisation: Normalisation,
    (tags, rows): (&[Tag], usize),
    settings: &ModelSettings,
    device: Device,
) -> Result<Autoencoder, TrainError> {
    let bytes = weights::serialize(&kept.weights)?;
    let manifest = ModelManifest {
        format: FORMAT,
        network: MULTISCALE.to_owned(),
        tags: tags.iter().map(|tag| tag.name.clone()).collect(),
        rows,
        architecture: settings.architecture.clone(),
        normalisation,
        hide: settings.hide,
        seed: settings.training.seed,
        epochs: kept.at.epoch,
        training_loss: kept.at.training_loss,
        validation_loss: kept.at.validation_loss,
        parameters: kept.weights.values().map(Tensor::elem_count).sum(),
        weights_sha256: weights::sha256(&bytes),
    };
    let tensors: HashMap<String, Tensor> = kept.weights.into_iter().collect();
    Ok(Autoencoder::new(manifest, bytes, tensors, device)?)
}
