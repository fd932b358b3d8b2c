//! Samples in order of time to the bytes of a file, piece by piece.

mod csv;
mod grid;
mod parquet;

use andon_plant::{Sample, Timestamp};

use self::{csv::CsvTable, grid::Grid, parquet::ParquetTable};
use crate::{
    error::ExportError,
    format::{Kind, Shape, Subject},
    import::RESERVED,
};

/// Makes one file. Push samples, take bytes as they come, and finish.
pub struct Exporter {
    /// Puts samples on the grid, in the wide shape.
    grid: Option<Grid>,
    table: Table,
    written: Written,
}

/// What has been written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Written {
    /// Samples that were given.
    pub samples: u64,
    /// Rows of the table.
    pub rows: u64,
    /// The time of the first row.
    pub first: Option<Timestamp>,
    /// The time of the last row.
    pub last: Option<Timestamp>,
}

enum Table {
    Csv(CsvTable),
    Parquet(Box<ParquetTable>),
}

impl Exporter {
    /// Begins a file.
    ///
    /// # Errors
    /// If the table can't be made of these tags.
    pub fn new(kind: Kind, shape: Shape, subject: &Subject) -> Result<Self, ExportError> {
        let reserved = subject.tags.iter().find(|tag| RESERVED.contains(&tag.as_str()));
        if let (Shape::Wide, Some(tag)) = (shape, reserved) {
            return Err(ExportError::Reserved(tag.to_string()));
        }
        let table = match kind {
            Kind::Csv => Table::Csv(CsvTable::new(shape, subject)),
            Kind::Parquet => Table::Parquet(Box::new(ParquetTable::new(shape, subject)?)),
        };
        let grid = (shape == Shape::Wide).then(|| Grid::new(subject));
        Ok(Self { grid, table, written: Written::default() })
    }

    /// Adds samples, none of them older than one before; each with the number of its tag. The wide shape shows a tag from its
    /// first sample on, so where a table begins in the midst of a history the values in force there come first.
    ///
    /// # Errors
    /// If Parquet can't be made of them.
    pub fn push(&mut self, samples: &[(usize, Sample)]) -> Result<(), ExportError> {
        self.written.samples += samples.len() as u64;
        let Self { grid, table, written } = self;
        match grid {
            Some(grid) => grid.push(samples, |time, cells| {
                written.row(time);
                table.row(time, cells)
            }),
            None => samples.iter().try_for_each(|(tag, sample)| {
                written.row(sample.time);
                table.sample(*tag, sample)
            }),
        }
    }

    /// The bytes that are ready.
    pub fn take(&mut self) -> Vec<u8> {
        match &mut self.table {
            Table::Csv(table) => table.take(),
            Table::Parquet(table) => table.take(),
        }
    }

    /// The last bytes, and what has been written.
    ///
    /// # Errors
    /// If Parquet can't be made of what came last.
    pub fn finish(mut self) -> Result<(Vec<u8>, Written), ExportError> {
        let Self { grid, table, written } = &mut self;
        if let Some(grid) = grid {
            grid.finish(|time, cells| {
                written.row(time);
                table.row(time, cells)
            })?;
        }
        let bytes = match self.table {
            Table::Csv(mut table) => table.take(),
            Table::Parquet(table) => table.finish()?,
        };
        Ok((bytes, self.written))
    }

    /// What has been written so far.
    pub fn written(&self) -> Written {
        self.written
    }
}

impl Table {
    fn sample(&mut self, tag: usize, sample: &Sample) -> Result<(), ExportError> {
        match self {
            Table::Csv(table) => table.sample(tag, sample),
            Table::Parquet(table) => table.sample(tag, sample)?,
        }
        Ok(())
    }

    fn row(&mut self, time: Timestamp, cells: &[f64]) -> Result<(), ExportError> {
        match self {
            Table::Csv(table) => table.row(time, cells),
            Table::Parquet(table) => table.row(time, cells)?,
        }
        Ok(())
    }
}

impl Written {
    fn row(&mut self, time: Timestamp) {
        self.rows += 1;
        self.first.get_or_insert(time);
        self.last = Some(time);
    }
}
