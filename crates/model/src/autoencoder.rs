//! A trained autoencoder that reconstructs windows.

use std::{collections::HashMap, io, path::Path};

use andon_plant::{
    TagName, Window,
    reconstruct::{Reconstruct, ReconstructError, Reconstruction},
};
use candle_core::{Device, Tensor};

use crate::{
    architectures::{Forward, Multiscale},
    batch::{Shape, lay, tensor_of},
    device,
    layers::{Vars, VarsError},
    manifest::ModelManifest,
    normalize::Level,
    weights::{self, LoadError},
};

/// Windows that go through the network together in [`Autoencoder::reconstruct_all`].
const TOGETHER: usize = 32;

/// A trained autoencoder: says what it expected of a window, in engineering units. What it may see of the window when it
/// is asked, [`Hide`](crate::Hide) says.
#[derive(Debug)]
pub struct Autoencoder {
    network: Multiscale,
    manifest: ModelManifest,
    /// The weights file.
    bytes: Vec<u8>,
    device: Device,
}

impl Autoencoder {
    /// From weights in memory. `bytes` is the weights file that holds `tensors`.
    pub(crate) fn new(
        manifest: ModelManifest,
        bytes: Vec<u8>,
        tensors: HashMap<String, Tensor>,
        device: Device,
    ) -> Result<Self, VarsError> {
        let mut vars = Vars::stored(tensors, &device);
        let network = Multiscale::new(&mut vars, &manifest.architecture, manifest.tags.len())?;
        Ok(Self { network, manifest, bytes, device })
    }

    /// Loads the weights at `path` that belong to `manifest`, for an asset with `tags` in this order.
    ///
    /// # Errors
    /// If the model was trained on other tags or in another order, if the file is not the one the manifest was written
    /// for, or if another version of the program wrote it. The error says which, and the mend.
    pub fn load(manifest: ModelManifest, path: &Path, tags: &[TagName]) -> Result<Self, LoadError> {
        weights::check(&manifest, tags)?;
        let device = device::pick();
        let (bytes, tensors) = weights::read(&manifest, path, &device)?;
        Self::new(manifest, bytes, tensors, device).map_err(|error| LoadError::weights(path, &error))
    }

    /// The same from weights in memory; `name` is what errors call them.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn from_bytes(
        manifest: ModelManifest,
        bytes: Vec<u8>,
        name: &Path,
        tags: &[TagName],
    ) -> Result<Self, LoadError> {
        weights::check(&manifest, tags)?;
        let device = device::pick();
        let tensors = weights::decode(&manifest, &bytes, name, &device)?;
        Self::new(manifest, bytes, tensors, device).map_err(|error| LoadError::weights(name, &error))
    }

    /// The weights file: safetensors.
    pub fn weights(&self) -> &[u8] {
        &self.bytes
    }

    /// Writes the weights in safetensors format, whole or not at all.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn save_weights(&self, path: &Path) -> io::Result<()> {
        weights::write(path, &self.bytes)
    }

    /// Everything about it but the weights.
    pub fn manifest(&self) -> &ModelManifest {
        &self.manifest
    }

    /// Reconstructs many windows, several at once: quicker than one by one. The last bits may differ from
    /// [`Reconstruct::reconstruct`], because a matrix product of another height may sum in another order.
    ///
    /// # Errors
    /// If a window has another shape or a value that is not finite.
    pub fn reconstruct_all(&mut self, windows: &[Window]) -> Result<Vec<Reconstruction>, ReconstructError> {
        let mut all = Vec::with_capacity(windows.len());
        for some in windows.chunks(TOGETHER) {
            all.extend(self.pass(some)?);
        }
        Ok(all)
    }

    fn shape(&self) -> Shape {
        Shape { rows: self.manifest.rows, tags: self.manifest.tags.len() }
    }

    fn pass(&self, windows: &[Window]) -> Result<Vec<Reconstruction>, ReconstructError> {
        let Shape { rows, tags } = self.shape();
        let passes = self.manifest.hide.passes(tags);
        let mut cells = Vec::with_capacity(windows.len() * passes * rows * 2 * tags);
        let mut levels = Vec::new();
        for window in windows {
            self.check(window)?;
            levels.extend(self.lay_passes(window, &mut cells));
        }
        let (expected, codes) = self.forward(cells).map_err(|error| ReconstructError::Failed(error.to_string()))?;
        let size = rows * tags;
        let answers = expected.chunks_exact(passes * size).zip(codes.chunks_exact(passes)).enumerate();
        Ok(answers
            .map(|(ix, (expected, codes))| Reconstruction {
                expected: self.collect(expected, &levels[ix * passes..(ix + 1) * passes]),
                code: Some(mean(codes)),
                attention: None,
            })
            .collect())
    }

    /// Appends the window to `cells` once a pass; returns each pass's levels.
    fn lay_passes(&self, window: &Window, cells: &mut Vec<f32>) -> Vec<Level> {
        let Shape { rows, tags } = self.shape();
        let (hide, normalisation) = (self.manifest.hide, &self.manifest.normalisation);
        let scaled = window.values.iter().enumerate().map(|(ix, v)| normalisation.apply(ix % tags, *v));
        let scaled: Vec<f32> = scaled.collect();
        let one = |pass: usize| {
            let visible = window.fill.iter().enumerate().map(|(ix, fill)| {
                let hidden = hide.hides(pass, rows - 1 - ix / tags, ix % tags, tags);
                if hidden || fill.is_imputed() { 0.0 } else { 1.0 }
            });
            let visible: Vec<f32> = visible.collect();
            let level = Level::of(&scaled, &visible, normalisation);
            let values: Vec<f32> = scaled.iter().enumerate().map(|(ix, v)| level.apply(ix % tags, *v)).collect();
            lay(cells, &values, &visible, tags);
            level
        };
        (0..hide.passes(tags)).map(one).collect()
    }

    /// Expected normalised values, flat, and one code a pass.
    fn forward(&self, cells: Vec<f32>) -> candle_core::Result<(Vec<f32>, Vec<Vec<f32>>)> {
        let Forward { expected, code } = self.network.forward(&tensor_of(cells, self.shape(), &self.device)?)?;
        Ok((expected.flatten_all()?.to_vec1()?, code.to_vec2()?))
    }

    /// Takes each tag from the pass that hid it, back in its unit.
    fn collect(&self, expected: &[f32], levels: &[Level]) -> Vec<f64> {
        let Shape { rows, tags } = self.shape();
        let size = rows * tags;
        let cell = |ix: usize| {
            let tag = ix % tags;
            let pass = self.manifest.hide.pass_of(tag, tags);
            self.manifest.normalisation.invert(tag, levels[pass].invert(tag, expected[pass * size + ix]))
        };
        (0..size).map(cell).collect()
    }

    fn check(&self, window: &Window) -> Result<(), ReconstructError> {
        let Shape { rows, tags } = self.shape();
        let whole = window.values.len() == rows * tags && window.fill.len() == rows * tags;
        if window.rows != rows || window.tags != tags || !whole {
            return Err(ReconstructError::Shape { rows, tags, got_rows: window.rows, got_tags: window.tags });
        }
        match window.values.iter().position(|v| !v.is_finite()) {
            Some(ix) => Err(ReconstructError::NotFinite { row: ix / tags, tag: ix % tags }),
            None => Ok(()),
        }
    }
}

impl Reconstruct for Autoencoder {
    fn name(&self) -> &str {
        &self.manifest.network
    }

    fn rows(&self) -> usize {
        self.manifest.rows
    }

    fn tags(&self) -> usize {
        self.manifest.tags.len()
    }

    fn reconstruct(&mut self, window: &Window) -> Result<Reconstruction, ReconstructError> {
        let mut one = self.pass(std::slice::from_ref(window))?;
        one.pop().ok_or_else(|| ReconstructError::Failed("the network gave nothing".to_owned()))
    }
}

fn mean(codes: &[Vec<f32>]) -> Vec<f64> {
    let width = codes.first().map_or(0, Vec::len);
    let sum = |ix: usize| codes.iter().map(|code| f64::from(code[ix])).sum::<f64>();
    (0..width).map(|ix| sum(ix) / codes.len() as f64).collect()
}
