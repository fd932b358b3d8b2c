//! Where a training stands after an epoch, on disk, so that one that was killed goes on bit for bit as if it had not been.

use std::{
    collections::{BTreeMap, HashMap},
    fs, io,
    path::Path,
};

use candle_core::{Device, Tensor, safetensors::load_buffer};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{series::Material, train::Progress, weights};

/// Where a training stands after a good epoch.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    pub(crate) counts: Counts,
    /// Weights and remembered numbers.
    pub(crate) weights: BTreeMap<String, Tensor>,
    /// The optimizer's two moments of each weight, in the order of the weights' names.
    pub(crate) moments: Vec<[Tensor; 2]>,
    pub(crate) best: Option<Best>,
}

/// The best weights so far.
#[derive(Debug, Clone)]
pub(crate) struct Best {
    pub(crate) at: Progress,
    pub(crate) weights: BTreeMap<String, Tensor>,
}

/// What of a training is not a tensor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// Epochs done.
    pub(crate) epoch: usize,
    /// Steps done, where the learning rate's course stands.
    pub(crate) step: usize,
    /// Times the learning rate was halved.
    pub(crate) halved: i32,
    /// Where the generator of windows, masks and noise stands.
    pub(crate) word: u64,
}

#[derive(Serialize, Deserialize)]
struct Header {
    training: String,
    counts: Counts,
    best: Option<Progress>,
}

/// The key of [`Header`] in the file.
const HEADER: &str = "andon";

/// A training by its settings and data: SHA-256 over all that decides the weights.
pub(crate) fn training(settings: &impl Serialize, material: &[Material]) -> Result<String, serde_json::Error> {
    let mut sum = Sha256::new_with_prefix(env!("CARGO_PKG_VERSION"));
    sum.update(serde_json::to_vec(settings)?);
    for one in material {
        sum.update(format!("{} {};", one.rows, one.split));
        one.values.iter().chain(&one.known).for_each(|v| sum.update(v.to_le_bytes()));
    }
    Ok(sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

impl Standing {
    /// Writes it to `path`, whole or not at all.
    pub(crate) fn save(&self, path: &Path, training: &str) -> io::Result<()> {
        let best = self.best.as_ref();
        let header = Header { training: training.to_owned(), counts: self.counts, best: best.map(|b| b.at) };
        let header = HashMap::from([(HEADER.to_owned(), serde_json::to_string(&header)?)]);
        let moments = self.moments.iter().enumerate();
        let tensors = (self.weights.iter().map(|(name, t)| (format!("weight/{name}"), t)))
            .chain(best.iter().flat_map(|b| &b.weights).map(|(name, t)| (format!("best/{name}"), t)))
            .chain(moments.flat_map(|(ix, [a, b])| [(format!("mean/{ix:06}"), a), (format!("square/{ix:06}"), b)]));
        let bytes = safetensors::serialize(tensors, Some(header)).map_err(io::Error::other)?;
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        weights::write(path, &bytes)
    }

    /// Reads what [`save`](Self::save) wrote, if there is a file and it is of this `training`; else says why not.
    pub(crate) fn load(path: &Path, training: &str, device: &Device) -> Option<Self> {
        let bytes = fs::read(path).ok()?;
        match Self::decode(&bytes, training, device) {
            Ok(Some(standing)) => Some(standing),
            Ok(None) => {
                tracing::warn!("{}: of other data or settings; training begins anew", path.display());
                None
            }
            Err(e) => {
                tracing::warn!("{}: not a checkpoint ({e}); training begins anew", path.display());
                None
            }
        }
    }

    fn decode(bytes: &[u8], training: &str, device: &Device) -> candle_core::Result<Option<Self>> {
        let (_, metadata) = safetensors::SafeTensors::read_metadata(bytes).map_err(candle_core::Error::wrap)?;
        let header = metadata.metadata().as_ref().and_then(|m| m.get(HEADER));
        let header: Header =
            serde_json::from_str(header.map_or("", String::as_str)).map_err(candle_core::Error::wrap)?;
        if header.training != training {
            return Ok(None);
        }
        let mut kinds: BTreeMap<String, BTreeMap<String, Tensor>> = BTreeMap::new();
        for (name, tensor) in load_buffer(bytes, device)? {
            let (kind, name) = name.split_once('/').unwrap_or_default();
            kinds.entry(kind.to_owned()).or_default().insert(name.to_owned(), tensor);
        }
        let mut take = |kind: &str| kinds.remove(kind).unwrap_or_default();
        let moments = take("mean").into_values().zip(take("square").into_values());
        let moments = moments.map(|(a, b)| [a, b]).collect();
        let best = take("best");
        let best = header.best.map(|at| Best { at, weights: best });
        Ok(Some(Self { counts: header.counts, weights: take("weight"), moments, best }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_checkpoint_or_one_of_another_training_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("of/training.safetensors");
        let weights = BTreeMap::from([("a".to_owned(), Tensor::new(&[1f32, 2.0], &Device::Cpu).unwrap())]);
        let counts = Counts { epoch: 3, step: 9, halved: 1, word: 77 };
        let standing = Standing { counts, weights, moments: Vec::new(), best: None };
        standing.save(&path, "one").unwrap();
        let read = Standing::load(&path, "one", &Device::Cpu).unwrap();
        assert_eq!(read.counts, counts);
        assert_eq!(read.weights["a"].to_vec1::<f32>().unwrap(), [1.0, 2.0]);
        assert!(Standing::load(&path, "another", &Device::Cpu).is_none());
        fs::write(&path, "half a file").unwrap();
        assert!(Standing::load(&path, "one", &Device::Cpu).is_none());
    }
}
