//! Parquet: zstd, timestamps in microseconds of UTC, names as dictionaries.

use std::sync::Arc;

use andon_plant::{Sample, Timestamp};
use arrow_array::{
    ArrayRef, DictionaryArray, Float64Array, Int32Array, RecordBatch, StringArray, TimestampMicrosecondArray,
    UInt32Array, types::Int32Type,
};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, ZstdLevel},
    file::properties::WriterProperties,
};

use crate::{
    cell::QUALITIES,
    error::ExportError,
    format::{Shape, Subject},
    import::{LONG, TIMESTAMP},
};

/// Cells in a row group, which is in memory until it is whole.
const GROUP_CELLS: usize = 1 << 22;
/// Rows of a row group at the most, and of a batch, out of which it is made.
const GROUP_ROWS: usize = 1 << 20;
const BATCH_CELLS: usize = 1 << 18;

/// A table as Parquet, of which the row groups that were taken are gone.
pub(super) struct ParquetTable {
    writer: ArrowWriter<Vec<u8>>,
    schema: SchemaRef,
    columns: Columns,
    /// Batches are of this many rows however samples come, so that the same samples make the same bytes.
    rows: usize,
    times: Vec<i64>,
}

/// What a row has beside its time.
enum Columns {
    Long {
        assets: Arc<StringArray>,
        tags: Arc<StringArray>,
        qualities: Arc<StringArray>,
        samples: Vec<(usize, Sample)>,
    },
    Wide(Vec<Vec<f64>>),
}

impl ParquetTable {
    pub(super) fn new(shape: Shape, subject: &Subject) -> Result<Self, ExportError> {
        let schema = Arc::new(schema(shape, subject));
        let names = |names: Vec<&str>| Arc::new(StringArray::from(names));
        let columns = match shape {
            Shape::Long => Columns::Long {
                assets: names(vec![&subject.asset]),
                tags: names(subject.tags.iter().map(|t| t.as_str()).collect()),
                qualities: names(QUALITIES.map(|q| q.as_str()).to_vec()),
                samples: Vec::new(),
            },
            Shape::Wide => Columns::Wide(vec![Vec::new(); subject.tags.len()]),
        };
        let wide = schema.fields().len();
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
            .set_max_row_group_row_count(Some((GROUP_CELLS / wide).clamp(1, GROUP_ROWS)));
        let writer = ArrowWriter::try_new(Vec::new(), schema.clone(), Some(properties.build()))?;
        Ok(Self { writer, schema, columns, rows: (BATCH_CELLS / wide).max(1), times: Vec::new() })
    }

    pub(super) fn sample(&mut self, tag: usize, sample: &Sample) -> Result<(), ExportError> {
        if let Columns::Long { samples, .. } = &mut self.columns {
            samples.push((tag, *sample));
        }
        self.begun(sample.time)
    }

    pub(super) fn row(&mut self, time: Timestamp, cells: &[f64]) -> Result<(), ExportError> {
        if let Columns::Wide(columns) = &mut self.columns {
            columns.iter_mut().zip(cells).for_each(|(column, cell)| column.push(*cell));
        }
        self.begun(time)
    }

    /// The row groups that are whole.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(self.writer.inner_mut())
    }

    pub(super) fn finish(mut self) -> Result<Vec<u8>, ExportError> {
        self.write()?;
        Ok(self.writer.into_inner()?)
    }

    fn begun(&mut self, time: Timestamp) -> Result<(), ExportError> {
        self.times.push(time.as_micros());
        if self.times.len() == self.rows { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<(), ExportError> {
        let times = TimestampMicrosecondArray::from(std::mem::take(&mut self.times)).with_timezone("UTC");
        let mut columns: Vec<ArrayRef> = vec![Arc::new(times)];
        columns.extend(self.columns.take()?);
        Ok(self.writer.write(&RecordBatch::try_new(self.schema.clone(), columns)?)?)
    }
}

impl Columns {
    fn take(&mut self) -> Result<Vec<ArrayRef>, ExportError> {
        match self {
            Columns::Long { assets, tags, qualities, samples } => {
                let samples = std::mem::take(samples);
                let status = UInt32Array::from_iter_values(samples.iter().map(|(_, s)| s.status.0));
                let value: Float64Array = samples.iter().map(|(_, s)| present(s.value)).collect();
                let quality = samples.iter().map(|(_, s)| s.quality() as i32);
                Ok(vec![
                    named(assets, samples.iter().map(|_| 0))?,
                    named(tags, samples.iter().map(|(tag, _)| *tag as i32))?,
                    Arc::new(value),
                    named(qualities, quality)?,
                    Arc::new(status),
                ])
            }
            Columns::Wide(columns) => {
                let column = |cells: &mut Vec<f64>| {
                    let cells: Float64Array = std::mem::take(cells).into_iter().map(present).collect();
                    Arc::new(cells) as ArrayRef
                };
                Ok(columns.iter_mut().map(column).collect())
            }
        }
    }
}

/// A missing value is null, as others want it; a NaN of other bits, which stands for more than that, is kept.
fn present(value: f64) -> Option<f64> {
    (value.to_bits() != f64::NAN.to_bits()).then_some(value)
}

fn named(names: &Arc<StringArray>, numbers: impl Iterator<Item = i32>) -> Result<ArrayRef, ExportError> {
    let keys = Int32Array::from_iter_values(numbers);
    Ok(Arc::new(DictionaryArray::<Int32Type>::try_new(keys, names.clone())?))
}

fn schema(shape: Shape, subject: &Subject) -> Schema {
    let name = || DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let times = Field::new(TIMESTAMP, DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), false);
    let mut fields = vec![times];
    match shape {
        Shape::Long => {
            let [_, asset, tag, value, quality, status] = LONG;
            fields.extend([asset, tag].map(|column| Field::new(column, name(), false)));
            fields.push(Field::new(value, DataType::Float64, true));
            fields.push(Field::new(quality, name(), false));
            fields.push(Field::new(status, DataType::UInt32, false));
        }
        Shape::Wide => fields.extend(subject.tags.iter().map(|t| Field::new(t.as_str(), DataType::Float64, true))),
    }
    Schema::new(fields)
}
