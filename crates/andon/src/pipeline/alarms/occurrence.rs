//! What a new occurrence of an alarm says.

use std::{collections::HashSet, time::Duration};

use andon_plant::{Alarm, AlarmId, AlarmState, Condition, Mode, TagName, Timestamp, Verdict, alarm::Contribution};
use andon_scoring::{
    DriftState,
    explain::reason::{duration, number},
};

use crate::config::AssetConfig;

/// The number of an alarm that has not been written yet.
pub(super) const NEW: AlarmId = AlarmId(0);
/// How many tags an alarm names.
const NAMED: usize = 3;
/// A tag that carries less than this share is not named, unless none carries more.
const NAMED_SHARE: f64 = 0.1;
/// The severity at the threshold.
const LEAST: f64 = 200.0;
/// What a score ten times rarer adds.
const DECADE: u16 = 80;
/// The top of the medium band: high is left to process alarms.
const MOST: f64 = 666.0;
/// The most severe an alarm may be that only advises.
const ADVISORY: u16 = 199;
/// The top of the low band.
const LOW: u16 = 333;
/// The severity of an asset that is not judged, or not well.
const TROUBLE: u16 = 500;

/// What a new occurrence says.
pub(super) struct Occurrence {
    severity: u16,
    message: String,
    contributions: Vec<Contribution>,
}

impl Occurrence {
    /// A condition that is on or off.
    pub(super) fn of_trouble(message: String) -> Self {
        Self { severity: TROUBLE, message, contributions: Vec::new() }
    }

    /// A score that has reached its threshold. In a mode nobody has seen, and of a model that no longer fits, it advises.
    pub(super) fn of_verdict(asset: &AssetConfig, verdict: &Verdict, drift: Option<DriftState>) -> Self {
        let contributions = contributions(asset, verdict);
        let misfit = matches!(drift, Some(DriftState::NoLongerFits(_)));
        let message = message(asset, verdict, &contributions);
        let message = if misfit { format!("{message}; advisory: the model no longer fits, retrain") } else { message };
        // Bands of ISA-18.2 use: low at the threshold, medium when some fifty times rarer.
        let severity = (LEAST + f64::from(DECADE) * (verdict.score - verdict.threshold).max(0.0)).min(MOST) as u16;
        let most = if misfit || verdict.mode == Mode::Unknown { ADVISORY } else { u16::MAX };
        Self { severity: severity.min(most), message, contributions }
    }

    /// What becomes of an active alarm that now says this: none unless it has become more severe, by ten times rarer or into
    /// another band, or is no less severe and led by a tag that has not `led` it. In another band, and where another tag
    /// leads, it is to be acknowledged and assessed anew, as if it were raised.
    pub(super) fn worsen(self, active: Alarm, led: &HashSet<TagName>) -> Option<Alarm> {
        let band = |severity: u16| [ADVISORY, LOW].map(|top| severity > top);
        let leads = self.leader().is_some_and(|leader| !led.contains(leader));
        let rises = self.severity > active.severity && band(self.severity) != band(active.severity);
        let rises = rises || leads && self.severity >= active.severity;
        if !rises && self.severity < active.severity.saturating_add(DECADE) {
            return None;
        }
        let Self { severity, message, contributions } = self;
        let mut alarm = Alarm { severity, message, contributions, ..active };
        if rises {
            alarm.state.acknowledged = false;
            (alarm.acknowledged_at, alarm.acknowledged_by, alarm.assessment) = (None, None, None);
        }
        Some(alarm)
    }

    /// The tag that carries it most.
    pub(super) fn leader(&self) -> Option<&TagName> {
        leader(&self.contributions)
    }

    pub(super) fn raise(
        self,
        asset: &AssetConfig,
        condition: Condition,
        state: AlarmState,
        open: Option<Alarm>,
        time: Timestamp,
    ) -> Alarm {
        let fresh = Alarm {
            id: NEW,
            asset: asset.name.clone(),
            condition,
            state,
            severity: self.severity,
            message: self.message,
            raised_at: time,
            cleared_at: None,
            acknowledged_at: None,
            acknowledged_by: None,
            assessment: None,
            contributions: self.contributions,
        };
        // It came back before it was acknowledged: the same occurrence, still with the time it first came. What was said of it
        // was said of what it was raised for then, and stays in the journal.
        match open {
            Some(open) => Alarm { id: open.id, raised_at: open.raised_at, ..fresh },
            None => fresh,
        }
    }
}

/// The tag that carries an alarm most.
pub(super) fn leader(contributions: &[Contribution]) -> Option<&TagName> {
    contributions.first().map(|c| &c.tag)
}

fn contributions(asset: &AssetConfig, verdict: &Verdict) -> Vec<Contribution> {
    let unit =
        |name: &str| asset.tags.iter().find(|t| &*t.tag.name == name).map(|t| t.tag.unit.clone()).unwrap_or_default();
    let named =
        verdict.top(NAMED).into_iter().enumerate().filter(|(rank, t)| *rank == 0 || t.contribution >= NAMED_SHARE);
    named
        .map(|(_, t)| Contribution {
            tag: t.tag.clone(),
            share: t.contribution,
            value: t.value,
            expected: t.expected,
            unit: unit(&t.tag),
            finding: verdict.findings.iter().find(|f| f.tag == t.tag).cloned(),
        })
        .collect()
}

/// The findings, or how far the tags are off where there is none; the mode, and how rare a score this high is.
fn message(asset: &AssetConfig, verdict: &Verdict, contributions: &[Contribution]) -> String {
    let findings: Vec<String> = verdict.findings.iter().map(|f| f.text.clone()).collect();
    let parts = if findings.is_empty() { contributions.iter().map(deviation).collect() } else { findings };
    let rarity = rarity(verdict.return_period_s(asset.step()));
    format!("{} ({}, {rarity})", parts.join("; "), verdict.mode.as_str())
}

fn deviation(c: &Contribution) -> String {
    let gap = c.value - c.expected;
    let way = if gap < 0.0 { "below" } else { "above" };
    let unit = if c.unit.is_empty() { String::new() } else { format!(" {}", c.unit) };
    format!("{} {}{unit} {way} expected", c.tag, number(gap.abs(), 3))
}

/// How often a score this high comes in normal operation, in the dashboard's words.
fn rarity(period_s: f64) -> String {
    const YEAR: f64 = 365.25 * 86_400.0;
    match period_s {
        s if s >= 1000.0 * YEAR => "practically never expected".to_owned(),
        s if s >= 2.0 * YEAR => format!("expected once in {:.0} years", s / YEAR),
        s if s >= 10.0 => format!("expected once in {}", duration(Duration::from_secs_f64(s))),
        _ => "expected every few seconds".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_return_period_is_told_as_people_count() {
        let said = [3.0, 1000.0, 40.0 * 86_400.0, 1e8, 1e12].map(rarity);
        assert_eq!(
            said,
            [
                "expected every few seconds",
                "expected once in 16 min",
                "expected once in 40 days",
                "expected once in 3 years",
                "practically never expected",
            ]
        );
    }
}
