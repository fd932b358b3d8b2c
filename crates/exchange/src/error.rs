//! What can be wrong with a file, and the mend.

use std::{fmt, io, path::PathBuf};

use parquet::errors::ParquetError;

/// A history can't be written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Parquet could not be made.
    #[error("the Parquet table could not be made: {0}")]
    Parquet(#[from] ParquetError),
    /// The columns can't be put together.
    #[error("the Parquet table could not be made: {0}")]
    Arrow(#[from] arrow_schema::ArrowError),
    /// A tag has the name of a column with another meaning.
    #[error("the tag `{0}` can't be a column of a wide table, where that name means something else; write a long one")]
    Reserved(String),
}

/// A file can't be imported: where, and what is wrong there.
#[derive(Debug, thiserror::Error)]
#[error("{}{place}: {fault}", .path.display())]
pub struct ImportError {
    /// The file.
    pub path: PathBuf,
    /// Where in it.
    pub place: Place,
    /// What is wrong.
    pub fault: Box<Fault>,
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The file as a whole, or its header.
    File,
    /// A column of a file that has no lines.
    Column(String),
    /// A line of text, the header being 1, and the column.
    Line(u64, String),
    /// A row of a file that has no lines, from 1, and the column.
    Row(u64, String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File => Ok(()),
            Place::Column(column) => write!(f, ", column `{column}`"),
            Place::Line(line, column) => write!(f, ", line {line}, column `{column}`"),
            Place::Row(row, column) => write!(f, ", row {row}, column `{column}`"),
        }
    }
}

/// What is wrong.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The file can't be read.
    #[error("{0}")]
    File(#[from] io::Error),
    /// A line is not CSV or has the wrong number of cells.
    #[error("{0}")]
    Csv(#[from] csv::Error),
    /// It begins as Parquet and is none, or can't be read.
    #[error("it is Parquet and can't be read: {0}; write it again, or as CSV")]
    Parquet(#[from] ParquetError),
    /// The same, noticed by the columns.
    #[error("it is Parquet and can't be read: {0}; write it again, or as CSV")]
    Arrow(#[from] arrow_schema::ArrowError),
    /// There is no column of times.
    #[error("there is no column `timestamp`; the columns are {found}. {mend}")]
    NoTimes {
        /// The columns there are.
        found: String,
        /// What to do.
        mend: &'static str,
    },
    /// The shape that was asked for wants columns that are not there.
    #[error(
        "there are no columns `tag` and `value`, which a long table has; the columns are {found}. Import it as wide"
    )]
    NotLong {
        /// The columns there are.
        found: String,
    },
    /// Two columns have one name.
    #[error("the column `{0}` is there twice; rename one of them")]
    TwiceNamed(String),
    /// Columns or tags that the configuration does not know.
    #[error(transparent)]
    Unknown(Box<Unknown>),
    /// There is nothing of the asset in it.
    #[error("no column is a tag of asset {asset}: the columns are {found}, the tags {}", .known.join(", "))]
    NoTags {
        /// The asset.
        asset: String,
        /// The columns there are.
        found: String,
        /// The tags there are.
        known: Vec<String>,
    },
    /// The samples are another asset's.
    #[error("it is of asset `{found}`, not of `{wanted}`: import it there, or leave the column out")]
    OtherAsset {
        /// What stands there.
        found: String,
        /// The asset that is imported into.
        wanted: String,
    },
    /// There is no row.
    #[error("there is no row in it")]
    NoRows,
    /// A cell is not what its column holds.
    #[error("`{text}` is not {wanted}; {mend}")]
    Cell {
        /// What stands there.
        text: String,
        /// What should.
        wanted: &'static str,
        /// What to do.
        mend: &'static str,
    },
    /// A column is of a type that can't be what it should be.
    #[error("its type {found} can't be {wanted}; write it as {mend}")]
    Type {
        /// The type.
        found: String,
        /// What it should hold.
        wanted: &'static str,
        /// Types that do.
        mend: &'static str,
    },
}

/// Columns or tags that the configuration does not know.
#[derive(Debug, thiserror::Error)]
#[error("{what} of asset {asset}: {}. Its tags are {}. Rename them, add the tags to the configuration, or skip what is \
         unknown (--skip-unknown, over REST skip_unknown=true)", .unknown.join(", "), .known.join(", "))]
pub struct Unknown {
    /// What they are.
    pub what: &'static str,
    /// The asset.
    pub asset: String,
    /// What is unknown.
    pub unknown: Vec<String>,
    /// The tags there are.
    pub known: Vec<String>,
}

impl Fault {
    pub(crate) fn cell(text: impl Into<String>, wanted: &'static str, mend: &'static str) -> Self {
        Fault::Cell { text: text.into(), wanted, mend }
    }

    pub(crate) fn no_time(text: impl Into<String>) -> Self {
        let mend = "write RFC 3339 (2026-11-23T20:39:00Z) or seconds since the epoch, of the years 1601 to 9999";
        Fault::cell(text, "a time", mend)
    }

    pub(crate) fn no_value(text: impl Into<String>) -> Self {
        Fault::cell(text, "a number", "write a number, or leave the cell empty where the value is missing")
    }

    pub(crate) fn no_status(text: impl Into<String>) -> Self {
        Fault::cell(text, "a status code", "write it as 0x80310000 or as a number up to 4294967295")
    }

    pub(crate) fn no_quality(text: impl Into<String>) -> Self {
        Fault::cell(text, "a quality", "write Good, Uncertain or Bad")
    }
}
