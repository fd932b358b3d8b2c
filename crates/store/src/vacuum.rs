//! Makes a file small that nobody uses, and lets it give pages back from then on.
//!
//! A new file does so by itself, while it is in use ([`crate::retention`]). One from before that (`pragma auto_vacuum` is 0)
//! has to be written anew once, which takes as much room again.

use sqlx::{ConnectOptions, Connection};

use crate::{
    error::StoreError,
    sqlite::file::{MAIN, SAMPLES},
    store::bytes,
    url::SqliteUrl,
};

/// Writes both files anew without their free pages; their sizes before and after, in bytes.
///
/// # Errors
/// If a file is not there, is not of this version, is in use, or its disk has no room for it twice: then it is as it was.
#[tracing::instrument(name = "store.vacuum", skip_all)]
pub async fn vacuum(url: &SqliteUrl) -> Result<(u64, u64), StoreError> {
    let places = [(&MAIN, url.main_path().to_owned()), (&SAMPLES, url.samples_path())];
    let size = || places.iter().map(|(_, path)| bytes(path)).sum();
    let before = size();
    for (file, path) in &places {
        let opening = |source| StoreError::Open { path: path.clone(), source };
        if !path.exists() {
            return Err(opening(sqlx::Error::Io(std::io::ErrorKind::NotFound.into())));
        }
        file.inspect(path).await?;
        // The options of every connection say how pages are given back; it counts from the next `vacuum` on.
        let mut conn = file.options(path).connect().await.map_err(opening)?;
        sqlx::query("vacuum").execute(&mut conn).await.map_err(opening)?;
        conn.close().await?;
    }
    Ok((before, size()))
}
