//! The mode tag and the threshold's keys, which only a fit reads, and that were changed after it.

use andon_plant::TagName;
use andon_scoring::ThresholdSettings;
use serde_json::{Map, Value};

use crate::config::AssetConfig;

/// What a model was fitted with.
pub(super) struct FittedWith<'a> {
    pub(super) mode_tag: Option<&'a TagName>,
    pub(super) threshold: &'a ThresholdSettings,
}

/// The keys of `asset` that have another value than the model was fitted with: they count once it is fitted again. The
/// configuration need not repeat what a model was fitted with that it names by its folder.
pub(super) fn unheeded(asset: &AssetConfig, fitted: &FittedWith<'_>) -> Vec<String> {
    let silent = |is_default: bool| asset.model.is_some() && is_default;
    let mode_tag = asset.mode_tag.as_ref() != fitted.mode_tag && !silent(asset.mode_tag.is_none());
    let mut keys: Vec<String> = mode_tag.then(|| "mode_tag".to_owned()).into_iter().collect();
    let (told, default) = (values(fitted.threshold), values(&ThresholdSettings::default()));
    let changed = values(&asset.threshold)
        .into_iter()
        .filter(|(key, value)| told.get(key) != Some(value) && !silent(default.get(key) == Some(value)));
    keys.extend(changed.map(|(key, _)| format!("threshold.{}", key.trim_end_matches("_s"))));
    keys
}

/// The settings by the keys they are written with; of a time span that has `_s` behind it.
fn values(settings: &ThresholdSettings) -> Map<String, Value> {
    match serde_json::to_value(settings) {
        Ok(Value::Object(values)) => values,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::support::card;

    /// What is not heeded of a configuration with `more` lines, by a model that was fitted without a mode tag.
    fn check(more: &str, budget: Option<&str>) -> Vec<String> {
        let threshold = ThresholdSettings { budget: budget.map(|text| text.parse().unwrap()), ..Default::default() };
        unheeded(&card(more).config, &FittedWith { mode_tag: None, threshold: &threshold })
    }

    #[test]
    fn a_key_that_was_changed_after_the_fit_is_named() {
        assert!(check("", None).is_empty());
        assert!(check("threshold = { budget = \"1 per day\" }", Some("1 per day")).is_empty());
        assert_eq!(check("threshold = { budget = \"1 per day\" }", None), ["threshold.budget"]);
        assert_eq!(check("", Some("1 per day")), ["threshold.budget"]);
        assert_eq!(check("threshold = { cap = 3, freeze = \"24h\" }", None), ["threshold.cap", "threshold.freeze"]);
        let mode =
            "mode_tag = \"State\"\n[[asset.tag]]\nname = \"State\"\nsource = \"plc1\"\nnode = \"nsu=urn:test;s=S\"";
        assert_eq!(check(mode, None), ["mode_tag"]);
    }

    #[test]
    fn what_a_model_in_a_folder_was_fitted_with_need_not_be_repeated() {
        assert!(check("model = \"m\"", Some("1 per day")).is_empty());
        let other = "model = \"m\"\nthreshold = { budget = \"1 per week\" }";
        assert_eq!(check(other, Some("1 per day")), ["threshold.budget"]);
    }
}
