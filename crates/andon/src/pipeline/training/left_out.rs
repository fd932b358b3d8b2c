//! What training leaves out of history: the times an asset was in alarm, unless an operator said that this was normal, and
//! those it was under maintenance.

use std::{ops::Range, time::Duration};

use andon_plant::{Assessment, Condition, Timestamp};
use andon_store::{AlarmSpan, StoreError};
use serde::{Deserialize, Serialize};

use crate::{
    config::AssetConfig,
    pipeline::{hub::Hub, maintenance},
};

/// A span of time, its end not in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// Its first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub to: Timestamp,
}

/// What of `span` is left out, in order and apart from each other.
pub(super) async fn left_out(hub: &Hub, asset: &AssetConfig, span: &Range<Timestamp>) -> Result<Vec<Span>, StoreError> {
    let before = asset.alarm.on_delay + asset.window_span();
    // An alarm that was raised soon after the span began within it.
    let to = span.end.after(before);
    let scores = hub.store.alarm_spans(&asset.name, &Condition::Score, span.start, to).await?;
    let misfits = hub.store.alarm_spans(&asset.name, &Condition::Model, span.start, span.end).await?;
    let served = maintenance::history(&hub.store, &asset.name).await?;
    let served = served.into_iter().map(|(from, to)| Span { from, to: to.unwrap_or(span.end) });
    Ok(joined(abnormal(&scores, &misfits, before, span).into_iter().chain(served).collect(), span))
}

/// The times in alarm that were not normal operation, with the delay and the window `before` each, in which its cause began. Not
/// those called a nuisance; nor, unless they were called real, those in which the model did not fit: a training is then to learn
/// what it did not know.
fn abnormal(scores: &[AlarmSpan], misfits: &[AlarmSpan], before: Duration, whole: &Range<Timestamp>) -> Vec<Span> {
    let spans = |alarms: &[AlarmSpan], said: &[Option<Assessment>], before: Duration| {
        let those = alarms.iter().filter(|alarm| said.contains(&alarm.said));
        let spans = those.map(|a| Span { from: a.from.before(before), to: a.to.unwrap_or(whole.end) });
        joined(spans.collect(), whole)
    };
    let (real, nuisance) = (Some(Assessment::Real), Some(Assessment::Nuisance));
    let learned = spans(misfits, &[None, nuisance], Duration::ZERO);
    let unsaid = spans(scores, &[None], before).into_iter().flat_map(|span| kept(&(span.from..span.to), &learned));
    let unsaid = unsaid.map(|piece| Span { from: piece.start, to: piece.end });
    unsaid.chain(spans(scores, &[real], before)).collect()
}

/// The spans within `whole`, where they touch as one.
fn joined(mut spans: Vec<Span>, whole: &Range<Timestamp>) -> Vec<Span> {
    spans.sort_by_key(|span| span.from);
    let mut joined: Vec<Span> = Vec::new();
    for Span { from, to } in spans {
        let (from, to) = (from.max(whole.start), to.min(whole.end));
        match joined.last_mut() {
            Some(last) if from <= last.to => last.to = last.to.max(to),
            _ if from < to => joined.push(Span { from, to }),
            _ => {}
        }
    }
    joined
}

/// What is left of `whole` without these spans, which are in order and apart from each other.
pub(super) fn kept(whole: &Range<Timestamp>, without: &[Span]) -> Vec<Range<Timestamp>> {
    let ends = without.iter().map(|span| span.from.min(whole.end)).chain([whole.end]);
    let starts = [whole.start].into_iter().chain(without.iter().map(|span| span.to.max(whole.start)));
    starts.zip(ends).map(|(from, to)| from..to).filter(|piece| !piece.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use andon_plant::{Fill, Sample, TagKey, TagName, TagSample, WindowerSettings};

    use super::*;
    use crate::pipeline::{
        alarms::tests::Task,
        history,
        support::{mixer, verdict},
    };

    fn at(s: i64) -> Timestamp {
        Timestamp::from_secs(s)
    }

    fn span(from: i64, to: i64) -> Span {
        Span { from: at(from), to: at(to) }
    }

    #[test]
    fn spans_that_touch_are_one_and_end_with_history() {
        let spans = vec![span(40, 60), span(10, 20), span(20, 30), span(12, 15), span(-9, -1), span(90, 200)];
        assert_eq!(joined(spans, &(at(0)..at(100))), [span(10, 30), span(40, 60), span(90, 100)]);
    }

    #[test]
    fn what_is_kept_and_what_is_left_out_are_the_whole() {
        let pieces = |without: &[Span]| kept(&(at(0)..at(100)), without);
        assert_eq!(pieces(&[]), [at(0)..at(100)]);
        assert_eq!(pieces(&[span(10, 30), span(90, 100)]), [at(0)..at(10), at(30)..at(90)]);
        assert_eq!(pieces(&[span(0, 100)]), []);
    }

    fn alarm(from: i64, to: Option<i64>, said: Option<Assessment>) -> AlarmSpan {
        AlarmSpan { from: at(from), to: to.map(at), said }
    }

    fn left(scores: &[AlarmSpan], misfits: &[AlarmSpan]) -> Vec<Span> {
        abnormal(scores, misfits, Duration::from_secs(20), &(at(0)..at(100)))
    }

    #[test]
    fn an_alarm_is_left_out_from_before_it_was_raised_unless_it_was_called_normal() {
        assert_eq!(left(&[alarm(50, Some(60), None)], &[]), [span(30, 60)]);
        assert_eq!(left(&[alarm(50, None, Some(Assessment::Real))], &[]), [span(30, 100)]);
        assert_eq!(left(&[alarm(110, None, None)], &[]), [span(90, 100)]);
        assert_eq!(left(&[alarm(50, Some(60), Some(Assessment::Nuisance))], &[]), []);
    }

    #[test]
    fn what_the_model_did_not_fit_is_what_is_to_be_learned() {
        let misfit = [alarm(60, None, None)];
        assert_eq!(left(&[alarm(50, None, None)], &misfit), [span(30, 60)]);
        assert_eq!(left(&[alarm(50, None, Some(Assessment::Real))], &misfit), [span(30, 100)]);
        assert_eq!(left(&[alarm(50, None, None)], &[alarm(60, None, Some(Assessment::Real))]), [span(30, 100)]);
        assert_eq!(left(&[alarm(50, Some(55), None), alarm(90, Some(95), None)], &misfit), [span(30, 55)]);
    }

    /// A minute of samples, the 30th to 40th second in alarm and the last ten under maintenance.
    #[tokio::test]
    async fn what_is_left_out_is_a_gap_in_what_is_trained_on() {
        let mut task = Task::new().await;
        let key = TagKey { asset: mixer(), tag: TagName::new("Temperature").unwrap() };
        let samples = (0..60).map(|s| TagSample { key: key.clone(), sample: Sample::good(at(s), s as f64) });
        let store = task.bench.hub.store.clone();
        store.append_samples(samples.collect()).await.unwrap();
        for s in 0..60 {
            task.judge(verdict(s, if (30..40).contains(&s) { 9.0 } else { 0.1 })).await;
        }
        maintenance::mark(&store, &mixer(), at(50), true).await.unwrap();
        let mut asset = (*task.bench.hub.config.assets[0]).clone();
        asset.detection.window.rows = 8;
        let whole = at(0)..at(60);
        let without = left_out(&task.bench.hub, &asset, &whole).await.unwrap();
        assert_eq!(without, [span(22, 40), span(50, 60)]);
        let stream = history::stream(&store, &asset, &kept(&whole, &without)).await.unwrap();
        let mut measured = Vec::new();
        stream.play(&WindowerSettings::new(asset.grid, 8, 1), 1, |windower, time| {
            let row = windower.last_row().unwrap();
            measured.extend((row.fill[0] == Fill::Measured).then_some(time));
        });
        assert_eq!(measured, (0..22).chain(40..50).map(at).collect::<Vec<_>>());

        let id = task.all().await[0].id;
        task.assess(id, Assessment::Nuisance).await;
        assert_eq!(left_out(&task.bench.hub, &asset, &whole).await.unwrap(), [span(50, 60)]);
    }
}
