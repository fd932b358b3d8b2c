//! Names and their numbers.

use andon_plant::{AssetName, TagKey, TagName};
use async_trait::async_trait;
use sqlx::SqliteConnection;

use crate::{error::StoreError, names::NameRows};

#[async_trait]
impl NameRows for SqliteConnection {
    async fn put_asset(&mut self, asset: &AssetName) -> Result<i64, StoreError> {
        let name = asset.as_str();
        sqlx::query!("insert into asset (name) values (?) on conflict do nothing", name).execute(&mut *self).await?;
        let id = sqlx::query_scalar!(r#"select id as "id!" from asset where name = ?"#, name).fetch_one(self).await?;
        Ok(id)
    }

    async fn put_tag(&mut self, asset: i64, tag: &TagName) -> Result<i64, StoreError> {
        let name = tag.as_str();
        sqlx::query!("insert into tag (asset_id, name) values (?, ?) on conflict do nothing", asset, name)
            .execute(&mut *self)
            .await?;
        let id = sqlx::query_scalar!(r#"select id as "id!" from tag where asset_id = ? and name = ?"#, asset, name)
            .fetch_one(self)
            .await?;
        Ok(id)
    }

    async fn find_asset(&mut self, asset: &AssetName) -> Result<Option<i64>, StoreError> {
        let name = asset.as_str();
        let id =
            sqlx::query_scalar!(r#"select id as "id!" from asset where name = ?"#, name).fetch_optional(self).await?;
        Ok(id)
    }

    async fn find_tag(&mut self, key: &TagKey) -> Result<Option<i64>, StoreError> {
        let (asset, tag) = (key.asset.as_str(), key.tag.as_str());
        let id = sqlx::query_scalar!(
            r#"select tag.id as "id!" from tag join asset on asset.id = tag.asset_id where asset.name = ? and tag.name = ?"#,
            asset,
            tag
        )
        .fetch_optional(self)
        .await?;
        Ok(id)
    }

    async fn tags(&mut self) -> Result<Vec<i64>, StoreError> {
        Ok(sqlx::query_scalar!(r#"select id as "id!" from tag order by id"#).fetch_all(self).await?)
    }

    async fn tags_of(&mut self, asset: &AssetName) -> Result<Vec<i64>, StoreError> {
        let name = asset.as_str();
        let tags = sqlx::query_scalar!(
            r#"select tag.id as "id!" from tag join asset on asset.id = tag.asset_id where asset.name = ?"#,
            name
        )
        .fetch_all(self)
        .await?;
        Ok(tags)
    }
}
