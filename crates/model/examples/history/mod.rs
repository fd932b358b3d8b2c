//! A series of the data folder.

use std::{fs::File, path::Path};

use andon_model::Series;
use andon_plant::{Fill, Tag, TagName, Timestamp, windower::Row};

pub(crate) type Failure = Box<dyn std::error::Error>;

/// Tags, rows (an empty cell holds the last value and is called missing), and the timestamps as written.
pub(crate) fn read(path: &Path) -> Result<(Vec<Tag>, Series, Vec<String>), Failure> {
    let mut csv = csv::Reader::from_reader(flate2::read::GzDecoder::new(File::open(path)?));
    let headers = csv.headers()?.clone();
    let columns: Vec<usize> =
        (0..headers.len()).filter(|ix| !["timestamp", "label", "mode"].contains(&&headers[*ix])).collect();
    let tags =
        columns.iter().map(|ix| Ok(Tag::analog(TagName::new(&headers[*ix])?))).collect::<Result<_, Failure>>()?;
    let (mut rows, mut times): (Vec<Row>, Vec<String>) = (Vec::new(), Vec::new());
    for record in csv.records() {
        let record = record?;
        let before = rows.last().map(|r| r.values.clone());
        let cells = columns.iter().enumerate().map(|(tag, ix)| match record[*ix].parse::<f64>() {
            Ok(v) if v.is_finite() => (v, Fill::Measured),
            _ => (before.as_ref().map_or(0.0, |b| b[tag]), Fill::Missing),
        });
        let (values, fill) = cells.unzip();
        rows.push(Row { time: Timestamp::from_secs(rows.len() as i64), values, fill });
        times.push(record[0].to_owned());
    }
    Ok((tags, Series { rows }, times))
}
