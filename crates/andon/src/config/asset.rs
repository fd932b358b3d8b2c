//! `[[asset]]`: a machine that is watched as a whole.

use std::{
    ops::Deref,
    path::{Path, PathBuf},
};

use andon_detect::DetectorSettings;
use andon_plant::AssetName;
use andon_scoring::TagLimits;
use toml::de::DeValue;

use super::{
    detection::DetectionConfig,
    maintenance::MaintenanceConfig,
    section::Section,
    tag::{self, StateKey, TagConfig},
    value,
};

/// One asset. Its model keys ([`DetectionConfig`]) read as if they were its own: `asset.grid`.
#[derive(Debug, Clone, PartialEq)]
pub struct AssetConfig {
    /// What people, NodeIds and URLs call it.
    pub name: AssetName,
    /// The folders it stands in, outermost first.
    pub area: Vec<String>,
    /// Where `andon fit` wrote its model; none where it is trained here.
    pub model: Option<PathBuf>,
    /// How it is modelled and judged.
    pub detection: DetectionConfig,
    /// When it is under maintenance by itself.
    pub maintenance: MaintenanceConfig,
    /// Its tags, at least one.
    pub tags: Vec<TagConfig>,
}

impl Deref for AssetConfig {
    type Target = DetectionConfig;
    fn deref(&self) -> &DetectionConfig {
        &self.detection
    }
}

impl AssetConfig {
    /// Reads one asset whose tags are read from `sources`.
    pub(super) fn read(s: &mut Section<'_, '_>, folder: &Path, sources: &[Option<&str>]) -> Option<Self> {
        let name = s.required("name", "\"Mixer\"", value::parsed);
        let area = s.optional("area", area).unwrap_or_default();
        let model = s.optional("model", value::text).map(|dir| folder.join(dir));
        warn_of_missing(s, model.as_deref());
        let detection = DetectionConfig::read(s);
        let maintenance = s.table("maintenance", MaintenanceConfig::read).unwrap_or_default();
        let tags: Option<Vec<_>> =
            s.tables("tag", |s| TagConfig::read(s, sources)).and_then(|t| t.into_iter().collect());
        if tags.as_ref().is_some_and(Vec::is_empty) {
            s.fault("tag", " is missing: an asset without tags has nothing to watch; add an [[asset.tag]]");
        }
        if let Some(mode) = &detection.mode_tag {
            check_own_tag(s, &tag::MODE, mode, tags.as_deref());
        }
        if let Some(switch) = &maintenance.tag {
            check_own_tag(s, &tag::SWITCH, switch, tags.as_deref());
        }
        Some(Self { name: name?, area, model, detection, maintenance, tags: tags? })
    }
}

impl AssetConfig {
    /// Which deviations of its tags matter, in their order.
    pub fn limits(&self) -> Vec<TagLimits> {
        self.tags.iter().map(|tag| tag.limits).collect()
    }

    /// How its detector works.
    pub fn detector(&self) -> DetectorSettings {
        DetectorSettings { window: self.windower(), limits: self.limits(), alarm: self.alarm }
    }
}

fn warn_of_missing(s: &Section<'_, '_>, model: Option<&Path>) {
    if let Some(dir) = model.filter(|dir| !dir.is_dir()) {
        let text = format!(
            ": there is no folder {}: monitoring does not start until `andon fit --model` has written it; leave the key \
             out to train here",
            dir.display()
        );
        s.warn("model", text);
    }
}

/// A tag that `key` names must be one of the asset's, and show a state.
fn check_own_tag(s: &Section<'_, '_>, key: &StateKey, name: &str, tags: Option<&[TagConfig]>) {
    let names = s.names("tag");
    if !names.contains(&Some(name)) {
        let names: Vec<&str> = names.into_iter().flatten().collect();
        s.fault(key.key, format!("{} = \"{name}\" is none of the asset's tags ({})", key.inner, names.join(", ")));
    }
    if let Some(own) = tags.unwrap_or_default().iter().find(|own| &*own.tag.name == name) {
        key.check(s, &own.tag);
    }
}

fn area(value: &DeValue<'_>) -> Result<Vec<String>, String> {
    let text = value::text(value)?;
    let folders: Vec<String> = text.split('/').map(|f| f.trim().to_owned()).collect();
    if folders.iter().any(String::is_empty) {
        return Err("a folder between two `/` has no name".to_owned());
    }
    Ok(folders)
}
