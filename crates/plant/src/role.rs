//! Who may do what: the same four roles on REST and OPC UA.

use serde::{Deserialize, Serialize};

/// A user's role; each may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Role {
    /// Looks.
    Observer,
    /// Acknowledges, comments, shelves and assesses alarms.
    Operator,
    /// Trains models and changes thresholds.
    Engineer,
    /// Manages users and sources.
    Administrator,
}
