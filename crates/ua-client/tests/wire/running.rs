//! The life of a source.

use std::{sync::Arc, time::Duration};

use andon_plant::{Sample, StatusCode, SystemClock, Timestamp};
use andon_ua_client::{ReadMode, Source, SourceEvent, TagNode, probe, run};
use opcua::types;
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    plc::{Cable, Plc, Setup},
    words::{source, subscribed, tags},
};

/// A running source and what it tells.
struct Running {
    told: mpsc::Receiver<SourceEvent>,
    task: JoinHandle<()>,
    cancel: CancellationToken,
    /// Samples of the last batch that were not asked for yet.
    waiting: std::collections::VecDeque<(String, Sample)>,
}

impl Running {
    fn start(source: Source, tags: Vec<TagNode>, room: usize) -> Self {
        let (events, told) = mpsc::channel(room);
        let cancel = CancellationToken::new();
        let task = tokio::spawn(run(source, tags, events, Arc::new(SystemClock), cancel.clone()));
        Self { told, task, cancel, waiting: Default::default() }
    }

    /// The next event; a test that waits for one that never comes fails after a minute.
    async fn event(&mut self) -> SourceEvent {
        tokio::time::timeout(Duration::from_secs(60), self.told.recv())
            .await
            .expect("an event")
            .expect("a running source")
    }

    /// Skips to the first event that `pick` takes.
    async fn until<T>(&mut self, mut pick: impl FnMut(SourceEvent) -> Option<T>) -> T {
        loop {
            if let Some(picked) = pick(self.event().await) {
                return picked;
            }
        }
    }

    /// Skips to the first sample of `tag` that `pick` takes.
    async fn sample(&mut self, tag: &str, pick: impl Fn(&Sample) -> bool) -> Sample {
        loop {
            while let Some((name, sample)) = self.waiting.pop_front() {
                if name == tag && pick(&sample) {
                    return sample;
                }
            }
            if let SourceEvent::Samples(samples) = self.event().await {
                self.waiting.extend(samples.into_iter().map(|s| (s.key.tag.to_string(), s.sample)));
            }
        }
    }

    async fn stop(self) {
        self.cancel.cancel();
        drop(self.told);
        tokio::time::timeout(Duration::from_secs(3), self.task).await.expect("ends when cancelled").unwrap();
    }
}

fn items(event: SourceEvent) -> Option<usize> {
    match event {
        SourceEvent::Items { monitored, .. } => Some(monitored),
        _ => None,
    }
}

fn reason(event: SourceEvent) -> Option<String> {
    match event {
        SourceEvent::Disconnected { reason, .. } => Some(reason),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn values_arrive_with_source_time_and_status() {
    let setup = Setup::new().await;
    let plc = Plc::start(&setup).await;
    plc.good("A", 1.0, 100);
    let mut running = Running::start(subscribed(setup.endpoint()), tags(&["A", "On"]), 100);
    assert_eq!(running.sample("A", |_| true).await, Sample::good(Timestamp::from_secs(100), 1.0));
    plc.set("A", 2.0, Timestamp::from_micros(101_250_000), types::StatusCode::UncertainSubNormal);
    let doubtful = running.sample("A", |s| s.value == 2.0).await;
    assert_eq!((doubtful.time.as_micros(), doubtful.status), (101_250_000, StatusCode::UNCERTAIN_SUB_NORMAL));
    plc.set("A", 3.0, Timestamp::from_secs(102), types::StatusCode::BadSensorFailure);
    let bad = running.sample("A", |s| s.status.is_bad()).await;
    assert_eq!((bad.time, bad.status), (Timestamp::from_secs(102), StatusCode::BAD_SENSOR_FAILURE));
    plc.good("A", 3.0, 103);
    plc.good("A", 3.0, 104);
    running.sample("A", |s| *s == Sample::good(Timestamp::from_secs(104), 3.0)).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_source_is_heard_of_in_its_own_time() {
    let setup = Setup::new().await;
    let plc = Plc::start(&setup).await;
    plc.good("A", 1.0, 5000);
    let mut running = Running::start(subscribed(setup.endpoint()), tags(&["A"]), 100);
    running.sample("A", |_| true).await;
    let heard = |event| match event {
        SourceEvent::Heard { time } => Some(time),
        _ => None,
    };
    let first = running.until(heard).await;
    let second = running.until(heard).await;
    assert!(
        Timestamp::from_secs(5000) <= first && first < second && second < Timestamp::from_secs(5060),
        "{first} {second}"
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_tag_never_stops_the_others() {
    let setup = Setup::new().await;
    let plc = Plc::start(&setup).await;
    let mut wanted = tags(&["A", "Gone", "T"]);
    wanted.extend(tags(&["B"]).into_iter().map(|t| TagNode { node: "nsu=urn:other;s=B".parse().unwrap(), ..t }));
    for mode in [
        ReadMode::Subscribe { interval: Duration::from_millis(20) },
        ReadMode::Poll { interval: Duration::from_millis(20) },
    ] {
        let mut running = Running::start(source(setup.endpoint(), mode), wanted.clone(), 100);
        let mut faults = Vec::new();
        while faults.len() < 3 {
            let fault = running.until(|event| match event {
                SourceEvent::TagFault { key, status, message } => Some((key.tag.to_string(), status, message)),
                _ => None,
            });
            faults.push(fault.await);
        }
        faults.sort_by(|a, b| a.0.cmp(&b.0));
        let told: Vec<_> =
            faults.iter().map(|(tag, status, message)| (tag.as_str(), *status, message.as_str())).collect();
        assert_eq!(told[0].0, "B");
        assert!(told[0].2.starts_with("the server has no namespace `urn:other`; it has "), "{}", told[0].2);
        assert_eq!(told[1], ("Gone", StatusCode::BAD_NODE_ID_UNKNOWN, "the server has no such node"));
        assert_eq!(told[2], ("T", StatusCode::BAD_TYPE_MISMATCH, "its value is text, not a number"));
        plc.good("A", 4.0, 200);
        running.sample("A", |s| s.value == 4.0).await;
        running.stop().await;
        plc.good("A", 0.0, 100);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_is_a_visible_gap_and_a_moved_namespace_is_found_again() {
    let mut setup = Setup::new().await;
    let plc = Plc::start(&setup).await;
    plc.good("A", 1.0, 100);
    plc.good("B", 7.0, 50);
    let before = plc.namespace();
    let mut running = Running::start(subscribed(setup.endpoint()), tags(&["A", "B"]), 100);
    running.sample("B", |s| s.value == 7.0).await;
    plc.kill();
    let lost = running.until(reason).await;
    assert!(lost.contains(&setup.endpoint()), "{lost}");
    let gaps = running.until(|event| match event {
        SourceEvent::Samples(samples) => Some(samples),
        _ => None,
    });
    let gaps = gaps.await;
    assert_eq!(gaps.iter().map(|s| &*s.key.tag).collect::<Vec<_>>(), ["A", "B"]);
    assert!(gaps.iter().all(|s| s.sample.status == StatusCode::BAD_NO_COMMUNICATION));
    assert!(gaps.iter().all(|s| s.sample.time >= Timestamp::from_secs(100)), "{gaps:?}");

    setup.before = vec!["urn:test:another"];
    let plc = Plc::start(&setup).await;
    assert_ne!(plc.namespace(), before);
    plc.good("A", 2.0, 1000);
    plc.good("B", 7.0, 50);
    running.until(|event| matches!(event, SourceEvent::Connected { .. }).then_some(())).await;
    running.sample("A", |s| s.value == 2.0).await;
    plc.good("A", 3.0, 1001);
    running.sample("A", |s| *s == Sample::good(Timestamp::from_secs(1001), 3.0)).await;
    plc.good("B", 8.0, 1002);
    running.sample("B", |s| s.value == 8.0).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_leaves_no_session_behind_and_the_address_is_the_users() {
    let setup = Setup { sessions: 1, ..Setup::new().await };
    let plc = Plc::start(&setup).await;
    let cable = Cable::to(&setup).await;
    plc.good("A", 1.0, 100);
    plc.good("B", 7.0, 50);
    let mut running = Running::start(subscribed(cable.endpoint()), tags(&["A", "B"]), 100);
    running.sample("B", |s| s.value == 7.0).await;
    for round in 1..=3 {
        cable.cut();
        running.sample("B", |s| s.status == StatusCode::BAD_NO_COMMUNICATION).await;
        let back = running.sample("B", |s| s.value == 7.0).await;
        assert!(back.time > Timestamp::from_secs(100), "in force again after the gap: {back:?}");
        plc.good("A", f64::from(round), 1000 * i64::from(round));
        running.sample("A", |s| s.time == Timestamp::from_secs(1000 * i64::from(round))).await;
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn polling_tells_each_change_once() {
    let setup = Setup::new().await;
    let plc = Plc::start(&setup).await;
    plc.good("A", 1.0, 100);
    let mode = ReadMode::Poll { interval: Duration::from_millis(10) };
    let mut running = Running::start(source(setup.endpoint(), mode), tags(&["A", "On"]), 100);
    assert_eq!(running.until(items).await, 0);
    let mut seen = Vec::new();
    for secs in 100..105 {
        plc.good("A", secs as f64, secs);
        let sample = running.sample("A", |_| true).await;
        seen.push((sample.time.as_micros() / 1_000_000, sample.value));
    }
    assert_eq!(seen, [(100, 100.0), (101, 101.0), (102, 102.0), (103, 103.0), (104, 104.0)]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_consumer_loses_nothing() {
    let setup = Setup::new().await;
    let plc = Plc::start(&setup).await;
    let mut running = Running::start(subscribed(setup.endpoint()), tags(&["A"]), 1);
    running.until(items).await;
    let wanted = 500;
    for n in 1..=wanted {
        plc.good("A", f64::from(n), 1000 + i64::from(n));
        if n % 50 == 0 {
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }
    let mut got = Vec::new();
    while got.last() != Some(&f64::from(wanted)) {
        got.push(running.sample("A", |s| s.value > 0.0).await.value);
    }
    assert_eq!(got, (1..=wanted).map(f64::from).collect::<Vec<_>>());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_small_subscriptions_is_given_several() {
    let setup = Setup { items_per_subscription: 2, ..Setup::new().await };
    let plc = Plc::start(&setup).await;
    let mut running = Running::start(subscribed(setup.endpoint()), tags(&["A", "B", "On", "Level", "T"]), 100);
    assert_eq!(running.until(items).await, 5);
    plc.set("Level", 6.0f32, Timestamp::from_secs(9), types::StatusCode::Good);
    running.sample("Level", |s| s.value == 6.0).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_ends_the_session_on_the_server() {
    let setup = Setup { sessions: 1, ..Setup::new().await };
    let _plc = Plc::start(&setup).await;
    let mut running = Running::start(subscribed(setup.endpoint()), tags(&["A"]), 100);
    running.until(items).await;
    running.stop().await;
    let answer = probe(&subscribed(setup.endpoint()), &tags(&["A"]), &SystemClock, &CancellationToken::new()).await;
    assert!(answer.is_ok_and(|a| a[0].1.is_ok()), "the server's only session is free again");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_absent_server_is_told_once_and_found_when_it_comes() {
    let setup = Setup::new().await;
    let mut running = Running::start(subscribed(setup.endpoint()), tags(&["A"]), 100);
    let said = running.until(reason).await;
    assert!(said.starts_with(&format!("{} can't be reached", setup.endpoint())), "{said}");
    let _plc = Plc::start(&setup).await;
    let next = running.event().await;
    assert!(matches!(next, SourceEvent::Connected { .. }), "{next:?}");
    running.sample("A", |_| true).await;
    running.stop().await;
}
