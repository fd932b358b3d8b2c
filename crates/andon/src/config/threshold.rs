//! `threshold = { .. }`: how high a score must be to count (paper, Table 4).

use toml::de::DeValue;

use super::{section::Section, value};

/// How an asset's threshold is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ThresholdStrategy {
    /// It stays where training put it.
    Fixed,
    /// It follows the scores' exponentially weighted mean and deviation.
    #[default]
    Ewma,
}

pub(super) fn read(s: &mut Section<'_, '_>) -> ThresholdStrategy {
    let strategy = s.optional("strategy", strategy);
    if strategy == Some(Strategy::Ensemble) {
        s.warn("strategy", " = \"ensemble\" runs as \"ewma\" in this release: there is nothing to combine yet");
    }
    if s.optional("budget", value::text).is_some() {
        s.warn("budget", " has no effect in this release: the threshold follows the scores, not a count of alarms");
    }
    match strategy {
        Some(Strategy::Fixed) => ThresholdStrategy::Fixed,
        Some(Strategy::Ewma | Strategy::Ensemble) | None => ThresholdStrategy::Ewma,
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
