//! Reconstruction models on candle: what a window of an asset's tags should have looked like.
//!
//! candle stays inside this crate; what leaves it are plain values through [`andon_plant::Reconstruct`]. The numbers are
//! f32 in here and f64 outside. In reading order:
//!
//! * [`settings`]: everything that can be chosen, checked before use; [`architectures`] holds the network's own sizes.
//! * [`normalize`]: engineering units to what the network sees, and back.
//! * [`series`]: consecutive grid rows as training material, split in time.
//! * [`mask`]: which cells are hidden from the network, in training and in inference; [`batch`] lays windows out for it.
//! * [`train`]: the training loop, with [`loss`] and [`optimizer`].
//! * [`autoencoder`]: a trained network that reconstructs windows.
//! * [`manifest`] and [`weights`]: what is written beside the weights, and the refusal of weights that do not fit.
//! * [`layers`]: linear maps, norms and convolutions in forms that carry gradients and train quickly.

pub mod architectures;
pub mod autoencoder;
mod batch;
mod device;
mod layers;
mod loss;
pub mod manifest;
pub mod mask;
pub mod normalize;
mod optimizer;
pub mod series;
pub mod settings;
pub mod train;
pub mod weights;

pub use architectures::Architecture;
pub use autoencoder::Autoencoder;
pub use manifest::ModelManifest;
pub use mask::{Hide, MaskSettings};
pub use normalize::{Levelling, Normalisation, Scaling};
pub use series::Series;
pub use settings::{ModelSettings, SettingsError, TrainSettings};
pub use train::{Progress, TrainError, train};
pub use weights::LoadError;
