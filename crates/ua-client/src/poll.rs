//! Reading all tags together, again and again.

use std::{convert::Infallible, time::Duration};

use opcua::{
    client::Session,
    types::{DataValue, NodeId, ReadValueId, TimestampsToReturn},
};
use tokio::time::{MissedTickBehavior, interval};
use tracing::Instrument;

use crate::{
    error::UaError,
    inbox::{Inbox, Signal},
    limits::Limits,
};

/// Reads `nodes`, given with their tag numbers, on a fixed schedule until a read fails. A read that takes longer than
/// the interval skips the times it has missed.
pub(crate) async fn poll(
    session: &Session,
    nodes: &[(usize, NodeId)],
    every: Duration,
    limits: &Limits,
    inbox: &Inbox,
) -> Result<Infallible, UaError> {
    let mut schedule = interval(every.max(Duration::from_millis(1)));
    schedule.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let asked: Vec<_> = nodes.iter().map(|(_, node)| ReadValueId::from(node.clone())).collect();
    loop {
        schedule.tick().await;
        let turn = async {
            for (tags, asked) in nodes.chunks(limits.read).zip(asked.chunks(limits.read)) {
                let Some(values) = inbox.unless_stalled(read(session, asked)).await? else {
                    continue;
                };
                let values = tags.iter().map(|(tag, _)| *tag).zip(values).collect();
                inbox.send(Signal::Values(values)).await;
            }
            Ok::<_, UaError>(())
        };
        turn.instrument(tracing::trace_span!("ua.poll", tags = nodes.len())).await?;
    }
}

/// The values of `asked`, one for each.
pub(crate) async fn read(session: &Session, asked: &[ReadValueId]) -> Result<Vec<DataValue>, UaError> {
    let values = session
        .read(asked, TimestampsToReturn::Both, 0.0)
        .await
        .map_err(|e| UaError::service(session, "read the tags", &e))?;
    if values.len() == asked.len() {
        return Ok(values);
    }
    Err(UaError::ShortAnswer {
        endpoint: crate::link::endpoint_of(session),
        asked: asked.len(),
        answered: values.len(),
    })
}
