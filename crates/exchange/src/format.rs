//! Which kind of file, and which shape.

use std::{fmt, fs::File, io::Read, path::Path, str::FromStr, time::Duration};

use andon_plant::{AssetName, TagName, Timestamp};
use serde::{Deserialize, Serialize};

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Lines of text, the first of them a header.
    Csv,
    /// Apache Parquet.
    Parquet,
}

/// How samples stand in a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// A line a sample: nothing is lost.
    #[default]
    Long,
    /// A line a row of the asset's grid, a column a tag.
    Wide,
}

/// What the name of a file says of how it is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// The kind of file.
    pub kind: Kind,
    /// Whether it is gzipped.
    pub gzip: bool,
}

/// What a table is of.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The asset.
    pub asset: AssetName,
    /// Its tags that are in the table; samples name them by their number in this list.
    pub tags: Vec<TagName>,
    /// The time between two rows of the wide shape.
    pub grid: Duration,
    /// The first instant that is not in the table any more.
    pub to: Timestamp,
}

/// The name of a file says nothing that could be written.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` does not say what is to be written: end it in .csv, .csv.gz or .parquet")]
pub struct FormatError(String);

impl Format {
    /// The format that the ending of a file's name asks for.
    ///
    /// # Errors
    /// If it is none that is known.
    pub fn of_name(path: &Path) -> Result<Self, FormatError> {
        let name = path.file_name().map(|n| n.to_string_lossy().to_lowercase()).unwrap_or_default();
        match () {
            () if name.ends_with(".csv") => Ok(Self { kind: Kind::Csv, gzip: false }),
            () if name.ends_with(".csv.gz") => Ok(Self { kind: Kind::Csv, gzip: true }),
            () if name.ends_with(".parquet") => Ok(Self { kind: Kind::Parquet, gzip: false }),
            () => Err(FormatError(path.display().to_string())),
        }
    }

    /// The format that the first bytes of a file speak of; what is neither Parquet nor gzip is CSV.
    pub(crate) fn of_contents(path: &Path) -> std::io::Result<Self> {
        let mut first = Vec::new();
        File::open(path)?.take(4).read_to_end(&mut first)?;
        let kind = if first == *b"PAR1" { Kind::Parquet } else { Kind::Csv };
        Ok(Self { kind, gzip: first.starts_with(&[0x1F, 0x8B]) })
    }
}

impl Shape {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Shape::Long => "long",
            Shape::Wide => "wide",
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Shape {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "long" => Ok(Shape::Long),
            "wide" => Ok(Shape::Wide),
            other => Err(format!("`{other}` is no shape: write long (a line a sample) or wide (a column a tag)")),
        }
    }
}
