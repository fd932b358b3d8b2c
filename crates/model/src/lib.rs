//! Reconstruction models on candle: what a window of an asset's tags should have looked like.
//!
//! candle stays inside this crate; what leaves it are plain values through [`andon_plant::Reconstruct`]. The numbers are
//! f32 in here and f64 outside. In reading order:
//!
//! * [`settings`]: everything that can be chosen, checked before use; [`architectures`] holds the network's own sizes.
//! * [`normalize`]: the scale and level of what the network sees; [`encode`]: which columns it has for each kind of tag.
//! * [`series`]: consecutive grid rows as training material, split in time.
//! * [`mask`]: which cells are hidden from the network in training; [`batch`] lays windows out for it.
//! * [`train`]: the training loop, with [`loss`] and [`optimizer`].
//! * [`solve`]: the linear models, whose weights are solved in one go.
//! * [`transfer`]: what a network takes over from another asset's model.
//! * [`autoencoder`]: a trained network that reconstructs windows.
//! * [`manifest`] and [`weights`]: what is written beside the weights, and the refusal of weights that do not fit.
//! * [`engine`]: the same network's inference without candle, several times as fast.
//! * [`layers`]: linear maps, norms, convolutions and attention; [`kernels`]: how a CPU computes them, and their gradients.

pub mod architectures;
pub mod autoencoder;
mod batch;
mod checkpoint;
mod device;
pub mod encode;
pub mod engine;
mod kernels;
mod layers;
pub mod loss;
pub mod manifest;
pub mod mask;
pub mod normalize;
mod optimizer;
pub mod series;
pub mod settings;
pub mod solve;
pub mod train;
pub mod transfer;
pub mod weights;

pub use architectures::{Architecture, NetworkKind, Padding};
pub use autoencoder::Autoencoder;
pub use encode::Features;
pub use engine::Engine;
pub use loss::LossSettings;
pub use manifest::ModelManifest;
pub use mask::MaskSettings;
pub use normalize::{Levelling, Normalisation, Scaling};
pub use series::Series;
pub use settings::{ModelSettings, SettingsError, TrainSettings};
pub use train::{Progress, TrainError, train, train_from};
pub use transfer::TransferError;
pub use weights::LoadError;
