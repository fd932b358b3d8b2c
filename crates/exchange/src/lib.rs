//! Histories as files that others read and write: CSV and Parquet, in two shapes. No store and no async runtime: samples in,
//! bytes out, and back.
//!
//! * [`format`](mod@format): which kind of file, which shape.
//! * [`export`]: samples in order of time to bytes, piece by piece. `export/grid` puts them on the grid for the wide shape.
//! * [`import`]: a file to samples, piece by piece. `import/layout` finds out what its columns are.
//! * [`cell`]: times, values and status codes as text, and back.
//! * [`error`]: what can be wrong with a file, and the mend.
//!
//! **Long** has a line a sample, `timestamp,asset,tag,value,quality,status`, and loses nothing: what is exported and imported
//! into an empty store is exported alike, byte for byte. In Parquet even the bits of a NaN come back; in CSV a NaN is an empty
//! cell. **Wide** has a line a row of the grid, `timestamp` and a column a tag: what `andon fit` and `andon score` read. It loses
//! times between rows, and status codes; a cell without a usable value is empty.

pub mod cell;
pub mod error;
pub mod export;
pub mod format;
pub mod import;

#[cfg(test)]
mod tests;

pub use error::{ExportError, ImportError};
pub use export::{Exporter, Written};
pub use format::{Format, Kind, Shape, Subject};
pub use import::{Contents, Import, Wanted};
