//! The store as a whole: start, flush, close, sizes.

use std::{path::Path, sync::Arc};

use tokio_util::task::TaskTracker;

use crate::{
    engine::{Engine, Main, Series},
    error::StoreError,
    moving,
    space::Space,
    tables::{MainWrite, SeriesWrite},
    writer::{Writer, WriterStats},
};

/// A handle to an open store: cheap to clone, all clones are the same store.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Engine,
    place: String,
    main: Writer<MainWrite>,
    series: Writer<SeriesWrite>,
    space: Arc<Space>,
}

/// Sizes and counts for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreStats {
    /// The size of `andon.db` with its log, in bytes; none where the database is a server's.
    pub main_bytes: Option<u64>,
    /// The size of `andon.samples.db` with its log, in bytes; none where the database is a server's.
    pub samples_bytes: Option<u64>,
    /// Samples deleted before their time since the store was opened, because the disk was full.
    pub shed_samples: u64,
    /// Rows of scores and expected values deleted before their time.
    pub shed_scores: u64,
    /// The writer of alarms, models and state.
    pub main: WriterStats,
    /// The writer of samples and scores.
    pub samples: WriterStats,
}

impl Store {
    /// Starts the store of an engine whose tables are up to date; its two writers run in `tasks`. `place` is what the log calls
    /// it, without a password.
    ///
    /// # Errors
    /// If a database can't be connected to, or has only a part of a store that is moved to it.
    pub async fn start(
        engine: Engine,
        place: String,
        space: Arc<Space>,
        tasks: &TaskTracker,
    ) -> Result<Self, StoreError> {
        moving::refuse_part(&engine, &place).await?;
        let main = Writer::start(engine.main.clone(), space.clone(), tasks).await?;
        let series = Writer::start(engine.series.clone(), space.clone(), tasks).await?;
        tracing::info!(store.url = %place, "The store is open.");
        Ok(Self { inner: Arc::new(Inner { engine, place, main, series, space }) })
    }

    /// Waits until everything queued before is committed. What is committed survives kill -9.
    ///
    /// # Errors
    /// If queued rows were refused by the database since the last flush (they are counted in [`WriterStats`]), or the
    /// store is closed.
    pub async fn flush(&self) -> Result<(), StoreError> {
        let (main, series) = tokio::join!(self.inner.main.flush(), self.inner.series.flush());
        main.and(series)
    }

    /// Commits what is queued and closes both databases; every clone answers [`StoreError::Closed`] from then on.
    pub async fn close(&self) {
        // Readers go first: the last connection to leave a file of SQLite also empties its log into it.
        tokio::join!(self.inner.engine.main.close(), self.inner.engine.series.close());
        tokio::join!(self.inner.main.close(), self.inner.series.close());
    }

    /// Sizes and counts for metrics.
    pub fn stats(&self) -> StoreStats {
        let shed = self.inner.space.shed();
        StoreStats {
            shed_samples: shed.samples,
            shed_scores: shed.scores,
            main_bytes: self.inner.engine.main.bytes(),
            samples_bytes: self.inner.engine.series.bytes(),
            main: self.inner.main.stats(),
            samples: self.inner.series.stats(),
        }
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.inner.engine
    }

    pub(crate) fn main_tables(&self) -> &Main {
        &*self.inner.engine.main
    }

    pub(crate) fn series_tables(&self) -> &Series {
        &*self.inner.engine.series
    }

    pub(crate) fn main(&self) -> &Writer<MainWrite> {
        &self.inner.main
    }

    pub(crate) fn series(&self) -> &Writer<SeriesWrite> {
        &self.inner.series
    }

    pub(crate) fn space(&self) -> &Space {
        &self.inner.space
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("place", &self.inner.place).finish_non_exhaustive()
    }
}

/// The size of a database file and its write-ahead log.
pub(crate) fn bytes(file: &Path) -> u64 {
    let mut log = file.as_os_str().to_owned();
    log.push("-wal");
    let size = |path: &Path| std::fs::metadata(path).map_or(0, |m| m.len());
    size(file) + size(Path::new(&log))
}
