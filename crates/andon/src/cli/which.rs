//! Which store a command is about, and which asset.

use std::{fs::File, path::PathBuf, sync::Arc};

use andon_store::{SqliteUrl, StoreUrl};
use anyhow::Context;

use super::warn;
use crate::{
    config::{AssetConfig, Config},
    pipeline::start::lock,
    store,
};

/// The store of a configuration, or of a folder.
#[derive(Debug, clap::Args)]
pub(super) struct Which {
    /// The configuration whose store it is.
    #[arg(long, value_name = "FILE", default_value = "andon.toml", conflicts_with = "data_dir")]
    config: PathBuf,
    /// The folder of a store, such as the demo's `demo-data`.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl Which {
    /// Where it is, and the folder of the process that uses it, whose lock keeps another one out.
    pub(super) fn place(&self) -> anyhow::Result<(StoreUrl, PathBuf)> {
        if let Some(folder) = &self.data_dir {
            return Ok((StoreUrl::Sqlite(SqliteUrl::at(folder.join("andon.db"))?), folder.clone()));
        }
        let (config, _) = Config::load(&self.config)?;
        let folder = config.data_dir();
        Ok((config.store.url, folder))
    }

    /// Its files; refused where it is a server's.
    pub(super) fn url(&self) -> anyhow::Result<SqliteUrl> {
        store::files(self.place()?.0)
    }

    /// Takes the store for this process: refused while another one uses it.
    pub(super) fn lock(&self) -> anyhow::Result<File> {
        lock(&self.place()?.1)
    }
}

/// One asset of a configuration, whose histories are in its store.
#[derive(Debug, clap::Args)]
pub(super) struct WhichAsset {
    /// The configuration whose store it is.
    #[arg(long, value_name = "FILE", default_value = "andon.toml")]
    config: PathBuf,
    /// The asset whose history it is.
    #[arg(long, value_name = "NAME")]
    pub(super) asset: String,
}

impl WhichAsset {
    pub(super) fn find(&self) -> anyhow::Result<(Config, Arc<AssetConfig>)> {
        let (config, warnings) = Config::load(&self.config)?;
        warn(warnings);
        let known = || config.assets.iter().map(|a| a.name.as_str()).collect::<Vec<_>>().join(", ");
        let found = config.assets.iter().find(|a| *a.name == *self.asset).cloned();
        let asset = found
            .with_context(|| format!("--asset {} is none of the configuration's assets ({})", self.asset, known()))?;
        Ok((config, asset))
    }
}
