//! The node manager of the tags: values are set by the server, history is read from the ring, nothing can be written.

use std::{collections::HashMap, sync::Arc};

use andon_plant::TagKind;
use async_trait::async_trait;
use opcua::{
    server::{
        ContinuationPoint,
        address_space::AddressSpace,
        diagnostics::NamespaceMetadata,
        node_manager::{
            HistoryNode, RequestContext, ServerContext, WriteNode,
            memory::{InMemoryNodeManagerImpl, InMemoryNodeManagerImplBuilder},
        },
    },
    sync::RwLock as UaRwLock,
    types::{DataValue, HistoryData, NodeId, NumericRange, ReadRawModifiedDetails, StatusCode, TimestampsToReturn},
};
use parking_lot::RwLock;

use super::{
    NAMESPACE, ServedAsset, data_value,
    history::{History, Point, RawRead, Reading},
    nodes,
};

/// Values in one HistoryRead answer; a client with the usual limit of arrays can take it.
const PAGE: usize = 1000;

/// Makes a [`TagManager`] and its nodes.
pub(super) struct TagManagerBuilder {
    pub(super) assets: Vec<ServedAsset>,
    pub(super) history: Arc<RwLock<Vec<History>>>,
}

impl InMemoryNodeManagerImplBuilder for TagManagerBuilder {
    type Impl = TagManager;

    fn build(self, context: ServerContext, space: &mut AddressSpace) -> TagManager {
        let index = context.type_tree.write().namespaces_mut().add_namespace(NAMESPACE);
        debug_assert_eq!(index, nodes::NAMESPACE_INDEX);
        space.add_namespace(NAMESPACE, index);
        nodes::add_all(space, &self.assets);
        let mut columns = HashMap::new();
        for (asset, served) in self.assets.iter().enumerate() {
            for (tag, (id, of)) in nodes::tag_ids(served).into_iter().zip(&served.tags).enumerate() {
                columns.insert(id, Column { asset, tag, kind: of.kind });
            }
        }
        TagManager { index, columns, history: self.history }
    }
}

/// Serves the tags.
pub(super) struct TagManager {
    index: u16,
    columns: HashMap<NodeId, Column>,
    history: Arc<RwLock<Vec<History>>>,
}

/// Where a tag's history is.
#[derive(Debug, Clone, Copy)]
struct Column {
    asset: usize,
    tag: usize,
    kind: TagKind,
}

#[async_trait]
impl InMemoryNodeManagerImpl for TagManager {
    async fn init(&self, _space: &mut AddressSpace, _context: ServerContext) {}

    fn name(&self) -> &str {
        "tags"
    }

    fn namespaces(&self) -> Vec<NamespaceMetadata> {
        vec![NamespaceMetadata {
            namespace_uri: NAMESPACE.to_owned(),
            namespace_index: self.index,
            ..NamespaceMetadata::default()
        }]
    }

    /// Nothing of a PLC that is watched is anybody's to write.
    async fn write(
        &self,
        _context: &RequestContext,
        space: &UaRwLock<AddressSpace>,
        nodes_to_write: &mut [&mut WriteNode],
    ) -> Result<(), StatusCode> {
        let space = space.read();
        for node in nodes_to_write {
            let known = space.node_exists(&node.value().node_id);
            node.set_status(if known { StatusCode::BadNotWritable } else { StatusCode::BadNodeIdUnknown });
        }
        Ok(())
    }

    /// ReadRaw (OPC 10000-11, 6.4.3) in pages.
    async fn history_read_raw_modified(
        &self,
        _context: &RequestContext,
        details: &ReadRawModifiedDetails,
        nodes: &mut [&mut &mut HistoryNode],
        stamps: TimestampsToReturn,
    ) -> Result<(), StatusCode> {
        if details.is_read_modified {
            return Err(StatusCode::BadHistoryOperationUnsupported);
        }
        if matches!(stamps, TimestampsToReturn::Neither | TimestampsToReturn::Invalid) {
            return Err(StatusCode::BadTimestampsToReturnInvalid);
        }
        for node in nodes {
            let status = self.read_page(details, node, stamps).unwrap_or_else(|refused| refused);
            node.set_status(status);
        }
        Ok(())
    }
}

impl TagManager {
    fn read_page(
        &self,
        details: &ReadRawModifiedDetails,
        node: &mut HistoryNode,
        stamps: TimestampsToReturn,
    ) -> Result<StatusCode, StatusCode> {
        let column = *self.columns.get(node.node_id()).ok_or(StatusCode::BadHistoryOperationUnsupported)?;
        if !matches!(node.index_range(), NumericRange::None) {
            return Err(StatusCode::BadIndexRangeNoData);
        }
        let histories = self.history.read();
        let history = &histories[column.asset];
        let (mut reading, continued) = match node.continuation_point() {
            Some(point) => (point.get::<Reading>().cloned().ok_or(StatusCode::BadContinuationPointInvalid)?, true),
            None => (history.begin(&raw_read(details)).ok_or(StatusCode::BadHistoryOperationInvalid)?, false),
        };
        let data_value = |point: Point| match point {
            Point::Row { time, value } => data_value::past(column.kind, value, time, stamps),
            Point::NoBound(time) => data_value::no_bound(time, stamps),
        };
        let values: Vec<DataValue> =
            history.page(&mut reading, column.tag, page_size(details)).into_iter().map(data_value).collect();
        drop(histories);
        let none = values.is_empty() && !continued;
        node.set_result(HistoryData { data_values: Some(values) });
        if !reading.is_over() {
            node.set_next_continuation_point(Some(ContinuationPoint::new(Box::new(reading))));
        }
        Ok(if none { StatusCode::GoodNoData } else { StatusCode::Good })
    }
}

fn page_size(details: &ReadRawModifiedDetails) -> usize {
    match details.num_values_per_node {
        0 => PAGE,
        asked => PAGE.min(asked as usize),
    }
}

fn raw_read(details: &ReadRawModifiedDetails) -> RawRead {
    RawRead {
        start: data_value::timestamp(&details.start_time),
        end: data_value::timestamp(&details.end_time),
        most: details.num_values_per_node as usize,
        bounds: details.return_bounds,
    }
}
