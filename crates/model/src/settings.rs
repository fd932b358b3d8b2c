//! Everything that can be chosen about a model, checked before use.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{
    architectures::{Architecture, LSTM_MOST_ROWS, NetworkKind},
    engine::Precision,
    loss::LossSettings,
    mask::MaskSettings,
    normalize::{Levelling, Scaling},
    solve::LinearSettings,
};

/// A setting can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{section}.{key} is {value}: it {rule}")]
pub struct SettingsError {
    section: &'static str,
    key: &'static str,
    value: String,
    rule: &'static str,
}

impl SettingsError {
    pub(crate) fn new(section: &'static str, key: &'static str, value: impl ToString, rule: &'static str) -> Self {
        Self { section, key, value: value.to_string(), rule }
    }
}

/// What kind of model is trained, and how.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ModelSettings {
    /// Which network.
    pub kind: NetworkKind,
    /// The multi-scale network's parts and sizes. The baselines take those that they have, and have as many weights.
    pub architecture: Architecture,
    /// How values are scaled before the network sees them.
    pub scaling: Scaling,
    /// What is taken out of each row after that, from the rows before it.
    pub levelling: Levelling,
    /// How exactly the multi-scale network is served, where the processor has it and it changes next to nothing.
    pub precision: Precision,
    /// How the linear models are solved.
    pub linear: LinearSettings,
    /// How it is trained.
    pub training: TrainSettings,
}

impl ModelSettings {
    /// Checks every setting for windows of `rows` rows.
    ///
    /// # Errors
    /// The first setting that can't be used.
    pub fn check(&self, rows: usize) -> Result<(), SettingsError> {
        check_sizes(&self.architecture, rows)?;
        if self.kind == NetworkKind::Lstm && rows > LSTM_MOST_ROWS {
            return Err(SettingsError::new("window", "rows", rows, "must be at most 500 where `kind` is lstm"));
        }
        if self.kind == NetworkKind::Var && self.architecture.autoregressive == 0 {
            let rule = "must be at least 1 where the kind is `var`";
            return Err(SettingsError::new("architecture", "autoregressive", 0, rule));
        }
        if self.precision != Precision::F32 && self.kind != NetworkKind::Multiscale {
            let rule = "must be f32 where `kind` is not multiscale";
            return Err(SettingsError::new("network", "precision", self.precision, rule));
        }
        self.linear.check()?;
        self.training.check()
    }
}

/// Checks what a trained model is made of.
pub(crate) fn check_sizes(architecture: &Architecture, rows: usize) -> Result<(), SettingsError> {
    if !(8..=10_000).contains(&rows) {
        return Err(SettingsError::new("window", "rows", rows, "must be from 8 to 10000"));
    }
    architecture.check()
}

/// How a model is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainSettings {
    /// Times the sampled windows are gone through, at the most.
    pub epochs: usize,
    /// Windows in an epoch, at the most: a seeded sample, drawn anew each time.
    pub windows: usize,
    /// Windows in a step.
    pub batch: usize,
    /// The highest learning rate, reached after the warm-up; from there it falls along a cosine.
    pub learning_rate: f64,
    /// AdamW's decoupled weight decay, on weights but not on biases and gains.
    pub weight_decay: f64,
    /// The share of all steps in which the learning rate rises.
    pub warmup: f64,
    /// The gradient's norm over all weights is cut to this.
    pub clip: f64,
    /// Epochs without a better validation loss after which training ends.
    pub patience: usize,
    /// The share of each series, at its end, that validates and does not train: a quarter of what calibration leaves, so
    /// that a recording is split 60/20/20. With 0 all of it trains, for all epochs, and the last weights are kept.
    pub validation: f64,
    /// What is hidden from the network while it learns.
    pub mask: MaskSettings,
    /// What is made small beside the error.
    pub loss: LossSettings,
    /// The seed of initial weights, windows and masks: same data and seed, same weights on one machine's CPU.
    pub seed: u64,
    /// A file that holds where training stands, written after each epoch. If it is there and of the same data and settings,
    /// training goes on from it, or is done at once if it was done. It is the caller's to remove.
    #[serde(skip)]
    pub checkpoint: Option<PathBuf>,
}

impl Default for TrainSettings {
    fn default() -> Self {
        Self {
            epochs: 24,
            windows: 256,
            batch: 8,
            learning_rate: 3e-3,
            weight_decay: 1e-2,
            warmup: 0.1,
            clip: 1.0,
            patience: 8,
            validation: 0.25,
            mask: MaskSettings::default(),
            loss: LossSettings::default(),
            seed: 0,
            checkpoint: None,
        }
    }
}

impl TrainSettings {
    fn check(&self) -> Result<(), SettingsError> {
        let counts =
            [("epochs", self.epochs), ("windows", self.windows), ("batch", self.batch), ("patience", self.patience)];
        if let Some((key, value)) = counts.into_iter().find(|(_, count)| *count == 0) {
            return Err(SettingsError::new("training", key, value, "must be at least 1"));
        }
        let positive = [("learning_rate", self.learning_rate), ("clip", self.clip)];
        if let Some((key, value)) = positive.into_iter().find(|(_, v)| !(v.is_finite() && *v > 0.0)) {
            return Err(SettingsError::new("training", key, value, "must be above 0"));
        }
        if !(self.weight_decay.is_finite() && self.weight_decay >= 0.0) {
            return Err(SettingsError::new("training", "weight_decay", self.weight_decay, "must be at least 0"));
        }
        if !(0.0..=1.0).contains(&self.warmup) {
            return Err(SettingsError::new("training", "warmup", self.warmup, "must be from 0 to 1"));
        }
        if self.validation != 0.0 && !(0.05..=0.5).contains(&self.validation) {
            return Err(SettingsError::new(
                "training",
                "validation",
                self.validation,
                "must be 0, or from 0.05 to 0.5",
            ));
        }
        self.loss.check()?;
        self.mask.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_sound() {
        assert_eq!(ModelSettings::default().check(100), Ok(()));
    }

    #[test]
    fn a_refusal_names_the_key_the_value_and_the_rule() {
        let mut settings = ModelSettings::default();
        settings.architecture.kernels = vec![3, 4];
        let said = settings.check(100).unwrap_err().to_string();
        assert_eq!(said, "architecture.kernels is [3, 4]: it must be odd widths from 1 to 99");
        settings = ModelSettings::default();
        settings.training.batch = 0;
        assert_eq!(settings.check(100).unwrap_err().to_string(), "training.batch is 0: it must be at least 1");
    }

    #[test]
    fn an_lstm_has_a_longest_window() {
        let settings = ModelSettings { kind: NetworkKind::Lstm, ..ModelSettings::default() };
        assert_eq!(settings.check(LSTM_MOST_ROWS), Ok(()));
        let said = settings.check(LSTM_MOST_ROWS + 1).unwrap_err().to_string();
        assert_eq!(said, "window.rows is 501: it must be at most 500 where `kind` is lstm");
    }

    #[test]
    fn an_unknown_key_is_refused() {
        assert!(serde_json::from_str::<ModelSettings>(r#"{"training": {"epoch": 3}}"#).is_err());
        assert!(serde_json::from_str::<ModelSettings>(r#"{"training": {"epochs": 3}}"#).is_ok());
    }
}
