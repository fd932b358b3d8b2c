//! What a restart goes on from: small JSON documents by key, such as an asset's conditions or its threshold.

use serde::{Serialize, de::DeserializeOwned};
use sqlx::SqliteConnection;

use crate::{error::StoreError, store::Store, tables::MainWrite};

impl Store {
    /// Writes the document at `key`, replacing what was there. When this returns, it is on the disk.
    ///
    /// JSON has no NaN and no infinity: a type that can hold them should map them to an `Option`.
    ///
    /// # Errors
    /// If `value` has no JSON, the database fails, or the store is closed.
    pub async fn put_state<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> Result<(), StoreError> {
        let json = serde_json::to_string(value).map_err(|e| failed(key, e))?;
        self.main().commit(MainWrite::PutState { key: key.to_owned(), json }).await.map(drop)
    }

    /// The document at `key`.
    ///
    /// # Errors
    /// If it is not a `T` or the database fails.
    pub async fn get_state<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, StoreError> {
        let json = sqlx::query_scalar!("select json from state where key = ?", key)
            .fetch_optional(self.main_readers())
            .await?;
        json.map(|json| serde_json::from_str(&json).map_err(|e| failed(key, e))).transpose()
    }
}

fn failed(key: &str, source: serde_json::Error) -> StoreError {
    StoreError::State { key: key.to_owned(), source }
}

pub(crate) async fn put(conn: &mut SqliteConnection, key: &str, json: &str) -> Result<i64, StoreError> {
    sqlx::query!(
        "insert into state (key, json) values (?, ?) on conflict (key) do update set json = excluded.json",
        key,
        json
    )
    .execute(conn)
    .await?;
    Ok(1)
}
