//! The live feed: what has just happened, for whoever is listening.
//!
//! A broadcast channel of fixed length: a listener that is too slow misses events and is told how many, nobody waits.

use std::sync::Arc;

use andon_plant::{Alarm, AssetName, SourceName, Verdict};
use tokio::sync::broadcast;

/// Events kept for a slow listener.
const LENGTH: usize = 1024;

/// Something that has just happened.
#[derive(Debug, Clone)]
pub enum LiveEvent {
    /// A row was judged.
    Verdict(Arc<Verdict>),
    /// An asset's card changed otherwise: state, model, training, alarms.
    Asset(AssetName),
    /// An alarm changed.
    Alarm(Arc<Alarm>),
    /// A source changed.
    Source(SourceName),
}

/// The sending side of the feed.
#[derive(Debug, Clone)]
pub struct LiveFeed(broadcast::Sender<LiveEvent>);

impl Default for LiveFeed {
    fn default() -> Self {
        Self(broadcast::Sender::new(LENGTH))
    }
}

impl LiveFeed {
    /// Tells all listeners; nobody listening is fine.
    pub fn send(&self, event: LiveEvent) {
        drop(self.0.send(event));
    }

    /// A new listener, which hears what happens from now on.
    pub fn listen(&self) -> broadcast::Receiver<LiveEvent> {
        self.0.subscribe()
    }

    /// How many listen.
    pub fn listeners(&self) -> usize {
        self.0.receiver_count()
    }
}
