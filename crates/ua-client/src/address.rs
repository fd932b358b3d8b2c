//! How a configuration names a node: the text form of OPC 10000-6, 5.3.1.10 and 5.3.1.11, with the namespace by URI or
//! by index.

use std::{fmt, str::FromStr};

use opcua::types::{ByteString, Guid, Identifier, NodeId};
use serde::{Deserialize, Serialize};

use crate::namespaces::Namespaces;

/// A node by its namespace and identifier, such as `nsu=http://plc.example/;s=Line1.Mixer.Temperature`, `ns=2;i=5` or
/// `i=2258`.
///
/// A namespace's index may move when the server restarts, so an address by URI (`nsu=`) is the one to keep.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NodeAddress {
    namespace: Namespace,
    identifier: Identifier,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Namespace {
    Index(u16),
    Uri(String),
}

/// The text names no node.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{text}` is not a node: {reason}; write `nsu=<namespace URI>;s=<name>`, `ns=2;i=5` or `i=2258`")]
pub struct NodeAddressError {
    text: String,
    reason: String,
}

/// The server doesn't know the namespace of an address.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the server has no namespace {wanted}; it has {known}")]
pub(crate) struct UnknownNamespace {
    wanted: String,
    known: String,
}

impl NodeAddress {
    /// The address of a node of this server, its namespace by URI; by index where the server's table has none.
    pub(crate) fn of(node: &NodeId, namespaces: &Namespaces) -> Self {
        let namespace = match namespaces.uri(node.namespace) {
            Some(uri) if node.namespace != 0 => Namespace::Uri(uri.to_owned()),
            _ => Namespace::Index(node.namespace),
        };
        Self { namespace, identifier: node.identifier.clone() }
    }

    /// The node in the server's own numbering of namespaces, which holds until the server restarts.
    pub(crate) fn resolve(&self, namespaces: &Namespaces) -> Result<NodeId, UnknownNamespace> {
        let index = match &self.namespace {
            Namespace::Index(index) => *index,
            Namespace::Uri(uri) => namespaces
                .index(uri)
                .ok_or_else(|| UnknownNamespace { wanted: format!("`{uri}`"), known: namespaces.to_string() })?,
        };
        Ok(NodeId { namespace: index, identifier: self.identifier.clone() })
    }
}

impl FromStr for NodeAddress {
    type Err = NodeAddressError;

    fn from_str(text: &str) -> Result<Self, NodeAddressError> {
        parse(text).map_err(|reason| NodeAddressError { text: text.to_owned(), reason })
    }
}

fn parse(text: &str) -> Result<NodeAddress, String> {
    let (namespace, rest) = match (text.strip_prefix("nsu="), text.strip_prefix("ns=")) {
        (Some(rest), _) => {
            let (uri, rest) = rest.split_once(';').ok_or("there is no `;` after the namespace URI")?;
            if uri.is_empty() {
                return Err("the namespace URI is empty".into());
            }
            (Namespace::Uri(unescape(uri)), rest)
        }
        (_, Some(rest)) => {
            let (index, rest) = rest.split_once(';').ok_or("there is no `;` after the namespace index")?;
            let index = index.parse().map_err(|_| format!("`{index}` is not a namespace index (0 to 65535)"))?;
            (Namespace::Index(index), rest)
        }
        _ => (Namespace::Index(0), text),
    };
    Ok(NodeAddress { namespace, identifier: parse_identifier(rest)? })
}

fn parse_identifier(text: &str) -> Result<Identifier, String> {
    let (kind, value) = text.split_once('=').ok_or("an identifier begins with `s=`, `i=`, `g=` or `b=`")?;
    match kind {
        _ if value.is_empty() => Err(format!("nothing follows `{kind}=`")),
        "s" => Ok(Identifier::from(value)),
        "i" => value.parse::<u32>().map(Identifier::from).map_err(|_| format!("`{value}` is not a number below 2^32")),
        "g" => Guid::from_str(value).map(Identifier::from).map_err(|_| format!("`{value}` is not a GUID")),
        "b" => ByteString::from_base64(value).map(Identifier::from).ok_or_else(|| format!("`{value}` is not base64")),
        _ => Err(format!("`{kind}=` is no kind of identifier; there are `s=`, `i=`, `g=` and `b=`")),
    }
}

/// `;` ends a URI in the text form, so one inside it is written `%3B`, and `%` itself `%25` (OPC 10000-6, 5.3.1.11).
fn escape(uri: &str) -> String {
    uri.replace('%', "%25").replace(';', "%3B")
}

fn unescape(uri: &str) -> String {
    uri.replace("%3B", ";").replace("%3b", ";").replace("%25", "%")
}

impl fmt::Display for NodeAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Namespace::Index(0) => {}
            Namespace::Index(index) => write!(f, "ns={index};")?,
            Namespace::Uri(uri) => write!(f, "nsu={};", escape(uri))?,
        }
        self.identifier.fmt(f)
    }
}

impl TryFrom<String> for NodeAddress {
    type Error = NodeAddressError;
    fn try_from(text: String) -> Result<Self, NodeAddressError> {
        text.parse()
    }
}

impl From<NodeAddress> for String {
    fn from(address: NodeAddress) -> String {
        address.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str) -> String {
        text.parse::<NodeAddress>().map_or_else(|e| e.to_string(), |a| a.to_string())
    }

    #[test]
    fn every_kind_of_address_survives_its_text() {
        for text in [
            "i=2258",
            "ns=2;s=Line1.Mixer.Temperature",
            "ns=2;i=5",
            "nsu=http://plc/;s=X",
            "nsu=urn:a;i=4294967295",
            "nsu=urn:a%3Bb%25c;s=has;semicolons=and=equals",
            "ns=3;g=72962b91-fa75-4ae6-8d28-b404dc7daf63",
            "ns=3;b=M/RbKBsRVkePCePcx24oRA==",
        ] {
            assert_eq!(check(text), text);
        }
        assert_eq!(check("ns=0;i=2258"), "i=2258");
    }

    #[test]
    fn a_wrong_address_says_what_is_wrong_with_it() {
        let cases = [
            ("", "an identifier begins with"),
            ("Temperature", "an identifier begins with"),
            ("ns=x;s=a", "`x` is not a namespace index"),
            ("ns=70000;s=a", "`70000` is not a namespace index"),
            ("ns=2", "no `;` after the namespace index"),
            ("nsu=http://plc/", "no `;` after the namespace URI"),
            ("nsu=;s=a", "the namespace URI is empty"),
            ("ns=2;s=", "nothing follows `s=`"),
            ("i=-1", "`-1` is not a number"),
            ("g=1", "`1` is not a GUID"),
            ("q=1", "`q=` is no kind of identifier"),
        ];
        for (text, reason) in cases {
            let said = check(text);
            assert!(said.starts_with(&format!("`{text}` is not a node: ")) && said.contains(reason), "{said}");
        }
    }

    #[test]
    fn a_namespace_is_found_by_uri_wherever_it_moved() {
        let address: NodeAddress = "nsu=urn:plc;s=X".parse().unwrap();
        let before = Namespaces::new(["http://opcfoundation.org/UA/", "urn:server", "urn:plc"]);
        let after = Namespaces::new(["http://opcfoundation.org/UA/", "urn:server", "urn:new", "urn:plc"]);
        let indices = [&before, &after].map(|n| address.resolve(n).unwrap().namespace);
        assert_eq!(indices, [2, 3]);
        assert_eq!(NodeAddress::of(&address.resolve(&after).unwrap(), &after), address);
        let gone = Namespaces::new(["http://opcfoundation.org/UA/", "urn:other"]);
        let said = address.resolve(&gone).unwrap_err().to_string();
        assert_eq!(said, "the server has no namespace `urn:plc`; it has `http://opcfoundation.org/UA/`, `urn:other`");
    }

    proptest! {
        #[test]
        fn any_uri_and_name_survive_their_text(uri in "[ -~äµ]{1,30}", name in "[ -~äµ]{1,30}") {
            let address = NodeAddress { namespace: Namespace::Uri(uri), identifier: Identifier::from(name) };
            prop_assert_eq!(address.to_string().parse::<NodeAddress>().unwrap(), address);
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC{0,40}") {
            let _ = text.parse::<NodeAddress>();
        }
    }
}
