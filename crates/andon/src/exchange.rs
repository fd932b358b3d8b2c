//! Stored histories as files and back: what the command line and REST do alike.

use std::{path::Path, time::Duration};

use andon_exchange::{Contents, ExportError, Exporter, Import, ImportError, Kind, Shape, Subject, Wanted, Written};
use andon_plant::{Sample, TagKey, TagName, TagSample, Timestamp};
use andon_store::{Histories, Store, StoreError, Walk};
use tokio::task::block_in_place;

use crate::config::{AssetConfig, Retention};

/// Newer than the present by more than this is a clock or a time zone that is wrong.
const AHEAD: Duration = Duration::from_secs(86_400);

/// What is to be exported.
#[derive(Debug, Clone)]
pub struct Order {
    /// The kind of file.
    pub kind: Kind,
    /// How samples stand in it.
    pub shape: Shape,
    /// The tags, each of the asset.
    pub tags: Vec<TagName>,
    /// The first instant; that of the first sample where it is none.
    pub from: Option<Timestamp>,
    /// The instant after the last; after the last sample where it is none.
    pub to: Option<Timestamp>,
}

/// A history can't be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The store can't be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The table can't be made.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// The file can't be imported.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// All of the file would be dropped at once.
    #[error(
        "its newest sample is of {last}: [store] retention.samples keeps nothing from before {since}, so all of it would be \
         dropped at once; keep samples for longer (\"forever\", for example)"
    )]
    TooOld {
        /// The newest sample.
        last: Timestamp,
        /// What is kept begins here.
        since: Timestamp,
    },
}

/// An export under way.
pub struct Export {
    walk: Walk,
    exporter: Option<Exporter>,
    /// What is in force at the beginning of a wide table.
    in_force: Vec<(usize, Sample)>,
    written: Written,
}

impl Export {
    /// Begins an export.
    ///
    /// # Errors
    /// If the store can't be read, or no table can be made of these tags.
    pub async fn begin(histories: &Histories, asset: &AssetConfig, order: &Order) -> Result<Self, ExchangeError> {
        let from = order.from.unwrap_or(Timestamp::from_micros(i64::MIN));
        let to = order.to.unwrap_or(Timestamp::from_micros(i64::MAX));
        let subject = Subject { asset: asset.name.clone(), tags: order.tags.clone(), grid: asset.grid, to };
        let exporter = Exporter::new(order.kind, order.shape, &subject)?;
        let keys: Vec<TagKey> =
            order.tags.iter().map(|tag| TagKey { asset: asset.name.clone(), tag: tag.clone() }).collect();
        let mut in_force = Vec::new();
        if let (Shape::Wide, Some(from)) = (order.shape, order.from) {
            for (number, key) in keys.iter().enumerate() {
                let sample = histories.sample_at(key, from).await?;
                in_force.extend(sample.map(|s| (number, Sample { time: from, ..s })));
            }
        }
        let walk = histories.walk(keys, from, to);
        Ok(Self { walk, exporter: Some(exporter), in_force, written: Written::default() })
    }

    /// The next bytes of the file, perhaps none; nothing at the end.
    ///
    /// # Errors
    /// If the store can't be read.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, ExchangeError> {
        if self.exporter.is_none() {
            return Ok(None);
        }
        let piece = self.walk.next().await?;
        // Writing a million samples takes a good part of a second.
        block_in_place(|| self.write(piece)).map(Some)
    }

    /// What has been written so far.
    pub fn written(&self) -> Written {
        self.written
    }

    fn write(&mut self, piece: Option<Vec<(usize, Sample)>>) -> Result<Vec<u8>, ExchangeError> {
        let Some(mut exporter) = self.exporter.take() else { return Ok(Vec::new()) };
        exporter.push(&std::mem::take(&mut self.in_force))?;
        let Some(piece) = piece else {
            let (bytes, written) = exporter.finish()?;
            self.written = written;
            return Ok(bytes);
        };
        exporter.push(&piece)?;
        self.written = exporter.written();
        let bytes = exporter.take();
        self.exporter = Some(exporter);
        Ok(bytes)
    }
}

/// What `asset` takes from a file.
pub fn wanted(asset: &AssetConfig, shape: Option<Shape>, skip_unknown: bool) -> Wanted {
    let tags = asset.tags.iter().map(|t| t.tag.name.clone()).collect();
    Wanted { asset: asset.name.clone(), tags, shape, skip_unknown }
}

/// Reads a file to its end and stores nothing, so that what is wrong with it is known before anything is stored. `seen` is told
/// how many samples there were so far.
///
/// # Errors
/// The first thing that is wrong with the file.
pub fn check(path: &Path, wanted: &Wanted, mut seen: impl FnMut(u64)) -> Result<Contents, ImportError> {
    let mut import = Import::open(path, wanted)?;
    while import.next()?.is_some() {
        seen(import.contents().samples);
    }
    Ok(import.contents().clone())
}

/// Stores what is in a file, and waits until it is on the disk. What is stored already is stored once; of two samples at one
/// time the file's counts. `seen` is told how many samples have been handed over so far.
///
/// # Errors
/// If the file can't be read, or the store refuses its samples.
pub async fn store(
    store: &Store,
    path: &Path,
    wanted: &Wanted,
    mut seen: impl FnMut(u64),
) -> Result<Contents, ExchangeError> {
    let keys: Vec<TagKey> =
        wanted.tags.iter().map(|tag| TagKey { asset: wanted.asset.clone(), tag: tag.clone() }).collect();
    let mut import = Import::open(path, wanted)?;
    while let Some(mut piece) = block_in_place(|| import.next())? {
        // Those of a tag together, which the store is quick with, and in the order of the file.
        piece.sort_by_key(|(tag, _)| *tag);
        let samples = piece.into_iter().map(|(tag, sample)| TagSample { key: keys[tag].clone(), sample });
        store.append_samples(samples.collect()).await?;
        seen(import.contents().samples);
    }
    store.flush().await?;
    Ok(import.contents().clone())
}

/// What should be known of a file before it is stored.
///
/// # Errors
/// If all of it is older than what is kept.
pub fn warnings(contents: &Contents, retention: &Retention, now: Timestamp) -> Result<Vec<String>, ExchangeError> {
    let (Some(first), Some(last)) = (contents.first, contents.last) else { return Ok(Vec::new()) };
    let mut warnings = Vec::new();
    if let Some(since) = retention.since(now).samples {
        if last < since {
            return Err(ExchangeError::TooOld { last, since });
        }
        if first < since {
            warnings.push(format!(
                "it begins at {first}: what is older than {since} is dropped by [store] retention.samples"
            ));
        }
    }
    if last > now.after(AHEAD) {
        warnings.push(format!("its newest sample is of {last}, in the future: is it in UTC, and in seconds?"));
    }
    if !contents.absent.is_empty() {
        let absent: Vec<&str> = contents.absent.iter().map(TagName::as_str).collect();
        warnings.push(format!("it has no sample of {}", absent.join(", ")));
    }
    if !contents.skipped.is_empty() {
        let skipped: Vec<&str> = contents.skipped.iter().map(String::as_str).collect();
        warnings.push(format!("it has {}, which the asset has not: skipped", skipped.join(", ")));
    }
    Ok(warnings)
}
