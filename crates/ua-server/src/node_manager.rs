//! What clients ask of Andon's nodes.
//!
//! Values live in the address space and are put there by the publisher, so Read, Browse and TranslateBrowsePaths are
//! the stack's own. Ours are: monitored items without the stack's sampling, HistoryRead, and that nothing is writable.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use andon_plant::{SourceName, Timestamp};
use async_trait::async_trait;
use opcua::{
    server::{
        ContinuationPoint, CreateMonitoredItem, MonitoredItemHandle,
        address_space::{AddressSpace, NodeType},
        diagnostics::NamespaceMetadata,
        node_manager::{
            HistoryNode, MonitoredItemRef, MonitoredItemUpdateRef, RequestContext, ServerContext, WriteNode,
            memory::{InMemoryNodeManager, InMemoryNodeManagerImpl, InMemoryNodeManagerImplBuilder},
        },
    },
    sync::RwLock,
    types::{ReadRawModifiedDetails, StatusCode, TimestampsToReturn},
};
use tracing::warn;

use crate::{
    address_space,
    history::{self, Cursor, History, Series},
    server::NAMESPACE_URI,
    settings::AssetNodes,
};

/// The sampling interval that monitored items are revised to, in ms: values are reported as they come. It is not 0
/// because the stack lets a node manager revise to a positive number only; source timestamps are microseconds apart.
const BY_EXCEPTION_MS: f64 = 0.001;

/// The stack's node manager with our answers in it.
pub(crate) type NodeManager = InMemoryNodeManager<AndonNodes>;

/// Andon's nodes, as the stack calls them.
pub(crate) struct AndonNodes {
    namespace: u16,
    history: Arc<dyn History>,
    /// The variables with a history, by NodeId.
    series: HashMap<String, Series>,
    /// Items whose sampling interval is not [`BY_EXCEPTION_MS`]; see [`AndonNodes::sampled`].
    sampled: RwLock<HashSet<MonitoredItemHandle>>,
}

/// What the nodes are built from.
pub(crate) struct Builder {
    pub(crate) assets: Vec<AssetNodes>,
    pub(crate) sources: Vec<SourceName>,
    pub(crate) history: Arc<dyn History>,
    pub(crate) now: Timestamp,
}

impl InMemoryNodeManagerImplBuilder for Builder {
    type Impl = AndonNodes;

    fn build(self, context: ServerContext, space: &mut AddressSpace) -> AndonNodes {
        let namespace = context.type_tree.write().namespaces_mut().add_namespace(NAMESPACE_URI);
        space.add_namespace(NAMESPACE_URI, namespace);
        let series = address_space::build(space, namespace, &self.assets, &self.sources, self.now);
        AndonNodes { namespace, history: self.history, series, sampled: RwLock::default() }
    }
}

impl AndonNodes {
    pub(crate) fn namespace(&self) -> u16 {
        self.namespace
    }

    /// Whether the stack samples this item by its own clock: where the client asked for the publishing interval (-1),
    /// or changed the interval afterwards. The stack then *replaces* the source timestamp of a value that comes sooner
    /// than the interval. Such items are given their values without a source timestamp, which it passes on untouched:
    /// no time is better than a wrong one.
    pub(crate) fn sampled(&self, item: &MonitoredItemHandle) -> bool {
        self.sampled.read().contains(item)
    }

    fn note_sampling(&self, item: MonitoredItemHandle, interval_ms: f64) {
        if (0.0..=BY_EXCEPTION_MS).contains(&interval_ms) {
            self.sampled.write().remove(&item);
        } else {
            self.sampled.write().insert(item);
        }
    }

    fn series_of(&self, node: &HistoryNode) -> Option<&Series> {
        match &node.node_id().identifier {
            opcua::types::Identifier::String(path) => self.series.get(path.as_ref()),
            _ => None,
        }
    }

    async fn read_history(
        &self,
        details: &ReadRawModifiedDetails,
        node: &mut HistoryNode,
        timestamps: TimestampsToReturn,
    ) -> Result<StatusCode, StatusCode> {
        let series = self.series_of(node).ok_or(StatusCode::BadHistoryOperationUnsupported)?;
        let cursor = match node.continuation_point() {
            Some(point) => *point.get::<Cursor>().ok_or(StatusCode::BadContinuationPointInvalid)?,
            None => Cursor::new(details)?,
        };
        let page = history::read(&self.history, series, cursor).await.map_err(|error| {
            warn!("{error}");
            StatusCode::BadResourceUnavailable
        })?;
        let status = if page.samples.is_empty() { StatusCode::GoodNoData } else { StatusCode::Good };
        node.set_result(history::data(&page.samples, timestamps));
        node.set_next_continuation_point(page.next.map(|next| ContinuationPoint::new(Box::new(next))));
        Ok(status)
    }
}

#[async_trait]
impl InMemoryNodeManagerImpl for AndonNodes {
    async fn init(&self, _space: &mut AddressSpace, _context: ServerContext) {}

    fn name(&self) -> &str {
        "andon"
    }

    fn namespaces(&self) -> Vec<NamespaceMetadata> {
        vec![NamespaceMetadata {
            namespace_uri: NAMESPACE_URI.to_owned(),
            namespace_index: self.namespace,
            ..NamespaceMetadata::default()
        }]
    }

    async fn create_value_monitored_items(
        &self,
        context: &RequestContext,
        space: &RwLock<AddressSpace>,
        items: &mut [&mut &mut CreateMonitoredItem],
    ) {
        let space = space.read();
        for item in items {
            let wanted = item.item_to_monitor();
            match space.find(&wanted.node_id) {
                Some(NodeType::Variable(_)) => {
                    let value = space.read(context, wanted, 0.0, TimestampsToReturn::Both);
                    item.set_initial_value(value);
                    item.revise_sampling_interval(BY_EXCEPTION_MS);
                    self.note_sampling(item.handle(), item.sampling_interval());
                    item.set_status(StatusCode::Good);
                }
                Some(_) => item.set_status(StatusCode::BadAttributeIdInvalid),
                None => item.set_status(StatusCode::BadNodeIdUnknown),
            }
        }
    }

    async fn modify_monitored_items(&self, _context: &RequestContext, items: &[&MonitoredItemUpdateRef]) {
        for item in items {
            self.note_sampling(item.handle(), item.update().revised_sampling_interval);
        }
    }

    async fn delete_monitored_items(&self, _context: &RequestContext, items: &[&MonitoredItemRef]) {
        let mut sampled = self.sampled.write();
        for item in items {
            sampled.remove(&item.handle());
        }
    }

    async fn history_read_raw_modified(
        &self,
        _context: &RequestContext,
        details: &ReadRawModifiedDetails,
        nodes: &mut [&mut &mut HistoryNode],
        timestamps: TimestampsToReturn,
    ) -> Result<(), StatusCode> {
        // OPC 10000-11, 6.5.1: a history without times is of no use.
        if matches!(timestamps, TimestampsToReturn::Neither | TimestampsToReturn::Invalid) {
            return Err(StatusCode::BadTimestampsToReturnInvalid);
        }
        for node in nodes {
            let status = self.read_history(details, node, timestamps).await;
            node.set_status(status.unwrap_or_else(|refused| refused));
        }
        Ok(())
    }

    async fn write(
        &self,
        _context: &RequestContext,
        space: &RwLock<AddressSpace>,
        nodes: &mut [&mut WriteNode],
    ) -> Result<(), StatusCode> {
        let space = space.read();
        for node in nodes {
            let known = space.node_exists(&node.value().node_id);
            node.set_status(if known { StatusCode::BadNotWritable } else { StatusCode::BadNodeIdUnknown });
        }
        Ok(())
    }
}
