//! What comes back when the store is opened again.

use super::*;
use crate::{AlarmQuery, NewModel};

#[tokio::test]
async fn everything_is_back_after_a_restart() {
    let folder = folder();
    let store = open(&folder).await;
    store.append_samples(vec![sample("Tag0", at(1), 1.5), sample("Tag0", at(2), 2.5)]).await.unwrap();
    store.append_scores(vec![verdict(at(2), 4.0, 2)]).await.unwrap();
    let raised = store.insert_alarm(alarm(at(2)), vec![entry(at(2), Transition::Raised)]).await.unwrap();
    let model = NewModel {
        asset: asset(),
        created_at: at(0),
        manifest: "{\"a\": 0.1}".to_owned(),
        metrics: "{}".to_owned(),
        weights: vec![0, 255, 7],
        activate: true,
    };
    assert_eq!(store.add_model(model.clone()).await.unwrap(), 1);
    store.put_state("Mixer/threshold", &vec![1.0, 2.0]).await.unwrap();
    store.close().await;
    assert!(matches!(store.append_samples(vec![sample("Tag0", at(9), 0.0)]).await, Err(StoreError::Closed)));
    assert!(matches!(store.open_alarms().await, Err(StoreError::Closed)));

    let store = open(&folder).await;
    assert_eq!(store.samples(&key("Tag0"), EVER.0, EVER.1, ALL).await.unwrap().len(), 2);
    assert_eq!(store.verdict_at(&asset(), at(60)).await.unwrap(), Some(verdict(at(2), 4.0, 2)));
    assert_eq!(store.open_alarms().await.unwrap(), std::slice::from_ref(&raised));
    let (alarm, journal) = store.alarm(raised.id).await.unwrap().unwrap();
    assert_eq!(alarm, raised);
    assert_eq!(journal, [JournalEntry { alarm: raised.id, ..entry(at(2), Transition::Raised) }]);
    let active = store.active_model(&asset()).await.unwrap().unwrap();
    assert_eq!((active.manifest, active.weights), (model.manifest, model.weights));
    assert_eq!(store.get_state::<Vec<f64>>("Mixer/threshold").await.unwrap(), Some(vec![1.0, 2.0]));
}

#[tokio::test]
async fn an_empty_store_answers_with_nothing() {
    let folder = folder();
    let store = open(&folder).await;
    assert_eq!(store.samples(&key("Tag0"), EVER.0, EVER.1, ALL).await.unwrap(), []);
    assert_eq!(store.scores(&asset(), EVER.0, EVER.1, ALL).await.unwrap(), []);
    assert_eq!(store.expected(&key("Tag0"), EVER.0, EVER.1, SeriesQuery::thinned(10)).await.unwrap(), []);
    assert_eq!(store.latest_sample(&key("Tag0")).await.unwrap(), None);
    assert_eq!(store.span(&asset()).await.unwrap(), None);
    assert_eq!(store.verdict_at(&asset(), at(0)).await.unwrap(), None);
    assert_eq!(store.alarm(AlarmId(1)).await.unwrap(), None);
    assert_eq!(store.alarms(&AlarmQuery::default()).await.unwrap().items, []);
    assert_eq!(store.active_model(&asset()).await.unwrap(), None);
    assert_eq!(store.models(&asset()).await.unwrap(), []);
    assert_eq!(store.get_state::<String>("nothing").await.unwrap(), None);
}

#[tokio::test]
async fn one_version_of_a_model_is_active() {
    let folder = folder();
    let store = open(&folder).await;
    let model = |s| NewModel {
        asset: asset(),
        created_at: at(s),
        manifest: format!("{{\"n\":{s}}}"),
        metrics: "{}".to_owned(),
        weights: Vec::new(),
        activate: s != 2,
    };
    for s in 0..3 {
        assert_eq!(store.add_model(model(s)).await.unwrap(), s + 1);
    }
    let in_use = |models: Vec<crate::ModelInfo>| models.iter().map(|m| (m.version, m.active)).collect::<Vec<_>>();
    assert_eq!(in_use(store.models(&asset()).await.unwrap()), [(3, false), (2, true), (1, false)]);
    store.activate_model(&asset(), 1).await.unwrap();
    assert_eq!(store.active_model(&asset()).await.unwrap().unwrap().manifest, "{\"n\":0}");
    let refused = store.activate_model(&asset(), 9).await;
    assert!(matches!(refused, Err(StoreError::NoSuchModel { version: 9, .. })), "{refused:?}");
    assert_eq!(store.active_model(&asset()).await.unwrap().unwrap().info.version, 1);
}
