//! Models, weights included.

use andon_plant::{AssetName, Timestamp};
use andon_store::{
    ModelInfo, NewModel,
    engine::{ModelRow, ModelRows},
};
use async_trait::async_trait;

use crate::session::{Session, Stored};

#[async_trait]
impl ModelRows for Session {
    async fn add_model(&mut self, model: &NewModel) -> Stored<i64> {
        let version = sqlx::query_scalar!(
            r#"insert into model (asset, version, created_at_us, active, manifest, metrics, weights)
               select $1, coalesce(max(version), 0) + 1, $2, false, $3, $4, $5 from model where asset = $1
               returning version"#,
            model.asset.as_str(),
            model.created_at.as_micros(),
            model.manifest,
            model.metrics,
            model.weights
        )
        .fetch_one(self.conn())
        .await?;
        Ok(version)
    }

    async fn activate_model(&mut self, asset: &AssetName, version: i64) -> Stored<bool> {
        // In this order, because no two may be active even for a moment.
        sqlx::query!("update model set active = false where asset = $1 and active", asset.as_str())
            .execute(self.conn())
            .await?;
        let set =
            sqlx::query!("update model set active = true where asset = $1 and version = $2", asset.as_str(), version)
                .execute(self.conn())
                .await?;
        Ok(set.rows_affected() > 0)
    }

    async fn active_model(&mut self, asset: &AssetName) -> Stored<Option<ModelRow>> {
        let row = sqlx::query_as!(
            ModelRow,
            "select version, created_at_us, manifest, metrics, weights from model where asset = $1 and active",
            asset.as_str()
        )
        .fetch_optional(self.conn())
        .await?;
        Ok(row)
    }

    async fn models(&mut self, asset: &AssetName) -> Stored<Vec<ModelInfo>> {
        let rows = sqlx::query!(
            "select version, created_at_us, active, metrics from model where asset = $1 order by version desc",
            asset.as_str()
        )
        .map(|row| ModelInfo {
            asset: asset.clone(),
            version: row.version,
            created_at: Timestamp::from_micros(row.created_at_us),
            active: row.active,
            metrics: row.metrics,
        })
        .fetch_all(self.conn())
        .await?;
        Ok(rows)
    }
}
