//! `andon.toml`, read and proven: what comes out of here can be run.
//!
//! A file is read in one pass that notes every fault with its line and goes on, so that `andon check` shows all of them at
//! once. One file a section; to add a key, ask for it in its section's `read`, and it is known to the check for unknown
//! keys as well. In reading order:
//!
//! * [`plant`], [`store`], [`listen`]: the tables that are there once.
//! * [`source`]: OPC UA servers to read from. [`asset`] and [`tag`]: what is watched.
//! * [`detection`], `threshold`, `alarm`: how an asset is modelled and judged; [`model`]: the same for `andon fit`.
//! * [`maintenance`]: when it is not annunciated.
//! * `section`, `value` and [`report`]: reading tables and values, and what is wrong with them.

mod alarm;
pub mod asset;
pub mod detection;
pub mod listen;
pub mod maintenance;
pub mod model;
pub mod plant;
pub mod report;
mod section;
pub mod source;
pub mod store;
pub mod tag;
mod threshold;
mod value;

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use andon_plant::AssetName;
use toml::de::DeTable;

pub use asset::AssetConfig;
pub use detection::{DetectionConfig, WindowConfig};
pub use listen::ListenConfig;
pub use maintenance::MaintenanceConfig;
pub use model::ModelConfig;
pub use plant::PlantConfig;
pub use report::{ConfigErrors, Fault, Warning};
pub use source::SourceConfig;
pub use store::{Keep, Retention, StoreConfig};
pub use tag::TagConfig;
pub(crate) use threshold::overruled;

use report::Report;
use section::Section;

/// The port of the dashboard and the REST interface where nothing is said.
const HTTP_PORT: u16 = 8080;
/// The port of the OPC UA server where nothing is said.
const OPCUA_PORT: u16 = 4850;

/// Everything `andon run` is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The plant.
    pub plant: PlantConfig,
    /// Where histories and alarms are kept.
    pub store: StoreConfig,
    /// Where the dashboard and the REST interface listen.
    pub http: ListenConfig,
    /// Where the OPC UA server listens.
    pub opcua: ListenConfig,
    /// Where tags are read, at least one.
    pub sources: Vec<Arc<SourceConfig>>,
    /// What is watched, at least one; each tag's source is in `sources`.
    pub assets: Vec<Arc<AssetConfig>>,
}

impl Config {
    /// Reads the file `path`; relative paths in it are taken from its folder.
    ///
    /// # Errors
    /// Every fault of the file.
    pub fn load(path: &Path) -> Result<(Self, Vec<Warning>), ConfigErrors> {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|e| ConfigErrors::unreadable(&file, &e))?;
        Self::parse(&text, &file, path.parent().unwrap_or(Path::new("")))
    }

    /// Reads the `text` of `file`, relative paths taken from `folder`.
    ///
    /// # Errors
    /// Every fault of the text.
    pub fn parse(text: &str, file: &str, folder: &Path) -> Result<(Self, Vec<Warning>), ConfigErrors> {
        parse(text, file, |s| Self::read(s, folder))
    }

    /// The same for some of the assets and the sources they are read from.
    pub fn only(&self, assets: &BTreeSet<AssetName>) -> Self {
        let assets: Vec<_> = self.assets.iter().filter(|a| assets.contains(&a.name)).cloned().collect();
        let is_read = |s: &SourceConfig| assets.iter().any(|a| a.tags.iter().any(|t| t.source == s.name));
        let sources = self.sources.iter().filter(|s| is_read(s)).cloned().collect();
        Self { sources, assets, ..self.clone() }
    }

    /// The folder of the database, where certificates are kept too; that of the configuration file where the database is a
    /// server's.
    pub fn data_dir(&self) -> PathBuf {
        self.store.folder.clone()
    }

    /// Where the certificates for the connections to PLCs are kept.
    pub fn client_pki_dir(&self) -> PathBuf {
        self.data_dir().join("pki").join("client")
    }

    fn read(s: &mut Section<'_, '_>, folder: &Path) -> Option<Self> {
        let plant = s.table("plant", PlantConfig::read).unwrap_or_default();
        let store = s.table("store", |s| StoreConfig::read(s, folder)).unwrap_or_else(|| StoreConfig::within(folder));
        let http = s.table("http", |s| ListenConfig::read(s, HTTP_PORT)).unwrap_or(ListenConfig::loopback(HTTP_PORT));
        let opcua =
            s.table("opcua", |s| ListenConfig::read(s, OPCUA_PORT)).unwrap_or(ListenConfig::loopback(OPCUA_PORT));
        if http.listen == opcua.listen && http.listen.port() != 0 {
            s.fault("opcua", format!(".listen = \"{}\" is taken by http.listen: use another port", opcua.listen));
        }
        let names = s.names("source");
        let sources = all(s.tables("source", |s| SourceConfig::read(s, folder)));
        let assets = all(s.tables("asset", |s| AssetConfig::read(s, folder, &names)));
        if sources.as_ref().is_some_and(Vec::is_empty) {
            s.fault("source", " is missing: there is nothing to read; add a [[source]] with a name and an endpoint");
        }
        if assets.as_ref().is_some_and(Vec::is_empty) {
            s.fault(
                "asset",
                " is missing: there is nothing to watch; `andon browse ENDPOINT` writes an [[asset]] for you",
            );
        }
        Some(Self { plant, store: store?, http, opcua, sources: sources?, assets: assets? })
    }
}

/// Every table that was read, if all of them could be.
fn all<T>(read: Option<Vec<Option<T>>>) -> Option<Vec<Arc<T>>> {
    read?.into_iter().map(|one| one.map(Arc::new)).collect()
}

/// Reads the `text` of `file` with `read`, which returns none only where it noted a fault.
fn parse<T>(
    text: &str,
    file: &str,
    read: impl for<'r, 't> FnOnce(&mut Section<'r, 't>) -> Option<T>,
) -> Result<(T, Vec<Warning>), ConfigErrors> {
    let report = Report::new(file, text);
    let (table, broken) = DeTable::parse_recoverable(text);
    for e in &broken {
        report.fault(e.span().map_or(0, |s| s.start), format!("is not TOML: {}", e.message().replace('\n', ", ")));
    }
    // What could be read around a broken line would only bring faults that are none.
    let value = if broken.is_empty() { Section::root(&report, table.get_ref(), read) } else { None };
    report.finish(value)
}
