//! Reads PLC tags over OPC UA: sessions, subscriptions, polling, browsing and history.
//!
//! Nothing here can change anything in a PLC: the services used are Read, Browse, HistoryRead and those of
//! subscriptions. In reading order:
//!
//! * [`address`]: how a configuration names a node, with its namespace by URI.
//! * [`source`]: where tags are read from and how.
//! * [`event`]: what a running source tells.
//! * [`run`](mod@run): the whole life of a source, from connecting to reconnecting.
//! * `link`: one session and the event loop that drives it; `inbox`: the bounded way from there to the feed.
//! * `subscribe`, `poll`, `heartbeat`: what is done while a session stands.
//! * `decode`: a DataValue becomes a sample; `feed`: samples become events, gaps become visible.
//! * [`history`], [`browse`](mod@browse), [`probe`](mod@probe): what is asked once, over a session of its own.

pub mod address;
pub mod browse;
pub mod error;
pub mod event;
pub mod history;
pub mod probe;
pub mod run;
pub mod source;

mod decode;
mod feed;
mod heartbeat;
mod inbox;
mod limits;
mod link;
mod namespaces;
mod poll;
mod subscribe;

pub use address::{NodeAddress, NodeAddressError};
pub use browse::{BrowsedTag, browse};
pub use error::UaError;
pub use event::SourceEvent;
pub use history::read_history;
pub use probe::probe;
pub use run::run;
pub use source::{Identity, ReadMode, Security, SecurityError, Source, TagNode};
