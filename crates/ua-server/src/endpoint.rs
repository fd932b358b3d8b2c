//! Security and limits of the server.

use std::net::{IpAddr, SocketAddr};

use opcua::{
    crypto::{SecurityPolicy, X509Data},
    server::{ANONYMOUS_USER_TOKEN_ID, Limits, ServerBuilder, ServerEndpoint},
    types::MessageSecurityMode,
};

use crate::settings::ServerSettings;

/// Who this server is, whatever machine it runs on; its certificate carries it.
const APPLICATION_URI: &str = "urn:andon:server";
const PRODUCT_URI: &str = "urn:andon";

/// How often subscriptions look for what to publish, in ms: the floor of the publishing interval.
const PUBLISHING_TICK_MS: u64 = 10;

/// A builder without node managers of ours, for a server that listens on `address`.
pub(crate) fn builder(settings: &ServerSettings, address: SocketAddr) -> ServerBuilder {
    let anonymous: &[&str] = &[ANONYMOUS_USER_TOKEN_ID];
    let endpoint = |policy, mode| ServerEndpoint::from(("/", policy, mode, anonymous));
    let host = host(address.ip());
    let url = format!("opc.tcp://{host}:{}/", address.port());
    let mut builder = ServerBuilder::new()
        .application_name(settings.application_name.as_str())
        .application_uri(APPLICATION_URI)
        .product_uri(PRODUCT_URI)
        .host(host)
        .port(address.port())
        .discovery_urls(vec![url])
        .pki_dir(settings.pki_dir.clone())
        .certificate_path("own/cert.der")
        .private_key_path("private/private.pem")
        .create_sample_keypair(true)
        .add_endpoint("none", endpoint(SecurityPolicy::None, MessageSecurityMode::None))
        .add_endpoint(
            "basic256sha256_sign_encrypt",
            endpoint(SecurityPolicy::Basic256Sha256, MessageSecurityMode::SignAndEncrypt),
        )
        .default_endpoint("none")
        .diagnostics_enabled(true)
        .subscription_poll_interval_ms(PUBLISHING_TICK_MS);
    limit(builder.limits_mut());
    builder
}

/// The host in the endpoint URL, which clients dial: where we listen on every address, the machine's name.
fn host(address: IpAddr) -> String {
    match address {
        ip if ip.is_unspecified() => X509Data::computer_hostnames().into_iter().next().unwrap_or("localhost".into()),
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

/// The stack's defaults lose values: 1,000 elements an array, 5 chunks a message, queues of 10.
fn limit(limits: &mut Limits) {
    limits.max_array_length = 100_000;
    limits.max_message_size = 16 << 20;
    limits.max_chunk_count = 400;
    limits.max_sessions = 100;
    limits.max_history_continuation_points = 50;
    limits.max_browse_continuation_points = 1000;
    limits.operational.max_monitored_items_per_call = 10_000;
    limits.operational.max_nodes_per_translate_browse_paths_to_node_ids = 1000;
    let subscriptions = &mut limits.subscriptions;
    subscriptions.max_subscriptions_per_session = 100;
    // 0 is "by exception": with more, the stack merges values that come sooner.
    subscriptions.min_sampling_interval_ms = 0.0;
    subscriptions.min_publishing_interval_ms = PUBLISHING_TICK_MS as f64;
    subscriptions.max_monitored_items_per_sub = 0;
    subscriptions.max_monitored_item_queue_size = 200;
    subscriptions.max_queued_notifications = 200;
    subscriptions.max_publish_requests_per_subscription = 20;
    subscriptions.max_pending_publish_requests = 100;
}
