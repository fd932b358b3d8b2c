//! Networks, one file each; to add one, write its file, its line here and its arm in [`build`].

mod dense;
mod lstm;
mod multiscale;
mod pca;
mod ridge;
mod size;
mod vae;
mod var;

#[cfg(test)]
mod checks;
#[cfg(test)]
mod golden;

use candle_core::{Result, Tensor};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::{
    layers::{Vars, VarsError},
    settings::SettingsError,
};
pub(crate) use dense::Dense;
pub(crate) use lstm::{Lstm, MOST_ROWS as LSTM_MOST_ROWS};
pub(crate) use multiscale::Multiscale;
use pca::PrincipalComponents;
use ridge::CrossTagRidge;
pub(crate) use vae::Vae;
use var::VectorAutoregression;

/// The kinds of networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetworkKind {
    /// The paper's: multi-scale and dilated convolutions, attention, bottleneck, dual decoder.
    #[default]
    Multiscale,
    /// A baseline of the paper's section 4.2: an autoencoder whose code is a linear map of the whole window.
    Dense,
    /// A baseline of the paper's section 4.2: an LSTM reads the window, another writes it.
    Lstm,
    /// A baseline of the paper's section 4.2: a variational autoencoder of convolutions.
    Vae,
    /// Vector autoregression: solved, not learned.
    Var,
    /// Cross-tag ridge regression: solved, not learned.
    Ridge,
    /// Principal components: solved, not learned.
    Pca,
}

impl NetworkKind {
    /// Its name in manifests and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Multiscale => "multiscale",
            Self::Dense => "dense",
            Self::Lstm => "lstm",
            Self::Vae => "vae",
            Self::Var => "var",
            Self::Ridge => "ridge",
            Self::Pca => "pca",
        }
    }

    /// Whether its weights are solved in one go: it knows no epochs and no seed.
    pub fn is_linear(self) -> bool {
        matches!(self, Self::Var | Self::Ridge | Self::Pca)
    }
}

/// A network over cells of (batch, time, 2 tags): normalised values, zero where hidden, then 1 where visible and 0 where
/// hidden.
pub(crate) trait Network: Send + Sync {
    /// What it expects of `cells`.
    fn forward(&self, cells: &Tensor, pass: &mut Pass) -> Result<Forward>;
}

/// Why a forward pass is made.
pub(crate) enum Pass<'a> {
    /// To learn: dropout draws from this generator, and batch normalisation uses and remembers the batch's statistics.
    Train(&'a mut ChaCha8Rng),
    /// To be answered.
    Infer,
}

/// What a forward pass gives.
#[derive(Debug)]
pub(crate) struct Forward {
    /// Expected normalised values, (batch, time, tags).
    pub(crate) expected: Tensor,
    /// The codes of the rows, (batch, time, code), where it has them: they are regularised.
    pub(crate) codes: Option<Tensor>,
    /// The window's code, (batch, code).
    pub(crate) code: Option<Tensor>,
    /// What the network wants made small beside the error, a scalar.
    pub(crate) penalty: Option<Tensor>,
    /// How much the newest row attends to each row, (batch, time), summing to 1.
    pub(crate) attention: Option<Tensor>,
}

/// The network of `kind` for windows of `shape` = (rows, tags) with weights from `vars`.
pub(crate) fn build(
    kind: NetworkKind,
    vars: &mut Vars,
    architecture: &Architecture,
    shape: (usize, usize),
) -> std::result::Result<Box<dyn Network>, VarsError> {
    Ok(match kind {
        NetworkKind::Multiscale => Box::new(Multiscale::new(vars, architecture, shape)?),
        NetworkKind::Dense => Box::new(Dense::new(vars, architecture, shape)?),
        NetworkKind::Lstm => Box::new(Lstm::new(vars, architecture, shape)?),
        NetworkKind::Vae => Box::new(Vae::new(vars, architecture, shape)?),
        NetworkKind::Var => Box::new(VectorAutoregression::new(vars, architecture.autoregressive, shape.1)?),
        NetworkKind::Ridge => Box::new(CrossTagRidge::new(vars, shape.1)?),
        NetworkKind::Pca => Box::new(PrincipalComponents::new(vars, shape.1)?),
    })
}

/// The parts and sizes of the multi-scale autoencoder (paper, section 3.2 and Table 2). [`Architecture::paper`] has
/// every part; each can be left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Architecture {
    /// Width of the embedding.
    pub embed: usize,
    /// Filters of each kernel width and of each dilation, in the encoder and in the decoder.
    pub filters: usize,
    /// Widths of the parallel convolution kernels in rows, odd. A single one leaves the multi-scale out.
    pub kernels: Vec<usize>,
    /// Distances in rows between the three taps of the parallel dilated convolutions. None leaves them out.
    pub dilations: Vec<usize>,
    /// Heads of the temporal attention. 0 leaves it out.
    pub heads: usize,
    /// Width of a row's code, the bottleneck. 0 leaves it out.
    pub code: usize,
    /// The share of a code's numbers that is dropped in training.
    pub dropout: f64,
    /// Which rows a row sees.
    pub padding: Padding,
    /// Whether convolutions are followed by batch normalisation.
    pub batch_norm: bool,
    /// Whether the decoder has its second pathway, from the mean code of the window.
    pub global: bool,
    /// Whether the encoder's convolutional features are added in the decoder. It lets an anomaly through.
    pub skip: bool,
    /// Whether the output is mixed with the input by a learned share. It lets an anomaly through.
    pub identity: bool,
    /// How many rows before a row have a linear say in what is expected of it, beside the network, or alone in a vector
    /// autoregression. 0 is none.
    pub autoregressive: usize,
}

impl Default for Architecture {
    fn default() -> Self {
        Self {
            embed: 16,
            filters: 16,
            kernels: vec![3, 5, 7],
            dilations: Vec::new(),
            heads: 0,
            code: 8,
            dropout: 0.0,
            padding: Padding::Past,
            batch_norm: false,
            global: false,
            skip: false,
            identity: false,
            autoregressive: 5,
        }
    }
}

impl Architecture {
    /// The paper's network with every part of its text and its Table 2, centred on the row.
    pub fn paper() -> Self {
        Self {
            embed: 128,
            filters: 64,
            kernels: vec![3, 5, 7],
            dilations: vec![1, 2, 4, 8],
            heads: 8,
            code: 64,
            dropout: 0.1,
            padding: Padding::Centred,
            batch_norm: true,
            global: true,
            skip: true,
            identity: true,
            autoregressive: 0,
        }
    }

    /// Width of what leaves the multi-scale convolutions, in the encoder and in the decoder.
    pub(crate) fn multiscale_width(&self) -> usize {
        self.kernels.len() * self.filters
    }

    /// Width of what leaves the dilated convolutions and the attention.
    pub(crate) fn context_width(&self) -> usize {
        if self.dilations.is_empty() { self.multiscale_width() } else { self.dilations.len() * self.filters }
    }

    pub(crate) fn check(&self) -> std::result::Result<(), SettingsError> {
        let refuse = |key, value: String, rule| Err(SettingsError::new("architecture", key, value, rule));
        let sizes = [("embed", self.embed, 1), ("filters", self.filters, 1), ("code", self.code, 0)];
        if let Some((key, value, _)) = sizes.into_iter().find(|(_, size, least)| !(*least..=4096).contains(size)) {
            return refuse(key, value.to_string(), "must be from 1 to 4096 (`code` may be 0: no bottleneck)");
        }
        if self.kernels.is_empty() || self.kernels.iter().any(|k| k % 2 == 0 || *k > 99) {
            return refuse("kernels", format!("{:?}", self.kernels), "must be odd widths from 1 to 99");
        }
        if self.dilations.iter().any(|rate| !(1..=512).contains(rate)) {
            return refuse("dilations", format!("{:?}", self.dilations), "must be distances from 1 to 512");
        }
        if doubled(&self.kernels) {
            return refuse("kernels", format!("{:?}", self.kernels), "must name each width once");
        }
        if doubled(&self.dilations) {
            return refuse("dilations", format!("{:?}", self.dilations), "must name each distance once");
        }
        if self.heads > 0 && !self.context_width().is_multiple_of(self.heads) {
            return refuse("heads", self.heads.to_string(), "must divide the width that the convolutions give");
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return refuse("dropout", self.dropout.to_string(), "must be at least 0 and below 1");
        }
        if self.global && self.code == 0 {
            return refuse("global", "true".to_owned(), "needs a code: give `code` a width, or leave the pathway out");
        }
        if self.autoregressive > 100 {
            return refuse("autoregressive", self.autoregressive.to_string(), "must be at most 100 rows");
        }
        Ok(())
    }
}

fn doubled(sizes: &[usize]) -> bool {
    sizes.iter().enumerate().any(|(ix, size)| sizes[..ix].contains(size))
}

/// Which rows a row sees in convolutions, attention and the mean code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Padding {
    /// Itself and those before it, attention and mean as far back as the window is long: every row of a window is a
    /// lesson in the same task as the newest, which has no future, and what is known of a row never changes, so that the
    /// network streams.
    Causal,
    /// Those before it only, the default: nothing of a row has a say in what is expected of it, so nothing of a fault's first row is
    /// copied. The network is shown each row one row late; the identity mapping is then of the row before.
    #[default]
    Past,
    /// As many rows before as after, attention and mean over the whole window, as in the paper.
    Centred,
}

impl Padding {
    /// How many rows late the network is shown each row.
    pub(crate) fn late(self) -> usize {
        usize::from(self == Self::Past)
    }
}
