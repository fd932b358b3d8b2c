//! The seam between models and judgement: a window goes in, what was expected comes out.

use crate::window::Window;

/// What a model expected of a window.
#[derive(Debug, Clone, PartialEq)]
pub struct Reconstruction {
    /// Expected values, `rows * tags`, row-major, in engineering units like the window's.
    pub expected: Vec<f64>,
    /// The latent code of the window, where the model has one; modes are read from it.
    pub code: Option<Vec<f64>>,
    /// Attention over the rows, where the model has it: `rows` weights that sum to 1.
    pub attention: Option<Vec<f64>>,
}

impl Reconstruction {
    /// The newest row's part, of so many tags.
    pub fn newest(mut self, tags: usize) -> Expectation {
        let older = self.expected.len().saturating_sub(tags);
        Expectation { expected: self.expected.split_off(older), code: self.code, attention: self.attention }
    }
}

/// What a model expected of a window's newest row.
#[derive(Debug, Clone, PartialEq)]
pub struct Expectation {
    /// Expected values, one a tag, in engineering units.
    pub expected: Vec<f64>,
    /// As [`Reconstruction::code`].
    pub code: Option<Vec<f64>>,
    /// As [`Reconstruction::attention`].
    pub attention: Option<Vec<f64>>,
}

/// A model that says what it expected of a window. Imputed cells are masked inside: they teach and show nothing.
pub trait Reconstruct: Send {
    /// What it is called in reports, such as `multiscale`.
    fn name(&self) -> &str;

    /// How many rows a window must have.
    fn rows(&self) -> usize;

    /// How many tags a window must have.
    fn tags(&self) -> usize;

    /// Reconstructs one window of [`rows`](Self::rows) times [`tags`](Self::tags) finite values.
    ///
    /// # Errors
    /// If the window has another shape or a value that is not finite.
    fn reconstruct(&mut self, window: &Window) -> Result<Reconstruction, ReconstructError>;

    /// Expects the newest row of `window`: what a detector asks for, row after row.
    ///
    /// `new_rows` says that the window goes on from the one of the last call, and by how many rows, so that a model that
    /// streams need not look at what both share. `None` begins anew. What a streaming model expects may reach further back
    /// than the window, to where it began.
    ///
    /// # Errors
    /// As [`reconstruct`](Self::reconstruct). After an error the next window begins anew.
    fn expect(&mut self, window: &Window, new_rows: Option<usize>) -> Result<Expectation, ReconstructError> {
        let _ = new_rows;
        Ok(self.reconstruct(window)?.newest(window.tags))
    }
}

/// A window could not be reconstructed.
#[derive(Debug, thiserror::Error)]
pub enum ReconstructError {
    /// The window is not of the model's shape.
    #[error("the model takes windows of {rows} rows and {tags} tags, got {got_rows} rows and {got_tags} tags")]
    Shape {
        /// Rows the model takes.
        rows: usize,
        /// Tags the model takes.
        tags: usize,
        /// Rows the window has.
        got_rows: usize,
        /// Tags the window has.
        got_tags: usize,
    },
    /// A cell has no number.
    #[error("row {row} of tag number {tag} has no value")]
    NotFinite {
        /// The row, oldest first.
        row: usize,
        /// The tag's number.
        tag: usize,
    },
    /// The computation failed.
    #[error("the model failed: {0}")]
    Failed(String),
}
