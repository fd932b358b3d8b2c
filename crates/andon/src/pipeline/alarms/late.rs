//! Rows that came after their time, as after a restart: they change no alarm, and what was wrong in them is written down
//! as an alarm that is over.

use andon_plant::{Alarm, AlarmState, AssetName, Condition, JournalEntry, Timestamp, Verdict, alarm::Transition};

use super::{
    Alarms,
    occurrence::{NEW, Occurrence},
};

/// One episode of late rows of one asset.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Late {
    rows: usize,
    /// How many of them reached the threshold, from when to when, and the highest of them.
    anomalous: usize,
    span: Option<(Timestamp, Timestamp)>,
    worst: Option<Box<Verdict>>,
}

impl Late {
    pub(super) fn count(&mut self, verdict: &Verdict) {
        self.rows += 1;
        if !verdict.anomalous() {
            return;
        }
        self.anomalous += 1;
        let first = self.span.map_or(verdict.time, |(first, _)| first);
        self.span = Some((first, verdict.time));
        if self.worst.as_ref().is_none_or(|worst| worst.score < verdict.score) {
            self.worst = Some(Box::new(verdict.clone()));
        }
    }

    fn text(&self) -> String {
        let (rows, anomalous) = (self.rows, self.anomalous);
        format!("judged after its time: {anomalous} of {rows} late rows reached the threshold")
    }
}

impl Alarms {
    /// Writes down an episode that is over. It is not annunciated: nobody can do anything about it any more.
    pub(super) async fn journal_late(&self, asset: &AssetName, late: Late) {
        tracing::info!(%asset, "{}", late.text());
        let (Some((first, last)), Some(worst)) = (late.span, &late.worst) else { return };
        let Some(card) = self.hub.board.asset(asset) else { return };
        let said = Occurrence::of_verdict(&card.config, worst, None);
        let alarm = said.raise(&card.config, Condition::Score, AlarmState::default(), None, first);
        let alarm = Alarm { cleared_at: Some(last), ..alarm };
        let line =
            |time, transition| JournalEntry { alarm: NEW, time, transition, by: None, comment: Some(late.text()) };
        let lines = vec![line(first, Transition::Raised), line(last, Transition::Cleared)];
        if let Err(e) = self.hub.store.insert_alarm(alarm, lines).await {
            tracing::error!(%asset, "what late rows showed could not be written: {e}");
        }
    }
}
