//! Versions of each asset's model, weights included.

use andon_plant::{AssetName, Timestamp};
use sqlx::SqliteConnection;

use crate::{error::StoreError, store::Store, tables::MainWrite};

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
        let name = asset.as_str();
        let row = sqlx::query!(
            "select version, created_at_us, manifest, metrics, weights from model where asset = ? and active = 1",
            name
        )
        .fetch_optional(self.main_readers())
        .await?;
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
        let name = asset.as_str();
        let rows = sqlx::query!(
            r#"select version, created_at_us, active as "active: bool", metrics from model where asset = ?
               order by version desc"#,
            name
        )
        .fetch_all(self.main_readers())
        .await?;
        let info = |version, created_at_us, active, metrics| ModelInfo {
            asset: asset.clone(),
            version,
            created_at: Timestamp::from_micros(created_at_us),
            active,
            metrics,
        };
        Ok(rows.into_iter().map(|r| info(r.version, r.created_at_us, r.active, r.metrics)).collect())
    }
}

pub(crate) async fn insert(conn: &mut SqliteConnection, model: &NewModel) -> Result<i64, StoreError> {
    let (asset, created_us) = (model.asset.as_str(), model.created_at.as_micros());
    let version = sqlx::query_scalar!(
        r#"select coalesce(max(version), 0) + 1 as "version!: i64" from model where asset = ?"#,
        asset
    )
    .fetch_one(&mut *conn)
    .await?;
    sqlx::query!(
        "insert into model (asset, version, created_at_us, active, manifest, metrics, weights)
         values (?, ?, ?, 0, ?, ?, ?)",
        asset,
        version,
        created_us,
        model.manifest,
        model.metrics,
        model.weights
    )
    .execute(&mut *conn)
    .await?;
    if model.activate {
        set_active(conn, &model.asset, version).await?;
    }
    Ok(version)
}

pub(crate) async fn set_active(
    conn: &mut SqliteConnection,
    asset: &AssetName,
    version: i64,
) -> Result<i64, StoreError> {
    let name = asset.as_str();
    // In this order, because no two may be active even for a moment.
    sqlx::query!("update model set active = 0 where asset = ? and active = 1", name).execute(&mut *conn).await?;
    let set = sqlx::query!("update model set active = 1 where asset = ? and version = ?", name, version)
        .execute(conn)
        .await?;
    match set.rows_affected() {
        0 => Err(StoreError::NoSuchModel { asset: asset.clone(), version }),
        _ => Ok(version),
    }
}
