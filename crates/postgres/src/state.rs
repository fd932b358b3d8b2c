//! What a restart goes on from.

use andon_store::engine::StateRows;
use async_trait::async_trait;

use crate::session::{Session, Stored};

#[async_trait]
impl StateRows for Session {
    async fn put_state(&mut self, key: &str, json: &str) -> Stored<()> {
        sqlx::query!(
            "insert into state (key, json) values ($1, $2) on conflict (key) do update set json = excluded.json",
            key,
            json
        )
        .execute(self.conn())
        .await?;
        Ok(())
    }

    async fn state(&mut self, key: &str) -> Stored<Option<String>> {
        Ok(sqlx::query_scalar!("select json from state where key = $1", key).fetch_optional(self.conn()).await?)
    }
}
