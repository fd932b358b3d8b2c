//! The bounded way from the session's event loop to the feed.
//!
//! When the feed's consumer is slow the inbox fills, and the event loop is not driven until there is room again
//! ([`Inbox::room`]): what the PLC sends waits in the socket, then in the server's queues. So nothing is dropped here as
//! a rule; what arrives regardless at a full inbox is dropped, counted and logged once an episode.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use opcua::types::{DataValue, StatusCode};
use parking_lot::Mutex;
use tokio::{sync::mpsc, time::Instant};

use crate::decode::Fault;

/// Batches that may wait for the feed.
const CAPACITY: usize = 64;

/// What is told to the feed.
#[derive(Debug)]
pub(crate) enum Signal {
    /// The session stands and its namespaces are known.
    Connected,
    /// Values by tag number.
    Values(Vec<(usize, DataValue)>),
    /// A tag can't be read.
    Fault(usize, Fault),
    /// The heartbeat was answered.
    Alive,
    /// Monitored items in force, and the most the server allows.
    Items(usize, Option<usize>),
}

/// The sending side, for the callbacks and tasks of one connected spell.
#[derive(Debug, Clone)]
pub(crate) struct Inbox {
    queue: mpsc::Sender<Signal>,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    /// Odd while the event loop stands still for want of room.
    stalls: AtomicU64,
    /// Values dropped in this episode.
    dropped: AtomicU64,
    published: Mutex<Instant>,
    ended: Mutex<Option<StatusCode>>,
}

/// A moment, to ask later whether there was a stall since.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark(u64);

impl Inbox {
    /// An empty inbox and the side it is read from.
    pub(crate) fn new() -> (Self, mpsc::Receiver<Signal>) {
        let (queue, outbox) = mpsc::channel(CAPACITY);
        let state = State {
            stalls: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            published: Mutex::new(Instant::now()),
            ended: Mutex::new(None),
        };
        (Self { queue, state: Arc::new(state) }, outbox)
    }

    /// Waits for room and sends. A feed that is gone is noticed elsewhere.
    pub(crate) async fn send(&self, signal: Signal) {
        let _ = self.queue.send(signal).await;
    }

    /// Sends values without waiting, from a callback.
    pub(crate) fn offer(&self, values: Vec<(usize, DataValue)>) {
        let count = values.len() as u64;
        match self.queue.try_send(Signal::Values(values)) {
            Ok(()) => {
                let dropped = self.state.dropped.swap(0, Ordering::Relaxed);
                if dropped > 0 {
                    tracing::warn!(dropped, "the feed keeps up again");
                }
            }
            Err(mpsc::error::TrySendError::Full(_)) => {
                if self.state.dropped.fetch_add(count, Ordering::Relaxed) == 0 {
                    tracing::warn!("values are dropped: the feed does not keep up");
                }
            }
            // The spell is over.
            Err(mpsc::error::TrySendError::Closed(_)) => {}
        }
    }

    /// Waits until a batch would fit.
    pub(crate) async fn room(&self) {
        if self.queue.capacity() > 0 {
            return;
        }
        self.state.stalls.fetch_add(1, Ordering::Relaxed);
        let _ = self.queue.reserve().await;
        // The silence was ours, so the watchdog begins to count anew.
        self.publish_seen();
        self.state.stalls.fetch_add(1, Ordering::Relaxed);
    }

    /// This moment.
    pub(crate) fn mark(&self) -> Mark {
        Mark(self.state.stalls.load(Ordering::Relaxed))
    }

    /// Whether the event loop has stood still at any time since `mark`, so that an answer may be missing for that.
    pub(crate) fn stalled_since(&self, mark: Mark) -> bool {
        mark.0 % 2 == 1 || self.mark().0 != mark.0
    }

    /// The result of `ask`; `None` where it failed while the event loop stood still, which says nothing of the server.
    pub(crate) async fn unless_stalled<T, E>(&self, ask: impl Future<Output = Result<T, E>>) -> Result<Option<T>, E> {
        let mark = self.mark();
        match ask.await {
            Ok(answer) => Ok(Some(answer)),
            Err(_) if self.stalled_since(mark) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Notes a publish response, be it only a keep-alive.
    pub(crate) fn publish_seen(&self) {
        *self.state.published.lock() = Instant::now();
    }

    /// Time since the last publish response.
    pub(crate) fn quiet_for(&self) -> Duration {
        self.state.published.lock().elapsed()
    }

    /// Notes that the server has ended the subscription.
    pub(crate) fn subscription_ended(&self, status: StatusCode) {
        *self.state.ended.lock() = Some(status);
    }

    /// Why the server has ended the subscription, if it has.
    pub(crate) fn ended(&self) -> Option<StatusCode> {
        *self.state.ended.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_inbox_stalls_and_an_answer_missed_meanwhile_means_nothing() {
        let (inbox, mut outbox) = Inbox::new();
        for _ in 0..CAPACITY {
            inbox.offer(vec![(0, DataValue::default())]);
        }
        let waits = inbox.room();
        tokio::pin!(waits);
        let asked = inbox.unless_stalled(async {
            assert!(futures::poll!(waits.as_mut()).is_pending());
            Err::<(), &str>("timed out")
        });
        assert_eq!(asked.await, Ok(None));
        outbox.recv().await;
        waits.await;
        assert_eq!(inbox.unless_stalled(async { Err::<(), &str>("timed out") }).await, Err("timed out"));
    }

    #[tokio::test]
    async fn what_does_not_fit_is_counted() {
        let (inbox, _outbox) = Inbox::new();
        for _ in 0..CAPACITY + 2 {
            inbox.offer(vec![(0, DataValue::default()), (1, DataValue::default())]);
        }
        assert_eq!(inbox.state.dropped.load(Ordering::Relaxed), 4);
    }
}
