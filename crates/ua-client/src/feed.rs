//! Samples become events, and gaps become visible.
//!
//! The feed knows of each tag what was last told. It makes the Bad samples where the source is lost or a tag at fault,
//! and it keeps the source's own time, which need not be the wall clock's: a recording may be played with old stamps.

use std::{sync::Arc, time::Duration};

use andon_plant::{Clock, Sample, SourceName, StatusCode, TagKey, TagSample, Timestamp};
use opcua::types::DataValue;
use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    decode::{Fault, decode},
    event::SourceEvent,
    inbox::Signal,
    source::TagNode,
};

/// The least step of time, by which a made-up sample comes after the one before it.
const TICK: Duration = Duration::from_micros(1);

/// Turns signals into events, in order. When the consumer is slow it waits; see [`inbox`](crate::inbox).
pub(crate) struct Feed {
    source: SourceName,
    tags: Vec<TagState>,
    source_time: SourceTime,
    connected: bool,
    /// The last reason given for being without a connection.
    reason: Option<String>,
    events: mpsc::Sender<SourceEvent>,
    clock: Arc<dyn Clock>,
    cancel: CancellationToken,
}

struct TagState {
    key: TagKey,
    /// What came last, to tell news from repetition: source time, status and the value's bits.
    last: Option<(Timestamp, StatusCode, u64)>,
    /// The newest time told.
    told: Option<Timestamp>,
    /// Since when there is a gap that was made here, not by the source.
    gap: Option<Timestamp>,
    /// The status of the fault that was told.
    fault: Option<StatusCode>,
}

/// The present in the source's own time: the newest source time seen and the time that has passed since.
#[derive(Debug, Default)]
struct SourceTime(Option<(Timestamp, Instant)>);

impl SourceTime {
    fn saw(&mut self, time: Timestamp) {
        if self.0.is_none_or(|(newest, _)| time > newest) {
            self.0 = Some((time, Instant::now()));
        }
    }

    fn now(&self) -> Option<Timestamp> {
        self.0.map(|(newest, received)| newest.after(received.elapsed()))
    }
}

impl Feed {
    /// A feed that has told nothing yet.
    pub(crate) fn new(
        source: SourceName,
        tags: &[TagNode],
        events: mpsc::Sender<SourceEvent>,
        clock: Arc<dyn Clock>,
        cancel: CancellationToken,
    ) -> Self {
        let state = |t: &TagNode| TagState { key: t.key.clone(), last: None, told: None, gap: None, fault: None };
        Self {
            source,
            tags: tags.iter().map(state).collect(),
            source_time: SourceTime::default(),
            connected: false,
            reason: None,
            events,
            clock,
            cancel,
        }
    }

    /// Whether there is nobody left to tell.
    pub(crate) fn is_over(&self) -> bool {
        self.cancel.is_cancelled() || self.events.is_closed()
    }

    /// Tells what comes in until there is nobody left to tell.
    pub(crate) async fn consume(&mut self, outbox: &mut mpsc::Receiver<Signal>) {
        while !self.is_over() {
            match outbox.recv().await {
                Some(signal) => self.take(signal).await,
                None => return,
            }
        }
    }

    /// Tells what had come in before the connection was lost.
    pub(crate) async fn drain(&mut self, mut outbox: mpsc::Receiver<Signal>) {
        while let Ok(signal) = outbox.try_recv() {
            self.take(signal).await;
        }
    }

    /// Tells that the connection is lost or could not be had, and marks the gap in every tag.
    ///
    /// As long as the source has told no time there is none to put on a gap, and a wall-clock time could lie years
    /// after the values to come.
    pub(crate) async fn lost(&mut self, reason: String) {
        if !self.connected && self.reason.as_ref() == Some(&reason) {
            return;
        }
        tracing::warn!(source.name = %self.source, reason, "source {} is lost: {reason}", self.source);
        let was_connected = std::mem::replace(&mut self.connected, false);
        self.reason = Some(reason.clone());
        self.send(SourceEvent::Disconnected { time: self.clock.now(), reason }).await;
        if let Some(now) = self.source_time.now().filter(|_| was_connected) {
            let gap = |tag: &mut TagState| {
                tag.fault = None;
                tag.open_gap(now, StatusCode::BAD_NO_COMMUNICATION)
            };
            let samples = self.tags.iter_mut().map(gap).collect();
            self.send(SourceEvent::Samples(samples)).await;
        }
    }

    async fn take(&mut self, signal: Signal) {
        match signal {
            Signal::Connected => self.found().await,
            Signal::Values(values) => self.values(values).await,
            Signal::Fault(tag, fault) => self.fault(tag, fault).await,
            Signal::Items(monitored, limit) => self.send(SourceEvent::Items { monitored, limit }).await,
            Signal::Alive => {
                if let Some(time) = self.source_time.now() {
                    self.send(SourceEvent::Heard { time }).await;
                }
            }
        }
    }

    async fn found(&mut self) {
        tracing::info!(source.name = %self.source, "source {} is connected", self.source);
        self.connected = true;
        self.reason = None;
        self.send(SourceEvent::Connected { time: self.clock.now() }).await;
    }

    async fn values(&mut self, values: Vec<(usize, DataValue)>) {
        let now = self.clock.now();
        let decoded: Vec<_> = values.iter().map(|(tag, value)| (*tag, decode(value, now))).collect();
        let usable = decoded.iter().filter_map(|(_, d)| d.as_ref().ok()).filter(|s| !s.status.is_bad());
        if let Some(newest) = usable.map(|s| s.time).max() {
            self.source_time.saw(newest);
        }
        let mut samples = Vec::with_capacity(decoded.len());
        let mut faults = Vec::new();
        for (ix, decoded) in decoded {
            match (decoded, self.tags.get_mut(ix)) {
                (Ok(sample), Some(tag)) => samples.extend(tag.news(sample, self.source_time.now())),
                (Err(fault), Some(_)) => faults.push((ix, fault)),
                (_, None) => {}
            }
        }
        if !samples.is_empty() {
            self.send(SourceEvent::Samples(samples)).await;
        }
        for (ix, fault) in faults {
            self.fault(ix, fault).await;
        }
    }

    async fn fault(&mut self, ix: usize, Fault { status, message }: Fault) {
        let Some(tag) = self.tags.get_mut(ix).filter(|tag| tag.fault != Some(status)) else {
            return;
        };
        tag.fault = Some(status);
        let key = tag.key.clone();
        let gap = self.source_time.now().map(|now| tag.open_gap(now, status));
        tracing::warn!(source.name = %self.source, tag = %key, %status, "tag {key} can't be read: {message}");
        self.send(SourceEvent::TagFault { key, status, message }).await;
        if let Some(sample) = gap {
            self.send(SourceEvent::Samples(vec![sample])).await;
        }
    }

    /// Waits for room in the consumer's queue.
    async fn send(&mut self, event: SourceEvent) {
        tokio::select! {
            _ = self.cancel.cancelled() => {}
            _ = self.events.send(event) => {}
        }
    }
}

impl TagState {
    /// The sample to tell, unless it only repeats what was told.
    ///
    /// A value that has not changed since before a gap comes with a source time before it, and would stay hidden behind
    /// the gap until it changes. That it is in force now is what the source has just said, so it is told with the
    /// present source time.
    fn news(&mut self, sample: Sample, now: Option<Timestamp>) -> Option<TagSample> {
        self.fault = None;
        let seen = (sample.time, sample.status, sample.value.to_bits());
        let repeated = self.last.replace(seen) == Some(seen);
        let time = match self.gap.take() {
            Some(gap) if sample.time <= gap => now.unwrap_or(gap).max(gap.after(TICK)),
            None if repeated => return None,
            _ => sample.time,
        };
        self.told = self.told.max(Some(time));
        Some(TagSample { key: self.key.clone(), sample: Sample { time, ..sample } })
    }

    /// Makes the Bad sample that opens a gap, after everything that was told.
    fn open_gap(&mut self, now: Timestamp, status: StatusCode) -> TagSample {
        let time = self.told.map_or(now, |told| now.max(told.after(TICK)));
        self.told = Some(time);
        self.gap = Some(time);
        TagSample { key: self.key.clone(), sample: Sample::bad(time, status) }
    }
}

#[cfg(test)]
mod tests {
    use andon_plant::{AssetName, ManualClock, TagName};
    use opcua::types::Variant;

    use super::*;
    use crate::decode::to_ua;

    struct Desk {
        feed: Feed,
        told: mpsc::Receiver<SourceEvent>,
    }

    impl Desk {
        fn new(tags: usize) -> Self {
            let tag = |ix: usize| TagNode {
                key: TagKey { asset: AssetName::new("A").unwrap(), tag: TagName::new(&format!("t{ix}")).unwrap() },
                node: "i=1".parse().unwrap(),
            };
            let tags: Vec<_> = (0..tags).map(tag).collect();
            let (events, told) = mpsc::channel(100);
            let clock = Arc::new(ManualClock::new(Timestamp::from_secs(1_000_000)));
            let name = SourceName::new("plc").unwrap();
            Self { feed: Feed::new(name, &tags, events, clock, CancellationToken::new()), told }
        }

        async fn value(&mut self, tag: usize, secs: i64, value: f64) {
            let value = DataValue {
                value: Some(Variant::from(value)),
                source_timestamp: Some(to_ua(Timestamp::from_secs(secs))),
                ..DataValue::default()
            };
            self.feed.take(Signal::Values(vec![(tag, value)])).await;
        }

        /// The samples told since the last call, as (tag, microseconds, value).
        fn samples(&mut self) -> Vec<(String, i64, f64)> {
            let mut all = Vec::new();
            while let Ok(event) = self.told.try_recv() {
                if let SourceEvent::Samples(samples) = event {
                    all.extend(
                        samples.iter().map(|s| (s.key.tag.to_string(), s.sample.time.as_micros(), s.sample.value)),
                    );
                }
            }
            all
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_loss_is_a_gap_in_every_tag_in_the_sources_own_time() {
        let mut desk = Desk::new(2);
        desk.feed.take(Signal::Connected).await;
        desk.value(0, 100, 1.0).await;
        tokio::time::advance(Duration::from_secs(3)).await;
        desk.samples();
        desk.feed.lost("cut".into()).await;
        let gap = desk.samples();
        assert_eq!(
            gap.iter().map(|s| (s.0.as_str(), s.1)).collect::<Vec<_>>(),
            [("t0", 103_000_000), ("t1", 103_000_000)]
        );
        assert!(gap.iter().all(|s| s.2.is_nan()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_value_unchanged_over_the_gap_comes_back_into_force_after_it() {
        let mut desk = Desk::new(2);
        desk.feed.take(Signal::Connected).await;
        desk.value(0, 100, 1.0).await;
        desk.feed.lost("cut".into()).await;
        tokio::time::advance(Duration::from_secs(5)).await;
        desk.feed.take(Signal::Connected).await;
        desk.samples();
        desk.value(0, 100, 1.0).await;
        assert_eq!(desk.samples(), [("t0".to_owned(), 105_000_000, 1.0)]);
        desk.value(0, 100, 1.0).await;
        assert_eq!(desk.samples(), [], "told once");
        desk.value(0, 106, 2.0).await;
        assert_eq!(desk.samples(), [("t0".to_owned(), 106_000_000, 2.0)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_repeated_value_is_no_news_but_a_new_stamp_is() {
        let mut desk = Desk::new(1);
        desk.value(0, 1, 7.0).await;
        desk.value(0, 1, 7.0).await;
        desk.value(0, 2, 7.0).await;
        assert_eq!(desk.samples().len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn before_the_source_has_told_a_time_nothing_is_made_up() {
        let mut desk = Desk::new(1);
        desk.feed.lost("refused".into()).await;
        desk.feed.lost("refused".into()).await;
        desk.feed.lost("untrusted".into()).await;
        desk.feed.take(Signal::Connected).await;
        desk.feed.take(Signal::Alive).await;
        desk.feed.lost("cut".into()).await;
        let mut reasons = Vec::new();
        while let Ok(event) = desk.told.try_recv() {
            match event {
                SourceEvent::Disconnected { reason, .. } => reasons.push(reason),
                SourceEvent::Connected { .. } => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(reasons, ["refused", "untrusted", "cut"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_fault_is_told_once_and_again_after_a_recovery() {
        let mut desk = Desk::new(2);
        let fault = || Fault { status: StatusCode::BAD_TYPE_MISMATCH, message: "text".into() };
        desk.value(1, 50, 1.0).await;
        for _ in 0..2 {
            desk.feed.take(Signal::Fault(0, fault())).await;
        }
        assert_eq!(desk.samples().len(), 2, "the value, and one gap");
        desk.value(0, 40, 2.0).await;
        assert_eq!(desk.samples(), [("t0".to_owned(), 50_000_001, 2.0)]);
        desk.feed.take(Signal::Fault(0, fault())).await;
        assert_eq!(desk.samples().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_heartbeat_tells_the_newest_source_time_and_what_has_passed_since() {
        let mut desk = Desk::new(1);
        desk.value(0, 100, 1.0).await;
        desk.value(0, 90, 1.0).await;
        tokio::time::advance(Duration::from_millis(1500)).await;
        desk.feed.take(Signal::Alive).await;
        let last = std::iter::from_fn(|| desk.told.try_recv().ok()).last();
        assert_eq!(last, Some(SourceEvent::Heard { time: Timestamp::from_micros(101_500_000) }));
    }
}
