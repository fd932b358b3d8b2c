//! A small OPC UA client for the tests.

use std::{path::Path, sync::Arc, time::Duration};

use andon_plant::Timestamp;
use opcua::{
    client::{ClientBuilder, DataChangeCallback, HistoryReadAction, IdentityToken, Session},
    types::{
        AttributeId, BrowseDescription, BrowseDirection, ByteString, DataValue, DateTime, EndpointDescription,
        HistoryData, HistoryReadValueId, MessageSecurityMode, MonitoredItemCreateRequest, MonitoringMode,
        MonitoringParameters, NodeId, QualifiedName, ReadRawModifiedDetails, ReadValueId, ReferenceDescription,
        ReferenceTypeId, StatusCode, TimestampsToReturn, UserTokenPolicy, Variant, WriteValue,
    },
};
use tokio::sync::mpsc;

/// Seconds from 1601 to 1970.
const EPOCH_S: i64 = 11_644_473_600;

/// A value without its server timestamp.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Value {
    pub(crate) time: Option<Timestamp>,
    pub(crate) value: Option<Variant>,
    pub(crate) status: StatusCode,
}

impl Value {
    pub(crate) fn good(time: Timestamp, value: f64) -> Self {
        Self { time: Some(time), value: Some(Variant::Double(value)), status: StatusCode::Good }
    }

    pub(crate) fn missing(time: Timestamp) -> Self {
        Self { time: Some(time), value: None, status: StatusCode::BadNoData }
    }

    fn of(value: DataValue) -> Self {
        let micros = |t: DateTime| Timestamp::from_micros(t.ticks() / 10 - EPOCH_S * 1_000_000);
        Self {
            time: value.source_timestamp.map(micros),
            status: value.status(),
            value: value.value.filter(|v| *v != Variant::Empty),
        }
    }
}

/// A session that lasts as long as the test.
pub(crate) struct Client {
    session: Arc<Session>,
}

impl Client {
    pub(crate) async fn connect(endpoint: &str, policy: &str, dir: &Path) -> Self {
        let mut client = ClientBuilder::new()
            .application_name("test")
            .application_uri("urn:andon:test")
            .pki_dir(dir.join("client"))
            .create_sample_keypair(true)
            .trust_server_certs(true)
            .verify_server_certs(false)
            .max_array_length(100_000)
            .max_message_size(16 * 1024 * 1024)
            .max_chunk_count(400)
            .session_retry_limit(1)
            .client()
            .unwrap();
        let mode = if policy == "None" { MessageSecurityMode::None } else { MessageSecurityMode::SignAndEncrypt };
        let wanted: EndpointDescription = (endpoint, policy, mode, UserTokenPolicy::anonymous()).into();
        let (session, event_loop) =
            client.connect_to_matching_endpoint(wanted, IdentityToken::Anonymous).await.unwrap();
        event_loop.spawn();
        assert!(session.wait_for_connection().await);
        Self { session }
    }

    /// Every value from `start` up to `end`, and in how many pages it came.
    pub(crate) async fn history(&self, node: &NodeId, start: Timestamp, end: Timestamp) -> (Vec<Value>, usize) {
        let ticks = |t: Timestamp| DateTime::from((t.as_micros() + EPOCH_S * 1_000_000) * 10);
        let (mut values, mut pages, mut point) = (Vec::new(), 0, ByteString::null());
        loop {
            let details =
                ReadRawModifiedDetails { start_time: ticks(start), end_time: ticks(end), ..Default::default() };
            let asked = HistoryReadValueId { node_id: node.clone(), continuation_point: point, ..Default::default() };
            let action = HistoryReadAction::ReadRawModifiedDetails(details);
            let read = self.session.history_read(action, TimestampsToReturn::Both, false, &[asked]).await.unwrap();
            let page = read.into_iter().next().unwrap();
            assert!(page.status_code.is_good(), "{}", page.status_code);
            let data = page.history_data.into_inner_as::<HistoryData>().unwrap();
            values.extend(data.data_values.unwrap_or_default().into_iter().map(Value::of));
            pages += 1;
            point = page.continuation_point;
            if point.is_null_or_empty() {
                return (values, pages);
            }
        }
    }

    /// The values of `nodes` as they come, each with its node's number.
    pub(crate) async fn subscribe(&self, nodes: &[NodeId]) -> mpsc::Receiver<(u32, Value)> {
        let (send, receive) = mpsc::channel(1000);
        let seen = DataChangeCallback::new(move |value, item| {
            let _ = send.try_send((item.client_handle() - 1, Value::of(value)));
        });
        let every = Duration::from_millis(10);
        let id = self.session.create_subscription(every, 1000, 100, 0, 0, true, seen).await.unwrap();
        let wanted = nodes.iter().enumerate().map(|(number, node)| MonitoredItemCreateRequest {
            item_to_monitor: value_of(node, AttributeId::Value),
            monitoring_mode: MonitoringMode::Reporting,
            requested_parameters: MonitoringParameters {
                client_handle: number as u32 + 1,
                sampling_interval: 0.0,
                queue_size: 100,
                discard_oldest: true,
                ..Default::default()
            },
        });
        let made = self.session.create_monitored_items(id, TimestampsToReturn::Both, wanted.collect()).await.unwrap();
        assert!(made.iter().all(|m| m.result.status_code.is_good()));
        receive
    }

    pub(crate) async fn read(&self, node: &NodeId, attribute: AttributeId) -> Variant {
        let read = self.session.read(&[value_of(node, attribute)], TimestampsToReturn::Both, 0.0).await.unwrap();
        read[0].value.clone().unwrap()
    }

    pub(crate) async fn write(&self, node: &NodeId, value: Variant) -> StatusCode {
        let write = WriteValue {
            node_id: node.clone(),
            attribute_id: AttributeId::Value as u32,
            value: DataValue { value: Some(value), ..Default::default() },
            ..Default::default()
        };
        self.session.write(&[write]).await.unwrap()[0]
    }

    /// What stands below a node, by name.
    pub(crate) async fn children(&self, node: &NodeId) -> Vec<(String, NodeId)> {
        let found = self.references(node, ReferenceTypeId::HierarchicalReferences).await;
        found.into_iter().map(|r| (r.browse_name.name.to_string(), r.node_id.node_id)).collect()
    }

    pub(crate) async fn type_of(&self, node: &NodeId) -> NodeId {
        self.references(node, ReferenceTypeId::HasTypeDefinition).await.remove(0).node_id.node_id
    }

    async fn references(&self, node: &NodeId, reference: ReferenceTypeId) -> Vec<ReferenceDescription> {
        let asked = BrowseDescription {
            node_id: node.clone(),
            browse_direction: BrowseDirection::Forward,
            reference_type_id: reference.into(),
            include_subtypes: true,
            node_class_mask: 0,
            result_mask: 63,
        };
        let found = self.session.browse(&[asked], 0, None).await.unwrap();
        found.into_iter().next().unwrap().references.unwrap_or_default()
    }
}

fn value_of(node: &NodeId, attribute: AttributeId) -> ReadValueId {
    ReadValueId {
        node_id: node.clone(),
        attribute_id: attribute as u32,
        index_range: Default::default(),
        data_encoding: QualifiedName::null(),
    }
}
