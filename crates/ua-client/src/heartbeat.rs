//! Never trusting "connected": the server's own clock is read about every second, and a subscription must publish.

use std::{convert::Infallible, time::Duration};

use opcua::{
    client::Session,
    types::{NodeId, ReadValueId, TimestampsToReturn, VariableId},
};
use tokio::time::{MissedTickBehavior, interval};

use crate::{
    error::UaError,
    inbox::{Inbox, Signal},
};

/// Asks for Server_ServerStatus_CurrentTime (i=2258) until the server no longer answers, or its subscription is dead.
///
/// `silence` is the time without any publish response, be it a keep-alive, after which a subscription is held for dead;
/// none where the source is polled.
pub(crate) async fn heartbeat(
    session: &Session,
    every: Duration,
    silence: Option<Duration>,
    inbox: &Inbox,
) -> Result<Infallible, UaError> {
    let mut beat = interval(every.max(Duration::from_secs(1)));
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let asked = [ReadValueId::from(NodeId::from(VariableId::Server_ServerStatus_CurrentTime))];
    loop {
        beat.tick().await;
        let answer = async {
            let answer = session.read(&asked, TimestampsToReturn::Neither, 0.0).await;
            answer.map_err(|e| UaError::service(session, "tell its time", &e))
        };
        if inbox.unless_stalled(answer).await?.is_none() {
            continue;
        }
        inbox.send(Signal::Alive).await;
        if let Some(what) = death(inbox, silence) {
            return Err(UaError::DeadSubscription { endpoint: crate::link::endpoint_of(session), what });
        }
    }
}

fn death(inbox: &Inbox, silence: Option<Duration>) -> Option<String> {
    let silence = silence?;
    if let Some(status) = inbox.ended() {
        return Some(format!("was ended by the server ({status})"));
    }
    (inbox.quiet_for() > silence).then(|| format!("has said nothing for {} s", silence.as_secs()))
}

#[cfg(test)]
mod tests {
    use opcua::types::StatusCode;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn connected_yet_silent_is_found() {
        let (inbox, _outbox) = Inbox::new();
        let silence = Some(Duration::from_secs(6));
        tokio::time::advance(Duration::from_secs(6)).await;
        assert_eq!(death(&inbox, silence), None);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(death(&inbox, silence).unwrap(), "has said nothing for 6 s");
        assert_eq!(death(&inbox, None), None, "a polled source has no subscription");
        inbox.publish_seen();
        assert_eq!(death(&inbox, silence), None);
        inbox.subscription_ended(StatusCode::BadTimeout);
        assert_eq!(death(&inbox, silence).unwrap(), "was ended by the server (BadTimeout)");
    }
}
