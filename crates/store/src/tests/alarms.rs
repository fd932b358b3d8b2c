//! Alarms: transitions, journal, filters, pages.

use andon_plant::Assessment;
use proptest::prelude::*;

use super::*;
use crate::{AlarmFilter, AlarmOrder, AlarmQuery, KeepSince};

#[tokio::test]
async fn an_occurrence_is_followed_from_raised_to_acknowledged() {
    let folder = folder();
    let store = open(&folder).await;
    let mut a = store.insert_alarm(alarm(at(1)), vec![entry(at(1), Transition::Raised)]).await.unwrap();
    a.state.phase = Phase::Falling(at(5));
    store.update_alarm(&a, Vec::new()).await.unwrap();
    assert_eq!(store.open_alarms().await.unwrap(), std::slice::from_ref(&a));
    a.state.phase = Phase::Normal;
    a.cleared_at = Some(at(9));
    store.update_alarm(&a, vec![entry(at(9), Transition::Cleared)]).await.unwrap();
    a.state.acknowledged = true;
    a.acknowledged_at = Some(at(12));
    a.acknowledged_by = Some("Ada".to_owned());
    a.assessment = Some(Assessment::Nuisance);
    let said = JournalEntry {
        by: Some("Ada".to_owned()),
        comment: Some("valve was shut".to_owned()),
        ..entry(at(12), Transition::Acknowledged)
    };
    store.update_alarm(&a, vec![said, entry(at(13), Transition::AssessedNuisance)]).await.unwrap();
    let (read, journal) = store.alarm(a.id).await.unwrap().unwrap();
    assert_eq!(read, a);
    let transitions: Vec<_> = journal.iter().map(|e| (e.alarm, e.time, e.transition)).collect();
    let expected = [
        (1, Transition::Raised),
        (9, Transition::Cleared),
        (12, Transition::Acknowledged),
        (13, Transition::AssessedNuisance),
    ];
    assert_eq!(transitions, expected.map(|(s, t)| (a.id, at(s), t)));
    assert_eq!(journal[2].comment.as_deref(), Some("valve was shut"));
    assert_eq!(store.open_alarms().await.unwrap(), []);
}

#[tokio::test]
async fn when_an_asset_was_in_alarm_and_what_was_said_of_each_time() {
    let folder = folder();
    let store = open(&folder).await;
    let first = store.insert_alarm(alarm(at(10)), vec![entry(at(10), Transition::Raised)]).await.unwrap();
    let lines = [
        (11, Transition::AssessedNuisance),
        (20, Transition::Cleared),
        (30, Transition::Raised),
        (31, Transition::AssessedReal),
        (40, Transition::Cleared),
    ];
    let (cleared_at, assessment) = (Some(at(40)), Some(Assessment::Real));
    let ended = Alarm { state: AlarmState::default(), cleared_at, assessment, ..first };
    store.update_alarm(&ended, lines.map(|(s, t)| entry(at(s), t)).to_vec()).await.unwrap();
    // Called a nuisance, and then worse: what was said no longer stands.
    let again = store.insert_alarm(alarm(at(50)), vec![entry(at(50), Transition::Raised)]).await.unwrap();
    let lines = [(51, Transition::AssessedNuisance), (52, Transition::Worsened)];
    store.update_alarm(&again, lines.map(|(s, t)| entry(at(s), t)).to_vec()).await.unwrap();
    let spans = async |from, to| {
        let spans = store.alarm_spans(&again.asset, &again.condition, at(from), at(to)).await.unwrap();
        spans.into_iter().map(|s| (s.from, s.to, s.said)).collect::<Vec<_>>()
    };
    let all = [
        (at(10), Some(at(20)), Some(Assessment::Nuisance)),
        (at(30), Some(at(40)), Some(Assessment::Real)),
        (at(50), None, None),
    ];
    assert_eq!(spans(0, 100).await, all);
    assert_eq!(spans(25, 50).await, all[1..2]);
    assert_eq!(spans(60, 70).await, all[2..]);
    assert_eq!(spans(0, 10).await, []);
}

/// What is thought of each span of an alarm after these transitions, a second apart.
async fn said(lines: &[Transition]) -> Vec<Option<Assessment>> {
    let folder = folder();
    let store = open(&folder).await;
    let lines = (0..).zip(lines).map(|(s, transition)| entry(at(s), *transition));
    let a = store.insert_alarm(alarm(at(0)), lines.collect()).await.unwrap();
    let spans = store.alarm_spans(&a.asset, &a.condition, at(0), at(100)).await.unwrap();
    // What stands with the alarm, nothing here, is of the last one.
    spans[..spans.len() - 1].iter().map(|span| span.said).collect()
}

#[tokio::test]
async fn what_is_said_of_an_alarm_is_said_of_each_time_it_came_and_unsaid_where_it_became_worse() {
    use Transition::{AssessedNuisance, AssessedReal, Cleared, Raised, Worsened};
    let (nuisance, real) = (Some(Assessment::Nuisance), Some(Assessment::Real));
    assert_eq!(said(&[Raised, Cleared, Raised, Cleared, AssessedNuisance, Raised]).await, [nuisance; 2]);
    assert_eq!(said(&[Raised, AssessedNuisance, Worsened, Cleared, Raised]).await, [None]);
    assert_eq!(
        said(&[Raised, AssessedReal, Cleared, Raised, Cleared, AssessedNuisance, Raised]).await,
        [real, nuisance]
    );
}

#[tokio::test]
async fn an_alarm_that_is_not_there_is_not_updated() {
    let folder = folder();
    let store = open(&folder).await;
    let a = store.insert_alarm(alarm(at(1)), Vec::new()).await.unwrap();
    let ghost = Alarm { id: AlarmId(99), ..a.clone() };
    // Sent together they share a batch, and the good one must not suffer.
    let good = Alarm { severity: 1, ..a.clone() };
    let (refused, written) =
        tokio::join!(store.update_alarm(&ghost, Vec::new()), store.update_alarm(&good, Vec::new()));
    assert!(matches!(refused, Err(StoreError::NoSuchAlarm(AlarmId(99)))), "{refused:?}");
    written.unwrap();
    assert_eq!(store.alarm(a.id).await.unwrap().unwrap().0.severity, 1);
}

#[tokio::test]
async fn filters_narrow_the_list() {
    let folder = folder();
    let store = open(&folder).await;
    let state = |phase, acknowledged| AlarmState { phase, acknowledged };
    let tag = TagName::new("Flow").unwrap();
    let alarms = [
        alarm(at(1)),
        Alarm { state: state(Phase::Normal, true), ..alarm(at(2)) },
        Alarm { state: state(Phase::Falling(at(3)), true), severity: 200, ..alarm(at(3)) },
        Alarm { state: state(Phase::Normal, false), condition: Condition::Tag(tag.clone()), ..alarm(at(4)) },
        Alarm { asset: AssetName::new("Oven").unwrap(), contributions: Vec::new(), ..alarm(at(5)) },
    ];
    for a in alarms {
        store.insert_alarm(a, Vec::new()).await.unwrap();
    }
    let raised = async |query: AlarmQuery| {
        let page = store.alarms(&AlarmQuery { order: AlarmOrder::OldestFirst, ..query }).await.unwrap();
        page.items.iter().map(|a| a.raised_at.as_micros() / 1_000_000).collect::<Vec<_>>()
    };
    let with = |state| AlarmQuery { state: Some(state), ..AlarmQuery::default() };
    assert_eq!(raised(AlarmQuery::default()).await, [1, 2, 3, 4, 5]);
    assert_eq!(raised(with(AlarmFilter::Active)).await, [1, 3, 5]);
    assert_eq!(raised(with(AlarmFilter::Cleared)).await, [2, 4]);
    assert_eq!(raised(with(AlarmFilter::Open)).await, [1, 3, 4, 5]);
    assert_eq!(raised(with(AlarmFilter::Unacknowledged)).await, [1, 4, 5]);
    assert_eq!(raised(AlarmQuery { severity_min: Some(201), ..AlarmQuery::default() }).await, [1, 2, 4, 5]);
    assert_eq!(raised(AlarmQuery { asset: Some(asset()), ..AlarmQuery::default() }).await, [1, 2, 3, 4]);
    assert_eq!(raised(AlarmQuery { tag: Some(tag), ..AlarmQuery::default() }).await, [4]);
    let carried = AlarmQuery { tag: Some(TagName::new("Temperature").unwrap()), ..AlarmQuery::default() };
    assert_eq!(raised(carried).await, [1, 2, 3, 4]);
    assert_eq!(raised(AlarmQuery { from: Some(at(2)), to: Some(at(4)), ..AlarmQuery::default() }).await, [2, 3]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Whatever is raised between pages, those that stood still are seen once each, in order.
    #[test]
    fn pages_never_miss_or_repeat_a_row(
        before in prop::collection::vec(0i64..20, 0..30),
        between in prop::collection::vec(0i64..20, 0..30),
        limit in 1usize..7,
        newest_first: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let order = if newest_first { AlarmOrder::NewestFirst } else { AlarmOrder::OldestFirst };
        let (stood, seen) = runtime.block_on(async {
            let folder = folder();
            let store = open(&folder).await;
            let mut stood = Vec::new();
            for s in before {
                let a = store.insert_alarm(alarm(at(s)), Vec::new()).await.unwrap();
                stood.push((a.raised_at, a.id));
            }
            let mut seen = Vec::new();
            let mut query = AlarmQuery { order, limit: Some(limit), ..AlarmQuery::default() };
            let mut raised = between.into_iter();
            loop {
                let page = store.alarms(&query).await.unwrap();
                assert!(page.items.len() <= limit);
                seen.extend(page.items.iter().map(|a| (a.raised_at, a.id)));
                let Some(cursor) = page.next_cursor else { break };
                query.cursor = Some(cursor.to_string().parse().unwrap());
                if let Some(s) = raised.next() {
                    store.insert_alarm(alarm(at(s)), Vec::new()).await.unwrap();
                }
            }
            (stood, seen)
        });
        let ascending: Vec<_> = if newest_first { seen.iter().rev().copied().collect() } else { seen.clone() };
        prop_assert!(ascending.is_sorted_by(|a, b| a < b), "{ascending:?}");
        prop_assert!(stood.iter().all(|row| seen.contains(row)));
    }
}

/// Only what is over, acknowledged, and both for long enough; its journal and contributions go with it.
#[tokio::test]
async fn retention_drops_old_alarms_and_never_an_open_one() {
    let folder = folder();
    let store = open(&folder).await;
    let over = |cleared, acknowledged| Alarm {
        state: AlarmState { phase: Phase::Normal, acknowledged: true },
        cleared_at: Some(at(cleared)),
        acknowledged_at: Some(at(acknowledged)),
        ..alarm(at(1))
    };
    let unseen = Alarm { state: AlarmState { phase: Phase::Normal, acknowledged: false }, ..over(2, 2) };
    let falling = Alarm { state: AlarmState { phase: Phase::Falling(at(2)), acknowledged: true }, ..over(2, 2) };
    let kept = [alarm(at(1)), unseen, falling, over(100, 2), over(2, 100)];
    let mut ids = Vec::new();
    for alarm in kept.into_iter().chain([over(2, 3), over(99, 99)]) {
        ids.push(store.insert_alarm(alarm, vec![entry(at(1), Transition::Raised)]).await.unwrap().id);
    }
    let keep = KeepSince { alarms: Some(at(100)), ..KeepSince::default() };
    assert_eq!(store.prune(keep).await.unwrap().alarms, 2);
    for (n, id) in ids.into_iter().enumerate() {
        assert_eq!(store.alarm(id).await.unwrap().is_some(), n < 5, "{n}");
    }
    assert_eq!(count(&folder, "journal").await, 5);
    assert_eq!(count(&folder, "alarm_contribution").await, 5);
}
