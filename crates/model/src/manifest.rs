//! What is written beside a model's weights.

use andon_plant::TagName;
use serde::{Deserialize, Serialize};

use crate::{
    architectures::{Architecture, NetworkKind},
    engine::Precision,
    normalize::Normalisation,
};

/// The version of [`ModelManifest`] and of the weights' names and shapes that this program writes and reads.
pub const FORMAT: u32 = 2;

/// Everything about a model but its weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelManifest {
    /// [`FORMAT`] of the program that wrote it.
    pub format: u32,
    /// The kind of network.
    pub network: NetworkKind,
    /// The tags, in the order of the windows' columns.
    pub tags: Vec<TagName>,
    /// Rows of a window.
    pub rows: usize,
    /// The multi-scale network's parts and sizes.
    pub architecture: Architecture,
    /// How exactly it is served, where the processor has it.
    #[serde(default)]
    pub precision: Precision,
    /// How values are scaled.
    pub normalisation: Normalisation,
    /// What it learned with.
    pub seed: u64,
    /// Epochs after which the kept weights were reached.
    pub epochs: usize,
    /// Its loss in that epoch over training windows, in squared normalised units.
    pub training_loss: f64,
    /// Its loss over validation windows then.
    pub validation_loss: f64,
    /// How many weights it has.
    pub parameters: usize,
    /// SHA-256 of the weights file, lower-case hexadecimal.
    pub weights_sha256: String,
}
