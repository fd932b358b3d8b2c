//! What can go wrong with a source, each with the way out.

use andon_plant::TagKey;
use opcua::{client::Session, types};

/// What can go wrong with a source as a whole. A single tag's trouble is a
/// [`TagFault`](crate::SourceEvent::TagFault).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UaError {
    /// The client could not be set up.
    #[error("the OPC UA client for {endpoint} can't be set up: {reason}")]
    Setup {
        /// The server's URL.
        endpoint: String,
        /// What the stack says.
        reason: String,
    },
    /// No connection.
    #[error("{endpoint} can't be reached: {reason}")]
    Unreachable {
        /// The server's URL.
        endpoint: String,
        /// What the stack says.
        reason: String,
    },
    /// The server has no endpoint of that security.
    #[error("{endpoint} has no endpoint with security {wanted}; it offers {offered}: set `security` to one of these")]
    NoSuchSecurity {
        /// The server's URL.
        endpoint: String,
        /// What the configuration asks for.
        wanted: String,
        /// What the server has.
        offered: String,
    },
    /// The server has no such way to log in.
    #[error("{endpoint} does not take {identity} with security {security}; change the source's user or security")]
    NoSuchIdentity {
        /// The server's URL.
        endpoint: String,
        /// What was to be offered.
        identity: &'static str,
        /// The security in force.
        security: String,
    },
    /// The password would be readable on the wire.
    #[error(
        "the password for {endpoint} would be sent unencrypted; use a secured endpoint such as `Basic256Sha256/SignAndEncrypt`"
    )]
    PasswordInClear {
        /// The server's URL.
        endpoint: String,
    },
    /// The server refused or failed a service.
    #[error("{endpoint} failed to {doing}: {reason}")]
    Service {
        /// The server's URL.
        endpoint: String,
        /// What it was asked for.
        doing: &'static str,
        /// What it answered.
        reason: String,
        /// Its status code.
        status: andon_plant::StatusCode,
    },
    /// The server did not answer in time.
    #[error("{endpoint} did not {doing} within {seconds} s")]
    Silent {
        /// The server's URL.
        endpoint: String,
        /// What it was asked for.
        doing: &'static str,
        /// How long it was given, in seconds.
        seconds: u64,
    },
    /// The connection stands, but the subscription is dead.
    #[error("{endpoint} answers, but its subscription {what}; it is made anew")]
    DeadSubscription {
        /// The server's URL.
        endpoint: String,
        /// What became of the subscription.
        what: String,
    },
    /// The server answered for fewer nodes than it was asked for.
    #[error("asked {endpoint} for {asked} nodes, got {answered}; its limits (OperationLimits) are not those it tells")]
    ShortAnswer {
        /// The server's URL.
        endpoint: String,
        /// Nodes asked for.
        asked: usize,
        /// Answers.
        answered: usize,
    },
    /// The server does not say what its namespaces are.
    #[error("{endpoint} does not tell its namespaces (node i=2255); without them no node can be found")]
    NoNamespaces {
        /// The server's URL.
        endpoint: String,
    },
    /// There is no history to read.
    #[error("{endpoint} keeps no history of {key} ({node}): {status}; it can only be watched from now on")]
    NoHistory {
        /// The server's URL.
        endpoint: String,
        /// The first tag that was asked for.
        key: TagKey,
        /// Its node.
        node: String,
        /// The server's answer.
        status: String,
    },
    /// The node to begin at is not on the server.
    #[error("{endpoint} has no node {node}: {reason}")]
    NoSuchNode {
        /// The server's URL.
        endpoint: String,
        /// The node.
        node: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It was called off.
    #[error("cancelled")]
    Cancelled,
}

impl UaError {
    /// A service of a standing session has failed.
    pub(crate) fn service(session: &Session, doing: &'static str, error: &types::Error) -> Self {
        UaError::Service {
            endpoint: crate::link::endpoint_of(session),
            doing,
            reason: explain(error),
            status: andon_plant::StatusCode(error.status().bits()),
        }
    }
}

/// What the stack says, with a plain sentence where people can do something about it.
pub(crate) fn explain(error: &types::Error) -> String {
    let said = plain(&error.to_string());
    match advice(error.status()) {
        Some(advice) => format!("{said}; {advice}"),
        None => said,
    }
}

/// The stack prints the system's errors as Rust does: only their message is for people.
fn plain(said: &str) -> String {
    let message = |os: &str| Some(os.split_once("message: \"")?.1.split_once('"')?.0.to_owned());
    match said.split_once(", Os {").and_then(|(before, os)| Some((before, message(os)?))) {
        Some((before, message)) => format!("{before} ({message})"),
        None => said.to_owned(),
    }
}

/// The same for a bare status code.
pub(crate) fn explain_status(status: types::StatusCode) -> String {
    match advice(status) {
        Some(advice) => format!("{status}: {advice}"),
        None => status.to_string(),
    }
}

fn advice(status: types::StatusCode) -> Option<&'static str> {
    use types::StatusCode as S;
    Some(match status {
        S::BadCertificateUntrusted => {
            "one side does not trust the other's certificate: move the server's from `rejected` to `trusted` in the \
             source's PKI folder, and trust Andon's certificate on the server"
        }
        S::BadSecurityChecksFailed => "the server does not accept Andon's certificate: trust it on the server",
        S::BadCertificateTimeInvalid | S::BadCertificateIssuerTimeInvalid => {
            "a certificate has expired or is not valid yet: renew it, or set the clocks right"
        }
        S::BadCertificateHostNameInvalid => "the server's certificate is for another host name",
        S::BadCertificateUriInvalid => "a certificate is for another application URI",
        S::BadIdentityTokenRejected | S::BadIdentityTokenInvalid | S::BadUserAccessDenied => {
            "the server refuses this user: check the user name, the password and its rights"
        }
        S::BadTooManySessions => "the server has no session left: close other clients or raise its limit",
        S::BadTooManyMonitoredItems => "the server takes no more monitored items: use fewer tags or poll them",
        S::BadCommunicationError => "check the address, the network and whether the server runs",
        S::BadConnectionClosed | S::BadSecureChannelClosed => "the server closed the connection",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_connection_is_a_plain_sentence() {
        let said =
            "Could not connect to host h:1, Os { code: 111, kind: ConnectionRefused, message: \"Connection refused\" }";
        let error = types::Error::new(types::StatusCode::BadCommunicationError, said);
        assert_eq!(
            explain(&error),
            "BadCommunicationError: Could not connect to host h:1 (Connection refused); check the address, the network and \
             whether the server runs"
        );
    }
}
