//! What a running source tells.

use andon_plant::{StatusCode, TagKey, TagSample, Timestamp};

/// What a running source tells. Events of one source come in the order in which they happened.
#[derive(Debug, Clone, PartialEq)]
pub enum SourceEvent {
    /// A session stands.
    Connected {
        /// When, by our clock.
        time: Timestamp,
    },
    /// The session is lost, or there was none to be had. Said once per loss, and again if the reason changes.
    Disconnected {
        /// When, by our clock.
        time: Timestamp,
        /// Why, as a sentence.
        reason: String,
    },
    /// New values, with the source's own times. Where the source is lost or a tag is at fault, samples with a Bad status
    /// are made here, so that the gap is visible.
    Samples(Vec<TagSample>),
    /// The source is alive though no tag may have changed.
    Heard {
        /// The present in the source's own time: the newest source time seen and the time that has passed since.
        time: Timestamp,
    },
    /// A tag can't be read: no such node, not a number, no access. The others go on; it is tried again at every
    /// reconnect.
    TagFault {
        /// The tag.
        key: TagKey,
        /// The server's status code, or ours where the value is of no use.
        status: StatusCode,
        /// What is wrong, as a sentence.
        message: String,
    },
    /// The load put on the source.
    Items {
        /// Monitored items in force; 0 where the source is polled.
        monitored: usize,
        /// The most the server allows, where it says so.
        limit: Option<usize>,
    },
}
