//! A file to samples, piece by piece.
//!
//! * [`layout`]: what the columns are.
//! * `csv` and `parquet`: reading rows; `array`: the types a Parquet column may have.

mod array;
mod csv;
mod layout;
mod parquet;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use andon_plant::{AssetName, Sample, TagName, Timestamp};
use serde::Serialize;

pub(crate) use self::layout::{LONG, RESERVED, TIMESTAMP};
use self::{csv::CsvRows, parquet::ParquetRows};
use crate::{
    cell::TIMES,
    error::{Fault, ImportError, Place},
    format::{Format, Kind, Shape},
};

/// Samples in a piece, about: a row of many tags is never cut.
const PIECE: usize = 65_536;

/// What a file is to be read as.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The asset whose history it is.
    pub asset: AssetName,
    /// The asset's tags; samples name them by their number in this list.
    pub tags: Vec<TagName>,
    /// The shape, where the columns do not show it.
    pub shape: Option<Shape>,
    /// Whether tags that the asset has not are skipped instead of refused.
    pub skip_unknown: bool,
}

/// What a file has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Contents {
    /// The kind of file.
    pub kind: Kind,
    /// How samples stand in it.
    pub shape: Shape,
    /// Rows that were read.
    pub rows: u64,
    /// Samples in them.
    pub samples: u64,
    /// The time of the first sample.
    pub first: Option<Timestamp>,
    /// The time of the last sample.
    pub last: Option<Timestamp>,
    /// Tags and columns that were skipped.
    pub skipped: BTreeSet<String>,
    /// Tags of the asset of which there is no sample.
    pub absent: BTreeSet<TagName>,
}

/// A file that is being read.
pub struct Import {
    path: PathBuf,
    rows: Rows,
    contents: Contents,
    tags: Vec<TagName>,
}

enum Rows {
    Csv(Box<CsvRows>),
    Parquet(Box<ParquetRows>),
}

/// What is wrong, and where.
type At = (Place, Fault);

impl Import {
    /// Opens a file: Parquet, CSV or gzipped CSV, as its first bytes say.
    ///
    /// # Errors
    /// If it can't be read, or its columns are not those of a history of the asset.
    pub fn open(path: &Path, wanted: &Wanted) -> Result<Self, ImportError> {
        let failed = |(place, fault)| ImportError { path: path.to_owned(), place, fault: Box::new(fault) };
        let format = Format::of_contents(path).map_err(|e| failed((Place::File, e.into())))?;
        let (rows, layout) = match format.kind {
            Kind::Csv => {
                CsvRows::open(path, format.gzip, wanted).map(|(rows, layout)| (Rows::Csv(Box::new(rows)), layout))
            }
            Kind::Parquet => {
                ParquetRows::open(path, wanted).map(|(rows, layout)| (Rows::Parquet(Box::new(rows)), layout))
            }
        }
        .map_err(failed)?;
        let contents = Contents {
            kind: format.kind,
            shape: layout.shape(),
            rows: 0,
            samples: 0,
            first: None,
            last: None,
            skipped: layout.skipped.into_iter().collect(),
            absent: wanted.tags.iter().cloned().collect(),
        };
        Ok(Self { path: path.to_owned(), rows, contents, tags: wanted.tags.clone() })
    }

    /// The next samples in the order of the file, each with the number of its tag; none at the end.
    ///
    /// # Errors
    /// If a row is not what its columns say, with its place; or if the file ends without a row.
    #[expect(clippy::should_implement_trait, reason = "an iterator can't be asked what it has read so far")]
    pub fn next(&mut self) -> Result<Option<Vec<(usize, Sample)>>, ImportError> {
        let mut piece = Vec::with_capacity(PIECE);
        while piece.len() < PIECE {
            let more = match &mut self.rows {
                Rows::Csv(rows) => rows.next(&mut piece, &mut self.contents.skipped),
                Rows::Parquet(rows) => rows.next(&mut piece, &mut self.contents.skipped),
            };
            match more.map_err(|(place, fault)| self.failed(place, fault))? {
                0 => break,
                rows => self.contents.rows += rows,
            }
        }
        if self.contents.rows == 0 {
            return Err(self.failed(Place::File, Fault::NoRows));
        }
        self.count(&piece);
        Ok((!piece.is_empty()).then_some(piece))
    }

    /// What has been read so far; of the whole file once [`next`](Self::next) has said that it ends.
    pub fn contents(&self) -> &Contents {
        &self.contents
    }

    fn failed(&self, place: Place, fault: Fault) -> ImportError {
        ImportError { path: self.path.clone(), place, fault: Box::new(fault) }
    }

    fn count(&mut self, piece: &[(usize, Sample)]) {
        let contents = &mut self.contents;
        contents.samples += piece.len() as u64;
        let mut seen = vec![false; self.tags.len()];
        for (tag, sample) in piece {
            seen[*tag] = true;
            contents.first = Some(contents.first.map_or(sample.time, |first| first.min(sample.time)));
            contents.last = contents.last.max(Some(sample.time));
        }
        for (tag, _) in self.tags.iter().zip(seen).filter(|(_, seen)| *seen) {
            contents.absent.remove(tag);
        }
    }
}

/// A time, if it is one a plant can have had.
fn checked(time: Timestamp) -> Option<Timestamp> {
    TIMES.contains(&time).then_some(time)
}
