//! Subscriptions and monitored items (OPC 10000-4, 5.13 and 5.14).

use std::{collections::VecDeque, time::Duration};

use opcua::{
    client::{
        MonitoredItemMap, OnSubscriptionNotificationCore, Session, Subscription, UARequest,
        services::CreateSubscription,
    },
    types::{
        AttributeId, DataChangeFilter, DataChangeNotification, DataChangeTrigger, ExtensionObject,
        MonitoredItemCreateRequest, MonitoringMode, MonitoringParameters, NodeId, NotificationMessage, ReadValueId,
        StatusChangeNotification, StatusCode, TimestampsToReturn,
    },
};

use crate::{
    decode::Fault,
    error::UaError,
    inbox::{Inbox, Signal},
    limits::Limits,
};

/// How often a subscription without changes is to say that it lives.
const KEEP_ALIVE: Duration = Duration::from_secs(2);
/// How long the server is to keep a subscription that nobody asks for.
const LIFETIME: Duration = Duration::from_secs(60);
/// The span of changes the server is to hold of each item, for when we are slow.
const HELD: Duration = Duration::from_secs(10);

/// What stands after subscribing.
pub(crate) struct Subscribed {
    /// Monitored items in force.
    pub(crate) monitored: usize,
    /// The time after which silence means that the subscriptions are dead.
    pub(crate) silence: Duration,
}

/// Subscribes to the values of `nodes`, given with their tag numbers, and tells the tags that are refused.
///
/// A server may take fewer items in one subscription than there are tags, so that another is made for the rest, as long
/// as it takes any.
pub(crate) async fn subscribe(
    session: &Session,
    nodes: &[(usize, NodeId)],
    interval: Duration,
    limits: &Limits,
    inbox: &Inbox,
) -> Result<Subscribed, UaError> {
    let mut done = Subscribed { monitored: 0, silence: KEEP_ALIVE * 3 };
    let mut waiting = nodes.to_vec();
    while !waiting.is_empty() {
        let (subscription, keep_alive) = create_subscription(session, interval, inbox).await?;
        done.silence = done.silence.max(keep_alive * 3);
        let mut turn =
            Turn { session, subscription, interval, size: limits.monitor, inbox, created: 0, left: Vec::new() };
        turn.monitor(waiting).await?;
        done.monitored += turn.created;
        if turn.created == 0 {
            for (tag, _) in turn.left {
                inbox.send(Signal::Fault(tag, Fault::of(StatusCode::BadTooManyMonitoredItems))).await;
            }
            break;
        }
        waiting = turn.left;
    }
    Ok(done)
}

/// A new subscription and its keep-alive time. What the server has revised is not trusted: zero, NaN and the like would
/// make the stack publish without pause or panic.
async fn create_subscription(session: &Session, interval: Duration, inbox: &Inbox) -> Result<(u32, Duration), UaError> {
    let counts =
        |span: Duration| (span.as_secs_f64() / interval.as_secs_f64().max(0.001)).ceil().clamp(1.0, 1e6) as u32;
    let keep_alive = counts(KEEP_ALIVE);
    let lifetime = counts(LIFETIME).max(3 * keep_alive);
    let made = CreateSubscription::new(session)
        .publishing_interval(interval)
        .max_keep_alive_count(keep_alive)
        .max_lifetime_count(lifetime)
        .send(session.channel())
        .await
        .map_err(|e| UaError::service(session, "make a subscription", &e))?;
    let publishing = sane(made.revised_publishing_interval, interval);
    let keep_alive_count = made.revised_max_keep_alive_count.clamp(1, 1_000_000);
    let listener = Listener { inbox: inbox.clone() };
    session.subscription_state().lock().add_subscription(Subscription::new(
        made.subscription_id,
        publishing,
        made.revised_lifetime_count,
        keep_alive_count,
        0,
        0,
        true,
        Box::new(listener),
    ));
    inbox.publish_seen();
    // The stack begins to publish at this word only.
    session.trigger_publish_now();
    Ok((made.subscription_id, (publishing * keep_alive_count).min(LIFETIME)))
}

/// The revised interval in milliseconds, or the asked one where that is nonsense.
fn sane(revised_ms: f64, asked: Duration) -> Duration {
    if (1.0..=60_000.0).contains(&revised_ms) { Duration::from_secs_f64(revised_ms / 1000.0) } else { asked }
}

/// Filling one subscription.
struct Turn<'a> {
    session: &'a Session,
    subscription: u32,
    interval: Duration,
    /// Items in a call, halved while the server finds it too many.
    size: usize,
    inbox: &'a Inbox,
    created: usize,
    /// What this subscription has no room for.
    left: Vec<(usize, NodeId)>,
}

impl Turn<'_> {
    async fn monitor(&mut self, nodes: Vec<(usize, NodeId)>) -> Result<(), UaError> {
        let mut nodes = VecDeque::from(nodes);
        while !nodes.is_empty() {
            let batch: Vec<_> = nodes.drain(..self.size.min(nodes.len())).collect();
            match self.batch(&batch, Filter::Timestamps).await {
                Ok(refused) if refused.is_empty() => {}
                Ok(refused) => {
                    // A simple server may know no filters; it reports changes of value and status then.
                    self.batch(&refused, Filter::None).await?;
                }
                Err(UaError::Service { status, .. }) if too_many(status) => {
                    if batch.len() == 1 {
                        self.left = batch.into_iter().chain(nodes).collect();
                        return Ok(());
                    }
                    self.size = batch.len().div_ceil(2);
                    batch.into_iter().rev().for_each(|node| nodes.push_front(node));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// One call. Returns the nodes whose filter was refused.
    async fn batch(&mut self, nodes: &[(usize, NodeId)], filter: Filter) -> Result<Vec<(usize, NodeId)>, UaError> {
        let requests = nodes.iter().map(|(tag, node)| item(*tag, node, self.interval, filter)).collect();
        let results = self
            .session
            .create_monitored_items(self.subscription, TimestampsToReturn::Both, requests)
            .await
            .map_err(|e| UaError::service(self.session, "monitor the tags", &e))?;
        let mut refused = Vec::new();
        for ((tag, node), made) in nodes.iter().zip(results) {
            match made.result.status_code {
                status if status.is_good() => self.created += 1,
                StatusCode::BadTooManyMonitoredItems => self.left.push((*tag, node.clone())),
                StatusCode::BadMonitoredItemFilterUnsupported
                | StatusCode::BadMonitoredItemFilterInvalid
                | StatusCode::BadFilterNotAllowed
                    if filter == Filter::Timestamps =>
                {
                    refused.push((*tag, node.clone()));
                }
                status => self.inbox.send(Signal::Fault(*tag, Fault::of(status))).await,
            }
        }
        Ok(refused)
    }
}

fn too_many(status: andon_plant::StatusCode) -> bool {
    [StatusCode::BadTooManyMonitoredItems, StatusCode::BadTooManyOperations].iter().any(|s| s.bits() == status.0)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Filter {
    /// Report changes of status, value and source timestamp: a value measured anew is news though it is the same.
    Timestamps,
    None,
}

fn item(tag: usize, node: &NodeId, interval: Duration, filter: Filter) -> MonitoredItemCreateRequest {
    let filter = match filter {
        Filter::None => ExtensionObject::null(),
        Filter::Timestamps => ExtensionObject::from_message(DataChangeFilter {
            trigger: DataChangeTrigger::StatusValueTimestamp,
            deadband_type: 0,
            deadband_value: 0.0,
        }),
    };
    let held = (HELD.as_secs_f64() / interval.as_secs_f64().max(0.001)).ceil();
    MonitoredItemCreateRequest {
        item_to_monitor: ReadValueId {
            node_id: node.clone(),
            attribute_id: AttributeId::Value as u32,
            ..ReadValueId::default()
        },
        monitoring_mode: MonitoringMode::Reporting,
        requested_parameters: MonitoringParameters {
            client_handle: handle_of(tag),
            sampling_interval: interval.as_secs_f64() * 1000.0,
            filter,
            queue_size: held.clamp(10.0, 1000.0) as u32,
            discard_oldest: true,
        },
    }
}

/// Tag number to client handle; zero would make the stack choose one of its own.
fn handle_of(tag: usize) -> u32 {
    u32::try_from(tag).unwrap_or(u32::MAX).saturating_add(1)
}

/// Takes what is published into the inbox.
struct Listener {
    inbox: Inbox,
}

impl OnSubscriptionNotificationCore for Listener {
    fn on_subscription_notification(&mut self, notification: NotificationMessage, _: MonitoredItemMap<'_>) {
        self.inbox.publish_seen();
        let mut values = Vec::new();
        for part in notification.notification_data.into_iter().flatten() {
            if let Some(ended) = part.inner_as::<StatusChangeNotification>() {
                self.inbox.subscription_ended(ended.status);
            } else if let Some(changes) = part.into_inner_as::<DataChangeNotification>() {
                let items = changes.monitored_items.into_iter().flatten();
                values.extend(items.filter_map(|i| Some((i.client_handle.checked_sub(1)? as usize, i.value))));
            }
        }
        if !values.is_empty() {
            self.inbox.offer(values);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonsense_interval_from_the_server_is_not_believed() {
        let asked = Duration::from_millis(100);
        for revised in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e300] {
            assert_eq!(sane(revised, asked), asked);
        }
        assert_eq!(sane(250.0, asked), Duration::from_millis(250));
    }

    #[test]
    fn the_queue_holds_ten_seconds_within_reason() {
        let node = NodeId::new(2, "X");
        let queue = |ms| item(0, &node, Duration::from_millis(ms), Filter::Timestamps).requested_parameters.queue_size;
        assert_eq!([queue(0), queue(1), queue(100), queue(1000), queue(60_000)], [1000, 1000, 100, 10, 10]);
    }
}
