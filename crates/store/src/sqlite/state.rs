//! What a restart goes on from.

use async_trait::async_trait;
use sqlx::SqliteConnection;

use crate::{error::StoreError, state::StateRows};

#[async_trait]
impl StateRows for SqliteConnection {
    async fn put_state(&mut self, key: &str, json: &str) -> Result<(), StoreError> {
        sqlx::query!(
            "insert into state (key, json) values (?, ?) on conflict (key) do update set json = excluded.json",
            key,
            json
        )
        .execute(self)
        .await?;
        Ok(())
    }

    async fn state(&mut self, key: &str) -> Result<Option<String>, StoreError> {
        Ok(sqlx::query_scalar!("select json from state where key = ?", key).fetch_optional(self).await?)
    }
}
