//! Weights on disk, and the refusal of weights that do not fit.

use std::{
    collections::{BTreeMap, HashMap},
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use andon_plant::TagName;
use candle_core::{Device, Tensor};
use sha2::{Digest, Sha256};

use crate::{
    layers::VarsError,
    manifest::{FORMAT, ModelManifest},
    settings::SettingsError,
};

/// A model can't be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Another version of the program wrote it.
    #[error("the model's format is {found}, this program reads {FORMAT}; train the model anew")]
    Format {
        /// The manifest's format.
        found: u32,
    },
    /// It was trained on other tags, or on the same in another order.
    #[error("the model was trained on other tags: {difference}; name the tags as in training, or train the model anew")]
    Tags {
        /// The first difference.
        difference: String,
    },
    /// The manifest does not agree with itself.
    #[error("the model's manifest does not fit together: {0}; restore it from a backup, or train the model anew")]
    Manifest(String),
    /// The sizes in the manifest can't be used.
    #[error("the model's manifest is refused: {0}; restore it from a backup, or train the model anew")]
    Settings(#[from] SettingsError),
    /// The weights file is not the one the manifest was written for.
    #[error(
        "{path} has SHA-256 {found}, its manifest says {expected}: the two are not of one training; \
         restore both from one backup, or train the model anew"
    )]
    Checksum {
        /// The weights file.
        path: PathBuf,
        /// What the manifest says.
        expected: String,
        /// What the file has.
        found: String,
    },
    /// The weights do not fit the architecture.
    #[error("{path} does not fit its manifest: {reason}; train the model anew")]
    Weights {
        /// The weights file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// The weights file can't be read.
    #[error("{path} can't be read: {source}")]
    Io {
        /// The weights file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl LoadError {
    pub(crate) fn weights(path: &Path, error: &VarsError) -> Self {
        Self::Weights { path: path.to_owned(), reason: error.to_string() }
    }
}

/// Whether this program can use `manifest` for an asset with `tags`.
pub(crate) fn check(manifest: &ModelManifest, tags: &[TagName]) -> Result<(), LoadError> {
    if manifest.format != FORMAT {
        return Err(LoadError::Format { found: manifest.format });
    }
    if let Some(difference) = difference(&manifest.tags, tags) {
        return Err(LoadError::Tags { difference });
    }
    let scales = &manifest.normalisation.scales;
    if scales.iter().map(|s| &s.tag).ne(&manifest.tags) {
        return Err(LoadError::Manifest("its scales are not of its tags".to_owned()));
    }
    if let Some(bad) = scales.iter().find(|s| !(s.span.is_finite() && s.span > 0.0 && s.offset.is_finite())) {
        return Err(LoadError::Manifest(format!("tag `{}` has offset {} and span {}", bad.tag, bad.offset, bad.span)));
    }
    crate::settings::check_sizes(&manifest.architecture, manifest.rows)?;
    Ok(())
}

/// The first difference between the tags of the model and those asked for, in words.
fn difference(model: &[TagName], asked: &[TagName]) -> Option<String> {
    if let Some(extra) = asked.iter().find(|tag| !model.contains(tag)) {
        return Some(format!("it does not know `{extra}`"));
    }
    if let Some(missing) = model.iter().find(|tag| !asked.contains(tag)) {
        return Some(format!("it needs `{missing}`, which is not there"));
    }
    if model.len() != asked.len() {
        return Some(format!("it has {} tags, {} were given", model.len(), asked.len()));
    }
    let (ix, (model, asked)) = model.iter().zip(asked).enumerate().find(|(_, (model, asked))| model != asked)?;
    Some(format!("the order differs, tag number {} is `{model}` in the model and `{asked}` here", ix + 1))
}

/// The weights as a safetensors file, byte for byte the same for the same weights.
pub(crate) fn serialize(weights: &BTreeMap<String, Tensor>) -> candle_core::Result<Vec<u8>> {
    safetensors::serialize(weights.iter(), None).map_err(candle_core::Error::wrap)
}

/// SHA-256 in lower-case hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes `bytes` to `path` whole or not at all, also if the power fails: beside it first, then renamed.
///
/// # Errors
/// If the file can't be written; the half-written one is removed.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("partial");
    let written = File::create(&beside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.and_then(|()| fs::rename(&beside, path)).inspect_err(|_| {
        // The half-written file is of no use; that it can't be removed either changes nothing for the caller.
        let _ = fs::remove_file(&beside);
    })
}

/// Reads and checks the weights that belong to `manifest`; returns the bytes and the tensors.
pub(crate) fn read(
    manifest: &ModelManifest,
    path: &Path,
    device: &Device,
) -> Result<(Vec<u8>, HashMap<String, Tensor>), LoadError> {
    let bytes = fs::read(path).map_err(|source| LoadError::Io { path: path.to_owned(), source })?;
    let tensors = decode(manifest, &bytes, path, device)?;
    Ok((bytes, tensors))
}

/// Checks weights in memory; `path` is what errors call them.
pub(crate) fn decode(
    manifest: &ModelManifest,
    bytes: &[u8],
    path: &Path,
    device: &Device,
) -> Result<HashMap<String, Tensor>, LoadError> {
    let found = sha256(bytes);
    if found != manifest.weights_sha256 {
        return Err(LoadError::Checksum { path: path.to_owned(), expected: manifest.weights_sha256.clone(), found });
    }
    candle_core::safetensors::load_buffer(bytes, device)
        .map_err(|error| LoadError::Weights { path: path.to_owned(), reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<TagName> {
        names.iter().map(|n| TagName::new(n).unwrap()).collect()
    }

    #[test]
    fn the_first_difference_is_named() {
        let model = names(&["A", "B", "C"]);
        let check = |asked: &[&str], want: Option<&str>| {
            assert_eq!(difference(&model, &names(asked)).as_deref(), want);
        };
        check(&["A", "B", "C"], None);
        check(&["A", "B", "X"], Some("it does not know `X`"));
        check(&["A", "C"], Some("it needs `B`, which is not there"));
        check(&["A", "C", "B"], Some("the order differs, tag number 2 is `B` in the model and `C` here"));
    }

    #[test]
    fn a_file_that_can_t_be_written_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let taken = dir.path().join("weights.safetensors");
        fs::create_dir(&taken).unwrap();
        assert!(write(&taken, b"abc").is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
