//! Why a model can't be trained, and what helps.

use andon_plant::TagName;

use crate::{layers::VarsError, settings::SettingsError, transfer::TransferError};

/// A model can't be trained.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// Too little history.
    #[error(
        "the longest stretch without a gap has {have} rows, training needs {need}; \
         collect more history, or make the window shorter"
    )]
    TooFewRows {
        /// Rows of the longest stretch.
        have: usize,
        /// Rows needed.
        need: usize,
    },
    /// There are no tags.
    #[error("there is no tag to learn; give the asset at least one")]
    NoTags,
    /// The rows are not of these tags.
    #[error("a training row has {found} values, there are {expected} tags; give one value a tag in every row")]
    Width {
        /// Tags.
        expected: usize,
        /// Values in the row.
        found: usize,
    },
    /// A tag has no value at all.
    #[error("tag `{tag}` was never measured in the training data; leave it out, or mend its source and collect anew")]
    AllMissing {
        /// The tag.
        tag: TagName,
    },
    /// No tag changes.
    #[error("all {tags} tags stand still in the training data: there is nothing to learn; train while the asset works")]
    AllConstant {
        /// How many.
        tags: usize,
    },
    /// A linear part has too many columns.
    #[error(
        "{columns} columns of the last {lags} rows are {} to solve for, more than {most}; {remedy}", columns * lags
    )]
    TooWide {
        /// Columns of a row.
        columns: usize,
        /// Rows looked back.
        lags: usize,
        /// Columns times rows, at the most.
        most: usize,
        /// What helps.
        remedy: &'static str,
    },
    /// A setting can't be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The model to begin with does not fit.
    #[error(transparent)]
    Transfer(#[from] TransferError),
    /// The loss left the numbers.
    #[error(
        "the loss is no longer a number in epoch {epoch}, also at an eighth of the learning rate; look for values out of all \
         proportion in the training data, or make `training.learning_rate` much smaller"
    )]
    NotANumber {
        /// The epoch.
        epoch: usize,
    },
    /// The caller broke off.
    #[error("training was cancelled after epoch {epoch}; no model was made")]
    Cancelled {
        /// Epochs done.
        epoch: usize,
    },
    /// The computation failed.
    #[error("training failed: {0}")]
    Failed(String),
}

impl From<candle_core::Error> for TrainError {
    fn from(error: candle_core::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<VarsError> for TrainError {
    fn from(error: VarsError) -> Self {
        Self::Failed(error.to_string())
    }
}
