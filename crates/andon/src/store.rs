//! Which engine a store's URL means.

use andon_store::{Histories, KeepFree, Place, SqliteUrl, Store, StoreError, StoreUrl, engine::Engine};
use tokio_util::task::TaskTracker;

/// Opens a store, and makes or updates its files or tables; its writers run until it is closed. `member` is the name under which
/// this process shares it with others.
///
/// # Errors
/// If it can't be opened.
pub async fn open(url: &StoreUrl, keep_free: KeepFree, member: Option<&str>) -> Result<Store, StoreError> {
    let tasks = TaskTracker::new();
    match (url, member) {
        (StoreUrl::Sqlite(url), _) => Store::open_keeping(url, keep_free, &tasks).await,
        (StoreUrl::Postgres(url), None) => andon_postgres::open(url, &tasks).await,
        (StoreUrl::Postgres(url), Some(name)) => andon_postgres::open_member(url, name, &tasks).await,
    }
}

/// Opens the samples of a store for reading alone.
///
/// # Errors
/// If there is none, or it can't be opened.
pub async fn open_histories(url: &StoreUrl) -> Result<Histories, StoreError> {
    match url {
        StoreUrl::Sqlite(url) => Histories::open(url).await,
        StoreUrl::Postgres(url) => andon_postgres::open_histories(url).await,
    }
}

/// The databases of a store that nobody uses, to be moved; files or tables are made or updated. Files are called by their whole
/// path, from whichever folder they are named.
///
/// # Errors
/// If it can't be opened, or another process uses it.
pub async fn place(url: &StoreUrl) -> Result<Place, StoreError> {
    match url {
        StoreUrl::Sqlite(url) => {
            let engine = Engine::open(url).await?;
            let path = url.main_path().canonicalize();
            let path = path.map_err(|source| StoreError::Folder { path: url.main_path().to_owned(), source })?;
            Ok(Place { engine, name: format!("sqlite://{}", path.display()) })
        }
        StoreUrl::Postgres(url) => Ok(Place { engine: andon_postgres::open_alone(url).await?, name: url.to_string() }),
    }
}

/// The files of a store, for what only files need.
///
/// # Errors
/// If the store is a server's: the server has programs of its own for that.
pub fn files(url: StoreUrl) -> anyhow::Result<SqliteUrl> {
    match url {
        StoreUrl::Sqlite(url) => Ok(url),
        StoreUrl::Postgres(url) => anyhow::bail!(
            "the store is {url}, and this is for a store in files; use the server's own programs, such as pg_dump, pg_restore, \
             pg_amcheck and vacuumdb"
        ),
    }
}
