//! A trained model that reconstructs windows.

use std::{collections::HashMap, io, path::Path, sync::Arc, thread::available_parallelism};

use andon_plant::{
    TagName, Window,
    reconstruct::{Expectation, Reconstruct, ReconstructError, Reconstruction},
};
use candle_core::{Device, Tensor};

use crate::{
    architectures::{self, Network, NetworkKind, Pass},
    batch::{Shape, tensor_of},
    device,
    encode::{Encoded, Encoder, Seen},
    engine::{Engine, EngineError, Kernel, Output, Stream, Weights, Workspace},
    layers::{Vars, VarsError},
    manifest::ModelManifest,
    normalize::{Level, Leveller, Normalisation},
    weights::{self, LoadError},
};

/// Windows that go through the network together in [`Autoencoder::reconstruct_all`].
const TOGETHER: usize = 32;

/// What the network was shown of one row, to turn its answers back into units.
struct Shown {
    level: Level,
    seen: Vec<Seen>,
}

/// Rows as the network is shown them, one after another.
struct Showing {
    encoder: Encoder,
    leveller: Leveller,
}

impl Showing {
    fn new(normalisation: &Normalisation, rows: usize) -> Self {
        Self { encoder: Encoder::new(normalisation), leveller: Leveller::new(normalisation, rows) }
    }

    /// Appends row number `row` of `window` to `cells`.
    fn show(&mut self, normalisation: &Normalisation, window: &Window, row: usize, cells: &mut Vec<f32>) -> Shown {
        let Encoded { values, known, seen } = self.encoder.push(normalisation, window.row(row), window.row_fill(row));
        Shown { level: self.leveller.show(&values, &known, cells), seen }
    }
}

/// The engine that serves the multi-scale network on a CPU.
struct Serving {
    workspace: Workspace,
    /// Where the network streams: its stream, and the rows as they were shown to it.
    stream: Option<(Stream, Showing)>,
}

/// A trained autoencoder: says what it expected of a window, in engineering units.
pub struct Autoencoder {
    network: Box<dyn Network>,
    manifest: ModelManifest,
    /// The weights file.
    bytes: Vec<u8>,
    device: Device,
    /// None for other kinds and on other devices: candle serves.
    serving: Option<Serving>,
}

impl Autoencoder {
    /// From weights in memory. `bytes` is the weights file that holds `tensors`.
    pub(crate) fn new(
        manifest: ModelManifest,
        bytes: Vec<u8>,
        tensors: HashMap<String, Tensor>,
        device: Device,
    ) -> Result<Self, VarsError> {
        let mut vars = Vars::stored(tensors.clone(), &device);
        let shape = (manifest.rows, manifest.normalisation.width());
        let network = architectures::build(manifest.network, &mut vars, &manifest.architecture, shape)?;
        let serving = match (manifest.network, &device) {
            (NetworkKind::Multiscale, Device::Cpu) => Some(Serving::new(&manifest, &tensors)?),
            _ => None,
        };
        Ok(Self { network, manifest, bytes, device, serving })
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

    /// Reconstructs many windows, several at once: quicker than one by one where candle serves. The last bits may differ
    /// from [`Reconstruct::reconstruct`] then, because a matrix product of another height may sum in another order.
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

    /// As the network sees it.
    fn shape(&self) -> Shape {
        Shape { rows: self.manifest.rows, tags: self.manifest.normalisation.width() }
    }

    /// Expects the newest row without a stream. A linear model looks back a few rows only.
    fn expect_newest(&mut self, window: &Window) -> Result<Expectation, ReconstructError> {
        if !self.manifest.network.is_linear() {
            return Ok(self.reconstruct(window)?.newest(window.tags));
        }
        self.check(window)?;
        let normalisation = &self.manifest.normalisation;
        let (mut showing, mut cells) = (Showing::new(normalisation, window.rows), Vec::new());
        let rows = 0..window.rows;
        let shown = rows.map(|row| showing.show(normalisation, window, row, &mut cells)).last();
        let width = 2 * normalisation.width();
        let back = (self.manifest.architecture.autoregressive + 1).min(window.rows);
        let cells = cells.split_off((window.rows - back) * width);
        let failed = |error: candle_core::Error| ReconstructError::Failed(error.to_string());
        let outputs = self.outputs(cells, back).map_err(failed)?.into_iter().next();
        let Output { expected, code, .. } = outputs.ok_or_else(nothing)?;
        let newest = &expected[(back - 1) * width / 2..];
        let expected = self.in_units(newest, shown.as_slice());
        Ok(Expectation { expected, code: wide(code), attention: None })
    }

    fn pass(&mut self, windows: &[Window]) -> Result<Vec<Reconstruction>, ReconstructError> {
        let Shape { rows, tags: columns } = self.shape();
        let mut cells = Vec::with_capacity(windows.len() * rows * 2 * columns);
        let mut shown = Vec::with_capacity(windows.len() * rows);
        for window in windows {
            self.check(window)?;
            let mut showing = Showing::new(&self.manifest.normalisation, rows);
            let normalisation = &self.manifest.normalisation;
            shown.extend((0..rows).map(|row| showing.show(normalisation, window, row, &mut cells)));
        }
        let outputs = self.outputs(cells, rows).map_err(|error| ReconstructError::Failed(error.to_string()))?;
        let answers = outputs.into_iter().zip(shown.chunks_exact(rows));
        Ok(answers
            .map(|(Output { expected, code, attention }, shown)| Reconstruction {
                expected: self.in_units(&expected, shown),
                code: wide(code),
                attention: wide(attention),
            })
            .collect())
    }

    /// The network's answers to windows of `rows` rows laid out in `cells`.
    fn outputs(&mut self, cells: Vec<f32>, rows: usize) -> candle_core::Result<Vec<Output>> {
        if let Some(serving) = &mut self.serving {
            let one = cells.len() == rows * 2 * self.manifest.normalisation.width();
            let workspace = &mut serving.workspace;
            // The threads share a single window; of several each takes whole ones.
            return Ok(if one { vec![workspace.window(&cells).clone()] } else { workspace.windows(&cells).to_vec() });
        }
        let shape = Shape { rows, ..self.shape() };
        let windows = cells.len() / (rows * 2 * shape.tags);
        let forward = self.network.forward(&tensor_of(cells, shape, &self.device)?, &mut Pass::Infer)?;
        let many = |tensor: Option<Tensor>| match tensor {
            Some(tensor) => tensor.flatten_from(1)?.to_vec2::<f32>(),
            None => Ok(vec![Vec::new(); windows]),
        };
        let parts = (many(Some(forward.expected))?, many(forward.code)?, many(forward.attention)?);
        let parts = parts.0.into_iter().zip(parts.1).zip(parts.2);
        Ok(parts.map(|((expected, code), attention)| Output { expected, code, attention }).collect())
    }

    /// Rows of answers back in the tags' units.
    fn in_units(&self, answers: &[f32], shown: &[Shown]) -> Vec<f64> {
        let mut expected = Vec::with_capacity(shown.len() * self.manifest.tags.len());
        for (row, Shown { level, seen }) in answers.chunks_exact(self.shape().tags).zip(shown) {
            let answers: Vec<f32> = row.iter().enumerate().map(|(column, v)| level.invert(column, *v)).collect();
            let mut rest = &answers[..];
            expected.extend(self.manifest.normalisation.scales.iter().zip(seen).map(|(scale, seen)| {
                let (own, others) = rest.split_at(scale.width());
                rest = others;
                scale.expected(own, seen)
            }));
        }
        expected
    }

    fn check(&self, window: &Window) -> Result<(), ReconstructError> {
        let (rows, tags) = (self.manifest.rows, self.manifest.tags.len());
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
        self.manifest.network.name()
    }

    fn rows(&self) -> usize {
        self.manifest.rows
    }

    fn tags(&self) -> usize {
        self.manifest.tags.len()
    }

    fn reconstruct(&mut self, window: &Window) -> Result<Reconstruction, ReconstructError> {
        let mut one = self.pass(std::slice::from_ref(window))?;
        one.pop().ok_or_else(nothing)
    }

    /// A causal multi-scale network streams: it is shown the new rows only, and knows of all rows since it began anew. A
    /// cell that is filled in another way once a gap has ended was made up before and after, and shows nothing.
    fn expect(&mut self, window: &Window, new_rows: Option<usize>) -> Result<Expectation, ReconstructError> {
        let stream = self.serving.as_mut().and_then(|serving| serving.stream.take());
        let Some((mut stream, mut showing)) = stream else {
            return self.expect_newest(window);
        };
        let answer = self.check(window).map(|()| {
            let normalisation = &self.manifest.normalisation;
            let new = new_rows.filter(|new| *new <= window.rows).unwrap_or_else(|| {
                stream.reset();
                showing = Showing::new(normalisation, window.rows);
                window.rows
            });
            let mut cells = Vec::with_capacity(new * 2 * normalisation.width());
            let rows = window.rows - new..window.rows;
            let shown = rows.map(|row| showing.show(normalisation, window, row, &mut cells)).last();
            let Output { expected, code, attention } = stream.push(&cells).clone();
            let expected = self.in_units(&expected, shown.as_slice());
            Expectation { expected, code: wide(code), attention: wide(attention) }
        });
        if let Some(serving) = &mut self.serving {
            serving.stream = Some((stream, showing));
        }
        answer
    }
}

impl Serving {
    fn new(manifest: &ModelManifest, tensors: &HashMap<String, Tensor>) -> Result<Self, VarsError> {
        let weights = flat(tensors.iter())?;
        let shape = (manifest.rows, manifest.normalisation.width());
        let failed = |error: EngineError| candle_core::Error::wrap(error);
        let how = (Kernel::best(), manifest.precision);
        let engine = Engine::with_precision(&manifest.architecture, shape, &weights, how).map_err(failed)?;
        if engine.precision() != manifest.precision {
            tracing::warn!("this processor has no {}: the model is served in f32", manifest.precision);
        }
        let engine = Arc::new(engine);
        let showing = || Showing::new(&manifest.normalisation, manifest.rows);
        let stream = engine.streams().then(|| Stream::new(Arc::clone(&engine))).transpose().map_err(failed)?;
        // Where it streams a new row costs too little to be shared.
        let threads = if engine.streams() { 1 } else { available_parallelism().map_or(1, |cores| cores.get().min(2)) };
        Ok(Self { workspace: Workspace::new(engine, threads), stream: stream.map(|stream| (stream, showing())) })
    }
}

/// The weights as the engine takes them.
pub(crate) fn flat<'a>(tensors: impl Iterator<Item = (&'a String, &'a Tensor)>) -> candle_core::Result<Weights> {
    tensors.map(|(name, tensor)| Ok((name.clone(), tensor.flatten_all()?.to_vec1::<f32>()?))).collect()
}

fn nothing() -> ReconstructError {
    ReconstructError::Failed("the network gave nothing".to_owned())
}

/// Numbers as they leave the crate; none where there are none.
fn wide(numbers: Vec<f32>) -> Option<Vec<f64>> {
    (!numbers.is_empty()).then(|| numbers.into_iter().map(f64::from).collect())
}

impl std::fmt::Debug for Autoencoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Autoencoder").field("manifest", &self.manifest).finish_non_exhaustive()
    }
}
