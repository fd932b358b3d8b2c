//! `threshold = { .. }`: how high a score must be to count (paper, Table 4).

use std::time::Duration;

use andon_scoring::{
    ThresholdError, ThresholdSettings,
    thresholds::{AlarmCost, Base, LONGEST_FREEZE, Strategy},
};
use toml::de::DeValue;

use super::{section::Section, value};

/// What is not seen in a score's one decimal.
const NEXT_TO_NOTHING: f64 = 0.05;
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
        cap: s.optional("cap", value::number),
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

/// That a fit did not give a budget or costs the threshold they ask for, and why; none where it did. The budget that nobody
/// wrote may be held by the cap, for which it is there.
pub(crate) fn overruled(settings: &ThresholdSettings, Base { wanted, score }: Base) -> Option<String> {
    let written = settings.budget.is_some() || settings.cost.is_some();
    let less = |a: f64, b: f64| a + NEXT_TO_NOTHING < b;
    let why = if less(score, wanted.min(settings.cap())) {
        format!("this calibration can tell apart only {score:.1} (record longer)")
    } else if written && less(score, wanted) {
        format!("threshold.cap holds it at {score:.1} (write a higher cap, or allow more alarms)")
    } else if written && less(wanted, score) {
        format!("threshold.floor holds it at {score:.1} (write a lower floor, or allow fewer alarms)")
    } else {
        return None;
    };
    let asks = match settings.cost {
        Some(_) => "threshold.cost asks".to_owned(),
        None => format!("a budget of {} asks", settings.budget.unwrap_or_default()),
    };
    Some(format!("{asks} for a threshold of {wanted:.1}; {why}"))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn said(budget: Option<&str>, wanted: f64, score: f64) -> Option<String> {
        let budget = budget.map(|text| text.parse().unwrap());
        let cap = (score == 3.5).then_some(score);
        overruled(&ThresholdSettings { budget, cap, ..ThresholdSettings::default() }, Base { wanted, score })
    }

    #[test]
    fn a_budget_that_is_overruled_is_told_why() {
        let shift = Some("1 per shift");
        insta::assert_snapshot!(said(shift, 4.2, 2.9).unwrap(), @"a budget of 1 per shift asks for a threshold of 4.2; this calibration can tell apart only 2.9 (record longer)");
        insta::assert_snapshot!(said(shift, 4.2, 3.5).unwrap(), @"a budget of 1 per shift asks for a threshold of 4.2; threshold.cap holds it at 3.5 (write a higher cap, or allow more alarms)");
        insta::assert_snapshot!(said(shift, 1.2, 1.9).unwrap(), @"a budget of 1 per shift asks for a threshold of 1.2; threshold.floor holds it at 1.9 (write a lower floor, or allow fewer alarms)");
        assert_eq!(said(shift, 2.9, 2.9), None);
    }

    #[test]
    fn the_budget_that_nobody_wrote_is_only_told_of_a_short_recording() {
        assert!(said(None, 4.2, 2.9).unwrap().ends_with("(record longer)"));
        assert_eq!(said(None, 4.2, 3.5), None);
        let score = ThresholdSettings { score: Some(12.0), ..ThresholdSettings::default() };
        assert_eq!(overruled(&score, Base { wanted: 12.0, score: 12.0 }), None);
    }
}
