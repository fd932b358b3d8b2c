//! Models, weights included.

use andon_plant::{AssetName, Timestamp};
use async_trait::async_trait;
use sqlx::SqliteConnection;

use crate::{
    error::StoreError,
    models::{ModelInfo, ModelRow, ModelRows, NewModel},
};

#[async_trait]
impl ModelRows for SqliteConnection {
    async fn add_model(&mut self, model: &NewModel) -> Result<i64, StoreError> {
        let (asset, created_us) = (model.asset.as_str(), model.created_at.as_micros());
        let version = sqlx::query_scalar!(
            r#"select coalesce(max(version), 0) + 1 as "version!: i64" from model where asset = ?"#,
            asset
        )
        .fetch_one(&mut *self)
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
        .execute(self)
        .await?;
        Ok(version)
    }

    async fn activate_model(&mut self, asset: &AssetName, version: i64) -> Result<bool, StoreError> {
        let name = asset.as_str();
        // In this order, because no two may be active even for a moment.
        sqlx::query!("update model set active = 0 where asset = ? and active = 1", name).execute(&mut *self).await?;
        let set = sqlx::query!("update model set active = 1 where asset = ? and version = ?", name, version)
            .execute(self)
            .await?;
        Ok(set.rows_affected() > 0)
    }

    async fn active_model(&mut self, asset: &AssetName) -> Result<Option<ModelRow>, StoreError> {
        let name = asset.as_str();
        let row = sqlx::query_as!(
            ModelRow,
            "select version, created_at_us, manifest, metrics, weights from model where asset = ? and active = 1",
            name
        )
        .fetch_optional(self)
        .await?;
        Ok(row)
    }

    async fn models(&mut self, asset: &AssetName) -> Result<Vec<ModelInfo>, StoreError> {
        let name = asset.as_str();
        let rows = sqlx::query!(
            r#"select version, created_at_us, active as "active: bool", metrics from model where asset = ?
               order by version desc"#,
            name
        )
        .map(|row| ModelInfo {
            asset: asset.clone(),
            version: row.version,
            created_at: Timestamp::from_micros(row.created_at_us),
            active: row.active,
            metrics: row.metrics,
        })
        .fetch_all(self)
        .await?;
        Ok(rows)
    }
}
