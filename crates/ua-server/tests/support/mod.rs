//! A server with one asset, and a client to look at it with.

use std::{sync::Arc, time::Duration};

use andon_plant::{
    AssetName, ManualClock, Mode, Range, StatusCode, Tag, TagName, Timestamp, Verdict, verdict::TagVerdict,
};
use andon_ua_server::{AssetNodes, NAMESPACE_URI, ServerError, ServerSettings, UaServer};
use opcua::{
    client::{ClientBuilder, DataChangeCallback, IdentityToken, Session},
    crypto::SecurityPolicy,
    types::{
        AttributeId, DataValue, MessageSecurityMode, MonitoredItemCreateRequest, MonitoringMode, MonitoringParameters,
        NodeId, ReadValueId, StatusCode as UaStatus, TimestampsToReturn, UserTokenPolicy,
    },
};
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;

pub(crate) mod history;
use history::MemoryHistory;

/// How long a test waits for what must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A running server of one asset, `Mixer`, with the tags `Temperature` (degC, 0 to 150) and `Speed`.
pub(crate) struct Plant {
    pub(crate) server: UaServer,
    pub(crate) history: Arc<MemoryHistory>,
    pub(crate) cancel: CancellationToken,
    pub(crate) task: JoinHandle<Result<(), ServerError>>,
    pki: tempfile::TempDir,
}

pub(crate) fn mixer() -> AssetName {
    AssetName::new("Mixer").unwrap()
}

pub(crate) fn tag(name: &str) -> TagName {
    TagName::new(name).unwrap()
}

pub(crate) fn assets() -> Vec<AssetNodes> {
    let temperature = Tag {
        unit: "degC".to_owned(),
        range: Some(Range::new(0.0, 150.0).unwrap()),
        ..Tag::analog(tag("Temperature"))
    };
    vec![AssetNodes {
        name: mixer(),
        area: vec!["Hall 2".to_owned(), "Line 1".to_owned()],
        tags: vec![temperature, Tag::analog(tag("Speed"))],
        grid: Duration::from_secs(1),
    }]
}

pub(crate) async fn start(assets: Vec<AssetNodes>) -> Result<Plant, ServerError> {
    let pki = tempfile::tempdir().unwrap();
    let settings = ServerSettings {
        listen: "127.0.0.1:0".parse().unwrap(),
        pki_dir: pki.path().join("server"),
        application_name: "Andon".to_owned(),
    };
    let history = Arc::new(MemoryHistory::default());
    let clock = Arc::new(ManualClock::new(at(1_000_000)));
    let cancel = CancellationToken::new();
    let sources = vec!["plc1".parse().unwrap()];
    let (server, task) = UaServer::start(settings, assets, sources, history.clone(), clock, cancel.clone()).await?;
    Ok(Plant { server, history, cancel, task, pki })
}

pub(crate) async fn plant() -> Plant {
    start(assets()).await.unwrap()
}

pub(crate) fn at(s: i64) -> Timestamp {
    Timestamp::from_secs(s)
}

pub(crate) fn verdict(time: Timestamp, score: f64, status: StatusCode) -> Verdict {
    Verdict {
        asset: mixer(),
        time,
        score,
        threshold: 4.0,
        probability: 1.0 - 10f64.powf(-score),
        probability_low: 0.1,
        probability_high: 0.9,
        mode: Mode::Known("A".to_owned()),
        imputed: 0.0,
        status,
        tags: vec![TagVerdict {
            tag: tag("Temperature"),
            value: 71.0,
            expected: 70.0,
            expected_low: 69.0,
            expected_high: 72.0,
            residual: 1.0,
            contribution: 1.0,
            imputed: false,
        }],
        late: false,
        findings: Vec::new(),
        attention: Vec::new(),
    }
}

/// A client's session and the namespace index it found.
pub(crate) struct Hmi {
    pub(crate) session: Arc<Session>,
    pub(crate) namespace: u16,
}

impl Plant {
    pub(crate) async fn connect(&self) -> Hmi {
        self.connect_with(SecurityPolicy::None, MessageSecurityMode::None).await.unwrap()
    }

    /// `None` if the server refuses the client.
    pub(crate) async fn connect_with(&self, policy: SecurityPolicy, mode: MessageSecurityMode) -> Option<Hmi> {
        let mut client = ClientBuilder::new()
            .application_name("HMI")
            .application_uri("urn:hmi")
            .pki_dir(self.client_pki())
            .create_sample_keypair(policy != SecurityPolicy::None)
            .trust_server_certs(true)
            .verify_server_certs(false)
            .session_retry_limit(0)
            .max_array_length(100_000)
            .client()
            .unwrap();
        let endpoint = (self.server.endpoint(), policy.to_str(), mode, UserTokenPolicy::anonymous());
        let (session, event_loop) =
            client.connect_to_matching_endpoint(endpoint, IdentityToken::Anonymous).await.unwrap();
        let running = event_loop.spawn();
        let connected = tokio::time::timeout(PATIENCE, session.wait_for_connection());
        tokio::select! {
            up = connected => assert!(up.unwrap(), "the session was closed"),
            _ = running => return None,
        }
        let namespace = session.get_namespace_index(NAMESPACE_URI).await.unwrap();
        Some(Hmi { session, namespace })
    }

    pub(crate) fn client_pki(&self) -> std::path::PathBuf {
        self.pki.path().join("client")
    }

    pub(crate) fn server_pki(&self) -> std::path::PathBuf {
        self.pki.path().join("server")
    }
}

impl Hmi {
    pub(crate) fn id(&self, path: &str) -> NodeId {
        NodeId::new(self.namespace, path)
    }

    pub(crate) async fn read(&self, path: &str, attribute: AttributeId) -> DataValue {
        let wanted = ReadValueId { attribute_id: attribute as u32, ..self.id(path).into() };
        let mut values = self.session.read(&[wanted], TimestampsToReturn::Both, 0.0).await.unwrap();
        values.remove(0)
    }

    /// Reads until the value is there: publishing does not wait for the server.
    pub(crate) async fn read_until(&self, path: &str, there: impl Fn(&DataValue) -> bool) -> DataValue {
        let read = async {
            loop {
                let value = self.read(path, AttributeId::Value).await;
                if there(&value) {
                    return value;
                }
            }
        };
        tokio::time::timeout(PATIENCE, read).await.unwrap()
    }

    /// Subscribes to one variable, published every `publishing` with a queue of 1,000.
    pub(crate) async fn subscribe(
        &self,
        path: &str,
        publishing: Duration,
        sampling_ms: f64,
    ) -> mpsc::Receiver<DataValue> {
        let (send, receive) = mpsc::channel(10_000);
        let callback = DataChangeCallback::new(move |value, _| {
            // A test that has seen enough drops the receiver.
            let sent = send.try_send(value);
            assert!(!matches!(sent, Err(mpsc::error::TrySendError::Full(_))));
        });
        let subscription = self.session.create_subscription(publishing, 100, 10, 0, 0, true, callback).await.unwrap();
        let item = MonitoredItemCreateRequest {
            item_to_monitor: ReadValueId { attribute_id: AttributeId::Value as u32, ..self.id(path).into() },
            monitoring_mode: MonitoringMode::Reporting,
            requested_parameters: MonitoringParameters {
                client_handle: 1,
                sampling_interval: sampling_ms,
                queue_size: 1000,
                discard_oldest: true,
                ..MonitoringParameters::default()
            },
        };
        let created =
            self.session.create_monitored_items(subscription, TimestampsToReturn::Both, vec![item]).await.unwrap();
        assert_eq!(created[0].result.status_code, UaStatus::Good);
        receive
    }
}

/// The next value of a subscription.
pub(crate) async fn next(values: &mut mpsc::Receiver<DataValue>) -> DataValue {
    tokio::time::timeout(PATIENCE, values.recv()).await.unwrap().unwrap()
}
