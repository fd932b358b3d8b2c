//! Gives verdicts and alarms back as an OPC UA server (namespace `urn:andon:ua`).
//!
//! [`UaServer::start`] binds, builds the address space and returns a handle whose `publish_*` calls never block: they
//! put values on a bounded queue that one task applies to the address space and to the subscriptions. In reading order:
//!
//! * `settings`: what the caller says of its plant, and the words of [`SourceStatus`].
//! * `variables`: every variable of the contract, with type, unit, range and whether it has a history.
//! * `address_space`: those variables as nodes; a NodeId is the browse path below `Objects/Andon`.
//! * `updates`: verdicts, samples, states, alarms and sources turned into values of variables.
//! * `health`: each tag's health, from its samples and from what is found wrong with it.
//! * `queue` and `publisher`: from a `publish_*` call to the address space and the subscriptions.
//! * `node_manager` and `history`: what clients ask for: reads, monitored items, HistoryRead.
//! * `endpoint` and `server`: limits, security and the life cycle.
//!
//! To add a variable: one line in `variables`, one in `updates`.

mod address_space;
mod endpoint;
mod health;
mod history;
mod node_manager;
mod publisher;
mod queue;
mod server;
mod settings;
mod units;
mod updates;
mod value;
mod variables;

pub use history::{History, HistoryError, Series};
pub use server::{NAMESPACE_URI, ServerError, UaServer};
pub use settings::{AssetNodes, ServerSettings, SourceStatus};
