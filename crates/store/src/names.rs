//! Names of assets and tags, written once: rows carry their numbers.

use std::{collections::HashMap, fmt::Display};

use andon_plant::{AssetName, TagKey};
use sqlx::SqliteConnection;

use crate::error::StoreError;

/// What an error calls a tag.
pub(crate) type Label<'a> = &'a (dyn Display + Sync);

/// The numbers that stand for names in rows.
#[derive(Debug, Default)]
pub(crate) struct Names {
    assets: HashMap<AssetName, i64>,
    tags: HashMap<TagKey, i64>,
}

impl Names {
    pub(crate) async fn asset(&mut self, conn: &mut SqliteConnection, asset: &AssetName) -> Result<i64, StoreError> {
        if let Some(id) = self.assets.get(asset) {
            return Ok(*id);
        }
        let name = asset.as_str();
        sqlx::query!("insert into asset (name) values (?) on conflict do nothing", name).execute(&mut *conn).await?;
        let id = sqlx::query_scalar!(r#"select id as "id!" from asset where name = ?"#, name).fetch_one(conn).await?;
        self.assets.insert(asset.clone(), id);
        Ok(id)
    }

    pub(crate) async fn tag(&mut self, conn: &mut SqliteConnection, key: &TagKey) -> Result<i64, StoreError> {
        if let Some(id) = self.tags.get(key) {
            return Ok(*id);
        }
        let asset = self.asset(&mut *conn, &key.asset).await?;
        let name = key.tag.as_str();
        sqlx::query!("insert into tag (asset_id, name) values (?, ?) on conflict do nothing", asset, name)
            .execute(&mut *conn)
            .await?;
        let id = sqlx::query_scalar!(r#"select id as "id!" from tag where asset_id = ? and name = ?"#, asset, name)
            .fetch_one(conn)
            .await?;
        self.tags.insert(key.clone(), id);
        Ok(id)
    }
}

pub(crate) async fn find_tag(conn: &mut SqliteConnection, key: &TagKey) -> Result<Option<i64>, StoreError> {
    let (asset, tag) = (key.asset.as_str(), key.tag.as_str());
    let id = sqlx::query_scalar!(
        r#"select tag.id as "id!" from tag join asset on asset.id = tag.asset_id where asset.name = ? and tag.name = ?"#,
        asset,
        tag
    )
    .fetch_optional(conn)
    .await?;
    Ok(id)
}

/// How an error names a tag of which only the number is known; reads name it by its key.
pub(crate) fn numbered(tag: i64) -> String {
    format!("tag number {tag}")
}
