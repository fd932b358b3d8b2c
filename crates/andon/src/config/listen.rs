//! `[http]` and `[opcua]`: where Andon listens.
//!
//! There are no users and no TLS in this release, so both stay on the loopback interface. In a container loopback can't
//! be published, hence `protected_by = "container"`: whoever writes it vouches that only the container's own network
//! reaches the port, and that the host publishes it no further than to itself.

use std::net::{Ipv4Addr, SocketAddr};

use super::{section::Section, value};

/// Where one server listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenConfig {
    /// The address and port; port 0 takes a free one.
    pub listen: SocketAddr,
}

impl ListenConfig {
    /// The loopback address with `port`.
    pub fn loopback(port: u16) -> Self {
        Self { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, port)) }
    }

    pub(super) fn read(s: &mut Section<'_, '_>, port: u16) -> Self {
        let listen = s.optional("listen", value::address).unwrap_or(Self::loopback(port).listen);
        let protected = s.optional("protected_by", |v| match v.as_str() {
            Some("container") => Ok(()),
            _ => Err("the one answer is \"container\"; or leave the key out and listen on 127.0.0.1".to_owned()),
        });
        match (listen.ip().is_loopback(), protected) {
            (true, _) => {}
            (false, None) => s.fault("listen", refusal(listen)),
            (false, Some(())) => s.warn("protected_by", consequence(listen)),
        }
        Self { listen }
    }
}

fn refusal(listen: SocketAddr) -> String {
    format!(
        " = \"{listen}\" is reachable from other machines, and this release has neither users nor TLS: anyone there could \
         acknowledge alarms; listen on 127.0.0.1:{} and let a proxy with a login in front (in a container see \
         protected_by)",
        listen.port()
    )
}

fn consequence(listen: SocketAddr) -> String {
    format!(
        " = \"container\": whoever reaches {listen} reads everything and acknowledges alarms, without a login and \
         unencrypted; publish the port to the host's 127.0.0.1 only"
    )
}
