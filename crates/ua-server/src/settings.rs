//! What the caller says of its plant.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use andon_plant::{AssetName, SourceName, Tag, Timestamp};

/// Where the server listens and who it says it is.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// The address to listen on. Port 0 takes a free one; see [`UaServer::endpoint`](crate::UaServer::endpoint).
    pub listen: SocketAddr,
    /// Where the server's own certificate and the lists of trusted and rejected ones are. It is made at the first
    /// start. A client's certificate first lands in `rejected/`; moved to `trusted/` it may use the secured endpoint.
    pub pki_dir: PathBuf,
    /// The application name shown to clients.
    pub application_name: String,
}

/// One asset as clients see it.
#[derive(Debug, Clone)]
pub struct AssetNodes {
    /// The asset: its object stands directly below `Objects/Andon`.
    pub name: AssetName,
    /// Folders that also organise it, outermost first (`Objects/Andon/Areas/Hall 2/Line 1`).
    pub area: Vec<String>,
    /// Its tags.
    pub tags: Vec<Tag>,
    /// The time between two verdicts.
    pub grid: Duration,
}

/// How a source is doing.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceStatus {
    /// The source.
    pub name: SourceName,
    /// Whether there is a session with it.
    pub connected: bool,
    /// The newest source timestamp that came from it.
    pub last_sample: Option<Timestamp>,
    /// Items that are monitored (or polled) there.
    pub monitored_items: u32,
    /// How many it lets a client monitor; none where it doesn't say.
    pub monitored_item_limit: Option<u32>,
    /// Samples a second that came from it lately.
    pub samples_per_second: f64,
}
