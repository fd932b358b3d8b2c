//! Where tags are read from and how.

use std::{fmt, path::PathBuf, str::FromStr, time::Duration};

use andon_plant::{SourceName, TagKey};
use opcua::{crypto::SecurityPolicy, types::MessageSecurityMode};

use crate::address::NodeAddress;

/// One OPC UA server that tags are read from.
#[derive(Debug, Clone)]
pub struct Source {
    /// What it is called, such as `plc1`.
    pub name: SourceName,
    /// Its URL as it is reached from here, such as `opc.tcp://10.0.0.5:4840`. The URL the server advertises for itself
    /// is not used: behind address translation it leads nowhere.
    pub endpoint: String,
    /// How messages are signed and encrypted.
    pub security: Security,
    /// Who reads.
    pub identity: Identity,
    /// How values are fetched.
    pub read: ReadMode,
    /// Where certificates are kept: our own (made at first use of a secured endpoint) in `own` and `private`, servers'
    /// in `trusted` and `rejected`.
    pub pki_dir: PathBuf,
}

/// A tag and the node it is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagNode {
    /// The tag.
    pub key: TagKey,
    /// The node.
    pub node: NodeAddress,
}

/// How values are fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadMode {
    /// The server samples and reports changes.
    Subscribe {
        /// The sampling and publishing interval asked for; the server may revise it.
        interval: Duration,
    },
    /// All tags are read together, again and again.
    Poll {
        /// The time between two reads.
        interval: Duration,
    },
}

impl ReadMode {
    /// The time between two looks at a tag.
    pub fn interval(self) -> Duration {
        match self {
            ReadMode::Subscribe { interval } | ReadMode::Poll { interval } => interval,
        }
    }
}

/// Who reads.
#[derive(Clone, PartialEq, Eq)]
pub enum Identity {
    /// Nobody in particular.
    Anonymous,
    /// A user with a password, which is never sent unencrypted.
    UserName {
        /// The user's name.
        user: String,
        /// The password.
        password: String,
    },
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Identity::Anonymous => f.write_str("Anonymous"),
            Identity::UserName { user, .. } => {
                f.debug_struct("UserName").field("user", user).field("password", &"***").finish()
            }
        }
    }
}

/// How messages are signed and encrypted: a security policy and mode (OPC 10000-7, 6.6), as `None` or
/// `Basic256Sha256/SignAndEncrypt`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Security {
    /// Neither signed nor encrypted.
    #[default]
    None,
    /// Signed by a policy, and encrypted or not.
    Secured {
        /// The policy.
        policy: Policy,
        /// Whether messages are encrypted too.
        mode: Mode,
    },
}

/// A security policy that is still held to be sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// `Basic256Sha256`.
    Basic256Sha256,
    /// `Aes128_Sha256_RsaOaep`.
    Aes128Sha256RsaOaep,
    /// `Aes256_Sha256_RsaPss`.
    Aes256Sha256RsaPss,
}

/// What a policy is applied to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Messages are signed.
    Sign,
    /// Messages are signed and encrypted.
    SignAndEncrypt,
}

/// The text names no security.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "security `{0}` is refused: write `None`, or one of the policies Basic256Sha256, Aes128_Sha256_RsaOaep and \
     Aes256_Sha256_RsaPss with a mode, such as `Basic256Sha256/SignAndEncrypt` or `Basic256Sha256/Sign`"
)]
pub struct SecurityError(String);

impl Security {
    pub(crate) fn policy(self) -> SecurityPolicy {
        match self {
            Security::None => SecurityPolicy::None,
            Security::Secured { policy: Policy::Basic256Sha256, .. } => SecurityPolicy::Basic256Sha256,
            Security::Secured { policy: Policy::Aes128Sha256RsaOaep, .. } => SecurityPolicy::Aes128Sha256RsaOaep,
            Security::Secured { policy: Policy::Aes256Sha256RsaPss, .. } => SecurityPolicy::Aes256Sha256RsaPss,
        }
    }

    pub(crate) fn mode(self) -> MessageSecurityMode {
        match self {
            Security::None => MessageSecurityMode::None,
            Security::Secured { mode: Mode::Sign, .. } => MessageSecurityMode::Sign,
            Security::Secured { mode: Mode::SignAndEncrypt, .. } => MessageSecurityMode::SignAndEncrypt,
        }
    }
}

impl FromStr for Security {
    type Err = SecurityError;

    fn from_str(text: &str) -> Result<Self, SecurityError> {
        let refused = || SecurityError(text.to_owned());
        if text == "None" || text == "None/None" {
            return Ok(Security::None);
        }
        let (policy, mode) = text.split_once('/').ok_or_else(refused)?;
        let policy = match policy {
            "Basic256Sha256" => Policy::Basic256Sha256,
            "Aes128_Sha256_RsaOaep" | "Aes128Sha256RsaOaep" => Policy::Aes128Sha256RsaOaep,
            "Aes256_Sha256_RsaPss" | "Aes256Sha256RsaPss" => Policy::Aes256Sha256RsaPss,
            _ => return Err(refused()),
        };
        let mode = match mode {
            "Sign" => Mode::Sign,
            "SignAndEncrypt" => Mode::SignAndEncrypt,
            _ => return Err(refused()),
        };
        Ok(Security::Secured { policy, mode })
    }
}

impl fmt::Display for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Security::Secured { policy, mode } = self else {
            return f.write_str("None");
        };
        let policy = match policy {
            Policy::Basic256Sha256 => "Basic256Sha256",
            Policy::Aes128Sha256RsaOaep => "Aes128_Sha256_RsaOaep",
            Policy::Aes256Sha256RsaPss => "Aes256_Sha256_RsaPss",
        };
        write!(f, "{policy}/{mode:?}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn security_survives_its_text() {
        for text in ["None", "Basic256Sha256/SignAndEncrypt", "Basic256Sha256/Sign", "Aes256_Sha256_RsaPss/Sign"] {
            assert_eq!(text.parse::<Security>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_weak_or_misspelt_policy_is_refused_with_the_choice() {
        for text in ["Basic128Rsa15/Sign", "Basic256Sha256", "Basic256Sha256/Encrypt", ""] {
            let said = text.parse::<Security>().unwrap_err().to_string();
            assert!(said.contains("Basic256Sha256/SignAndEncrypt"), "{said}");
        }
    }

    #[test]
    fn a_password_is_not_in_the_debug_text() {
        let said = format!("{:?}", Identity::UserName { user: "ann".into(), password: "secret".into() });
        assert!(said.contains("ann") && !said.contains("secret"), "{said}");
    }
}
