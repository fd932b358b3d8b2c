//! Every variable of the contract: its name, what it holds, and whether it has a history.
//!
//! Descriptions are what an engineer reads in a browser, so they say the unit and the meaning.

use andon_plant::{Condition, Tag, verdict::MAX_SCORE};

/// What a variable holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    /// A Double with its engineering unit and, where known, its range (AnalogUnitRangeType, else AnalogUnitType).
    Analog { unit: String, range: Option<(f64, f64)> },
    /// A Boolean.
    Flag,
    /// A String.
    Text,
    /// A UInt32.
    Count,
    /// A UInt16 from 1 to 1000.
    Severity,
    /// An Int32 that stands for one of a closed set.
    Enumeration,
    /// A UtcTime.
    Time,
}

/// One variable below an asset, a tag, a condition or a source.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Variable {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) description: &'static str,
    pub(crate) historizing: bool,
}

impl Variable {
    fn new(name: &'static str, kind: Kind, description: &'static str) -> Self {
        Self { name, kind, description, historizing: false }
    }

    fn with_history(self) -> Self {
        Self { historizing: true, ..self }
    }
}

fn analog(unit: &str, range: Option<(f64, f64)>) -> Kind {
    Kind::Analog { unit: unit.to_owned(), range }
}

fn share() -> Kind {
    analog("", Some((0.0, 1.0)))
}

/// The variables directly below an asset.
pub(crate) fn of_asset() -> Vec<Variable> {
    let score = || analog("", Some((0.0, MAX_SCORE)));
    vec![
        Variable::new(
            "Score",
            score(),
            "-log10 p, where p is the chance of a residual this large in normal operation: 3 is once in 1,000 windows",
        )
        .with_history(),
        Variable::new("Threshold", score(), "The score from which on it is anomalous").with_history(),
        Variable::new("Probability", share(), "1 - p"),
        Variable::new("ProbabilityLow", share(), "Lower end of the confidence interval of Probability"),
        Variable::new("ProbabilityHigh", share(), "Upper end of the confidence interval of Probability"),
        Variable::new(
            "ReturnPeriod",
            analog("s", None),
            "How long until a score this high is expected in normal operation",
        ),
        Variable::new("Anomalous", Kind::Flag, "Whether Score has reached Threshold"),
        Variable::new("OperatingMode", Kind::Text, "The operating mode; `unknown` if none of the training fits"),
        Variable::new("ImputedShare", share(), "The share of the judged window that was made up for lack of samples"),
        Variable::new("State", Kind::Text, "NoData, Learning, Shadow, Active, Maintenance or Disabled"),
        Variable::new("ModelVersion", Kind::Text, "The model that judges"),
        device_health(),
    ]
}

fn device_health() -> Variable {
    Variable::new(
        "DeviceHealth",
        Kind::Enumeration,
        "0 NORMAL, 1 FAILURE, 2 CHECK_FUNCTION, 3 OFF_SPEC, 4 MAINTENANCE_REQUIRED (NAMUR NE 107)",
    )
}

/// The variables below `Tags/<Tag>`, in the tag's unit and range.
pub(crate) fn of_tag(tag: &Tag) -> Vec<Variable> {
    let range = tag.range.map(|r| (r.low(), r.high()));
    let span = range.map(|(low, high)| (low - high, high - low));
    let in_unit = |range| analog(&tag.unit, range);
    vec![
        Variable::new("Value", in_unit(range), "The PLC's value with its own time and status").with_history(),
        Variable::new("Expected", in_unit(range), "The value the model expected").with_history(),
        Variable::new("ExpectedLow", in_unit(range), "Lower edge of what is normal"),
        Variable::new("ExpectedHigh", in_unit(range), "Upper edge of what is normal"),
        Variable::new("Residual", in_unit(span), "Value - Expected"),
        Variable::new("Contribution", share(), "The tag's share of the asset's score"),
        device_health(),
    ]
}

/// The variables below `Alarms/<Condition>`.
pub(crate) fn of_condition() -> Vec<Variable> {
    vec![
        Variable::new("Active", Kind::Flag, "Whether the alarm is raised"),
        Variable::new("Acknowledged", Kind::Flag, "Whether an operator has seen it"),
        Variable::new("Shelved", Kind::Flag, "Whether it is kept from the alarm list for now"),
        Variable::new("Severity", Kind::Severity, "1-333 low, 334-666 medium, 667-1000 high"),
        Variable::new("Message", Kind::Text, "What is wrong, for people"),
        Variable::new("ActiveTime", Kind::Time, "When it was last raised"),
    ]
}

/// The variables below `Sources/<Source>`.
pub(crate) fn of_source() -> Vec<Variable> {
    vec![
        Variable::new("Connected", Kind::Flag, "Whether there is a session with the source"),
        Variable::new("LastSampleTime", Kind::Time, "The newest source timestamp that came from it"),
        Variable::new("MonitoredItems", Kind::Count, "Items monitored there"),
        Variable::new(
            "MonitoredItemLimit",
            Kind::Count,
            "How many the source lets a client monitor; 0 for no limit known",
        ),
        Variable::new("SamplesPerSecond", analog("1/s", None), "Samples a second that came from it lately"),
    ]
}

/// The conditions an asset has from the start.
pub(crate) fn conditions(tags: &[Tag]) -> Vec<Condition> {
    let of_tags = tags.iter().map(|tag| Condition::Tag(tag.name.clone()));
    [Condition::Score, Condition::Source, Condition::Model].into_iter().chain(of_tags).collect()
}
