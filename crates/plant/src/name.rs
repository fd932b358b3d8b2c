//! Names of assets, tags and sources: short shared strings that are safe in a NodeId, a URL and a file name.

use std::{borrow::Borrow, fmt, ops::Deref, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

/// The name can't be used: NodeIds are browse paths, so `/` and control characters would change their meaning.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{kind} name `{name}` is refused: {reason}")]
pub struct NameError {
    kind: &'static str,
    name: String,
    reason: &'static str,
}

fn checked(kind: &'static str, name: &str) -> Result<Arc<str>, NameError> {
    let reason = if name.trim().is_empty() {
        "it is empty"
    } else if name.trim() != name {
        "it begins or ends with a space"
    } else if name.contains('/') {
        "`/` separates the levels of a NodeId; use another character"
    } else if name.chars().any(char::is_control) {
        "it has a control character"
    } else if name.len() > 128 {
        "it is longer than 128 bytes"
    } else if name == "." || name == ".." {
        "it would be a path"
    } else {
        return Ok(name.into());
    };
    Err(NameError { kind, name: name.to_owned(), reason })
}

macro_rules! name {
    ($(#[$doc:meta])* $ty:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $ty(Arc<str>);

        impl $ty {
            /// Checks `name`.
            ///
            /// # Errors
            /// If it is empty, longer than 128 bytes, has `/` or a control character, or begins or ends with a space.
            pub fn new(name: &str) -> Result<Self, NameError> {
                checked($kind, name).map(Self)
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Deref for $ty {
            type Target = str;
            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $ty {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $ty {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $ty {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl FromStr for $ty {
            type Err = NameError;
            fn from_str(name: &str) -> Result<Self, NameError> {
                Self::new(name)
            }
        }

        impl TryFrom<String> for $ty {
            type Error = NameError;
            fn try_from(name: String) -> Result<Self, NameError> {
                Self::new(&name)
            }
        }

        impl From<$ty> for String {
            fn from(name: $ty) -> String {
                name.0.as_ref().to_owned()
            }
        }
    };
}

name!(
    /// An asset: a machine or a part of one that is watched as a whole, such as `Mixer`.
    AssetName,
    "asset"
);
name!(
    /// A tag of an asset, such as `Temperature`.
    TagName,
    "tag"
);
name!(
    /// An OPC UA server that tags are read from, such as `plc1`.
    SourceName,
    "source"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_is_refused_with_the_reason() {
        let said = AssetName::new("Line 1/Mixer").unwrap_err().to_string();
        assert_eq!(
            said,
            "asset name `Line 1/Mixer` is refused: `/` separates the levels of a NodeId; use another character"
        );
    }

    #[test]
    fn a_plain_name_survives_json() {
        let name = TagName::new("Temperature °C").unwrap();
        let json = serde_json::to_string(&name).unwrap();
        assert_eq!(serde_json::from_str::<TagName>(&json).unwrap(), name);
        assert!(serde_json::from_str::<TagName>("\"a/b\"").is_err());
    }
}
