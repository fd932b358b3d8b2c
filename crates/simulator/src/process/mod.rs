//! The machines of the plant as first-order dynamics: what is true before an instrument has measured it.
//!
//! To add a machine: one file with its `NAMEPLATE` and its `step`, one variant of [`Machine`], one line in
//! [`Machine::all`]. The compiler lists the rest.
//!
//! All machines share one [`Hall`]: the air that every bearing and oven loses its heat to, and the supply that every drive hangs on.
//! Each has drivers of its own that wander about their mean (a batch's viscosity, a pipe's resistance, an oven's load) and
//! move several tags together; that is what makes the tags predictable from one another.

mod mixer;
mod oven;
mod pump;

use andon_plant::TagKind;
use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use crate::{faults::FaultKind, sensors::Sensor};

/// The random numbers of the simulator.
pub(crate) type SimRng = ChaCha8Rng;

/// The time one step stands for, in seconds.
pub const STEP_S: f64 = 1.0;

/// A machine with the state of its physics.
#[derive(Debug, Clone)]
pub(crate) enum Machine {
    Mixer(mixer::Mixer),
    Pump(pump::Pump),
    Oven(oven::Oven),
}

impl Machine {
    /// One of each, at rest in its first mode.
    pub(crate) fn all() -> Vec<Machine> {
        vec![Machine::Mixer(mixer::Mixer::new()), Machine::Pump(pump::Pump::new()), Machine::Oven(oven::Oven::new())]
    }

    /// What the machine is and what it measures.
    pub(crate) fn nameplate(&self) -> &'static Nameplate {
        match self {
            Machine::Mixer(_) => &mixer::NAMEPLATE,
            Machine::Pump(_) => &pump::NAMEPLATE,
            Machine::Oven(_) => &oven::NAMEPLATE,
        }
    }

    /// One step in `mode`: the true values of the tags in the nameplate's order, without the mode tag.
    pub(crate) fn step(&mut self, mode: usize, hall: &Hall, rng: &mut SimRng) -> Vec<f64> {
        match self {
            Machine::Mixer(m) => m.step(mode, hall, rng).to_vec(),
            Machine::Pump(m) => m.step(mode, hall, rng).to_vec(),
            Machine::Oven(m) => m.step(mode, hall, rng).to_vec(),
        }
    }
}

/// The fixed facts of a machine.
#[derive(Debug)]
pub(crate) struct Nameplate {
    pub(crate) name: &'static str,
    /// Where it stands, outermost first.
    pub(crate) area: &'static str,
    pub(crate) tags: &'static [TagPlate],
    /// The operating modes by name; the mode tag `State` counts them from 0.
    pub(crate) modes: [&'static str; 3],
    /// The modes that may follow each mode.
    pub(crate) successors: [&'static [usize]; 3],
    /// The tag that a fault of a kind usually befalls; every kind is there once.
    pub(crate) usual: fn(FaultKind) -> &'static str,
}

/// The fixed facts of a tag.
#[derive(Debug)]
pub(crate) struct TagPlate {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    /// What the instrument can show.
    pub(crate) range: [f64; 2],
    pub(crate) kind: TagKind,
    pub(crate) sensor: Sensor,
}

/// A measured tag: name, unit, range, the instrument's noise (standard deviation) and its resolution.
const fn measured(name: &'static str, unit: &'static str, range: [f64; 2], noise: f64, resolution: f64) -> TagPlate {
    TagPlate { name, unit, range, kind: TagKind::Analog, sensor: Sensor { noise, resolution } }
}

/// A limit switch or relay: 0 or 1, without noise.
const fn switch(name: &'static str) -> TagPlate {
    TagPlate {
        name,
        unit: "",
        range: [0.0, 1.0],
        kind: TagKind::Boolean,
        sensor: Sensor { noise: 0.0, resolution: 1.0 },
    }
}

/// What all machines share.
#[derive(Debug, Clone)]
pub(crate) struct Hall {
    air: Wander,
    supply: Wander,
}

impl Hall {
    pub(crate) fn new() -> Self {
        Self { air: Wander::new(22.0, 0.8, 900.0), supply: Wander::new(1.0, 0.006, 60.0) }
    }

    pub(crate) fn step(&mut self, rng: &mut SimRng) {
        self.air.step(rng);
        self.supply.step(rng);
    }

    /// The temperature of the air, in degC.
    fn air(&self) -> f64 {
        self.air.value
    }

    /// The supply voltage as a share of the nominal one.
    fn supply(&self) -> f64 {
        self.supply.value
    }
}

/// A driver that wanders about its mean: an Ornstein-Uhlenbeck process sampled once a step.
#[derive(Debug, Clone)]
struct Wander {
    value: f64,
    mean: f64,
    deviation: f64,
    /// exp(-step / time constant).
    keep: f64,
}

impl Wander {
    /// At its mean, with the standard deviation it tends to and a time constant in seconds.
    fn new(mean: f64, deviation: f64, time_constant: f64) -> Self {
        Self { value: mean, mean, deviation, keep: (-STEP_S / time_constant).exp() }
    }

    fn step(&mut self, rng: &mut impl Rng) -> f64 {
        let push: f64 = rng.sample(StandardNormal);
        let spread = self.deviation * (1.0 - self.keep * self.keep).sqrt();
        self.value = self.mean + self.keep * (self.value - self.mean) + spread * push;
        self.value
    }
}

/// Moves `value` towards `target` by one step of a first-order lag with a time constant in seconds.
fn lag(value: &mut f64, target: f64, time_constant: f64) -> f64 {
    *value += (target - *value) * (1.0 - (-STEP_S / time_constant).exp());
    *value
}
