//! Names of assets and tags, written once: rows carry their numbers.

use std::{collections::HashMap, fmt::Display};

use andon_plant::{AssetName, TagKey, TagName};
use async_trait::async_trait;

use crate::{engine::SeriesRows, error::StoreError};

/// What an error calls a tag.
pub(crate) type Label<'a> = &'a (dyn Display + Sync);

/// Names and their numbers.
#[async_trait]
pub trait NameRows: Send {
    /// The number of an asset, which it is given if it has none.
    async fn put_asset(&mut self, asset: &AssetName) -> Result<i64, StoreError>;

    /// The number of a tag of an asset (its number), which it is given if it has none.
    async fn put_tag(&mut self, asset: i64, tag: &TagName) -> Result<i64, StoreError>;

    /// The number of an asset.
    async fn find_asset(&mut self, asset: &AssetName) -> Result<Option<i64>, StoreError>;

    /// The number of a tag.
    async fn find_tag(&mut self, key: &TagKey) -> Result<Option<i64>, StoreError>;

    /// The numbers of all tags.
    async fn tags(&mut self) -> Result<Vec<i64>, StoreError>;

    /// The numbers of the tags of an asset.
    async fn tags_of(&mut self, asset: &AssetName) -> Result<Vec<i64>, StoreError>;
}

/// The numbers that stand for names in rows.
#[derive(Debug, Default)]
pub(crate) struct Names {
    assets: HashMap<AssetName, i64>,
    tags: HashMap<TagKey, i64>,
}

impl Names {
    pub(crate) async fn asset(&mut self, conn: &mut dyn SeriesRows, asset: &AssetName) -> Result<i64, StoreError> {
        if let Some(id) = self.assets.get(asset) {
            return Ok(*id);
        }
        let id = conn.put_asset(asset).await?;
        self.assets.insert(asset.clone(), id);
        Ok(id)
    }

    pub(crate) async fn tag(&mut self, conn: &mut dyn SeriesRows, key: &TagKey) -> Result<i64, StoreError> {
        if let Some(id) = self.tags.get(key) {
            return Ok(*id);
        }
        let asset = self.asset(&mut *conn, &key.asset).await?;
        let id = conn.put_tag(asset, &key.tag).await?;
        self.tags.insert(key.clone(), id);
        Ok(id)
    }
}

/// How an error names a tag of which only the number is known; reads name it by its key.
pub(crate) fn numbered(tag: i64) -> String {
    format!("tag number {tag}")
}
