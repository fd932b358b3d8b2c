//! `[[source]]`: an OPC UA server that tags are read from.

use std::{path::Path, path::PathBuf, time::Duration};

use andon_plant::SourceName;
use andon_ua_client::source::{Identity, ReadMode, Security, Source};
use toml::de::DeValue;

use super::{section::Section, value};

const FASTEST: Duration = Duration::from_millis(1);
const SLOWEST: Duration = Duration::from_secs(3600);

/// What holds where `read` is not said.
const READ: ReadMode = ReadMode::Subscribe { interval: Duration::from_millis(100) };

/// How much of a server's history is read where nothing is said, and at the most.
const HISTORY: Duration = Duration::from_secs(2 * 3600);
const LONGEST_HISTORY: Duration = Duration::from_secs(400 * 86_400);

/// One OPC UA server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceConfig {
    /// What tags call it.
    pub name: SourceName,
    /// Where it is: `opc.tcp://host:port/path`.
    pub endpoint: String,
    /// How the connection is protected.
    pub security: Security,
    /// How values are fetched.
    pub read: ReadMode,
    /// Who Andon says it is.
    pub identity: Identity,
    /// How much of the server's own history is asked for at the start; zero for none.
    pub history: Duration,
}

impl SourceConfig {
    /// The source as the OPC UA client takes it, with its certificates in `pki_dir`.
    pub fn source(&self, pki_dir: PathBuf) -> Source {
        Source {
            name: self.name.clone(),
            endpoint: self.endpoint.clone(),
            security: self.security,
            identity: self.identity.clone(),
            read: self.read,
            pki_dir,
        }
    }

    pub(super) fn read(s: &mut Section<'_, '_>, folder: &Path) -> Option<Self> {
        let name = s.required("name", "\"plc1\"", value::parsed);
        let endpoint = s.required("endpoint", "\"opc.tcp://10.0.0.5:4840\"", endpoint);
        let security = s.optional("security", value::parsed);
        let open = security == Some(Security::None) || !s.has("security");
        let read = s.table("read", read_mode).unwrap_or(READ);
        let history = s.optional("history", value::duration(Duration::ZERO..=LONGEST_HISTORY)).unwrap_or(HISTORY);
        let identity = identity(s, folder);
        if open && identity != Identity::Anonymous {
            s.fault("user", " with security = \"None\" would send the password readable to all; use a security policy");
        }
        let security = security.unwrap_or_default();
        Some(Self { name: name?, endpoint: endpoint?, security, read, identity, history })
    }
}

fn read_mode(s: &mut Section<'_, '_>) -> ReadMode {
    let subscribe = s.optional("subscribe", value::duration(FASTEST..=SLOWEST));
    let poll = s.optional("poll", value::duration(FASTEST..=SLOWEST));
    if s.has("subscribe") && s.has("poll") {
        s.fault("", " has both subscribe and poll: a source is read in one way; keep one of them");
    }
    match (subscribe, poll) {
        (Some(interval), _) => ReadMode::Subscribe { interval },
        (None, Some(interval)) => ReadMode::Poll { interval },
        (None, None) => READ,
    }
}

/// Where a password is kept.
enum PasswordFrom {
    /// The first line of a file.
    File(PathBuf),
    /// An environment variable.
    Env(String),
}

impl PasswordFrom {
    fn read(&self) -> Result<String, String> {
        match self {
            Self::File(path) => match std::fs::read_to_string(path) {
                Ok(text) => Ok(text.lines().next().unwrap_or_default().to_owned()),
                Err(why) => Err(format!("the password file {} can't be read: {why}", path.display())),
            },
            Self::Env(name) => std::env::var(name)
                .map_err(|_| format!("the environment variable {name} is not set; it should hold the password")),
        }
    }
}

fn identity(s: &mut Section<'_, '_>, folder: &Path) -> Identity {
    let user = s.optional("user", value::text);
    let password = password_from(s, folder);
    let (user, password) = match (user, password) {
        (Some(user), Some(password)) => (user, password),
        (None, None) => return Identity::Anonymous,
        (Some(user), None) => {
            if !s.has("password") {
                s.fault("user", format!(" = \"{user}\" has no password: add password_file or password_env"));
            }
            return Identity::Anonymous;
        }
        (None, Some(_)) => {
            s.fault("user", " is missing: there is a password but nobody it belongs to");
            return Identity::Anonymous;
        }
    };
    match password.read() {
        Ok(password) => Identity::UserName { user, password },
        Err(why) => {
            s.fault("user", format!(" = \"{user}\": {why}"));
            Identity::Anonymous
        }
    }
}

fn password_from(s: &mut Section<'_, '_>, folder: &Path) -> Option<PasswordFrom> {
    let file = s.optional("password_file", value::text).map(|f| PasswordFrom::File(folder.join(f)));
    let env = s.optional("password_env", value::text).map(PasswordFrom::Env);
    if s.has("password") {
        let said = " is refused: a configuration file is copied and shown around; write password_file = \"PATH\" or \
                    password_env = \"VARIABLE\" instead, and change the password";
        s.fault("password", said);
    }
    if file.is_some() && env.is_some() {
        s.fault("password_env", " and password_file are both there: keep one of them");
    }
    file.or(env)
}

fn endpoint(value: &DeValue<'_>) -> Result<String, String> {
    let text = value::text(value)?;
    let Some(rest) = text.strip_prefix("opc.tcp://") else {
        return Err("an endpoint begins with opc.tcp://, such as \"opc.tcp://10.0.0.5:4840\"".to_owned());
    };
    let authority = rest.split('/').next().unwrap_or_default();
    if authority.contains('@') {
        return Err("a user does not belong in the endpoint: write user and password_file".to_owned());
    }
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse::<u16>().ok()),
        _ => (authority, Some(4840)),
    };
    match port {
        _ if host.is_empty() || host.contains(char::is_whitespace) => Err("names no host".to_owned()),
        None | Some(0) => Err("has no port a server can listen at (1 to 65535)".to_owned()),
        Some(_) => Ok(text),
    }
}
