//! Versions of each asset's model, weights included.

use andon_plant::{AssetName, Timestamp};
use async_trait::async_trait;

use crate::{engine::MainRows, error::StoreError, store::Store, tables::MainWrite};

/// A model to add.
#[derive(Debug, Clone, PartialEq)]
pub struct NewModel {
    /// Whose model it is.
    pub asset: AssetName,
    /// When it was trained.
    pub created_at: Timestamp,
    /// What it is: tags, window, normalisation, modes, tails and thresholds, as JSON. Kept to the byte.
    pub manifest: String,
    /// How well it did, as JSON.
    pub metrics: String,
    /// The weights file, kept to the byte.
    pub weights: Vec<u8>,
    /// Whether to use it from now on.
    pub activate: bool,
}

/// One version of an asset's model, without manifest and weights.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelInfo {
    /// Whose model it is.
    pub asset: AssetName,
    /// 1 for an asset's first model, and one more for each that follows.
    pub version: i64,
    /// When it was trained.
    pub created_at: Timestamp,
    /// Whether it is the one in use.
    pub active: bool,
    /// How well it did, as JSON.
    pub metrics: String,
}

/// One version of an asset's model, whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// What it is called and how well it did.
    pub info: ModelInfo,
    /// What it is, as JSON.
    pub manifest: String,
    /// The weights file.
    pub weights: Vec<u8>,
}

impl Store {
    /// Adds a model and returns its version. When this returns, the model is on the disk.
    ///
    /// # Errors
    /// If the database fails (then nothing was written) or the store is closed.
    #[tracing::instrument(name = "store.model.insert", skip_all, fields(asset = %model.asset))]
    pub async fn add_model(&self, model: NewModel) -> Result<i64, StoreError> {
        self.main().commit(MainWrite::AddModel(model)).await
    }

    /// Uses this version from now on, and no other.
    ///
    /// # Errors
    /// If there is no such version (then nothing changes), the database fails, or the store is closed.
    pub async fn activate_model(&self, asset: &AssetName, version: i64) -> Result<(), StoreError> {
        self.main().commit(MainWrite::ActivateModel { asset: asset.clone(), version }).await.map(drop)
    }

    /// The model in use.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn active_model(&self, asset: &AssetName) -> Result<Option<Model>, StoreError> {
        let row = self.main_tables().snapshot().await?.rows().active_model(asset).await?;
        Ok(row.map(|row| Model {
            info: ModelInfo {
                asset: asset.clone(),
                version: row.version,
                created_at: Timestamp::from_micros(row.created_at_us),
                active: true,
                metrics: row.metrics,
            },
            manifest: row.manifest,
            weights: row.weights,
        }))
    }

    /// Every version of an asset's model, newest first.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn models(&self, asset: &AssetName) -> Result<Vec<ModelInfo>, StoreError> {
        self.main_tables().snapshot().await?.rows().models(asset).await
    }
}

/// Rows of models.
#[async_trait]
pub trait ModelRows: Send {
    /// Writes a model that is not in use, as one version more than the last of its asset, which is returned.
    async fn add_model(&mut self, model: &NewModel) -> Result<i64, StoreError>;

    /// Uses this version and no other; false where there is no such version.
    async fn activate_model(&mut self, asset: &AssetName, version: i64) -> Result<bool, StoreError>;

    /// The model in use.
    async fn active_model(&mut self, asset: &AssetName) -> Result<Option<ModelRow>, StoreError>;

    /// Every version of an asset's model, newest first.
    async fn models(&mut self, asset: &AssetName) -> Result<Vec<ModelInfo>, StoreError>;
}

/// A model as it is stored.
#[derive(Debug)]
pub struct ModelRow {
    /// 1 for an asset's first model.
    pub version: i64,
    /// When it was trained.
    pub created_at_us: i64,
    /// What it is, as JSON.
    pub manifest: String,
    /// How well it did, as JSON.
    pub metrics: String,
    /// The weights file.
    pub weights: Vec<u8>,
}

pub(crate) async fn insert(conn: &mut dyn MainRows, model: &NewModel) -> Result<i64, StoreError> {
    let version = conn.add_model(model).await?;
    if model.activate {
        set_active(conn, &model.asset, version).await?;
    }
    Ok(version)
}

pub(crate) async fn set_active(conn: &mut dyn MainRows, asset: &AssetName, version: i64) -> Result<i64, StoreError> {
    match conn.activate_model(asset, version).await? {
        true => Ok(version),
        false => Err(StoreError::NoSuchModel { asset: asset.clone(), version }),
    }
}
