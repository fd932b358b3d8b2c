//! Room within the file of samples.

use async_trait::async_trait;
use sqlx::SqliteConnection;

use super::shedding;
use crate::{
    error::StoreError,
    space::{Pages, RoomRows, Shed},
};

/// Pages given back in one step, 2 MB: few enough for the log on a disk that is full.
const STEP: &str = "pragma incremental_vacuum(500)";

// Not checked queries: SQLite can't describe a pragma.
#[async_trait]
impl RoomRows for SqliteConnection {
    async fn pages(&mut self) -> Result<Pages, StoreError> {
        Ok(Pages {
            free: free_pages(&mut *self).await?,
            all: sqlx::query_scalar("pragma page_count").fetch_one(&mut *self).await?,
            bytes: sqlx::query_scalar("pragma page_size").fetch_one(self).await?,
        })
    }

    async fn shrink(&mut self) -> Result<i64, StoreError> {
        let free = free_pages(&mut *self).await?;
        sqlx::query(STEP).execute(&mut *self).await?;
        let left = free_pages(self).await?;
        // A file from before blocks keeps them for new rows.
        Ok(if left < free { left } else { 0 })
    }

    async fn shed(&mut self) -> Result<Shed, StoreError> {
        shedding::step(self).await
    }
}

async fn free_pages(conn: &mut SqliteConnection) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("pragma freelist_count").fetch_one(conn).await?)
}
