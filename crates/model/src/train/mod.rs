//! Training: the loop here, what can go wrong in [`error`], the [`linear`] models that need none, the [`precision`] a network
//! may be served in, and [`memory`].

mod error;
mod linear;
mod memory;
mod precision;

use std::{
    collections::{BTreeMap, HashMap},
    ops::ControlFlow,
};

use andon_plant::{Tag, TagName};
use candle_core::{DType, Tensor, Var};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::{
    architectures::{self, Network, Pass},
    autoencoder::Autoencoder,
    batch::{Batch, Lessons, Shape},
    checkpoint::{self, Best, Counts, Standing},
    device,
    layers::{Vars, VarsError},
    loss,
    manifest::{FORMAT, ModelManifest},
    normalize::Normalisation,
    optimizer::AdamW,
    series::{self, Material, Place, Series},
    settings::{ModelSettings, TrainSettings},
    solve,
    transfer::{self, Start},
    weights,
};
pub use error::TrainError;
use memory::keep_freed_memory;

/// Windows that validate, at the most.
const VALIDATION_WINDOWS: usize = 96;

/// Times the learning rate is halved, at the most, because the loss left the numbers.
const HALVED: i32 = 3;

/// Where training stands, after an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Epochs done.
    pub epoch: usize,
    /// Epochs there will be at the most; the time left is the time taken times (epochs - epoch) / epoch.
    pub epochs: usize,
    /// Mean loss over this epoch's training windows, with all that is made small beside the error.
    pub training_loss: f64,
    /// Mean squared error over the validation windows, in squared normalised units; where nothing validates, the training
    /// loss.
    pub validation_loss: f64,
}

/// Trains an autoencoder for windows of `rows` rows of `tags` on `series`, which must be normal operation.
///
/// The last part of each series validates and never trains; what is kept are the weights with the best validation loss.
/// `progress` is called after each epoch and may break off. On a CPU the same data, settings and seed give the same
/// weights, bit for bit, also where [`TrainSettings::checkpoint`] lets it go on after a kill. A loss that is no number takes
/// training back to the last good epoch at half the learning rate, three times at the most.
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
    train_from(None, series, tags, rows, settings, progress)
}

/// Trains as [`train`] does, but begins with what `source` has learned, which may be of an asset with other tags.
///
/// Its trunk is taken over. Tags that both assets have by name and kind keep their part of the maps from and to the tags;
/// another tag begins with that of one of its kind that is left over, or with a new one if there is none.
///
/// # Errors
/// As [`train`], and if `source` is of another kind or has other parts or sizes than `settings` say.
pub fn train_from(
    source: Option<&Autoencoder>,
    series: &[Series],
    tags: &[Tag],
    rows: usize,
    settings: &ModelSettings,
    progress: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
) -> Result<Autoencoder, TrainError> {
    settings.check(rows)?;
    source.map_or(Ok(()), |source| transfer::check(source, settings))?;
    let _kept = keep_freed_memory();
    let normalisation = normalise(series, tags, rows, settings)?;
    let validation = settings.training.validation;
    let material: Vec<Material> = series.iter().map(|s| Material::new(s, &normalisation, rows, validation)).collect();
    let device = device::pick();
    let lessons = Lessons {
        material: &material,
        shape: Shape { rows, tags: normalisation.width() },
        mask: &settings.training.mask,
        normalisation: &normalisation,
        device: &device,
    };
    if settings.kind.is_linear() {
        let kept = linear::solved(&lessons, settings)?;
        if progress(&kept.at).is_break() {
            return Err(TrainError::Cancelled { epoch: 1 });
        }
        return finish(kept, &lessons, tags, settings);
    }
    let begins_with = source.map(|source| &source.manifest().weights_sha256);
    let training = checkpoint::training(&(settings, rows, &normalisation, begins_with), &material)
        .map_err(|error| TrainError::Failed(error.to_string()))?;
    let trainer = Trainer::new(&lessons, settings, training)?;
    if let Some(source) = source {
        trainer.begin_with(&Start::new(source, &normalisation, &device)?)?;
    }
    let kept = trainer.run(progress)?;
    finish(kept, &lessons, tags, settings)
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
    if normalisation.width() == 0 {
        return Err(TrainError::AllConstant { tags: tags.len() });
    }
    let constant: Vec<&str> = normalisation.constant().map(TagName::as_str).collect();
    if !constant.is_empty() {
        tracing::warn!("tags that stand still in the training data are not learned: {}", constant.join(", "));
    }
    Ok(normalisation)
}

struct Trainer<'a> {
    lessons: &'a Lessons<'a>,
    settings: &'a TrainSettings,
    /// The training's name in its checkpoint.
    training: String,
    network: Box<dyn Network>,
    vars: BTreeMap<String, Var>,
    remembered: BTreeMap<String, Var>,
    optimizer: AdamW,
    places: Vec<Place>,
    validation: Vec<Batch>,
    rng: ChaCha8Rng,
}

impl<'a> Trainer<'a> {
    fn new(lessons: &'a Lessons<'a>, settings: &'a ModelSettings, name: String) -> Result<Self, TrainError> {
        let training = &settings.training;
        let rows = lessons.shape.rows;
        linear::check_width(lessons.shape.tags, settings)?;
        let mut vars = Vars::fresh(generator(training.seed, 0), DType::F32, lessons.device);
        let shape = (rows, lessons.shape.tags);
        let network = architectures::build(settings.kind, &mut vars, &settings.architecture, shape)?;
        let (mut vars, mut remembered) = vars.made();
        if let Some(solved) = vars.remove(solve::AUTOREGRESSIVE) {
            let lags = settings.architecture.autoregressive;
            let weights =
                solve::autoregression(&lessons.to_solve(), (lessons.shape.tags, lags), settings.linear.ridge)?;
            solved.set(&weights[solve::AUTOREGRESSIVE].to_device(lessons.device)?)?;
            remembered.insert(solve::AUTOREGRESSIVE.to_owned(), solved);
        }
        let mut rng = generator(training.seed, 1);
        let places = series::validation_places(lessons.material, rows, VALIDATION_WINDOWS);
        let validation = places.chunks(training.batch).map(|some| lessons.batch(some, &mut rng));
        let steps = training.epochs * training.windows.div_ceil(training.batch);
        Ok(Self {
            lessons,
            settings: training,
            training: name,
            network,
            optimizer: AdamW::new(&vars, training, steps)?,
            vars,
            remembered,
            places: series::training_places(lessons.material, rows),
            validation: validation.collect::<Result<_, _>>()?,
            rng: generator(training.seed, 2),
        })
    }

    /// Puts what was learned elsewhere into the fresh weights.
    fn begin_with(&self, start: &Start) -> Result<(), TrainError> {
        self.vars.iter().chain(&self.remembered).try_for_each(|(name, var)| start.put(name, var))
    }

    fn run(mut self, progress: &mut dyn FnMut(&Progress) -> ControlFlow<()>) -> Result<Best, TrainError> {
        let mut good = self.begin()?;
        while !self.is_done(&good) {
            let epoch = good.counts.epoch + 1;
            let training_loss = self.epoch()?;
            let validation_loss = self.validate()?.unwrap_or(training_loss);
            if !(training_loss.is_finite() && validation_loss.is_finite()) {
                if good.counts.halved == HALVED {
                    tracing::warn!(epoch, "the loss is no longer a number: training ends");
                    return good.best.ok_or(TrainError::NotANumber { epoch });
                }
                good.counts.halved += 1;
                tracing::warn!(epoch, "the loss is no longer a number: back one epoch, at half the learning rate");
                self.back_to(&good)?;
                continue;
            }
            let at = Progress { epoch, epochs: self.settings.epochs, training_loss, validation_loss };
            tracing::debug!(epoch, training_loss, validation_loss, "an epoch of training is done");
            good = self.standing(at, good)?;
            self.keep(&good);
            if progress(&at).is_break() {
                return Err(TrainError::Cancelled { epoch });
            }
        }
        good.best.ok_or(TrainError::NotANumber { epoch: 0 })
    }

    /// Where the checkpoint says that this training stands; else its beginning.
    fn begin(&mut self) -> Result<Standing, TrainError> {
        let path = self.settings.checkpoint.as_deref();
        if let Some(kept) = path.and_then(|path| Standing::load(path, &self.training, self.lessons.device)) {
            tracing::info!(epoch = kept.counts.epoch, "training goes on where it was left");
            self.back_to(&kept)?;
            self.rng.set_word_pos(kept.counts.word.into());
            return Ok(kept);
        }
        let weights = copy(self.vars.iter().chain(&self.remembered))?;
        let (_, moments) = self.optimizer.state()?;
        Ok(Standing { counts: Counts::default(), weights, moments, best: None })
    }

    fn is_done(&self, good: &Standing) -> bool {
        let epoch = good.counts.epoch;
        let patience = self.settings.patience;
        epoch >= self.settings.epochs || good.best.as_ref().is_some_and(|best| epoch - best.at.epoch >= patience)
    }

    /// Where training stands now, an epoch after `before`.
    fn standing(&self, at: Progress, before: Standing) -> Result<Standing, TrainError> {
        let weights = copy(self.vars.iter().chain(&self.remembered))?;
        let better = |best: &Best| self.validation.is_empty() || at.validation_loss < best.at.validation_loss;
        let best = match before.best {
            Some(best) if !better(&best) => best,
            _ => Best { at, weights: weights.clone() },
        };
        let (step, moments) = self.optimizer.state()?;
        let counts =
            Counts { epoch: at.epoch, step, halved: before.counts.halved, word: self.rng.get_word_pos() as u64 };
        Ok(Standing { counts, weights, moments, best: Some(best) })
    }

    /// Writes the checkpoint. Without one training goes on all the same.
    fn keep(&self, good: &Standing) {
        let Some(path) = &self.settings.checkpoint else { return };
        if let Err(e) = good.save(path, &self.training) {
            tracing::warn!("{}: {e}; a training that is killed begins anew", path.display());
        }
    }

    /// Takes back weights, moments and learning rate, but not the generator: the next epoch draws other windows.
    fn back_to(&mut self, good: &Standing) -> Result<(), TrainError> {
        for (name, var) in self.vars.iter().chain(&self.remembered) {
            let weight = good.weights.get(name).ok_or_else(|| VarsError::Missing(name.clone()))?;
            var.set(weight)?;
        }
        self.optimizer.restore(good.counts.step, &good.moments)?;
        self.optimizer.set_rate(self.settings.learning_rate * 0.5f64.powi(good.counts.halved));
        Ok(())
    }

    /// Goes through one sample of windows; the mean loss. Stops where the loss is not a number.
    fn epoch(&mut self) -> Result<f64, TrainError> {
        let (mut sum, mut steps) = (0.0, 0.0);
        let mut left = self.settings.windows;
        while left > 0 {
            let count = left.min(self.settings.batch);
            left -= count;
            let places: Vec<Place> =
                (0..count).map(|_| self.places[self.rng.random_range(0..self.places.len())]).collect();
            let batch = self.lessons.batch(&places, &mut self.rng)?;
            let forward = self.network.forward(&batch.cells, &mut Pass::Train(&mut self.rng))?;
            let loss = loss::total(&forward, &batch, &self.settings.loss)?;
            let value = f64::from(loss.to_scalar::<f32>()?);
            if !value.is_finite() {
                return Ok(value);
            }
            self.optimizer.step(&loss.backward()?)?;
            (sum, steps) = (sum + value, steps + 1.0);
        }
        Ok(sum / steps)
    }

    /// None where nothing validates.
    fn validate(&self) -> Result<Option<f64>, TrainError> {
        let error = mean_error(&*self.network, &self.validation)?;
        Ok((!self.validation.is_empty()).then_some(error))
    }
}

/// The mean squared error over batches; 0 where there are none.
fn mean_error(network: &dyn Network, batches: &[Batch]) -> Result<f64, TrainError> {
    let mut sum = 0.0;
    for batch in batches {
        let expected = network.forward(&batch.cells, &mut Pass::Infer)?.expected;
        let error = loss::masked_squared_error(&expected, &batch.truth, &batch.weights)?;
        sum += f64::from(error.to_scalar::<f32>()?);
    }
    Ok(sum / batches.len().max(1) as f64)
}

/// One of a seed's independent generators.
fn generator(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    rng
}

fn copy<'a>(vars: impl Iterator<Item = (&'a String, &'a Var)>) -> candle_core::Result<BTreeMap<String, Tensor>> {
    vars.map(|(name, var)| Ok((name.clone(), var.as_tensor().copy()?.detach()))).collect()
}

fn finish(kept: Best, lessons: &Lessons, tags: &[Tag], settings: &ModelSettings) -> Result<Autoencoder, TrainError> {
    let bytes = weights::serialize(&kept.weights)?;
    let manifest = ModelManifest {
        format: FORMAT,
        network: settings.kind,
        tags: tags.iter().map(|tag| tag.name.clone()).collect(),
        rows: lessons.shape.rows,
        architecture: settings.architecture.clone(),
        precision: precision::allowed(&kept, settings, lessons)?,
        normalisation: lessons.normalisation.clone(),
        seed: settings.training.seed,
        epochs: kept.at.epoch,
        training_loss: kept.at.training_loss,
        validation_loss: kept.at.validation_loss,
        parameters: kept.weights.values().map(Tensor::elem_count).sum(),
        weights_sha256: weights::sha256(&bytes),
    };
    let tensors: HashMap<String, Tensor> = kept.weights.into_iter().collect();
    Ok(Autoencoder::new(manifest, bytes, tensors, lessons.device.clone())?)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::{
        normalize::{Levelling, Scaling},
        series::tests::{series_of, tag},
    };

    /// Hands `check` a trainer of one small tag.
    fn with_trainer(epochs: usize, check: impl FnOnce(Trainer)) {
        let series = series_of((0..200).map(|t| vec![(f64::from(t) / 5.0).sin()]));
        let kind = (Scaling::Standard, Levelling::Nothing);
        let normalisation = Normalisation::fit(kind, std::slice::from_ref(&series), &[tag("A")]).unwrap();
        let material = [Material::new(&series, &normalisation, 16, 0.25)];
        let mut settings = ModelSettings::default();
        (settings.training.windows, settings.training.epochs) = (32, epochs);
        let (mask, device) = (&settings.training.mask, &Device::Cpu);
        let shape = Shape { rows: 16, tags: 1 };
        let lessons = Lessons { material: &material, shape, mask, normalisation: &normalisation, device };
        check(Trainer::new(&lessons, &settings, "test".to_owned()).unwrap());
    }

    fn poison(weights: &BTreeMap<String, Var>) {
        weights.values().for_each(|weight| weight.set(&(weight.as_tensor() * f64::NAN).unwrap()).unwrap());
    }

    #[test]
    fn a_loss_that_is_no_number_leads_back_one_epoch_at_half_the_rate() {
        with_trainer(2, |mut trainer| {
            let mut good = trainer.begin().unwrap();
            poison(&trainer.vars);
            assert!(trainer.epoch().unwrap().is_nan());
            good.counts.halved = 2;
            trainer.back_to(&good).unwrap();
            assert_eq!(trainer.optimizer.state().unwrap().0, 0);
            assert!(trainer.epoch().unwrap().is_finite());
        });
    }

    #[test]
    fn the_good_epochs_before_a_loss_that_stays_no_number_are_kept() {
        with_trainer(9, |trainer| {
            let weights = trainer.vars.clone();
            let mut last = 0;
            let kept = trainer.run(&mut |at| {
                last = at.epoch;
                poison(&weights);
                ControlFlow::Continue(())
            });
            let kept = kept.unwrap();
            let weights = kept.weights.values().map(|w| w.sum_all().unwrap().to_scalar::<f32>().unwrap());
            assert!(weights.into_iter().all(f32::is_finite) && kept.at.epoch <= last);
            assert_eq!(last, 1 + HALVED as usize, "each epoch but the first is the second try");
        });
    }
}
