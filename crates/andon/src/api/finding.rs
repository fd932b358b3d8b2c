//! What is wrong with a tag, as JSON.

use andon_plant::{TagFinding, Verdict};
use serde_json::{Value, json};

/// A finding: its class, its sentence, and what NAMUR NE 107 says of a tag with it.
pub(super) fn finding(f: &TagFinding) -> Value {
    json!({ "tag": f.tag, "class": f.class, "text": f.text, "health": f.class.health() })
}

/// The finding of a tag; null where there is none.
pub(super) fn of_tag(verdict: &Verdict, tag: &str) -> Value {
    verdict.findings.iter().find(|f| &*f.tag == tag).map(finding).unwrap_or_default()
}

/// Every finding of a verdict, largest share first.
pub(super) fn all(verdict: &Verdict) -> Vec<Value> {
    verdict.findings.iter().map(finding).collect()
}
