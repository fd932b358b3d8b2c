//! `[[asset.tag]]`: what a tag measures and where it is read.

use andon_plant::{Range, SourceName, Tag, TagKind};
use andon_scoring::{TagLimits, limits::Direction};
use andon_ua_client::NodeAddress;
use toml::de::DeValue;

use super::{section::Section, value};

/// One tag of an asset and where it is read.
#[derive(Debug, Clone, PartialEq)]
pub struct TagConfig {
    /// What it measures.
    pub tag: Tag,
    /// The source it is read from.
    pub source: SourceName,
    /// Its node there.
    pub node: NodeAddress,
    /// Which of its deviations matter.
    pub limits: TagLimits,
}

impl TagConfig {
    /// Reads one tag that must be read from one of `sources`.
    pub(super) fn read(s: &mut Section<'_, '_>, sources: &[Option<&str>]) -> Option<Self> {
        let tag = tag(s);
        let limits = limits(s, tag.as_ref());
        let source = s.required("source", "\"plc1\"", |v| known_source(v, sources));
        let node = s.required("node", "\"nsu=http://plc.example/;s=Line1.Temperature\"", value::parsed);
        Some(Self { tag: tag?, source: source?, node: node?, limits: limits? })
    }
}

/// A key that names a tag which shows a state.
pub(super) struct StateKey {
    pub(super) key: &'static str,
    /// The key in the table `key`, where that is one.
    pub(super) inner: &'static str,
    /// What would follow from a tag that shows none.
    otherwise: &'static str,
}

/// The tag that names the operating mode.
pub(super) const MODE: StateKey =
    StateKey { key: "mode_tag", inner: "", otherwise: "every value would be an operating mode of its own" };
/// The service switch.
pub(super) const SWITCH: StateKey = StateKey {
    key: "maintenance",
    inner: ".tag",
    otherwise: "the asset would be under maintenance whenever it is not exactly 0",
};

impl StateKey {
    /// What is measured or counted shows no state; an analog tag without a unit may be a number of one.
    pub(super) fn check(&self, s: &Section<'_, '_>, tag: &Tag) {
        let what = match tag.kind {
            TagKind::Counter => "a counter".to_owned(),
            TagKind::Analog if !tag.unit.is_empty() => format!("an analog tag in {}", tag.unit),
            TagKind::Analog | TagKind::Boolean | TagKind::Enum => return,
        };
        let text = format!(
            "{} = \"{}\" is {what}: {}; name a tag of kind \"boolean\" or \"enum\"",
            self.inner, tag.name, self.otherwise
        );
        s.fault(self.key, text);
    }
}

/// What a tag measures: the keys that `model.toml` has too.
pub(super) fn tag(s: &mut Section<'_, '_>) -> Option<Tag> {
    let name = s.required("name", "\"Temperature\"", value::parsed);
    let unit = s.optional("unit", value::text).unwrap_or_default();
    let range = s.optional("range", range);
    let kind = s.optional("kind", kind).unwrap_or_default();
    Some(Tag { name: name?, unit, range, kind })
}

/// Which deviations of a tag matter: keys that `model.toml` has too.
pub(super) fn limits(s: &mut Section<'_, '_>, tag: Option<&Tag>) -> Option<TagLimits> {
    let direction = s.optional("direction", direction).unwrap_or_default();
    let usual = tag.map_or(0.0, |tag| least_deviation(tag.kind));
    let least = s.optional("min_deviation", value::number).unwrap_or(usual);
    if let Some(range) = tag.and_then(|tag| tag.range).filter(|range| least >= range.high() - range.low()) {
        let text = format!(
            " ({least}) is as wide as the tag's range ({} to {}): no deviation of it would ever count; make it smaller",
            range.low(),
            range.high()
        );
        s.fault("min_deviation", text);
    }
    match TagLimits::new(direction, least) {
        Ok(limits) => Some(limits),
        Err(_) => {
            s.fault(
                "min_deviation",
                " must be 0 or more, in the tag's unit: nearer to what was expected it does not count",
            );
            None
        }
    }
}

/// What does not matter where nobody said: less than a twentieth of a state. A state that never changes in a mode is expected
/// within a millionth, and would lead an alarm by twenty of them.
fn least_deviation(kind: TagKind) -> f64 {
    match kind {
        TagKind::Boolean | TagKind::Enum => 0.05,
        TagKind::Analog | TagKind::Counter => 0.0,
    }
}

fn direction(value: &DeValue<'_>) -> Result<Direction, String> {
    match value::text(value)?.as_str() {
        "both" => Ok(Direction::Both),
        "high" => Ok(Direction::High),
        "low" => Ok(Direction::Low),
        _ => Err("is not known; write \"both\", \"high\" (only above expected matters) or \"low\"".to_owned()),
    }
}

fn known_source(value: &DeValue<'_>, sources: &[Option<&str>]) -> Result<SourceName, String> {
    let name: SourceName = value::parsed(value)?;
    // That there is no source at all is a fault of its own, said once.
    if sources.is_empty() || sources.contains(&Some(name.as_str())) {
        return Ok(name);
    }
    let names: Vec<&str> = sources.iter().flatten().copied().collect();
    Err(format!("there is no [[source]] of that name (there are: {})", names.join(", ")))
}

fn range(value: &DeValue<'_>) -> Result<Range, String> {
    let ends: Vec<f64> = match value.as_array() {
        Some(items) => items.iter().map(|i| value::number(i.get_ref())).collect::<Result<_, _>>()?,
        None => return Err("expected two numbers, such as [0.0, 150.0]".to_owned()),
    };
    match ends[..] {
        [low, high] if low < high => Range::new(low, high).map_err(|e| e.to_string()),
        [_, _] => Err("the first number must be below the second".to_owned()),
        _ => Err("expected two numbers, such as [0.0, 150.0]".to_owned()),
    }
}

fn kind(value: &DeValue<'_>) -> Result<TagKind, String> {
    match value::text(value)?.as_str() {
        "analog" => Ok(TagKind::Analog),
        "boolean" => Ok(TagKind::Boolean),
        "enum" => Ok(TagKind::Enum),
        "counter" => Ok(TagKind::Counter),
        "string" => Err("text can't be reconstructed or scored; leave this tag out".to_owned()),
        _ => Err("is not known; write \"analog\", \"boolean\", \"enum\" or \"counter\"".to_owned()),
    }
}
