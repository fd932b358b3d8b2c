//! The server's life cycle and the handle to publish through.

use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use andon_plant::{
    Alarm, AssetName, AssetState, Clock, Ne107, SourceName, StatusCode, TagName, TagSample, Timestamp, Verdict,
};
use opcua::{
    server::{Server, ServerHandle, node_manager::memory::InMemoryNodeManagerBuilder},
    types::{VariableId, Variant},
};
use parking_lot::Mutex;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    address_space::RESERVED,
    endpoint,
    health::TagHealth,
    history::History,
    node_manager::{Builder, NodeManager},
    publisher::Publisher,
    queue::Queue,
    settings::{AssetNodes, ServerSettings, SourceStatus},
    updates::{self, StateOf},
    variables,
};

/// The namespace of Andon's nodes.
pub const NAMESPACE_URI: &str = "urn:andon:ua";

/// How long open connections get to close after the stop.
const DRAIN: Duration = Duration::from_millis(2500);

/// The server can't start or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address is taken or not ours.
    #[error("the OPC UA server can't listen on {listen}: {source}; choose another `opcua.listen`")]
    Bind {
        /// The address.
        listen: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// An asset's name stands for something else below `Objects/Andon`.
    #[error("an asset can't be named `{0}`: Objects/Andon/{0} is something else; rename the asset")]
    ReservedName(AssetName),
    /// Two assets would have the same NodeIds.
    #[error("there are two assets named `{0}`: their NodeIds would be the same; rename one")]
    DuplicateAsset(AssetName),
    /// The stack refused the configuration or failed.
    #[error("the OPC UA server failed: {0}")]
    Stack(String),
}

/// A running server. Clones are handles to the same one.
///
/// The `publish_*` calls never block and never wait for a subscriber: they put values on a bounded queue. If that is
/// full, intermediate values are dropped and each variable's newest one is kept.
#[derive(Clone)]
pub struct UaServer(Arc<Inner>);

struct Inner {
    endpoint: String,
    queue: Arc<Queue>,
    handle: ServerHandle,
    tags: HashMap<AssetName, Vec<TagName>>,
    health: Mutex<TagHealth>,
    clock: Arc<dyn Clock>,
}

impl UaServer {
    /// Binds, builds the address space and serves until `cancel`. The task ends within 3 s of that.
    ///
    /// # Errors
    /// If the address can't be bound, two assets have one name, or an asset's name is reserved.
    pub async fn start(
        settings: ServerSettings,
        assets: Vec<AssetNodes>,
        sources: Vec<SourceName>,
        history: Arc<dyn History>,
        clock: Arc<dyn Clock>,
        cancel: CancellationToken,
    ) -> Result<(Self, JoinHandle<Result<(), ServerError>>), ServerError> {
        check_names(&assets)?;
        let bound = |source| ServerError::Bind { listen: settings.listen, source };
        let listener = TcpListener::bind(settings.listen).await.map_err(bound)?;
        let address = listener.local_addr().map_err(bound)?;
        let tags = tag_names(&assets);
        let quiet = quiet(&assets);
        let nodes = Builder { assets, sources, history, now: clock.now() };
        let builder = endpoint::builder(&settings, address)
            .with_node_manager(InMemoryNodeManagerBuilder::new(nodes))
            .token(cancel.child_token());
        let endpoint = format!("opc.tcp://{}:{}/", builder.config().tcp_config.host, address.port());
        let (server, handle) = builder.build().map_err(ServerError::Stack)?;
        let nodes = handle.node_managers().get_of_type::<NodeManager>();
        let nodes = nodes.ok_or_else(|| ServerError::Stack("its node manager is missing".to_owned()))?;
        let publisher = Publisher::new(nodes, handle.subscriptions().clone(), clock.clone());
        let queue = Arc::new(Queue::default());
        queue.push(quiet);
        let task = tokio::spawn(serve(server, listener, publisher, queue.clone(), cancel));
        info!("OPC UA server listens on {endpoint}");
        Ok((Self(Arc::new(Inner { endpoint, queue, handle, tags, health: Mutex::default(), clock })), task))
    }

    /// The URL that clients dial, with the real port.
    pub fn endpoint(&self) -> &str {
        &self.0.endpoint
    }

    /// Publishes what the detector says. A verdict that is not newer than the last one is ignored.
    pub fn publish_verdict(&self, verdict: &Verdict, return_period_s: f64) {
        let mut updates = updates::of_verdict(verdict, return_period_s);
        // The lock is held until they are queued, so that an older health never comes after a newer one.
        let mut health = self.0.health.lock();
        updates.extend(health.of_verdict(verdict));
        self.0.queue.push(updates);
    }

    /// Publishes a tag's value with the PLC's own time and status. A sample older than the last one is ignored.
    pub fn publish_sample(&self, sample: &TagSample) {
        let mut health = self.0.health.lock();
        self.0.queue.push(vec![updates::of_sample(sample), health.of_sample(sample)]);
    }

    /// Publishes what an asset is doing. A Bad `status` says that there is no verdict, and why: it becomes the status
    /// of Score and of everything else a verdict sets, until the next verdict.
    pub fn publish_state(
        &self,
        asset: &AssetName,
        state: AssetState,
        status: StatusCode,
        model_version: Option<&str>,
        health: Ne107,
        time: Timestamp,
    ) {
        let tags = self.0.tags.get(asset).map_or(&[][..], Vec::as_slice);
        let mut updates = updates::of_state(&StateOf { asset, tags, state, status, model_version, health, time });
        let mut of_tags = self.0.health.lock();
        if status.is_bad() {
            updates.extend(of_tags.forget(asset, time));
        }
        self.0.queue.push(updates);
    }

    /// Mirrors an alarm in its condition's plain variables.
    pub fn publish_alarm(&self, alarm: &Alarm) {
        self.0.queue.push(updates::of_alarm(alarm));
    }

    /// Publishes how a source is doing.
    pub fn publish_source(&self, source: &SourceStatus) {
        self.0.queue.push(updates::of_source(source, self.0.clock.now()));
    }

    /// The number of open sessions.
    pub fn sessions(&self) -> usize {
        let count = VariableId::Server_ServerDiagnostics_ServerDiagnosticsSummary_CurrentSessionCount;
        match self.0.handle.info().diagnostics.get(count).and_then(|v| v.value) {
            Some(Variant::UInt32(sessions)) => sessions as usize,
            _ => 0,
        }
    }
}

async fn serve(
    server: Server,
    listener: TcpListener,
    publisher: Publisher,
    queue: Arc<Queue>,
    cancel: CancellationToken,
) -> Result<(), ServerError> {
    let too_slow = async {
        cancel.cancelled().await;
        tokio::time::sleep(DRAIN).await;
    };
    tokio::select! {
        served = server.run_with(listener) => served.map_err(ServerError::Stack),
        () = publisher.run(queue) => Ok(()),
        () = too_slow => {
            warn!("OPC UA connections did not close within {DRAIN:?} and are dropped");
            Ok(())
        }
    }
}

fn check_names(assets: &[AssetNodes]) -> Result<(), ServerError> {
    let mut seen = HashSet::new();
    for asset in assets {
        if RESERVED.contains(&asset.name.as_str()) {
            return Err(ServerError::ReservedName(asset.name.clone()));
        }
        if !seen.insert(&asset.name) {
            return Err(ServerError::DuplicateAsset(asset.name.clone()));
        }
    }
    Ok(())
}

fn tag_names(assets: &[AssetNodes]) -> HashMap<AssetName, Vec<TagName>> {
    assets.iter().map(|a| (a.name.clone(), a.tags.iter().map(|t| t.name.clone()).collect())).collect()
}

/// Every condition as it is until an alarm is published: there is none.
fn quiet(assets: &[AssetNodes]) -> Vec<updates::Update> {
    let conditions = assets.iter().flat_map(|a| variables::conditions(&a.tags).into_iter().map(|c| (&a.name, c)));
    conditions.flat_map(|(asset, condition)| updates::of_quiet(asset, &condition)).collect()
}
