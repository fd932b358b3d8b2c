//! The OPC UA server of the simulated plant and of replayed recordings: tags with history, read-only, anonymous.
//!
//! Namespace [`NAMESPACE`] is number 2. Below `Objects/Plant` stands one object an asset (`ns=2;s=Mixer`) with one variable a
//! tag (`ns=2;s=Mixer.Temperature`). Analog tags with a unit are AnalogUnitRangeType (OPC 10000-8, 5.3.2.5) with
//! EngineeringUnits and EURange. A published row reaches every subscription at once and is kept in a bounded history.

mod data_value;
mod history;
mod limits;
mod node_manager;
mod nodes;
mod pace;
mod units;

use std::{io, net::SocketAddr, path::Path, sync::Arc};

use andon_plant::{AssetName, Clock, Tag, TagKey, TagKind, Timestamp};
use opcua::{
    crypto::SecurityPolicy,
    server::{
        ANONYMOUS_USER_TOKEN_ID, ServerBuilder, ServerEndpoint, ServerHandle,
        node_manager::memory::{InMemoryNodeManager, InMemoryNodeManagerBuilder},
    },
    types::{MessageSecurityMode, NodeId},
};
use parking_lot::RwLock;
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use history::History;
use node_manager::{TagManager, TagManagerBuilder};
pub(crate) use pace::{Feed, Pace, play};

/// The namespace of the tags' NodeIds.
pub const NAMESPACE: &str = "urn:andon:simulator";
/// Rows of history kept where nobody says: two days at one row a second.
pub const HISTORY_ROWS: usize = 2 * 24 * 3600;

/// A server of tags that can't be started.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// The address can't be listened on.
    #[error("can't listen on {listen}: {source}; choose another address (port 0 takes a free one)")]
    Listen {
        /// The address.
        listen: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The OPC UA server refuses its settings.
    #[error("the OPC UA server can't be built: {reason}")]
    Server {
        /// Why.
        reason: String,
    },
    /// The speed is not one.
    #[error("speed {speed} is refused: give a number above 0, such as 1 for as fast as it was")]
    Speed {
        /// The speed given.
        speed: f64,
    },
    /// Nothing to play.
    #[error("there is no row to play; give at least one recording with rows")]
    NothingToPlay,
    /// Two recordings are of one asset, so their tags would have the same NodeIds.
    #[error("two recordings are of asset `{asset}`; rename one of the files, an asset is called as its file")]
    SameAsset {
        /// The asset.
        asset: AssetName,
    },
}

/// An asset as it is served.
#[derive(Debug, Clone)]
pub(crate) struct ServedAsset {
    pub(crate) name: AssetName,
    pub(crate) tags: Vec<Tag>,
    /// The names of an enumerated tag's values (EnumStrings), by the tag's number.
    pub(crate) enum_strings: Vec<(usize, Vec<&'static str>)>,
}

/// One row of one asset, to be served.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ServedRow {
    pub(crate) asset: usize,
    pub(crate) time: Timestamp,
    /// One value a tag; NaN is missing.
    pub(crate) values: Vec<f64>,
}

/// Where to serve and how much to keep.
pub(crate) struct ServerSettings<'a> {
    pub(crate) listen: SocketAddr,
    pub(crate) pki_dir: &'a Path,
    /// Rows of history kept for each asset; the oldest go first.
    pub(crate) history_rows: usize,
}

/// A running server of tags.
pub(crate) struct TagServer {
    endpoint: String,
    handle: ServerHandle,
    manager: Arc<InMemoryNodeManager<TagManager>>,
    history: Arc<RwLock<Vec<History>>>,
    served: Vec<(Vec<NodeId>, Vec<TagKind>)>,
    keys: Vec<TagKey>,
    clock: Arc<dyn Clock>,
}

impl TagServer {
    /// Binds the address, then serves until `cancel` on a task of `tasks`.
    pub(crate) async fn start(
        assets: Vec<ServedAsset>,
        settings: ServerSettings<'_>,
        clock: Arc<dyn Clock>,
        cancel: &CancellationToken,
        tasks: &TaskTracker,
    ) -> Result<Self, SimError> {
        let listen = settings.listen;
        let listener = TcpListener::bind(listen).await.map_err(|source| SimError::Listen { listen, source })?;
        let bound = listener.local_addr().map_err(|source| SimError::Listen { listen, source })?;
        let kept = |asset: &ServedAsset| History::new(settings.history_rows, asset.tags.len());
        let history = Arc::new(RwLock::new(assets.iter().map(kept).collect::<Vec<_>>()));
        let served = assets.iter().map(|a| (nodes::tag_ids(a), a.tags.iter().map(|t| t.kind).collect())).collect();
        let keys = assets.iter().flat_map(|a| a.tags.iter().map(|t| key(a, t))).collect();

        let builder = TagManagerBuilder { assets, history: history.clone() };
        let (server, handle) = server_builder(bound, settings.pki_dir)
            .with_node_manager(InMemoryNodeManagerBuilder::new(builder))
            .token(cancel.clone())
            .build()
            .map_err(|reason| SimError::Server { reason })?;
        let manager = handle.node_managers().get_of_type::<InMemoryNodeManager<TagManager>>();
        let manager = manager.ok_or_else(|| SimError::Server { reason: "it lost its node manager".to_owned() })?;
        tasks.spawn(async move {
            if let Err(reason) = server.run_with(listener).await {
                tracing::error!(%reason, "the OPC UA server of the simulator has stopped");
            }
        });
        Ok(Self { endpoint: format!("opc.tcp://{bound}/"), handle, manager, history, served, keys, clock })
    }

    /// The URL to connect to.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Every tag with its NodeId by namespace URI.
    pub(crate) fn nodes(&self) -> Vec<(TagKey, String)> {
        self.keys.iter().map(|k| (k.clone(), format!("nsu={NAMESPACE};s={}.{}", k.asset, k.tag))).collect()
    }

    /// Keeps rows in the history without telling anyone: the past, before the server is known.
    pub(crate) fn remember(&self, rows: impl IntoIterator<Item = ServedRow>) {
        let mut history = self.history.write();
        for row in rows {
            history[row.asset].push(row.time, &row.values);
        }
    }

    /// Keeps rows in the history, makes them the present and tells every subscription.
    pub(crate) fn publish(&self, rows: Vec<ServedRow>) {
        let now = self.clock.now();
        for row in &rows {
            let (ids, kinds) = &self.served[row.asset];
            let values = row.values.iter().zip(kinds).map(|(v, kind)| data_value::live(*kind, *v, row.time, now));
            let updates = ids.iter().zip(values).map(|(id, value)| (id, None, value));
            if let Err(status) = self.manager.set_values(self.handle.subscriptions(), updates) {
                tracing::error!(%status, "a row could not be served");
            }
        }
        self.remember(rows);
    }
}

fn key(asset: &ServedAsset, tag: &Tag) -> TagKey {
    TagKey { asset: asset.name.clone(), tag: tag.name.clone() }
}

fn server_builder(bound: SocketAddr, pki_dir: &Path) -> ServerBuilder {
    let anonymous = [ANONYMOUS_USER_TOKEN_ID.to_owned()];
    let host = if bound.is_ipv6() { format!("[{}]", bound.ip()) } else { bound.ip().to_string() };
    let encrypted = (SecurityPolicy::Basic256Sha256, MessageSecurityMode::SignAndEncrypt);
    ServerBuilder::new()
        .application_name("Andon simulator")
        // The server's own namespace is number 1 and must not be that of the tags.
        .application_uri("urn:andon:simulator:server")
        .product_uri("urn:andon:simulator:product")
        .create_sample_keypair(true)
        .certificate_path("own/cert.der")
        .private_key_path("private/private.pem")
        .pki_dir(pki_dir)
        // Whoever asks may look at a plant that is not real; there is nothing to write.
        .trust_client_certs(true)
        .host(host)
        .port(bound.port())
        .add_endpoint("none", ServerEndpoint::new_none("/", &anonymous))
        .add_endpoint("encrypted", ServerEndpoint::new("/", encrypted.0, encrypted.1, &anonymous))
        .discovery_urls(vec!["/".to_owned()])
        .subscription_poll_interval_ms(limits::POLL_INTERVAL_MS)
        .limits(limits::limits())
}
