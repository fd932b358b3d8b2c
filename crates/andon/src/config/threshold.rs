//! `threshold = { .. }`: how high a score must be to count (paper, Table 4).

use andon_scoring::{
    ThresholdSettings,
    thresholds::{EwmaSettings, FixedSettings},
};
use toml::de::DeValue;

use super::{section::Section, value};

/// The settings of the strategy that is named; what they may be is the scoring crate's to say.
pub(super) fn read(s: &mut Section<'_, '_>) -> ThresholdSettings {
    let strategy = s.optional("strategy", strategy);
    if strategy == Some(Strategy::Ensemble) {
        s.warn("strategy", " = \"ensemble\" runs as \"ewma\" in this release: there is nothing to combine yet");
    }
    if s.optional("budget", value::text).is_some() {
        s.warn("budget", " has no effect in this release: the threshold follows the scores, not a count of alarms");
    }
    let settings = match strategy {
        Some(Strategy::Fixed) => ThresholdSettings::Fixed(fixed(s)),
        Some(Strategy::Ewma | Strategy::Ensemble) | None => ThresholdSettings::Ewma(ewma(s)),
    };
    if let Err(e) = settings.check() {
        s.fault("", format!(": {e}"));
    }
    settings
}

fn fixed(s: &mut Section<'_, '_>) -> FixedSettings {
    let default = FixedSettings::default();
    FixedSettings { score: s.optional("score", value::number).unwrap_or(default.score) }
}

fn ewma(s: &mut Section<'_, '_>) -> EwmaSettings {
    let default = EwmaSettings::default();
    EwmaSettings {
        floor: s.optional("floor", value::number).unwrap_or(default.floor),
        cap: s.optional("cap", value::number).unwrap_or(default.cap),
        alpha: s.optional("alpha", value::number).unwrap_or(default.alpha),
        deviations: s.optional("deviations", value::number).unwrap_or(default.deviations),
    }
}

#[derive(PartialEq)]
enum Strategy {
    Fixed,
    Ewma,
    Ensemble,
}

fn strategy(value: &DeValue<'_>) -> Result<Strategy, String> {
    match value::text(value)?.as_str() {
        "fixed" => Ok(Strategy::Fixed),
        "ewma" => Ok(Strategy::Ewma),
        "ensemble" => Ok(Strategy::Ensemble),
        "percentile" | "gmm" | "context" | "budget" => Err("is not in this release; use \"ewma\"".to_owned()),
        _ => Err("is not known; write \"ewma\" or \"fixed\"".to_owned()),
    }
}
