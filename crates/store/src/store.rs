//! The store as a whole: open, flush, close, sizes.

use std::{path::Path, sync::Arc};

use sqlx::SqlitePool;
use tokio_util::task::TaskTracker;

use crate::{
    backup,
    error::StoreError,
    file::{MAIN, SAMPLES},
    space::{KeepFree, Space},
    tables::{MainWrite, SeriesWrite},
    url::StoreUrl,
    writer::{Limits, Writer, WriterStats},
};

/// A handle to an open store: cheap to clone, all clones are the same store.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    url: StoreUrl,
    main: Writer<MainWrite>,
    series: Writer<SeriesWrite>,
    main_readers: SqlitePool,
    series_readers: SqlitePool,
    space: Arc<Space>,
}

/// Sizes and counts for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreStats {
    /// The size of `andon.db` with its log, in bytes.
    pub main_bytes: u64,
    /// The size of `andon.samples.db` with its log, in bytes.
    pub samples_bytes: u64,
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
    /// Opens the store at `url`, creating what is missing; its two writers run in `tasks`.
    ///
    /// # Errors
    /// If a file can't be opened, is not SQLite, or was written by a newer version. Both files are looked at before
    /// either is changed.
    pub async fn open(url: &StoreUrl, tasks: &TaskTracker) -> Result<Self, StoreError> {
        Self::open_keeping(url, KeepFree::default(), tasks).await
    }

    /// The same, and says how much of the disk is to stay free; [`look_after_space`](Self::look_after_space) sees to it.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub async fn open_keeping(url: &StoreUrl, keep_free: KeepFree, tasks: &TaskTracker) -> Result<Self, StoreError> {
        Self::open_limited(url, keep_free, None, tasks).await
    }

    /// The same, with at most so many pages in the file of samples.
    pub(crate) async fn open_limited(
        url: &StoreUrl,
        keep_free: KeepFree,
        pages: Option<u32>,
        tasks: &TaskTracker,
    ) -> Result<Self, StoreError> {
        let (main, samples) = (url.main_path(), url.samples_path());
        make_folder(main)?;
        backup::finish_restore(url)
            .map_err(|e| StoreError::Restore { path: main.with_extension("restore"), reason: e.to_string() })?;
        let space = Space::of(main, keep_free);
        MAIN.inspect(main).await?;
        SAMPLES.inspect(&samples).await?;
        MAIN.migrate(main).await?;
        SAMPLES.migrate(&samples).await?;
        let inner = Inner {
            url: url.clone(),
            main: Writer::start(&MAIN, main.to_owned(), Limits { space: space.clone(), pages: None }, tasks).await?,
            series: Writer::start(&SAMPLES, samples.clone(), Limits { space: space.clone(), pages }, tasks).await?,
            main_readers: MAIN.readers(main).await?,
            series_readers: SAMPLES.readers(&samples).await?,
            space,
        };
        tracing::info!(store.url = %url, "The store is open.");
        Ok(Self { inner: Arc::new(inner) })
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

    /// Commits what is queued and closes both files; every clone answers [`StoreError::Closed`] from then on.
    pub async fn close(&self) {
        // Readers go first: the last connection to leave a file also empties its log into it.
        tokio::join!(self.inner.main_readers.close(), self.inner.series_readers.close());
        tokio::join!(self.inner.main.close(), self.inner.series.close());
    }

    /// Where the store is.
    pub fn url(&self) -> &StoreUrl {
        &self.inner.url
    }

    /// Sizes and counts for metrics.
    pub fn stats(&self) -> StoreStats {
        let shed = self.inner.space.shed();
        StoreStats {
            shed_samples: shed.samples,
            shed_scores: shed.scores,
            main_bytes: bytes(self.inner.url.main_path()),
            samples_bytes: bytes(&self.inner.url.samples_path()),
            main: self.inner.main.stats(),
            samples: self.inner.series.stats(),
        }
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

    pub(crate) fn main_readers(&self) -> &SqlitePool {
        &self.inner.main_readers
    }

    pub(crate) fn series_readers(&self) -> &SqlitePool {
        &self.inner.series_readers
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("url", &self.inner.url).finish_non_exhaustive()
    }
}

fn make_folder(file: &Path) -> Result<(), StoreError> {
    match file.parent() {
        Some(folder) if folder != Path::new("") => {
            std::fs::create_dir_all(folder).map_err(|source| StoreError::Folder { path: folder.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// The size of a database file and its write-ahead log.
pub(crate) fn bytes(file: &Path) -> u64 {
    let mut log = file.as_os_str().to_owned();
    log.push("-wal");
    let size = |path: &Path| std::fs::metadata(path).map_or(0, |m| m.len());
    size(file) + size(Path::new(&log))
}
