//! One session and the event loop that drives it.
//!
//! The stack reconnects a cut transport by itself and takes its session up again, which serves to end it properly. What
//! it would do with the subscriptions is switched off: after a server restart its own way goes silent, and the
//! namespaces may have moved. Reading goes on with a new session, in which everything is looked up and made anew.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use futures::{Stream, StreamExt};
use opcua::{
    client::{Client, ClientBuilder, IdentityToken, Session, SessionPollResult},
    crypto::SecurityPolicy,
    types::{EndpointDescription, StatusCode, UserTokenType},
};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::{
    error::{UaError, explain, explain_status},
    inbox::Inbox,
    source::{Identity, Security, Source},
};

/// How long a server may take to tell its endpoints, and then to open a session.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// How long any one request may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// How long the server keeps a session that it hears nothing of; we ask every second or so.
const SESSION_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a polite end may take.
const GOODBYE_WITHIN: Duration = Duration::from_secs(2);
/// The longest wait between two tries to connect.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(3);
/// The first wait between two tries to connect.
pub(crate) const FIRST_WAIT: Duration = Duration::from_millis(500);

type Events = Pin<Box<dyn Stream<Item = Result<SessionPollResult, StatusCode>> + Send>>;

/// A session that is driven by polling [`drive`](Self::drive), and the way to end it.
pub(crate) struct Link {
    pub(crate) session: Arc<Session>,
    endpoint: String,
    events: Events,
    connected: bool,
}

impl Link {
    /// Finds the endpoint of the wanted security and opens a session on it.
    pub(crate) async fn open(source: &Source) -> Result<Self, UaError> {
        let span =
            tracing::debug_span!("ua.session.connect", source.name = %source.name, source.endpoint = source.endpoint);
        async {
            let endpoint = discover(source).await?;
            let mut client = client(source, -1).await?;
            let (session, event_loop) = client
                .connect_to_endpoint_directly(endpoint, token(&source.identity))
                .map_err(|e| UaError::Setup { endpoint: source.endpoint.clone(), reason: explain(&e) })?;
            let events = Box::pin(event_loop.enter());
            let mut link = Self { session, endpoint: source.endpoint.clone(), events, connected: false };
            link.connect(Patience::OneTry(CONNECT_WITHIN)).await?;
            Ok(link)
        }
        .instrument(span)
        .await
    }

    /// Waits until the stack has taken up the session again, or has made another.
    ///
    /// Its first try would come at once, while a server that is going down is still closing its connections; some hang
    /// over a client that slips in there.
    pub(crate) async fn reconnect(&mut self, within: Duration) -> Result<(), UaError> {
        tokio::time::sleep(FIRST_WAIT).await;
        self.connect(Patience::Until(within)).await
    }

    async fn connect(&mut self, patience: Patience) -> Result<(), UaError> {
        let (Patience::OneTry(within) | Patience::Until(within)) = patience;
        let deadline = Instant::now() + within;
        let mut last = None;
        loop {
            let reason = match timeout_at(deadline, self.events.next()).await {
                Err(_) => last.unwrap_or_else(|| format!("it opened no session within {} s", within.as_secs())),
                Ok(Some(Ok(SessionPollResult::Reconnected(_)))) => {
                    self.connected = true;
                    return Ok(());
                }
                Ok(Some(Ok(SessionPollResult::ReconnectFailed(status)))) => match patience {
                    Patience::OneTry(_) => explain_status(status),
                    Patience::Until(_) => {
                        last = Some(explain_status(status));
                        continue;
                    }
                },
                Ok(Some(Ok(_))) => continue,
                Ok(Some(Err(status))) => explain_status(status),
                Ok(None) => "the session has ended".to_owned(),
            };
            return Err(UaError::Unreachable { endpoint: self.endpoint.clone(), reason });
        }
    }

    /// Drives the session until the connection is lost, and says why. With an inbox, it stands still while that is full.
    pub(crate) async fn drive(&mut self, inbox: Option<&Inbox>) -> String {
        loop {
            if let Some(inbox) = inbox {
                inbox.room().await;
            }
            let lost = match self.events.next().await {
                Some(Ok(SessionPollResult::ConnectionLost(status))) | Some(Err(status)) => explain_status(status),
                Some(Ok(_)) => continue,
                None => "the session has ended".to_owned(),
            };
            self.connected = false;
            return format!("the connection to {} is lost: {lost}", self.endpoint);
        }
    }

    /// The outcome of `work`, which uses the session meanwhile.
    pub(crate) async fn during<T>(&mut self, work: impl Future<Output = Result<T, UaError>>) -> Result<T, UaError> {
        let endpoint = self.endpoint.clone();
        tokio::select! {
            outcome = work => outcome,
            reason = self.drive(None) => Err(UaError::Unreachable { endpoint, reason }),
        }
    }

    /// Ends the session on the server (CloseSession) if it can be reached, within two seconds.
    pub(crate) async fn close(mut self) {
        if !self.connected {
            return;
        }
        let session = Arc::clone(&self.session);
        let goodbye = async {
            // A server that does not answer will end the session by itself.
            let _ = session.disconnect().await;
        };
        let drive = async { while let Some(Ok(_)) = self.events.next().await {} };
        let _ = timeout(GOODBYE_WITHIN, async { tokio::join!(goodbye, drive) }).await;
    }
}

/// Opens a session, does `work` with it, and ends it whatever comes of it.
pub(crate) async fn once<T, F>(
    source: &Source,
    cancel: &CancellationToken,
    work: impl FnOnce(Arc<Session>) -> F,
) -> Result<T, UaError>
where
    F: Future<Output = Result<T, UaError>>,
{
    let mut link = tokio::select! {
        _ = cancel.cancelled() => return Err(UaError::Cancelled),
        opened = Link::open(source) => opened?,
    };
    let work = work(Arc::clone(&link.session));
    let outcome = tokio::select! {
        _ = cancel.cancelled() => Err(UaError::Cancelled),
        outcome = link.during(work) => outcome,
    };
    link.close().await;
    outcome
}

#[derive(Clone, Copy)]
enum Patience {
    /// The first failure ends it, so that its reason is told.
    OneTry(Duration),
    /// Tries again and again.
    Until(Duration),
}

/// The server's URL as the source has it.
pub(crate) fn endpoint_of(session: &Session) -> String {
    session.endpoint_info().endpoint.endpoint_url.as_ref().to_owned()
}

fn token(identity: &Identity) -> IdentityToken {
    match identity {
        Identity::Anonymous => IdentityToken::Anonymous,
        Identity::UserName { user, password } => IdentityToken::new_user_name(user, password),
    }
}

/// A client of the stack. Its limits are far above its defaults, which lose whole messages: 1000 array elements, 5 chunks.
async fn client(source: &Source, tries: i32) -> Result<Client, UaError> {
    let builder = ClientBuilder::new()
        .application_name("Andon")
        .application_uri("urn:andon:client")
        .session_name(format!("andon {}", source.name))
        .pki_dir(&source.pki_dir)
        .create_sample_keypair(source.security != Security::None)
        .trust_server_certs(false)
        .session_retry_limit(tries)
        .session_retry_initial(FIRST_WAIT)
        .session_retry_max(LONGEST_WAIT)
        .session_timeout(SESSION_TIMEOUT.as_millis() as u32)
        .request_timeout(ANSWER_WITHIN)
        .recreate_subscriptions(false)
        .min_publish_interval(Duration::from_millis(10))
        .max_array_length(100_000)
        .max_message_size(64 << 20)
        .max_chunk_count(1600)
        .max_string_length(1 << 20)
        .max_byte_string_length(16 << 20);
    let endpoint = source.endpoint.clone();
    // Making a key pair at the first use takes a second of pure computing.
    let made = tokio::task::spawn_blocking(move || builder.client()).await;
    match made {
        Ok(Ok(client)) => Ok(client),
        Ok(Err(reasons)) => Err(UaError::Setup { endpoint, reason: reasons.join("; ") }),
        Err(reason) => Err(UaError::Setup { endpoint, reason: reason.to_string() }),
    }
}

/// The server's endpoint of the wanted security, under the URL by which it was asked.
async fn discover(source: &Source) -> Result<EndpointDescription, UaError> {
    let url = source.endpoint.clone();
    let client = client(source, 0).await?;
    let offered = match timeout(CONNECT_WITHIN, client.get_server_endpoints_from_url(&url)).await {
        Err(_) => {
            return Err(UaError::Silent {
                endpoint: url,
                doing: "tell its endpoints",
                seconds: CONNECT_WITHIN.as_secs(),
            });
        }
        Ok(Err(e)) => return Err(UaError::Unreachable { endpoint: url, reason: explain(&e) }),
        Ok(Ok(offered)) => offered,
    };
    let wanted = |e: &&EndpointDescription| {
        e.security_mode == source.security.mode()
            && SecurityPolicy::from_uri(e.security_policy_uri.as_ref()) == source.security.policy()
    };
    let Some(mut endpoint) = offered.iter().find(wanted).cloned() else {
        return Err(UaError::NoSuchSecurity {
            endpoint: url,
            wanted: source.security.to_string(),
            offered: list(&offered),
        });
    };
    check_identity(source, &endpoint)?;
    endpoint.endpoint_url = url.into();
    Ok(endpoint)
}

fn list(endpoints: &[EndpointDescription]) -> String {
    let name = |e: &EndpointDescription| {
        let policy = SecurityPolicy::from_uri(e.security_policy_uri.as_ref());
        if policy == SecurityPolicy::None { "None".to_owned() } else { format!("{policy}/{}", e.security_mode) }
    };
    let mut names: Vec<_> = endpoints.iter().map(name).collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

/// Refuses an identity the endpoint doesn't take, and a password that would be readable on the wire.
fn check_identity(source: &Source, endpoint: &EndpointDescription) -> Result<(), UaError> {
    let (wanted, identity) = match source.identity {
        Identity::Anonymous => (UserTokenType::Anonymous, "an anonymous user"),
        Identity::UserName { .. } => (UserTokenType::UserName, "a user name and password"),
    };
    let policies = endpoint.user_identity_tokens.as_deref().unwrap_or_default();
    let Some(policy) = policies.iter().find(|p| p.token_type == wanted) else {
        return Err(UaError::NoSuchIdentity {
            endpoint: source.endpoint.clone(),
            identity,
            security: source.security.to_string(),
        });
    };
    // A token policy without a policy of its own is encrypted like the channel (OPC 10000-4, 7.41).
    let own = policy.security_policy_uri.as_ref();
    let in_clear = if own.is_empty() {
        source.security == Security::None
    } else {
        SecurityPolicy::from_uri(own) == SecurityPolicy::None
    };
    if wanted == UserTokenType::UserName && in_clear {
        return Err(UaError::PasswordInClear { endpoint: source.endpoint.clone() });
    }
    Ok(())
}
