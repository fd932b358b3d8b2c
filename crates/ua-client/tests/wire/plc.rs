//! A PLC for tests: an OPC UA server in this process, on a runtime of its own, so that it can be killed with all of its
//! connections and come back on the same port.

use std::{sync::Arc, time::Duration};

use andon_plant::Timestamp;
use opcua::{
    server::{
        ANONYMOUS_USER_TOKEN_ID, ServerBuilder, ServerEndpoint, ServerHandle,
        address_space::{ObjectBuilder, VariableBuilder},
        diagnostics::NamespaceMetadata,
        node_manager::memory::{SimpleNodeManager, simple_node_manager},
    },
    types::{
        DataTypeId, DataValue, DateTime, EUInformation, ExtensionObject, LocalizedText, NodeId, Range, StatusCode,
        VariableTypeId, Variant,
    },
};
use parking_lot::Mutex;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    runtime::Runtime,
    task::JoinSet,
};

/// The namespace of the PLC's tags.
pub(crate) const URI: &str = "urn:test:plc";

/// How the server is set up.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) port: u16,
    /// Namespaces registered before the PLC's own, which move its index.
    pub(crate) before: Vec<&'static str>,
    pub(crate) items_per_subscription: usize,
    pub(crate) sessions: usize,
}

impl Setup {
    /// A server with a port of its own and room for everything.
    pub(crate) async fn new() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        Self { port, before: Vec::new(), items_per_subscription: 0, sessions: 10 }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("opc.tcp://127.0.0.1:{}/", self.port)
    }
}

/// A running server.
pub(crate) struct Plc {
    runtime: Option<Runtime>,
    handle: ServerHandle,
    manager: Arc<SimpleNodeManager>,
    namespace: u16,
}

impl Plc {
    /// Starts it with the numbers `A` and `B`, the text `T`, the analog item `Level` with unit and range, and the switch
    /// `On`, all in the folder `Line`.
    pub(crate) async fn start(setup: &Setup) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let setup = setup.clone();
        let (handle, manager, namespace) = runtime
            .spawn(async move {
                let (server, handle) = configure(&setup).build().unwrap();
                let listener = bind(setup.port).await;
                let manager = handle.node_managers().get_by_name::<SimpleNodeManager>("plc").unwrap();
                let namespace = handle.get_namespace_index(URI).unwrap();
                fill(&manager, namespace);
                tokio::spawn(server.run_with(listener));
                (handle, manager, namespace)
            })
            .await
            .unwrap();
        Self { runtime: Some(runtime), handle, manager, namespace }
    }

    /// Sets a tag's value with the source's time and status.
    pub(crate) fn set(&self, tag: &str, value: impl Into<Variant>, at: Timestamp, status: StatusCode) {
        let value = DataValue {
            value: Some(value.into()),
            status: Some(status),
            source_timestamp: Some(DateTime::from(at.as_micros() * 10 + 116_444_736_000_000_000)),
            ..DataValue::default()
        };
        let node = NodeId::new(self.namespace, tag);
        self.manager.set_value(self.handle.subscriptions(), &node, None, value).unwrap();
    }

    /// Sets a sound number.
    pub(crate) fn good(&self, tag: &str, value: f64, secs: i64) {
        self.set(tag, value, Timestamp::from_secs(secs), StatusCode::Good);
    }

    pub(crate) fn namespace(&self) -> u16 {
        self.namespace
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(mut self) {
        self.shut();
    }

    fn shut(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Plc {
    fn drop(&mut self) {
        self.shut();
    }
}

fn configure(setup: &Setup) -> ServerBuilder {
    let none = ServerEndpoint::new_none("/", &[ANONYMOUS_USER_TOKEN_ID.to_string()]);
    let mut builder = ServerBuilder::new()
        .application_name("plc")
        .application_uri("urn:test:server")
        .host("127.0.0.1")
        .port(setup.port)
        .pki_dir(std::env::temp_dir().join("andon-test-plc-pki"))
        .add_endpoint("none", none)
        .discovery_urls(vec!["/".to_owned()])
        .max_sessions(setup.sessions)
        .subscription_poll_interval_ms(10);
    let limits = &mut builder.limits_mut().subscriptions;
    limits.max_monitored_items_per_sub = setup.items_per_subscription;
    limits.max_monitored_item_queue_size = 1000;
    limits.min_publishing_interval_ms = 10.0;
    limits.min_sampling_interval_ms = 10.0;
    for uri in &setup.before {
        builder = builder.with_node_manager(simple_node_manager(named(uri), uri));
    }
    builder.with_node_manager(simple_node_manager(named(URI), "plc"))
}

fn named(uri: &str) -> NamespaceMetadata {
    NamespaceMetadata { namespace_uri: uri.to_owned(), ..NamespaceMetadata::default() }
}

/// The port of a killed server is free as soon as its runtime has let go of it.
async fn bind(port: u16) -> TcpListener {
    loop {
        match TcpListener::bind(("127.0.0.1", port)).await {
            Ok(listener) => return listener,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

fn fill(manager: &SimpleNodeManager, ns: u16) {
    let mut space = manager.address_space().write();
    let line = NodeId::new(ns, "Line");
    ObjectBuilder::new(&line, "Line", "Line").is_folder().organized_by(NodeId::objects_folder_id()).insert(&mut *space);
    let old = DateTime::from(116_444_736_000_000_000);
    let mut variable = |name: &str, data_type: DataTypeId, value: Variant| {
        let value = DataValue { source_timestamp: Some(old), ..DataValue::from(value) };
        let id = NodeId::new(ns, name);
        VariableBuilder::new(&id, name, name).data_type(data_type).organized_by(line.clone()).insert(&mut *space);
        if let Some(opcua::server::address_space::NodeType::Variable(v)) = space.find_mut(&id) {
            v.set_data_value(value);
        }
        id
    };
    variable("A", DataTypeId::Double, Variant::from(0.0));
    variable("B", DataTypeId::Double, Variant::from(0.0));
    variable("T", DataTypeId::String, Variant::from("text"));
    variable("On", DataTypeId::Boolean, Variant::from(true));
    let level = variable("Level", DataTypeId::Float, Variant::from(5.0f32));
    let unit = EUInformation { display_name: LocalizedText::new("", "mm"), ..EUInformation::default() };
    let range = Range { low: 0.0, high: 100.0 };
    let properties = [
        ("EngineeringUnits", DataTypeId::EUInformation, ExtensionObject::from_message(unit)),
        ("EURange", DataTypeId::Range, ExtensionObject::from_message(range)),
    ];
    for (name, data_type, value) in properties {
        VariableBuilder::new(&NodeId::new(ns, format!("Level.{name}")), name, name)
            .data_type(data_type)
            .has_type_definition(VariableTypeId::PropertyType)
            .property_of(level.clone())
            .value(value)
            .insert(&mut *space);
    }
}

/// A cable between client and server that can be cut while the server lives.
pub(crate) struct Cable {
    port: u16,
    open: Arc<Mutex<JoinSet<()>>>,
}

impl Cable {
    /// A cable to `setup`'s server.
    pub(crate) async fn to(setup: &Setup) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, server) = (listener.local_addr().unwrap().port(), setup.port);
        let open = Arc::new(Mutex::new(JoinSet::new()));
        let joined = Arc::clone(&open);
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                joined.lock().spawn(async move {
                    let mut far = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
                    let _ = copy_bidirectional(&mut near, &mut far).await;
                });
            }
        });
        Self { port, open }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("opc.tcp://127.0.0.1:{}/", self.port)
    }

    /// Cuts every connection there is; new ones are let through.
    pub(crate) fn cut(&self) {
        self.open.lock().abort_all();
    }
}
