//! Experiments: each is a page of tables.
//!
//! To add one: a file with its `run`, one variant, and what the compiler then asks for.

mod calibration;
mod contextual;
mod cost;
mod faults;
mod modes;
mod short;
mod thresholds;

/// An experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Experiment {
    /// Whether operating modes are found, and how soon.
    Modes,
    /// Whether scores mean what they say.
    Calibration,
    /// Whether the guilty tag is named, by the size of the fault.
    Faults,
    /// Whether a value that is right in another mode is found.
    Contextual,
    /// What each threshold strategy does (paper, Table 4).
    Thresholds,
    /// What judging a row costs.
    Cost,
    /// What a detector can do that was fitted to two hours.
    Short,
}

/// How long an experiment takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    /// A first look.
    Quick,
    /// What the documentation has.
    Whole,
}

impl Size {
    fn pick<T>(self, quick: T, whole: T) -> T {
        match self {
            Size::Quick => quick,
            Size::Whole => whole,
        }
    }
}

impl Experiment {
    pub(crate) const ALL: [Experiment; 7] = [
        Experiment::Modes,
        Experiment::Calibration,
        Experiment::Faults,
        Experiment::Contextual,
        Experiment::Thresholds,
        Experiment::Cost,
        Experiment::Short,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Experiment::Modes => "modes",
            Experiment::Calibration => "calibration",
            Experiment::Faults => "faults",
            Experiment::Contextual => "contextual",
            Experiment::Thresholds => "thresholds",
            Experiment::Cost => "cost",
            Experiment::Short => "short",
        }
    }

    /// The experiments that a name stands for.
    pub(crate) fn named(name: &str) -> anyhow::Result<Vec<Self>> {
        if name == "all" {
            return Ok(Self::ALL.to_vec());
        }
        let names: Vec<&str> = Self::ALL.map(Self::name).to_vec();
        let found = Self::ALL.into_iter().find(|e| e.name() == name);
        found
            .map(|e| vec![e])
            .ok_or_else(|| anyhow::anyhow!("there is no experiment `{name}`; there are {} and all", names.join(", ")))
    }

    pub(crate) fn run(self, size: Size) -> anyhow::Result<String> {
        match self {
            Experiment::Modes => modes::run(size),
            Experiment::Calibration => calibration::run(size),
            Experiment::Faults => faults::run(size),
            Experiment::Contextual => contextual::run(size),
            Experiment::Thresholds => thresholds::run(size),
            Experiment::Cost => cost::run(size),
            Experiment::Short => short::run(size),
        }
    }
}
