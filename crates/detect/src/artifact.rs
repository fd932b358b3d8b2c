//! What was fitted: one manifest (JSON) and a weights file (safetensors) a model, together in one directory.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use andon_model::{Autoencoder, LoadError, ModelManifest, weights};
use andon_plant::{Tag, TagName, Timestamp, WindowerSettings, alarm::AlarmSettings};
use andon_scoring::{DriftSettings, Scorer, TagLimits, Threshold, ThresholdSettings, explain::TagHabits};
use serde::{Deserialize, Serialize};

use crate::fit::Challenger;

/// The manifest's format; a file with a higher number is from a newer release, one with a lower from an older.
pub const FORMAT: u32 = 3;

const MANIFEST: &str = "manifest.json";
const WEIGHTS: &str = "model.safetensors";

/// Everything of a fitted detector but the weights.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`] of the release that wrote it.
    pub format: u32,
    /// When it was fitted.
    pub trained_at: Timestamp,
    /// The first sample it was fitted to.
    pub trained_from: Timestamp,
    /// The last sample it was fitted to.
    pub trained_to: Timestamp,
    /// The tags, in the order of the model's columns.
    pub tags: Vec<Tag>,
    /// Microseconds between two rows.
    pub grid_us: u64,
    /// Rows between two windows.
    pub stride: usize,
    /// The tag that names the operating mode.
    pub mode_tag: Option<TagName>,
    /// Architecture, normalisation and the weights' checksum.
    pub model: ModelManifest,
    /// The models whose residuals are judged beside it.
    pub companions: Vec<Companion>,
    /// Rows that judgement was calibrated on.
    pub calibration_rows: usize,
    /// How linear models did on those rows.
    pub challengers: Vec<Challenger>,
    /// How each tag behaves in normal operation.
    pub habits: Vec<TagHabits>,
    /// Which deviations of each tag matter; tags beyond its end have no limits.
    pub limits: Vec<TagLimits>,
    /// Modes, methods and tails.
    pub scorer: Scorer,
    /// The threshold as it stands before the first row.
    pub threshold: Threshold,
    /// What the threshold was fitted with.
    pub threshold_settings: ThresholdSettings,
    /// When the model no longer fits.
    pub drift: DriftSettings,
    /// When alarms are raised and cleared, for offline scoring.
    pub alarm: AlarmSettings,
}

impl Manifest {
    /// A short name of this fit for people: when it was fitted and the beginning of the weights' checksum.
    pub fn version(&self) -> String {
        let sum: String = self.model.weights_sha256.chars().take(8).collect();
        format!("{}-{sum}", self.trained_at)
    }

    /// Reads a manifest; `name` is what errors call it.
    fn read(name: &Path, json: &[u8]) -> Result<Self, ArtifactError> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let what = || name.display().to_string();
        let bad = |source| ArtifactError::Manifest { what: what(), source };
        let Format { format: found } = serde_json::from_slice(json).map_err(bad)?;
        if found != FORMAT {
            return Err(ArtifactError::Format { what: what(), found });
        }
        serde_json::from_slice(json).map_err(bad)
    }

    /// The files of the weights in a model directory, the main model's first.
    fn weights_files(&self) -> Vec<String> {
        std::iter::once(WEIGHTS.to_owned()).chain(self.companions.iter().map(Companion::file)).collect()
    }

    /// The windows the detector was fitted to.
    pub fn window(&self) -> WindowerSettings {
        WindowerSettings::new(Duration::from_micros(self.grid_us), self.model.rows, self.stride)
    }

    /// The names of the tags, in the order of the model's columns.
    pub fn tag_names(&self) -> Vec<TagName> {
        self.tags.iter().map(|t| t.name.clone()).collect()
    }
}

/// A model whose residuals are judged beside the main one's.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Companion {
    /// As [`Manifest::model`].
    pub model: ModelManifest,
    /// How long its weights are.
    pub bytes: usize,
}

impl Companion {
    pub(crate) fn of(model: &Autoencoder) -> Self {
        Self { model: model.manifest().clone(), bytes: model.weights().len() }
    }

    /// Its weights' file in a model directory.
    fn file(&self) -> String {
        format!("{}.safetensors", self.model.network.name())
    }
}

/// A fitted detector.
#[derive(Debug)]
pub struct Artifact {
    /// Everything but the weights.
    pub manifest: Manifest,
    /// The model with its weights.
    pub model: Autoencoder,
    /// Its companions with theirs, in the manifest's order.
    pub companions: Vec<Autoencoder>,
}

/// A fitted detector could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// A file could not be read or written.
    #[error("{}: {source}{}", path.display(), hint(source))]
    Io {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// The manifest is not one.
    #[error("{what} is not a manifest of andon: {source}; fit the model again with `andon fit`")]
    Manifest {
        /// Where it was read from.
        what: String,
        /// What went wrong.
        source: serde_json::Error,
    },
    /// The manifest was written by another release.
    #[error("{what} has format {found}, this release reads {FORMAT}; {}", if *found > FORMAT { "update andon" } else { "fit the model again" })]
    Format {
        /// Where it was read from.
        what: String,
        /// The format it has.
        found: u32,
    },
    /// The model does not fit.
    #[error("{what}: {source}")]
    Model {
        /// Where it was read from.
        what: String,
        /// What does not fit.
        source: LoadError,
    },
}

fn hint(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::NotFound => {
            "; a model directory holds manifest.json and the weights, as `andon fit` writes them"
        }
        _ => "",
    }
}

impl Artifact {
    /// Writes manifest and weights into `dir`, which is made if it is absent. The manifest comes last: a directory without
    /// one is not a model.
    ///
    /// # Errors
    /// If a file can't be written.
    pub fn save(&self, dir: &Path) -> Result<(), ArtifactError> {
        let io = |path: PathBuf| move |source| ArtifactError::Io { path, source };
        let json = self.manifest_json()?;
        fs::create_dir_all(dir).map_err(io(dir.to_owned()))?;
        for (file, model) in self.manifest.weights_files().iter().zip(self.models()) {
            let path = dir.join(file);
            model.save_weights(&path).map_err(io(path.clone()))?;
        }
        let manifest = dir.join(MANIFEST);
        weights::write(&manifest, json.as_bytes()).map_err(io(manifest.clone()))
    }

    /// Reads what [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// If a file is absent or damaged, is from a newer release, or manifest and weights do not belong together.
    pub fn load(dir: &Path) -> Result<Self, ArtifactError> {
        let read = |name: &str| {
            let path = dir.join(name);
            fs::read(&path).map_err(|source| ArtifactError::Io { path, source })
        };
        let name = dir.join(MANIFEST);
        let manifest = Manifest::read(&name, &read(MANIFEST)?)?;
        let files = manifest.weights_files();
        let weights: Vec<Vec<u8>> = files.iter().map(|file| read(file)).collect::<Result<_, _>>()?;
        Self::assemble(&name, manifest, weights)
    }

    /// Puts a manifest and the weights of all its models, one after another, together; `name` is what errors call them.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn from_parts(name: &Path, manifest: &[u8], mut weights: Vec<u8>) -> Result<Self, ArtifactError> {
        let manifest = Manifest::read(name, manifest)?;
        let mut parts = Vec::new();
        for companion in manifest.companions.iter().rev() {
            parts.push(weights.split_off(weights.len().saturating_sub(companion.bytes)));
        }
        parts.push(weights);
        parts.reverse();
        Self::assemble(name, manifest, parts)
    }

    fn assemble(name: &Path, manifest: Manifest, weights: Vec<Vec<u8>>) -> Result<Self, ArtifactError> {
        let tags = manifest.tag_names();
        let manifests = std::iter::once(&manifest.model).chain(manifest.companions.iter().map(|c| &c.model));
        let models = manifests.zip(weights).zip(manifest.weights_files()).map(|((model, weights), file)| {
            Autoencoder::from_bytes(model.clone(), weights, &name.with_file_name(file), &tags)
                .map_err(|source| ArtifactError::Model { what: name.display().to_string(), source })
        });
        let mut models: Vec<Autoencoder> = models.collect::<Result<_, _>>()?;
        let model = models.remove(0);
        Ok(Self { manifest, model, companions: models })
    }

    /// The weights of all models, one after another.
    pub fn weights(&self) -> Vec<u8> {
        self.models().flat_map(|model| model.weights().iter().copied()).collect()
    }

    fn models(&self) -> impl Iterator<Item = &Autoencoder> {
        std::iter::once(&self.model).chain(&self.companions)
    }

    /// The manifest as JSON.
    ///
    /// # Errors
    /// If a fitted number can't be written as JSON.
    pub fn manifest_json(&self) -> Result<String, ArtifactError> {
        serde_json::to_string_pretty(&self.manifest)
            .map_err(|source| ArtifactError::Manifest { what: "the fitted model".to_owned(), source })
    }
}
