//! Rows of Parquet, of the columns that are needed.

use std::{
    collections::{BTreeSet, HashMap},
    fs::File,
    path::Path,
};

use andon_plant::{Sample, StatusCode, Timestamp};
use arrow_array::{Array, RecordBatch};
use parquet::arrow::{
    ProjectionMask,
    arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder},
};

use super::{
    At, Wanted, array, checked,
    layout::{Columns, Layout, Long, unknown_in},
};
use crate::{
    cell,
    error::{Fault, Place},
};

/// Cells that are read at a time.
const BATCH_CELLS: usize = 1 << 18;

pub(super) struct ParquetRows {
    batches: ParquetRecordBatchReader,
    header: Vec<String>,
    /// The columns of the file that are in a batch, in their order there.
    used: Vec<usize>,
    time: usize,
    columns: Columns,
    tags: HashMap<String, usize>,
    wanted: Wanted,
    /// Rows before this batch.
    before: u64,
}

impl ParquetRows {
    pub(super) fn open(path: &Path, wanted: &Wanted) -> Result<(Self, Layout), At> {
        let whole = |fault| (Place::File, fault);
        let file = File::open(path).map_err(|e| whole(e.into()))?;
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| whole(e.into()))?;
        let header: Vec<String> = builder.schema().fields().iter().map(|f| f.name().clone()).collect();
        let layout = Layout::of(&header, wanted).map_err(whole)?;
        let used = layout.used();
        let projection = ProjectionMask::roots(builder.parquet_schema(), used.iter().copied());
        let rows = (BATCH_CELLS / used.len()).max(1);
        let batches = builder.with_projection(projection).with_batch_size(rows).build();
        let columns = match &layout.columns {
            Columns::Long(long) => Columns::Long(*long),
            Columns::Wide(cells) => Columns::Wide(cells.clone()),
        };
        let tags = wanted.tags.iter().enumerate().map(|(number, tag)| (tag.to_string(), number)).collect();
        let rows = Self {
            batches: batches.map_err(|e| whole(e.into()))?,
            header,
            used,
            time: layout.time,
            columns,
            tags,
            wanted: wanted.clone(),
            before: 0,
        };
        Ok((rows, layout))
    }

    /// Reads a batch; how many rows there were, 0 at the end.
    pub(super) fn next(&mut self, out: &mut Vec<(usize, Sample)>, skipped: &mut BTreeSet<String>) -> Result<u64, At> {
        let Some(batch) = self.batches.next() else { return Ok(0) };
        let batch = batch.map_err(|e| (Place::File, e.into()))?;
        let times = array::times(self.column(&batch, self.time)).map_err(|fault| self.of(self.time, fault))?;
        let times = times.into_iter().enumerate();
        let times = times.map(|(row, time)| {
            let time = time
                .map_err(Fault::no_time)
                .and_then(|time| checked(time).ok_or_else(|| Fault::no_time(time.to_string())));
            time.map_err(|fault| self.at(row, self.time, fault))
        });
        let times = times.collect::<Result<Vec<Timestamp>, At>>()?;
        match &self.columns {
            Columns::Wide(cells) => {
                let values = cells.iter().map(|(column, tag)| Ok((*tag, self.values(&batch, *column)?)));
                let values = values.collect::<Result<Vec<_>, At>>()?;
                for (row, time) in times.iter().enumerate() {
                    out.extend(values.iter().map(|(tag, values)| (*tag, Sample::good(*time, values[row]))));
                }
            }
            Columns::Long(long) => self.long(&batch, &times, long, (out, skipped))?,
        }
        self.before += times.len() as u64;
        Ok(times.len() as u64)
    }

    fn long(
        &self,
        batch: &RecordBatch,
        times: &[Timestamp],
        long: &Long,
        (out, skipped): (&mut Vec<(usize, Sample)>, &mut BTreeSet<String>),
    ) -> Result<(), At> {
        self.one_asset(batch, long)?;
        let tags = self.tags(batch, long.tag, skipped)?;
        let values = self.values(batch, long.value)?;
        let statuses = self.statuses(batch, long)?;
        for (row, time) in times.iter().enumerate() {
            let (Some(tag), time, value) = (tags[row], *time, values[row]) else { continue };
            out.push((
                tag,
                match &statuses {
                    Some(statuses) => Sample { time, value, status: statuses[row] },
                    None => Sample::good(time, value),
                },
            ));
        }
        Ok(())
    }

    fn one_asset(&self, batch: &RecordBatch, long: &Long) -> Result<(), At> {
        let Some(column) = long.asset else { return Ok(()) };
        let asset = self.wanted.asset.as_str();
        let same = array::named(self.column(batch, column), &mut |name| name == asset);
        let same = same.map_err(|fault| self.of(column, fault))?;
        match same.iter().position(|same| *same != Some(true)) {
            None => Ok(()),
            Some(row) => {
                let found = array::text(self.column(batch, column), row);
                Err(self.at(row, column, Fault::OtherAsset { found, wanted: asset.to_owned() }))
            }
        }
    }

    /// The tag of each row; none where it is one that is skipped.
    fn tags(
        &self,
        batch: &RecordBatch,
        column: usize,
        skipped: &mut BTreeSet<String>,
    ) -> Result<Vec<Option<usize>>, At> {
        let names = self.column(batch, column);
        let numbers = array::named(names, &mut |name| self.tags.get(name).copied());
        let numbers: Vec<Option<usize>> =
            numbers.map_err(|fault| self.of(column, fault))?.into_iter().map(Option::flatten).collect();
        for (row, _) in numbers.iter().enumerate().filter(|(_, tag)| tag.is_none()) {
            let name = array::text(names, row);
            if !self.wanted.skip_unknown {
                return Err(self.at(row, column, unknown_in("it is no tag", vec![name], &self.wanted)));
            }
            skipped.insert(name);
        }
        Ok(numbers)
    }

    fn statuses(&self, batch: &RecordBatch, long: &Long) -> Result<Option<Vec<StatusCode>>, At> {
        let (column, codes, fault): (_, _, fn(String) -> Fault) = match (long.status, long.quality) {
            (Some(column), _) => (column, array::statuses(self.column(batch, column)), Fault::no_status),
            (None, Some(column)) => {
                let named = array::named(self.column(batch, column), &mut cell::quality);
                let codes = named.map(|codes| codes.into_iter().map(Option::flatten).collect());
                (column, codes, Fault::no_quality)
            }
            (None, None) => return Ok(None),
        };
        let codes: Vec<Option<StatusCode>> = codes.map_err(|fault| self.of(column, fault))?;
        let code = |(row, code): (usize, Option<StatusCode>)| {
            code.ok_or_else(|| self.at(row, column, fault(array::text(self.column(batch, column), row))))
        };
        codes.into_iter().enumerate().map(code).collect::<Result<_, _>>().map(Some)
    }

    fn values(&self, batch: &RecordBatch, column: usize) -> Result<Vec<f64>, At> {
        array::values(self.column(batch, column)).map_err(|fault| self.of(column, fault))
    }

    /// A column of a batch by its number in the file.
    fn column<'b>(&self, batch: &'b RecordBatch, column: usize) -> &'b dyn Array {
        batch.column(self.used.partition_point(|used| *used < column))
    }

    fn of(&self, column: usize, fault: Fault) -> At {
        (Place::Column(self.header[column].clone()), fault)
    }

    fn at(&self, row: usize, column: usize, fault: Fault) -> At {
        (Place::Row(self.before + row as u64 + 1, self.header[column].clone()), fault)
    }
}
