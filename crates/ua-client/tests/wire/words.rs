//! Sources and tags as the tests call them.

use std::{path::PathBuf, time::Duration};

use andon_plant::{AssetName, SourceName, TagKey, TagName};
use andon_ua_client::{Identity, ReadMode, Security, Source, TagNode};

/// The test PLC as a source.
pub(crate) fn source(endpoint: String, read: ReadMode) -> Source {
    Source {
        name: SourceName::new("plc1").unwrap(),
        endpoint,
        security: Security::None,
        identity: Identity::Anonymous,
        read,
        pki_dir: pki(),
    }
}

fn pki() -> PathBuf {
    std::env::temp_dir().join("andon-test-client-pki")
}

/// The same, subscribed to at a quick pace.
pub(crate) fn subscribed(endpoint: String) -> Source {
    source(endpoint, ReadMode::Subscribe { interval: Duration::from_millis(20) })
}

fn key(tag: &str) -> TagKey {
    TagKey { asset: AssetName::new("Line").unwrap(), tag: TagName::new(tag).unwrap() }
}

/// Tags of the test PLC, by the URI of its namespace.
pub(crate) fn tags(names: &[&str]) -> Vec<TagNode> {
    let tag =
        |name: &&str| TagNode { key: key(name), node: format!("nsu={};s={name}", crate::plc::URI).parse().unwrap() };
    names.iter().map(tag).collect()
}
