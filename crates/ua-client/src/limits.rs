//! What the server says it can bear in one call (OPC 10000-5, 6.3.11), capped by what is sensible.

use opcua::{
    client::Session,
    types::{NodeId, ReadValueId, TimestampsToReturn, VariableId},
};

use crate::{decode::decode, error::UaError};

/// Nodes or items in one call, each at least 1, and the server's bound on monitored items where it tells one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) read: usize,
    pub(crate) browse: usize,
    pub(crate) history: usize,
    pub(crate) monitor: usize,
    pub(crate) monitored_items: Option<usize>,
}

/// What is asked where the server names no limit.
const UNBOUNDED: Limits = Limits { read: 1000, browse: 500, history: 100, monitor: 1000, monitored_items: None };

impl Limits {
    /// Asks the server.
    pub(crate) async fn read(session: &Session) -> Result<Self, UaError> {
        let asked = [
            VariableId::Server_ServerCapabilities_OperationLimits_MaxNodesPerRead,
            VariableId::Server_ServerCapabilities_OperationLimits_MaxNodesPerBrowse,
            VariableId::Server_ServerCapabilities_OperationLimits_MaxNodesPerHistoryReadData,
            VariableId::Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall,
            VariableId::Server_ServerCapabilities_MaxMonitoredItems,
        ]
        .map(|id| ReadValueId::from(NodeId::from(id)));
        let answer = session
            .read(&asked, TimestampsToReturn::Neither, 0.0)
            .await
            .map_err(|e| UaError::service(session, "read the operation limits", &e))?;
        // Few servers have all of these nodes: one that is missing or zero means no limit.
        let told = |ix: usize| -> Option<usize> {
            let sample = decode(answer.get(ix)?, andon_plant::Timestamp::default()).ok()?;
            (sample.value >= 1.0).then_some(sample.value as usize)
        };
        let cap = |ix: usize, most: usize| told(ix).map_or(most, |limit| limit.min(most));
        Ok(Self {
            read: cap(0, UNBOUNDED.read),
            browse: cap(1, UNBOUNDED.browse),
            history: cap(2, UNBOUNDED.history),
            monitor: cap(3, UNBOUNDED.monitor),
            monitored_items: told(4),
        })
    }
}
