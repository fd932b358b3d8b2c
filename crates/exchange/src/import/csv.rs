//! Rows of text.

use std::{
    collections::{BTreeSet, HashMap},
    fs::File,
    io::{BufReader, Read},
    path::Path,
};

use andon_plant::{Sample, StatusCode, Timestamp};
use csv::{Position, Reader, ReaderBuilder, StringRecord, Trim};
use flate2::read::MultiGzDecoder;

use super::{
    At, Wanted,
    layout::{Columns, Layout, Long, unknown_in},
};
use crate::{
    cell,
    error::{Fault, Place},
};

pub(super) struct CsvRows {
    csv: Reader<Box<dyn Read + Send>>,
    record: StringRecord,
    header: Vec<String>,
    time: usize,
    columns: Columns,
    tags: HashMap<String, usize>,
    wanted: Wanted,
}

impl CsvRows {
    pub(super) fn open(path: &Path, gzip: bool, wanted: &Wanted) -> Result<(Self, Layout), At> {
        let whole = |fault| (Place::File, fault);
        let file = BufReader::new(File::open(path).map_err(|e| whole(e.into()))?);
        let reader: Box<dyn Read + Send> = if gzip { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
        let mut csv = ReaderBuilder::new().trim(Trim::All).from_reader(reader);
        let header = csv.headers().map_err(|e| whole(e.into()))?;
        let header: Vec<String> = header.iter().map(|name| name.trim_start_matches('\u{feff}').to_owned()).collect();
        let layout = Layout::of(&header, wanted).map_err(whole)?;
        let columns = match &layout.columns {
            Columns::Long(long) => Columns::Long(*long),
            Columns::Wide(cells) => Columns::Wide(cells.clone()),
        };
        let tags = wanted.tags.iter().enumerate().map(|(number, tag)| (tag.to_string(), number)).collect();
        let (record, wanted) = (StringRecord::new(), wanted.clone());
        Ok((Self { csv, record, header, time: layout.time, columns, tags, wanted }, layout))
    }

    /// Reads a row; how many there were, 0 at the end.
    pub(super) fn next(&mut self, out: &mut Vec<(usize, Sample)>, skipped: &mut BTreeSet<String>) -> Result<u64, At> {
        if !self.csv.read_record(&mut self.record).map_err(|e| (Place::File, e.into()))? {
            return Ok(0);
        }
        let text = &self.record[self.time];
        let time = cell::time(text).ok_or_else(|| self.at(self.time, Fault::no_time(text)))?;
        match &self.columns {
            Columns::Wide(cells) => {
                for (column, tag) in cells {
                    out.push((*tag, Sample::good(time, self.value(*column)?)));
                }
            }
            Columns::Long(long) => match self.tag(long)? {
                Some(tag) => out.push((tag, self.sample(time, long)?)),
                None => drop(skipped.insert(self.record[long.tag].to_owned())),
            },
        }
        Ok(1)
    }

    /// The tag of a line; none where it is one that is skipped.
    fn tag(&self, long: &Long) -> Result<Option<usize>, At> {
        let wanted = &self.wanted;
        if let Some(column) = long.asset.filter(|column| self.record[*column] != *wanted.asset) {
            let (found, wanted) = (self.record[column].to_owned(), wanted.asset.to_string());
            return Err(self.at(column, Fault::OtherAsset { found, wanted }));
        }
        let name = &self.record[long.tag];
        match self.tags.get(name) {
            None if !wanted.skip_unknown => {
                Err(self.at(long.tag, unknown_in("it is no tag", vec![name.to_owned()], wanted)))
            }
            tag => Ok(tag.copied()),
        }
    }

    fn sample(&self, time: Timestamp, long: &Long) -> Result<Sample, At> {
        let value = self.value(long.value)?;
        let code = |column: usize, parse: fn(&str) -> Option<StatusCode>, fault: fn(String) -> Fault| {
            let text = &self.record[column];
            parse(text).ok_or_else(|| self.at(column, fault(text.to_owned())))
        };
        match (long.status, long.quality) {
            (Some(column), _) => Ok(Sample { time, value, status: code(column, cell::status, Fault::no_status)? }),
            (None, Some(column)) => Ok(Sample::new(time, value, code(column, cell::quality, Fault::no_quality)?)),
            (None, None) => Ok(Sample::good(time, value)),
        }
    }

    fn value(&self, column: usize) -> Result<f64, At> {
        let text = &self.record[column];
        cell::value(text).ok_or_else(|| self.at(column, Fault::no_value(text)))
    }

    fn at(&self, column: usize, fault: Fault) -> At {
        let line = self.record.position().map_or(0, Position::line);
        (Place::Line(line, self.header[column].clone()), fault)
    }
}
