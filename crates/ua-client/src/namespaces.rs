//! The server's table of namespaces (OPC 10000-5, 6.3.2), read anew after every connect: an index moves on a restart.

use std::fmt;

use opcua::{
    client::Session,
    types::{ReadValueId, TimestampsToReturn, VariableId, Variant},
};

use crate::error::UaError;

/// Namespace URIs by index.
#[derive(Debug, Clone)]
pub(crate) struct Namespaces(Vec<String>);

impl Namespaces {
    #[cfg(test)]
    pub(crate) fn new<const N: usize>(uris: [&str; N]) -> Self {
        Self(uris.map(str::to_owned).to_vec())
    }

    /// Asks the server for its table.
    pub(crate) async fn read(session: &Session) -> Result<Self, UaError> {
        let asked = [ReadValueId::from(opcua::types::NodeId::from(VariableId::Server_NamespaceArray))];
        let answer = session
            .read(&asked, TimestampsToReturn::Neither, 0.0)
            .await
            .map_err(|e| UaError::service(session, "read the namespace table", &e))?;
        let Some(Variant::Array(array)) = answer.into_iter().next().and_then(|v| v.value) else {
            return Err(UaError::NoNamespaces { endpoint: crate::link::endpoint_of(session) });
        };
        let uri = |v: Variant| match v {
            Variant::String(s) => s.as_ref().to_owned(),
            _ => String::new(),
        };
        Ok(Self(array.values.into_iter().map(uri).collect()))
    }

    /// The index of `uri`.
    pub(crate) fn index(&self, uri: &str) -> Option<u16> {
        self.0.iter().position(|u| u == uri).and_then(|ix| u16::try_from(ix).ok())
    }

    /// The URI at `index`, if there is one.
    pub(crate) fn uri(&self, index: u16) -> Option<&str> {
        self.0.get(usize::from(index)).map(String::as_str).filter(|uri| !uri.is_empty())
    }
}

impl fmt::Display for Namespaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (ix, uri) in self.0.iter().enumerate() {
            write!(f, "{}`{uri}`", if ix == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}
