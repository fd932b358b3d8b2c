//! The server's limits. The stack's defaults lose values (a thousand items a subscription, ten values a queue, 100 ms).

use opcua::server::{Limits, OperationalLimits, SubscriptionLimits};

/// How often subscriptions are looked at, in milliseconds; also the shortest publishing interval.
pub(super) const POLL_INTERVAL_MS: u64 = 25;

pub(super) fn limits() -> Limits {
    Limits {
        max_array_length: 100_000,
        max_message_size: 16 * 1024 * 1024,
        max_chunk_count: 400,
        max_sessions: 100,
        subscriptions: SubscriptionLimits {
            max_subscriptions_per_session: 100,
            max_pending_publish_requests: 100,
            max_publish_requests_per_subscription: 20,
            min_sampling_interval_ms: 1.0,
            min_publishing_interval_ms: POLL_INTERVAL_MS as f64,
            max_monitored_items_per_sub: 0,
            max_monitored_item_queue_size: 1000,
            max_queued_notifications: 200,
            ..SubscriptionLimits::default()
        },
        operational: OperationalLimits {
            max_nodes_per_translate_browse_paths_to_node_ids: 10_000,
            max_monitored_items_per_call: 10_000,
            max_nodes_per_history_read_data: 1000,
            max_subscriptions_per_call: 100,
            ..OperationalLimits::default()
        },
        ..Limits::default()
    }
}
