//! Keeping histories: what is old is dropped, and the disk is looked after.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::hub::Hub;

/// How often old rows are dropped.
const RETENTION_EVERY: Duration = Duration::from_secs(3600);
/// How often the disk is looked at: the reserve lasts for much longer.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Drops what is older than the configuration keeps it.
pub(super) async fn retain(hub: Hub, cancel: CancellationToken) {
    let mut every = tokio::time::interval(RETENTION_EVERY);
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            _ = every.tick() => {}
        }
        let now = hub.clock.now();
        match hub.store.prune(hub.config.store.retention.since(now)).await {
            Ok(pruned) if pruned.samples + pruned.scores + pruned.alarms > 0 => {
                tracing::info!(pruned.samples, pruned.scores, pruned.alarms, "old rows were dropped");
            }
            Ok(_) => {}
            Err(e) => tracing::error!("old rows could not be dropped: {e}"),
        }
    }
}

/// Sees to it that so much of the disk stays free as the configuration says.
pub(super) async fn look_after_space(hub: Hub, cancel: CancellationToken) {
    let mut every = tokio::time::interval(LOOK_EVERY);
    let mut failed = false;
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            _ = every.tick() => {}
        }
        let looked = hub.store.look_after_space(hub.clock.now()).await;
        match &looked {
            // Once: the next look is soon.
            Err(e) if !failed => tracing::error!("room could not be made on the disk: {e}"),
            _ => {}
        }
        failed = looked.is_err();
    }
}
