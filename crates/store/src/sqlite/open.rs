//! Opening a store whose engine is SQLite.

use std::{path::Path, sync::Arc};

use tokio_util::task::TaskTracker;

use super::{
    database::SqliteDatabase,
    file::{MAIN, SAMPLES},
};
use crate::{
    backup,
    engine::{Engine, Series},
    error::StoreError,
    space::{KeepFree, Space},
    store::Store,
    url::SqliteUrl,
    walk::Histories,
};

impl Store {
    /// Opens the store at `url`, creating what is missing; its two writers run in `tasks`.
    ///
    /// # Errors
    /// If a file can't be opened, is not SQLite, or was written by a newer version. Both files are looked at before
    /// either is changed.
    pub async fn open(url: &SqliteUrl, tasks: &TaskTracker) -> Result<Self, StoreError> {
        Self::open_keeping(url, KeepFree::default(), tasks).await
    }

    /// The same, and says how much of the disk is to stay free; [`look_after_space`](Self::look_after_space) sees to it.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub async fn open_keeping(url: &SqliteUrl, keep_free: KeepFree, tasks: &TaskTracker) -> Result<Self, StoreError> {
        Self::open_limited(url, keep_free, None, tasks).await
    }

    /// The same, with at most so many pages in the file of samples.
    pub(crate) async fn open_limited(
        url: &SqliteUrl,
        keep_free: KeepFree,
        pages: Option<u32>,
        tasks: &TaskTracker,
    ) -> Result<Self, StoreError> {
        prepare(url)?;
        let space = Space::of(url.main_path(), keep_free);
        Self::start(engine(url, pages).await?, url.to_string(), space, tasks).await
    }
}

impl Engine {
    /// The databases of the store at `url`, without what writes in it; files that are missing are made.
    ///
    /// # Errors
    /// As for [`Store::open`].
    pub async fn open(url: &SqliteUrl) -> Result<Self, StoreError> {
        prepare(url)?;
        engine(url, None).await
    }
}

impl Histories {
    /// Opens the samples of the store at `url` for reading alone. Whoever writes there is not disturbed and goes on.
    ///
    /// # Errors
    /// If there is no store, it is none of this version, or it can't be opened.
    pub async fn open(url: &SqliteUrl) -> Result<Self, StoreError> {
        let path = url.samples_path();
        if !path.is_file() {
            return Err(StoreError::NoStore { path });
        }
        SAMPLES.inspect(&path).await?;
        if !SAMPLES.is_current(&path).await? {
            return Err(StoreError::Older { path });
        }
        let series: Arc<Series> = Arc::new(SqliteDatabase::open(&SAMPLES, path, None).await?);
        Ok(Self::of(series))
    }
}

/// Makes the folder, and finishes what a restored backup has left to do.
fn prepare(url: &SqliteUrl) -> Result<(), StoreError> {
    let main = url.main_path();
    make_folder(main)?;
    backup::finish_restore(url)
        .map_err(|e| StoreError::Restore { path: main.with_extension("restore"), reason: e.to_string() })
}

/// Both files, up to date; the one of samples with at most so many pages.
async fn engine(url: &SqliteUrl, pages: Option<u32>) -> Result<Engine, StoreError> {
    let (main, samples) = (url.main_path(), url.samples_path());
    MAIN.inspect(main).await?;
    SAMPLES.inspect(&samples).await?;
    MAIN.migrate(main).await?;
    SAMPLES.migrate(&samples).await?;
    Ok(Engine {
        main: Arc::new(SqliteDatabase::open(&MAIN, main.to_owned(), None).await?),
        series: Arc::new(SqliteDatabase::open(&SAMPLES, samples, pages).await?),
    })
}

fn make_folder(file: &Path) -> Result<(), StoreError> {
    match file.parent() {
        Some(folder) if folder != Path::new("") => {
            std::fs::create_dir_all(folder).map_err(|source| StoreError::Folder { path: folder.to_owned(), source })
        }
        _ => Ok(()),
    }
}
