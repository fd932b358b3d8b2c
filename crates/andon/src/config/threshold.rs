//! `threshold = { .. }`: how high a score must be to count (paper, Table 4).

use std::time::Duration;

use andon_scoring::{
    ThresholdError, ThresholdSettings,
    thresholds::{AlarmCost, Strategy},
};
use toml::de::DeValue;

use super::{section::Section, value};

/// The longest freeze; the scoring crate's own.
const LONGEST_FREEZE: Duration = Duration::from_secs(366 * 86_400);
/// Rows of a moving percentile; the scoring crate says how many there may be.
const ROWS: std::ops::RangeInclusive<usize> = 0..=1_000_000;

/// The settings; what they may be is the scoring crate's to say.
pub(super) fn read(s: &mut Section<'_, '_>) -> ThresholdSettings {
    let d = ThresholdSettings::default();
    let number = |s: &mut Section<'_, '_>, key, default| s.optional(key, value::number).unwrap_or(default);
    let settings = ThresholdSettings {
        strategy: s.optional("strategy", strategy).unwrap_or(d.strategy),
        score: s.optional("score", value::number),
        budget: s.optional("budget", value::parsed),
        cost: s.table("cost", cost).flatten(),
        floor: number(s, "floor", d.floor),
        cap: number(s, "cap", d.cap),
        reach: number(s, "reach", d.reach),
        fall: number(s, "fall", d.fall),
        freeze: s.optional("freeze", freeze).unwrap_or(d.freeze),
        transition_factor: number(s, "transition_factor", d.transition_factor),
        alpha: number(s, "alpha", d.alpha),
        percentile: number(s, "percentile", d.percentile),
        window: s.optional("window", value::whole(ROWS)).unwrap_or(d.window),
        components: s.optional("components", value::whole(ROWS)).unwrap_or(d.components),
    };
    if let Err(e) = settings.check() {
        refuse(s, &e);
    }
    settings
}

/// The scoring crate's refusal, said of the key it is about.
fn refuse(s: &Section<'_, '_>, e: &ThresholdError) {
    match e {
        ThresholdError::Range { key, value, range } => s.fault(key, format!(" = {value}: must be {range}")),
        ThresholdError::TwoBases { first, second } => {
            s.fault(second, format!(" and {first} both say where the threshold stands; keep one of them"));
        }
        other => s.fault("", format!(": {other}")),
    }
}

fn freeze(value: &DeValue<'_>) -> Result<Duration, String> {
    match value::duration(Duration::ZERO..=Duration::MAX)(value)? {
        span if span <= LONGEST_FREEZE => Ok(span),
        _ => {
            Err("must be at most 366 days, such as \"48h\": after it the threshold learns again, alarm or not"
                .to_owned())
        }
    }
}

fn cost(s: &mut Section<'_, '_>) -> Option<AlarmCost> {
    let false_alarm = s.required("false_alarm", "1", value::number);
    let miss = s.required("miss", "100", value::number);
    let anomalous = s.optional("anomalous", value::number).unwrap_or(AlarmCost::RARELY);
    Some(AlarmCost { false_alarm: false_alarm?, miss: miss?, anomalous })
}

fn strategy(value: &DeValue<'_>) -> Result<Strategy, String> {
    match value::text(value)?.as_str() {
        "fixed" => Ok(Strategy::Fixed),
        "percentile" => Ok(Strategy::Percentile),
        "ewma" => Ok(Strategy::Ewma),
        "gmm" => Ok(Strategy::Gmm),
        "context" => Ok(Strategy::Context),
        "ensemble" => Ok(Strategy::Ensemble),
        _ => {
            Err("is not known; write \"fixed\", \"percentile\", \"ewma\", \"gmm\", \"context\" or \"ensemble\""
                .to_owned())
        }
    }
}
