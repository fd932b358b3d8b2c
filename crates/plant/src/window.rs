//! A window of an asset's tags on its grid, with a mask of what was filled.

use crate::time::Timestamp;

/// Where a cell's value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fill {
    /// The PLC's own value, Good.
    Measured,
    /// The PLC's own value, which the PLC itself calls Uncertain.
    Doubtful,
    /// A short gap: the last value before it, held.
    Held,
    /// A long gap that has ended: on the line between the values before and after it.
    Interpolated,
    /// A long gap that has not ended (the last value before it), or a tag that never had a value (NaN).
    Missing,
}

impl Fill {
    /// Whether the value was made up here and not by the PLC.
    pub fn is_imputed(self) -> bool {
        match self {
            Fill::Measured | Fill::Doubtful => false,
            Fill::Held | Fill::Interpolated | Fill::Missing => true,
        }
    }
}

/// `rows` consecutive grid rows of `tags` tags, row-major, newest row last, in engineering units.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    /// The grid time of the newest row.
    pub time: Timestamp,
    /// How many rows.
    pub rows: usize,
    /// How many tags.
    pub tags: usize,
    /// Values, `rows * tags`, row-major.
    pub values: Vec<f64>,
    /// Where each value comes from, in the same order.
    pub fill: Vec<Fill>,
}

impl Window {
    /// The values of row `row`.
    pub fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.tags..(row + 1) * self.tags]
    }

    /// The fills of row `row`.
    pub fn row_fill(&self, row: usize) -> &[Fill] {
        &self.fill[row * self.tags..(row + 1) * self.tags]
    }

    /// The share of cells that were made up, from 0 to 1.
    pub fn imputed_share(&self) -> f64 {
        let imputed = self.fill.iter().filter(|f| f.is_imputed()).count();
        imputed as f64 / self.fill.len().max(1) as f64
    }

    /// Whether every cell has a number, so that the window can be reconstructed.
    pub fn is_complete(&self) -> bool {
        self.values.iter().all(|v| v.is_finite())
    }
}
