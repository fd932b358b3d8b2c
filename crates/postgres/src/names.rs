//! Names and their numbers.

use andon_plant::{AssetName, TagKey, TagName};
use andon_store::engine::NameRows;
use async_trait::async_trait;

use crate::session::{Session, Stored};

#[async_trait]
impl NameRows for Session {
    async fn put_asset(&mut self, asset: &AssetName) -> Stored<i64> {
        if let Some(id) = self.find_asset(asset).await? {
            return Ok(id);
        }
        let id = sqlx::query_scalar!("insert into asset (name) values ($1) returning id", asset.as_str())
            .fetch_one(self.conn())
            .await?;
        Ok(id)
    }

    async fn put_tag(&mut self, asset: i64, tag: &TagName) -> Stored<i64> {
        let found = sqlx::query_scalar!("select id from tag where asset_id = $1 and name = $2", asset, tag.as_str())
            .fetch_optional(self.conn())
            .await?;
        if let Some(id) = found {
            return Ok(id);
        }
        // The 16 tags that share rows of the tail are of one asset: so two processes with an asset each never write to the same part.
        let id = sqlx::query_scalar!(
            "insert into tag (id, asset_id, name)
             select case when own.last % 16 < 15 and not exists (select 1 from tag where id = own.last + 1)
                        then own.last + 1 else (coalesce(every.last, 0) / 16 + 1) * 16 end, $1, $2
             from (select max(id) as last from tag where asset_id = $1) as own, (select max(id) as last from tag) as every
             returning id",
            asset,
            tag.as_str()
        )
        .fetch_one(self.conn())
        .await?;
        Ok(id)
    }

    async fn find_asset(&mut self, asset: &AssetName) -> Stored<Option<i64>> {
        let id = sqlx::query_scalar!("select id from asset where name = $1", asset.as_str())
            .fetch_optional(self.conn())
            .await?;
        Ok(id)
    }

    async fn find_tag(&mut self, key: &TagKey) -> Stored<Option<i64>> {
        let id = sqlx::query_scalar!(
            "select tag.id from tag join asset on asset.id = tag.asset_id where asset.name = $1 and tag.name = $2",
            key.asset.as_str(),
            key.tag.as_str()
        )
        .fetch_optional(self.conn())
        .await?;
        Ok(id)
    }

    async fn tags(&mut self) -> Stored<Vec<i64>> {
        Ok(sqlx::query_scalar!("select id from tag order by id").fetch_all(self.conn()).await?)
    }

    async fn tags_of(&mut self, asset: &AssetName) -> Stored<Vec<i64>> {
        let tags = sqlx::query_scalar!(
            "select tag.id from tag join asset on asset.id = tag.asset_id where asset.name = $1",
            asset.as_str()
        )
        .fetch_all(self.conn())
        .await?;
        Ok(tags)
    }
}
