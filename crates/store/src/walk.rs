//! Long histories of several tags, read piece by piece in order of time: what an export or a year of training data is made of.

use std::sync::Arc;

use andon_plant::{AssetName, Sample, TagKey, Timestamp};

use crate::{
    engine::Series,
    error::StoreError,
    samples::{latest, read, span},
    series::SeriesQuery,
    store::Store,
};

/// Samples of all tags that are in memory at a time: 24 MB, unless there are more than a thousand tags.
const IN_MEMORY: usize = 1 << 20;
/// Samples of one tag that are read at a time. A page costs its blocks and the decoding of the tail of its 16 tags.
const SMALLEST_PAGE: usize = 1_024;
const LARGEST_PAGE: usize = 65_536;

/// Samples that can only be read. Cheap to clone.
#[derive(Clone)]
pub struct Histories {
    series: Arc<Series>,
}

impl Store {
    /// What is committed of this store's samples, to be read at length.
    pub fn histories(&self) -> Histories {
        Histories::of(self.engine().series.clone())
    }
}

impl Histories {
    /// The samples of a database that is open already.
    pub fn of(series: Arc<Series>) -> Self {
        Self { series }
    }

    /// The times of an asset's first and last sample.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn span(&self, asset: &AssetName) -> Result<Option<(Timestamp, Timestamp)>, StoreError> {
        span(&*self.series, asset).await
    }

    /// The sample in force at `time`: a tag's newest that is not later.
    ///
    /// # Errors
    /// If the database fails, or the row or block is broken.
    pub async fn sample_at(&self, key: &TagKey, time: Timestamp) -> Result<Option<Sample>, StoreError> {
        latest(&*self.series, key, time).await
    }

    /// The samples of `tags` with `from <= time < to`.
    pub fn walk(&self, tags: Vec<TagKey>, from: Timestamp, to: Timestamp) -> Walk {
        let page = (IN_MEMORY / tags.len().max(1)).clamp(SMALLEST_PAGE, LARGEST_PAGE);
        let tags = tags.into_iter().map(|key| TagWalk { key, from, read: Vec::new(), ended: from >= to }).collect();
        Walk { series: self.series.clone(), tags, to, page }
    }

    /// Closes the connections.
    pub async fn close(&self) {
        self.series.close().await;
    }
}

/// A walk through the samples of some tags. It holds no transaction between two pieces, so that a slow reader holds up
/// nothing; each piece has what is there when it is read, and no sample comes twice.
pub struct Walk {
    series: Arc<Series>,
    tags: Vec<TagWalk>,
    to: Timestamp,
    page: usize,
}

/// Where the walk is with one tag.
#[derive(Debug)]
struct TagWalk {
    key: TagKey,
    /// From here on its samples have not been read.
    from: Timestamp,
    /// Read and not given out, oldest first.
    read: Vec<Sample>,
    ended: bool,
}

impl Walk {
    /// Reads so many samples of a tag at a time, instead of as many as the memory for all of them has room for.
    pub fn in_pages(self, page: usize) -> Self {
        Self { page, ..self }
    }

    /// The next samples in order of time, each with the number of its tag in the order given; of one time in the order of the
    /// tags. None at the end, and never an empty piece.
    ///
    /// # Errors
    /// If the database fails, or a row or a block is broken.
    pub async fn next(&mut self) -> Result<Option<Vec<(usize, Sample)>>, StoreError> {
        for tag in self.tags.iter_mut().filter(|t| t.read.is_empty() && !t.ended) {
            tag.read_on(&*self.series, self.to, self.page).await?;
        }
        // Up to here every tag has been read: what comes later of a tag that has more may follow what is not read yet.
        let unread = self.tags.iter().filter(|t| !t.ended).map(|t| t.from).min();
        let mut piece = Vec::new();
        for (number, tag) in self.tags.iter_mut().enumerate() {
            let read = unread.map_or(tag.read.len(), |time| tag.read.partition_point(|s| s.time < time));
            piece.extend(tag.read.drain(..read).map(|s| (number, s)));
        }
        // Stable: samples of one time stay in the order of the tags.
        piece.sort_by_key(|(_, s)| s.time);
        Ok((!piece.is_empty()).then_some(piece))
    }
}

impl TagWalk {
    async fn read_on(&mut self, series: &Series, to: Timestamp, page: usize) -> Result<(), StoreError> {
        let query = SeriesQuery { limit: Some(page), ..SeriesQuery::default() };
        self.read = read(series, &self.key, self.from, to, query).await?;
        match self.read.last() {
            Some(last) if self.read.len() == page => {
                self.from = Timestamp::from_micros(last.time.as_micros().saturating_add(1))
            }
            _ => self.ended = true,
        }
        Ok(())
    }
}

impl std::fmt::Debug for Histories {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Histories").field("series", &self.series.name()).finish()
    }
}
