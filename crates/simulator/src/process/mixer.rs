//! A jacketed batch mixer: it is filled, mixes hot, and is drained.

use std::f64::consts::TAU;

use super::{Hall, Nameplate, SimRng, TagPlate, Wander, lag, measured, switch};
use crate::faults::FaultKind;

const TAGS: &[TagPlate] = &[
    measured("Temperature", "degC", [0.0, 150.0], 0.08, 0.01),
    measured("JacketTemperature", "degC", [0.0, 180.0], 0.10, 0.01),
    measured("Speed", "rpm", [0.0, 150.0], 0.15, 0.01),
    measured("Torque", "N.m", [0.0, 250.0], 0.30, 0.01),
    measured("Level", "%", [0.0, 100.0], 0.20, 0.01),
    measured("Power", "kW", [0.0, 4.0], 0.004, 0.001),
    switch("InletOpen"),
];

const FILL: usize = 0;

pub(super) const NAMEPLATE: Nameplate = Nameplate {
    name: "Mixer",
    area: "Hall 1/Line 1",
    tags: TAGS,
    modes: ["Fill", "Mix", "Drain"],
    successors: [&[1], &[2], &[0]],
    usual: |kind| match kind {
        FaultKind::Spike | FaultKind::Noise => "Torque",
        FaultKind::Drift | FaultKind::OutOfRange => "Temperature",
        FaultKind::Stuck => "JacketTemperature",
        FaultKind::Contextual => "Level",
        FaultKind::Leak => "Power",
    },
};

/// The state of the mixer.
#[derive(Debug, Clone)]
pub(crate) struct Mixer {
    drive: Wander,
    feed: Wander,
    steam: Wander,
    viscosity: Wander,
    speed: f64,
    level: f64,
    jacket: f64,
    product: f64,
}

impl Mixer {
    pub(super) fn new() -> Self {
        Self {
            drive: Wander::new(1.0, 0.02, 20.0),
            feed: Wander::new(0.0, 3.0, 35.0),
            steam: Wander::new(0.0, 0.8, 50.0),
            viscosity: Wander::new(1.0, 0.035, 45.0),
            speed: 30.0,
            level: 55.0,
            jacket: 45.0,
            product: 44.0,
        }
    }

    pub(super) fn step(&mut self, mode: usize, hall: &Hall, rng: &mut SimRng) -> [f64; 7] {
        let drive = self.drive.step(rng) * hall.supply();
        let (feed, steam, batch) = (self.feed.step(rng), self.steam.step(rng), self.viscosity.step(rng));
        lag(&mut self.speed, [30.0, 90.0, 15.0][mode] * drive, 3.0);
        lag(&mut self.level, [55.0, 82.0, 25.0][mode] + feed, 6.0);
        lag(&mut self.jacket, [45.0, 78.0, 34.0][mode] + 2.0 * steam, 5.0);

        // A hotter batch is thinner.
        let viscosity = batch * (1.0 - 0.004 * (self.product - 50.0));
        let torque = 5.0 + 1.1 * viscosity * self.speed * self.level / 100.0;
        let shaft_kw = torque * self.speed * TAU / 60.0 / 1000.0;
        let power = 0.15 + shaft_kw / 0.85;

        // The jacket heats, the paddles add their friction, the air cools.
        let target = self.jacket + 1.5 * shaft_kw + 0.05 * (hall.air() - self.product);
        lag(&mut self.product, target, 12.0);

        let inlet = if mode == FILL { 1.0 } else { 0.0 };
        [self.product, self.jacket, self.speed, torque, self.level, power, inlet]
    }
}
