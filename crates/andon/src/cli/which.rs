//! Which store a command is about.

use std::{fs::File, path::PathBuf};

use andon_store::StoreUrl;
use anyhow::Context;

use crate::{config::Config, pipeline::start::lock};

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
    pub(super) fn url(&self) -> anyhow::Result<StoreUrl> {
        match &self.data_dir {
            Some(folder) => Ok(StoreUrl::at(folder.join("andon.db"))?),
            None => Ok(Config::load(&self.config)?.0.store.url),
        }
    }

    /// Takes the store for this process: refused while another one uses it.
    pub(super) fn lock(&self) -> anyhow::Result<File> {
        let url = self.url()?;
        lock(url.main_path().parent().context("the store is in no folder")?)
    }
}
