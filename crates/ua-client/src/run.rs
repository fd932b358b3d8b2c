//! The whole life of a source: connect, read, lose the connection, connect again, until cancelled.

use std::{convert::Infallible, sync::Arc, time::Duration};

use andon_plant::{Clock, StatusCode};
use opcua::{client::Session, types::NodeId};
use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    decode::Fault,
    error::UaError,
    event::SourceEvent,
    feed::Feed,
    heartbeat::heartbeat,
    inbox::{Inbox, Signal},
    limits::Limits,
    link::{FIRST_WAIT, LONGEST_WAIT, Link},
    namespaces::Namespaces,
    poll::poll,
    source::{ReadMode, Source, TagNode},
    subscribe::subscribe,
};

/// How long a cut session is tried to be taken up again; the server has forgotten it by and by.
const RECONNECT_WITHIN: Duration = Duration::from_secs(30);
/// A session that lasted this long was a good one.
const STEADY: Duration = Duration::from_secs(10);

/// Reads the tags of one source for ever and tells what happens, until `cancel` or until nobody listens any more.
///
/// Connects, finds the namespaces by URI, subscribes or polls; after a loss it does all of that again, with waits of at
/// most 3 s between the tries. When `events` is full it waits, and the server's queues hold what comes meanwhile. On
/// `cancel` it closes the session and returns within 3 s.
pub async fn run(
    source: Source,
    tags: Vec<TagNode>,
    events: mpsc::Sender<SourceEvent>,
    clock: Arc<dyn Clock>,
    cancel: CancellationToken,
) {
    let mut feed = Feed::new(source.name.clone(), &tags, events, clock, cancel.clone());
    let life = Life { source, tags, cancel };
    let mut wait = FIRST_WAIT;
    while !feed.is_over() {
        let opened = tokio::select! {
            _ = life.cancel.cancelled() => return,
            opened = Link::open(&life.source) => opened,
        };
        match opened {
            Ok(link) => {
                let since = Instant::now();
                if let Next::AtOnce = life.serve(link, &mut feed).await {
                    continue;
                }
                // A session that is of no use at once, on a server at its limits, must not become a storm of tries.
                if since.elapsed() > STEADY {
                    wait = FIRST_WAIT;
                }
            }
            Err(error) => feed.lost(error.to_string()).await,
        }
        tokio::select! {
            _ = life.cancel.cancelled() => return,
            _ = tokio::time::sleep(wait) => {}
        }
        wait = LONGEST_WAIT.min(wait * 2);
    }
}

/// When to open the next session.
enum Next {
    AtOnce,
    AfterAWait,
}

struct Life {
    source: Source,
    tags: Vec<TagNode>,
    cancel: CancellationToken,
}

/// Why a connected spell has ended.
enum End {
    /// It was called off, or nobody listens.
    Over,
    /// The transport is gone.
    Cut(String),
    /// The session stands or seems to, but is of no use.
    Useless(UaError),
}

impl Life {
    /// Reads over one session until it is of no more use, and ends it.
    ///
    /// A session whose transport was cut is taken up once more only to be ended, so that none is left behind on a server
    /// that has few. To go on with it would lose values: a server may answer the requests it still holds from the old
    /// transport, and what it answers there is gone.
    async fn serve(&self, mut link: Link, feed: &mut Feed) -> Next {
        let mut next = Next::AfterAWait;
        match self.spell(&mut link, feed).await {
            End::Over => {}
            End::Useless(error) => feed.lost(error.to_string()).await,
            End::Cut(reason) => {
                feed.lost(reason).await;
                let again = tokio::select! {
                    _ = self.cancel.cancelled() => return next,
                    again = link.reconnect(RECONNECT_WITHIN) => again,
                };
                match again {
                    Ok(()) => next = Next::AtOnce,
                    Err(error) => feed.lost(error.to_string()).await,
                }
            }
        }
        link.close().await;
        next
    }

    /// One connected spell.
    async fn spell(&self, link: &mut Link, feed: &mut Feed) -> End {
        let (inbox, mut outbox) = Inbox::new();
        let session = Arc::clone(&link.session);
        let end = tokio::select! {
            _ = self.cancel.cancelled() => End::Over,
            reason = link.drive(Some(&inbox)) => End::Cut(reason),
            error = self.read(&session, &inbox) => End::Useless(error),
            _ = feed.consume(&mut outbox) => End::Over,
        };
        if !matches!(end, End::Over) {
            feed.drain(outbox).await;
        }
        end
    }

    /// Sets everything up and reads until something fails.
    async fn read(&self, session: &Session, inbox: &Inbox) -> UaError {
        match self.try_read(session, inbox).await {
            Ok(never) => match never {},
            Err(error) => error,
        }
    }

    async fn try_read(&self, session: &Session, inbox: &Inbox) -> Result<Infallible, UaError> {
        let namespaces = Namespaces::read(session).await?;
        let limits = Limits::read(session).await?;
        inbox.send(Signal::Connected).await;
        let nodes = self.resolve(&namespaces, inbox).await;
        let every = self.source.read.interval();
        match self.source.read {
            ReadMode::Subscribe { interval } => {
                let made = subscribe(session, &nodes, interval, &limits, inbox).await?;
                inbox.send(Signal::Items(made.monitored, limits.monitored_items)).await;
                let silence = (made.monitored > 0).then_some(made.silence);
                heartbeat(session, every, silence, inbox).await
            }
            ReadMode::Poll { interval } => {
                inbox.send(Signal::Items(0, limits.monitored_items)).await;
                tokio::select! {
                    failed = poll(session, &nodes, interval, &limits, inbox) => failed,
                    failed = heartbeat(session, every, None, inbox) => failed,
                }
            }
        }
    }

    /// The nodes in the server's present numbering, with their tag numbers; a tag of an unknown namespace is at fault.
    async fn resolve(&self, namespaces: &Namespaces, inbox: &Inbox) -> Vec<(usize, NodeId)> {
        let mut nodes = Vec::with_capacity(self.tags.len());
        for (ix, tag) in self.tags.iter().enumerate() {
            match tag.node.resolve(namespaces) {
                Ok(node) => nodes.push((ix, node)),
                Err(unknown) => {
                    let fault = Fault { status: StatusCode::BAD_NODE_ID_UNKNOWN, message: unknown.to_string() };
                    inbox.send(Signal::Fault(ix, fault)).await;
                }
            }
        }
        nodes
    }
}
