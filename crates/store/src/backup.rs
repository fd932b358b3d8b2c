//! A backup: both files and a manifest in one, written while the store is in use, and put back as a whole or not at all.
//!
//! SQLite copies each file as it is at one moment (`vacuum into`: a reader like any other, which holds up no writer), the
//! alarms a little before the samples. The archive is a tar, compressed by zstd: `manifest.json` with the size and the
//! SHA-256 of each file, then `andon.db` and `andon.samples.db`. It is read and written as a stream.
//!
//! Putting it back: the files are unpacked and checked beside the store, in `andon.restore.partial`, which is renamed to
//! `andon.restore` once all of it is on the disk. From then on the backup *is* the store: whoever opens it next moves the files
//! to their places, also after a power cut in the middle of that.

mod archive;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use andon_plant::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::{ConnectOptions, Connection};

use crate::{
    error::StoreError,
    sqlite::file::{DatabaseFile, MAIN, SAMPLES},
    url::SqliteUrl,
};

/// What the files are called in a backup.
const NAMES: [&str; 2] = ["andon.db", "andon.samples.db"];
const FORMAT: u32 = 1;

/// What is in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupManifest {
    /// The version of the archive's own layout.
    pub format: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// The release that made it.
    pub release: String,
    /// The files in it, in their order.
    pub files: Vec<BackupFile>,
}

/// One file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupFile {
    /// Its name there.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Its checksum, in hexadecimal digits.
    pub sha256: String,
}

/// A backup could not be made or put back.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is something at that path.
    #[error("{0} is there already: nothing is overwritten; name another file, or move it away")]
    Exists(PathBuf),
    /// There is nothing to back up.
    #[error("there is no store at {0}: nothing to back up; is this the right configuration?")]
    NoStore(PathBuf),
    /// A store would be replaced.
    #[error("there is a store at {0}, which would be replaced; move it away, or say `--force`")]
    WouldReplace(PathBuf),
    /// The file is something else, or damaged.
    #[error("{path} is not a backup, or is damaged: {reason}; nothing was changed, take another one")]
    Damaged {
        /// The backup.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file can't be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl BackupError {
    fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        |source| BackupError::File { path: path.to_owned(), source }
    }
}

/// Writes both files of a store into one at `to`, whether the store is in use or not. While this runs it takes as much room
/// again as the store, beside `to`.
///
/// # Errors
/// If there is something at `to` (it is not touched), there is no store, or a file fails: then nothing is left of it.
#[tracing::instrument(name = "store.backup.write", skip_all)]
pub async fn write_backup(url: &SqliteUrl, to: &Path, created_at: Timestamp) -> Result<BackupManifest, BackupError> {
    if to.exists() {
        return Err(BackupError::Exists(to.to_owned()));
    }
    let folder = to.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    let scratch = tempfile::Builder::new().prefix(".andon-backup-").tempdir_in(folder);
    let scratch = scratch.map_err(BackupError::file(folder))?;
    let places: [(&DatabaseFile, PathBuf); 2] = [(&MAIN, url.main_path().to_owned()), (&SAMPLES, url.samples_path())];
    for ((file, path), name) in places.iter().zip(NAMES) {
        if !path.exists() {
            return Err(BackupError::NoStore(path.clone()));
        }
        file.inspect(path).await?;
        copy(file, path, &scratch.path().join(name)).await?;
    }
    let to = to.to_owned();
    let written = move || archive::write(scratch.path(), &to, created_at);
    tokio::task::spawn_blocking(written).await.unwrap_or_else(|e| Err(archive::ended(e)))
}

/// A copy of a file as it is at one moment, without its free pages.
async fn copy(file: &DatabaseFile, from: &Path, to: &Path) -> Result<(), BackupError> {
    let copied = async {
        let mut conn = file.reader(from).connect().await?;
        // Not a checked query: SQLite can't describe it.
        sqlx::query("vacuum into ?").bind(to.to_string_lossy().into_owned()).execute(&mut conn).await?;
        conn.close().await
    };
    copied.await.map_err(|source| StoreError::Open { path: from.to_owned(), source }.into())
}

/// Puts a backup in the place of a store that nobody uses: checked first, then all of it or nothing. With `replace`, what was
/// there is gone.
///
/// # Errors
/// If there is a store and it is not to be replaced, the backup is damaged or of a newer version, or a file fails: then
/// nothing has changed.
#[tracing::instrument(name = "store.backup.restore", skip_all)]
pub async fn restore_backup(from: &Path, url: &SqliteUrl, replace: bool) -> Result<BackupManifest, BackupError> {
    let places = [url.main_path().to_owned(), url.samples_path()];
    if let Some(there) = places.iter().find(|path| path.exists()).filter(|_| !replace) {
        return Err(BackupError::WouldReplace(there.clone()));
    }
    let partial = url.main_path().with_extension("restore.partial");
    let (unpacked, source) = (partial.clone(), from.to_owned());
    let read = move || archive::read(&source, &unpacked);
    let read = tokio::task::spawn_blocking(read).await.unwrap_or_else(|e| Err(archive::ended(e)));
    let checked = async {
        let manifest = read?;
        for (file, name) in [&MAIN, &SAMPLES].into_iter().zip(NAMES) {
            file.inspect(&partial.join(name)).await?;
        }
        Ok(manifest)
    };
    let manifest = match checked.await {
        Ok(manifest) => manifest,
        Err(error) => {
            fs::remove_dir_all(&partial).ok();
            return Err(error);
        }
    };
    archive::flush_folder(&partial)?;
    let whole = pending(url);
    fs::rename(&partial, &whole).map_err(BackupError::file(&whole))?;
    archive::flush_folder(folder_of(&whole))?;
    finish_restore(url)?;
    Ok(manifest)
}

/// Moves the files of a backup that is to be put back to their places; nothing where there is none. However often it is
/// interrupted, the next call goes on.
pub(crate) fn finish_restore(url: &SqliteUrl) -> Result<(), BackupError> {
    let whole = pending(url);
    if !whole.is_dir() {
        return Ok(());
    }
    for (name, place) in NAMES.into_iter().zip([url.main_path().to_owned(), url.samples_path()]) {
        let file = whole.join(name);
        if file.exists() {
            // The log is of the file that goes.
            for log in ["-wal", "-shm"] {
                let mut log_of = place.as_os_str().to_owned();
                log_of.push(log);
                remove(Path::new(&log_of))?;
            }
            fs::rename(&file, &place).map_err(BackupError::file(&place))?;
        }
    }
    archive::flush_folder(folder_of(&whole))?;
    fs::remove_dir_all(&whole).map_err(BackupError::file(&whole))
}

/// Where a backup is that has been checked and is to be put back.
fn pending(url: &SqliteUrl) -> PathBuf {
    url.main_path().with_extension("restore")
}

fn remove(path: &Path) -> Result<(), BackupError> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(BackupError::file(path)(e)),
        _ => Ok(()),
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."))
}
