//! When alarms were active, and what people said of each time.

use andon_plant::{Assessment, AssetName, Condition, Timestamp, alarm::Transition};

use super::rows::word;
use crate::{error::StoreError, store::Store};

/// One time that an alarm was active.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlarmSpan {
    /// When it was raised.
    pub from: Timestamp,
    /// When it returned to normal; none while it is active.
    pub to: Option<Timestamp>,
    /// What was last said of it.
    pub said: Option<Assessment>,
}

/// A line of the journal, and what stands with its alarm.
#[derive(Debug)]
pub struct JournalLine {
    /// The alarm.
    pub alarm_id: i64,
    /// When.
    pub time_us: i64,
    /// What happened.
    pub transition: String,
    /// What stands with the alarm.
    pub assessment: Option<String>,
}

impl Store {
    /// Every time in [`from`, `to`) that a condition of an asset was active, alarm by alarm. An alarm that was raised again
    /// before it was acknowledged has several.
    ///
    /// # Errors
    /// If the database fails or a row is broken.
    pub async fn alarm_spans(
        &self,
        asset: &AssetName,
        condition: &Condition,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<AlarmSpan>, StoreError> {
        let span = (from.as_micros(), to.as_micros());
        let lines = self.main_tables().snapshot().await?.rows().journal_lines(asset, condition, span).await?;
        let spans = lines.chunk_by(|a, b| a.alarm_id == b.alarm_id).map(of_alarm);
        let mut spans = spans.collect::<Result<Vec<_>, _>>()?.concat();
        spans.retain(|span| span.from < to && span.to.is_none_or(|end| end >= from));
        Ok(spans)
    }
}

/// The spans of one alarm. What is said is said of all of them of which nothing is; that an alarm became worse unsays it of
/// the span it did so in. What stands with the alarm is of the last one.
fn of_alarm(lines: &[JournalLine]) -> Result<Vec<AlarmSpan>, StoreError> {
    let broken = |line: &JournalLine, e: serde::de::value::Error| StoreError::broken("alarm", line.alarm_id, e);
    let say = |spans: &mut [AlarmSpan], said| {
        let last = spans.len().saturating_sub(1);
        let unsaid = spans.iter_mut().enumerate().filter(|(ix, span)| *ix == last || span.said.is_none());
        unsaid.for_each(|(_, span)| span.said = Some(said));
    };
    let mut spans: Vec<AlarmSpan> = Vec::new();
    for line in lines {
        let time = Timestamp::from_micros(line.time_us);
        let transition = word::<Transition>(&line.transition).map_err(|e| broken(line, e))?;
        match (transition, spans.last_mut()) {
            (Transition::Raised, _) => spans.push(AlarmSpan { from: time, to: None, said: None }),
            (Transition::Cleared, Some(span)) => span.to = Some(time),
            (Transition::Worsened, Some(span)) => span.said = None,
            (Transition::AssessedReal, _) => say(&mut spans, Assessment::Real),
            (Transition::AssessedNuisance, _) => say(&mut spans, Assessment::Nuisance),
            _ => {}
        }
    }
    if let (Some(line), Some(span)) = (lines.last(), spans.last_mut()) {
        span.said = line.assessment.as_deref().map(word).transpose().map_err(|e| broken(line, e))?;
    }
    Ok(spans)
}
