//! Rows of an asset with labels and modes, read from and written to CSV.
//!
//! The file: a `timestamp` column (RFC 3339, or decimal seconds since the epoch), one column a tag, and optionally `label`
//! (0 or 1) and `mode` (any text). An empty cell, `nan` and `NA` are missing values. A name ending in `.gz` is gzipped.

use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use andon_plant::{AssetName, NameError, Tag, TagName, Timestamp};
use flate2::{Compression, read::MultiGzDecoder, write::GzEncoder};

const TIMESTAMP: &str = "timestamp";
const LABEL: &str = "label";
const MODE: &str = "mode";

/// The rows of one asset.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// The asset; of a file, its stem.
    pub asset: AssetName,
    /// The tags in the order of a row's values.
    pub tags: Vec<Tag>,
    /// The time of each row, never falling.
    pub times: Vec<Timestamp>,
    /// The values, row-major; NaN is missing.
    pub values: Vec<f64>,
    /// Whether each row is within a fault, where known.
    pub labels: Option<Vec<bool>>,
    /// The operating mode of each row, where known.
    pub modes: Option<Vec<String>>,
}

/// A recording that can't be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The file can't be opened, read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line is not CSV or has the wrong number of cells.
    #[error("{path}: {source}")]
    Csv {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: csv::Error,
    },
    /// There is no `timestamp` column.
    #[error("{path}: there is no column `timestamp`; the columns are {found}. Name the column of times `timestamp`")]
    NoTimestamp {
        /// The file.
        path: PathBuf,
        /// The columns there are.
        found: String,
    },
    /// There is nothing but times.
    #[error("{path}: there is no column of a tag beside `timestamp`; add one column a tag")]
    NoTags {
        /// The file.
        path: PathBuf,
    },
    /// Two columns have one name.
    #[error("{path}: the column `{column}` is there twice; rename one of them")]
    TwiceNamed {
        /// The file.
        path: PathBuf,
        /// The name.
        column: String,
    },
    /// A column's name can't be a tag's.
    #[error("{path}: {source}; rename the column")]
    Name {
        /// The file.
        path: PathBuf,
        /// Why.
        source: NameError,
    },
    /// There is no row.
    #[error("{path}: there is no row below the header")]
    NoRows {
        /// The file.
        path: PathBuf,
    },
    /// A cell is not what its column holds.
    #[error("{path}, line {line}, column `{column}`: `{text}` is not {wanted}; {mend}")]
    Cell {
        /// The file.
        path: PathBuf,
        /// The line, the header being 1.
        line: u64,
        /// The column.
        column: String,
        /// What stands there.
        text: String,
        /// What should.
        wanted: &'static str,
        /// What to do.
        mend: &'static str,
    },
    /// Time runs backwards.
    #[error("{path}, line {line}, column `timestamp`: {time} lies before the row above it; sort the file by time")]
    Backwards {
        /// The file.
        path: PathBuf,
        /// The line, the header being 1.
        line: u64,
        /// The time that stands there.
        time: Timestamp,
    },
}

impl Recording {
    /// An empty recording.
    pub fn new(asset: AssetName, tags: Vec<Tag>) -> Self {
        Self { asset, tags, times: Vec::new(), values: Vec::new(), labels: None, modes: None }
    }

    /// Adds a row of one value a tag; labels and modes, where there are any, are the caller's to add.
    pub fn push_row(&mut self, time: Timestamp, values: &[f64]) {
        debug_assert_eq!(values.len(), self.tags.len());
        self.times.push(time);
        self.values.extend_from_slice(values);
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.times.len()
    }

    /// The values of row number `at`, one a tag.
    pub fn row(&self, at: usize) -> &[f64] {
        let tags = self.tags.len();
        &self.values[at * tags..(at + 1) * tags]
    }

    /// The values of tag number `tag`, one a row.
    pub fn column(&self, tag: usize) -> impl Iterator<Item = f64> + '_ {
        self.values.iter().skip(tag).step_by(self.tags.len().max(1)).copied()
    }

    /// The modes as numbers in the order of their first appearance, and their names.
    pub fn mode_numbers(&self) -> Option<(Vec<usize>, Vec<&str>)> {
        let mut names: Vec<&str> = Vec::new();
        let numbered = self.modes.as_ref()?.iter().map(|mode| {
            names.iter().position(|n| n == mode).unwrap_or_else(|| {
                names.push(mode);
                names.len() - 1
            })
        });
        let numbers = numbered.collect();
        Some((numbers, names))
    }

    /// Reads a file. The tags are analog, without units and ranges: a CSV file does not know them.
    ///
    /// # Errors
    /// If the file can't be read, has no `timestamp`, tag or row, or has a cell that is not what its column holds.
    pub fn read_csv(path: &Path) -> Result<Self, RecordingError> {
        let file = File::open(path).map_err(|source| RecordingError::File { path: path.to_owned(), source })?;
        let reader: Box<dyn Read> =
            if is_gzip(path) { Box::new(MultiGzDecoder::new(BufReader::new(file))) } else { Box::new(file) };
        Reading::open(path, reader)?.rows()
    }

    /// Writes a file.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn write_csv(&self, path: &Path) -> Result<(), RecordingError> {
        let failed = |source| RecordingError::File { path: path.to_owned(), source };
        let file = BufWriter::new(File::create(path).map_err(failed)?);
        let written = if is_gzip(path) {
            let gz = self.write_rows(GzEncoder::new(file, Compression::default()));
            gz.and_then(|gz| Ok(gz.finish()?))
        } else {
            self.write_rows(file)
        };
        let mut file = written.map_err(|source| RecordingError::Csv { path: path.to_owned(), source })?;
        file.flush().map_err(failed)
    }

    fn write_rows<W: Write>(&self, out: W) -> Result<W, csv::Error> {
        let mut csv = csv::Writer::from_writer(out);
        let header = [TIMESTAMP].into_iter().chain(self.tags.iter().map(|t| t.name.as_str()));
        let extra = [self.labels.as_ref().map(|_| LABEL), self.modes.as_ref().map(|_| MODE)];
        csv.write_record(header.chain(extra.into_iter().flatten()))?;
        for at in 0..self.rows() {
            csv.write_field(self.times[at].to_string())?;
            for value in self.row(at) {
                csv.write_field(if value.is_nan() { String::new() } else { value.to_string() })?;
            }
            if let Some(labels) = &self.labels {
                csv.write_field(if labels[at] { "1" } else { "0" })?;
            }
            if let Some(modes) = &self.modes {
                csv.write_field(&modes[at])?;
            }
            csv.write_record(None::<&[u8]>)?;
        }
        csv.into_inner().map_err(|e| csv::Error::from(e.into_error()))
    }
}

/// A file being read.
struct Reading<'a> {
    path: &'a Path,
    csv: csv::Reader<Box<dyn Read>>,
    columns: Vec<Column>,
    recording: Recording,
}

/// What a column holds.
enum Column {
    Time,
    Tag(String),
    Label,
    Mode,
}

impl<'a> Reading<'a> {
    fn open(path: &'a Path, reader: Box<dyn Read>) -> Result<Self, RecordingError> {
        let mut csv = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(reader);
        let failed = |source| RecordingError::Csv { path: path.to_owned(), source };
        let header: Vec<String> = csv.headers().map_err(failed)?.iter().map(str::to_owned).collect();
        let columns: Vec<Column> =
            header.iter().map(|name| Column::named(name.trim_start_matches('\u{feff}'))).collect();
        let mut tags = Vec::new();
        for (at, name) in header.iter().enumerate() {
            if header[..at].contains(name) {
                return Err(RecordingError::TwiceNamed { path: path.to_owned(), column: name.clone() });
            }
            if let Column::Tag(name) = &columns[at] {
                let name = TagName::new(name);
                let name = name.map_err(|source| RecordingError::Name { path: path.to_owned(), source })?;
                tags.push(Tag::analog(name));
            }
        }
        if !columns.iter().any(|c| matches!(c, Column::Time)) {
            return Err(RecordingError::NoTimestamp { path: path.to_owned(), found: header.join(", ") });
        }
        if tags.is_empty() {
            return Err(RecordingError::NoTags { path: path.to_owned() });
        }
        let mut recording = Recording::new(asset_of(path)?, tags);
        recording.labels = columns.iter().any(|c| matches!(c, Column::Label)).then(Vec::new);
        recording.modes = columns.iter().any(|c| matches!(c, Column::Mode)).then(Vec::new);
        Ok(Self { path, csv, columns, recording })
    }

    fn rows(mut self) -> Result<Recording, RecordingError> {
        let mut record = csv::StringRecord::new();
        loop {
            let more = self.csv.read_record(&mut record);
            if !more.map_err(|source| RecordingError::Csv { path: self.path.to_owned(), source })? {
                break;
            }
            let line = record.position().map_or(0, csv::Position::line);
            self.row(line, &record)?;
        }
        if self.recording.times.is_empty() {
            return Err(RecordingError::NoRows { path: self.path.to_owned() });
        }
        Ok(self.recording)
    }

    fn row(&mut self, line: u64, record: &csv::StringRecord) -> Result<(), RecordingError> {
        let refused = |column: &str, text: &str, wanted, mend| RecordingError::Cell {
            path: self.path.to_owned(),
            line,
            column: column.to_owned(),
            text: text.to_owned(),
            wanted,
            mend,
        };
        for (column, text) in self.columns.iter().zip(record) {
            match column {
                Column::Time => {
                    let mend = "write RFC 3339 (2026-11-23T20:39:00Z) or seconds since the epoch";
                    let time: Timestamp = text.parse().map_err(|_| refused(TIMESTAMP, text, "a time", mend))?;
                    if self.recording.times.last().is_some_and(|before| time < *before) {
                        return Err(RecordingError::Backwards { path: self.path.to_owned(), line, time });
                    }
                    self.recording.times.push(time);
                }
                Column::Tag(name) => {
                    let mend = "write a number, or leave the cell empty where the value is missing";
                    let value = number(text).ok_or_else(|| refused(name, text, "a number", mend))?;
                    self.recording.values.push(value);
                }
                Column::Label => {
                    let label = number(text).filter(|v| v.is_nan() || *v == 0.0 || *v == 1.0);
                    let label =
                        label.ok_or_else(|| refused(LABEL, text, "0 or 1", "write 1 for a row within a fault"))?;
                    self.recording.labels.get_or_insert_default().push(label == 1.0);
                }
                Column::Mode => self.recording.modes.get_or_insert_default().push(text.to_owned()),
            }
        }
        Ok(())
    }
}

impl Column {
    fn named(name: &str) -> Self {
        match name {
            TIMESTAMP => Column::Time,
            LABEL => Column::Label,
            MODE => Column::Mode,
            tag => Column::Tag(tag.to_owned()),
        }
    }
}

/// The number in a cell; NaN where the value is missing, none where there is something else.
fn number(text: &str) -> Option<f64> {
    if text.is_empty() || text.eq_ignore_ascii_case("nan") || text.eq_ignore_ascii_case("na") {
        return Some(f64::NAN);
    }
    text.parse().ok().filter(|v: &f64| v.is_finite())
}

/// The asset that a file is of: its name without `.csv` and `.gz`.
fn asset_of(path: &Path) -> Result<AssetName, RecordingError> {
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    let stem = name.strip_suffix(".csv").unwrap_or(name);
    AssetName::new(if stem.is_empty() { "Plant" } else { stem })
        .map_err(|source| RecordingError::Name { path: path.to_owned(), source })
}

fn is_gzip(path: &Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("gz"))
}

#[cfg(test)]
mod tests;
