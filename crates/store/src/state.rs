//! What a restart goes on from: small JSON documents by key, such as an asset's conditions or its threshold.

use async_trait::async_trait;
use serde::{Serialize, de::DeserializeOwned};

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
        let json = self.main_tables().snapshot().await?.rows().state(key).await?;
        json.map(|json| serde_json::from_str(&json).map_err(|e| failed(key, e))).transpose()
    }
}

fn failed(key: &str, source: serde_json::Error) -> StoreError {
    StoreError::State { key: key.to_owned(), source }
}

/// Rows of state.
#[async_trait]
pub trait StateRows: Send {
    /// Writes the document at a key, replacing what was there.
    async fn put_state(&mut self, key: &str, json: &str) -> Result<(), StoreError>;

    /// The document at a key.
    async fn state(&mut self, key: &str) -> Result<Option<String>, StoreError>;
}
