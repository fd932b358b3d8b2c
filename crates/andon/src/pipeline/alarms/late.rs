//! Rows that came after their time, as after a restart: they change no alarm, and what was wrong in them is written down
//! as alarms that are over.

use andon_plant::{
    Alarm, AlarmState, AssetName, Condition, JournalEntry, Timestamp, Verdict,
    alarm::{AlarmSettings, Input, Transition, step},
};

use super::{
    Alarms,
    occurrence::{NEW, Occurrence},
};
use crate::pipeline::maintenance::{self, MaintenanceSpan};

/// Said with each line of the journal.
const COMMENT: &str = "judged after its time";

/// One episode of late rows of one asset.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Late {
    rows: usize,
    last: Timestamp,
    state: AlarmState,
    active: Option<Activation>,
    /// When the asset was under maintenance, as known when the episode began.
    maintained: Vec<MaintenanceSpan>,
}

/// An alarm as it would have been.
#[derive(Debug, PartialEq)]
pub(super) struct Activation {
    from: Timestamp,
    worst: Box<Verdict>,
}

impl Late {
    /// Takes a row, with the delays of the asset's alarm; what has ended with it.
    pub(super) fn see(&mut self, settings: &AlarmSettings, verdict: &Verdict) -> Option<Activation> {
        (self.rows, self.last) = (self.rows + 1, verdict.time);
        let input = Input::Level { time: verdict.time, level: verdict.score, threshold: verdict.threshold };
        let (state, transition) = step(settings, self.state, input);
        self.state = state;
        if let Some(active) = self.active.as_mut().filter(|active| active.worst.score < verdict.score) {
            *active.worst = verdict.clone();
        }
        match transition {
            Some(Transition::Raised) => {
                self.active = Some(Activation { from: verdict.time, worst: Box::new(verdict.clone()) });
                None
            }
            Some(Transition::Cleared) => self.active.take(),
            _ => None,
        }
    }
}

impl Alarms {
    /// Takes a late row. What an open alarm, or the maintenance of its time, covers is not written down again.
    pub(super) async fn judge_late(&mut self, verdict: &Verdict) {
        let Some(card) = self.hub.board.asset(&verdict.asset) else { return };
        let active = self.is_active(&verdict.asset, &Condition::Score);
        if !self.late.contains_key(&verdict.asset) {
            let maintained = self.maintained(&verdict.asset).await;
            self.late.insert(verdict.asset.clone(), Late { maintained, ..Late::default() });
        }
        let late = self.late.entry(verdict.asset.clone()).or_default();
        let covered = active || late.maintained.iter().any(|span| maintenance::holds(span, verdict.time));
        let level = if covered { f64::NEG_INFINITY } else { verdict.score };
        let seen = Verdict { score: level, ..verdict.clone() };
        if let Some(ended) = late.see(&card.config.alarm, &seen) {
            self.journal(&verdict.asset, ended, verdict.time).await;
        }
    }

    async fn maintained(&self, asset: &AssetName) -> Vec<MaintenanceSpan> {
        maintenance::history(&self.hub.store, asset).await.unwrap_or_else(|e| {
            tracing::error!(%asset, "when it was under maintenance can't be read; late rows are judged as if it never was: {e}");
            Vec::new()
        })
    }

    /// An episode is over.
    pub(super) async fn end_late(&self, asset: &AssetName, late: Late) {
        tracing::info!(%asset, "{} rows until {} were judged after their time, and changed no alarm", late.rows, late.last);
        if let Some(active) = late.active {
            self.journal(asset, active, late.last).await;
        }
    }

    /// Writes down an alarm that is over. It is not annunciated: nobody can do anything about it any more.
    async fn journal(&self, asset: &AssetName, ended: Activation, until: Timestamp) {
        let Some(card) = self.hub.board.asset(asset) else { return };
        let said = Occurrence::of_verdict(&card.config, &ended.worst, None);
        let alarm = said.raise(&card.config, Condition::Score, AlarmState::default(), None, ended.from);
        let alarm = Alarm { cleared_at: Some(until), ..alarm };
        let line =
            |time, transition, comment| JournalEntry { alarm: NEW, time, transition, by: None, comment: Some(comment) };
        let raised = line(ended.from, Transition::Raised, format!("{}; {COMMENT}", alarm.message));
        let lines = vec![raised, line(until, Transition::Cleared, COMMENT.to_owned())];
        if let Err(e) = self.hub.store.insert_alarm(alarm, lines).await {
            tracing::error!(%asset, "what late rows showed could not be written: {e}");
        }
    }
}
