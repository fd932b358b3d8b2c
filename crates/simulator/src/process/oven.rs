//! A tunnel oven with three gas-fired zones and a belt: it idles, bakes, or changes over to another product.

use super::{Hall, Nameplate, SimRng, TagPlate, Wander, lag, measured};
use crate::faults::FaultKind;

const TAGS: &[TagPlate] = &[
    measured("Zone1Temperature", "degC", [0.0, 350.0], 0.20, 0.01),
    measured("Zone2Temperature", "degC", [0.0, 350.0], 0.20, 0.01),
    measured("Zone3Temperature", "degC", [0.0, 350.0], 0.20, 0.01),
    measured("BeltSpeed", "m/min", [0.0, 3.0], 0.003, 0.001),
    measured("GasFlow", "m3/h", [0.0, 40.0], 0.03, 0.01),
    measured("ProductTemperature", "degC", [0.0, 250.0], 0.15, 0.01),
    measured("ExhaustOxygen", "%", [0.0, 21.0], 0.02, 0.01),
];

pub(super) const NAMEPLATE: Nameplate = Nameplate {
    name: "Oven",
    area: "Hall 1/Line 2",
    tags: TAGS,
    modes: ["Idle", "Bake", "Changeover"],
    successors: [&[1], &[0, 2], &[1]],
    usual: |kind| match kind {
        FaultKind::Spike | FaultKind::Noise => "GasFlow",
        FaultKind::Drift => "Zone2Temperature",
        FaultKind::Stuck => "ProductTemperature",
        FaultKind::Contextual => "BeltSpeed",
        FaultKind::Leak => "ExhaustOxygen",
        FaultKind::OutOfRange => "Zone1Temperature",
    },
};

/// The state of the oven.
#[derive(Debug, Clone)]
pub(crate) struct Oven {
    drive: Wander,
    /// Product on the belt, as a share of the nominal load.
    load: Wander,
    /// How far the burners stray from what is asked of them, in degC of what it does to a zone.
    heat: Wander,
    draught: Wander,
    zones: [f64; 3],
    belt: f64,
    gas: f64,
    product: f64,
    oxygen: f64,
}

impl Oven {
    pub(super) fn new() -> Self {
        Self {
            drive: Wander::new(1.0, 0.05, 30.0),
            load: Wander::new(1.0, 0.03, 40.0),
            heat: Wander::new(0.0, 2.0, 45.0),
            draught: Wander::new(0.0, 0.07, 30.0),
            zones: [110.0; 3],
            belt: 0.25,
            gas: 5.5,
            product: 75.0,
            oxygen: 11.0,
        }
    }

    pub(super) fn step(&mut self, mode: usize, hall: &Hall, rng: &mut SimRng) -> [f64; 7] {
        let drive = self.drive.step(rng) * hall.supply();
        let (load, heat, draught) = (self.load.step(rng), self.heat.step(rng), self.draught.step(rng));
        let belt = lag(&mut self.belt, [0.25, 1.3, 0.7][mode] * drive, 3.0);
        // What the product carries away; an idle oven bakes next to nothing.
        let drawn = belt * load * [0.1, 1.0, 0.4][mode];

        let set = [[110.0, 110.0, 110.0], [185.0, 225.0, 205.0], [150.0, 168.0, 142.0]][mode];
        let before = self.zones;
        for (zone, cooled) in [6.0, 5.0, 4.0].into_iter().enumerate() {
            let neighbours = 0.5 * (before[zone.saturating_sub(1)] + before[(zone + 1).min(2)]);
            let target = set[zone] + heat - cooled * drawn + 0.05 * (neighbours - before[zone]);
            lag(&mut self.zones[zone], target, 8.0);
        }
        let [z1, z2, z3] = self.zones;

        let losses: f64 = self.zones.iter().map(|z| 0.02 * (z - hall.air())).sum();
        let catching_up: f64 = set.iter().zip(self.zones).map(|(s, z)| 0.02 * (s - z).max(0.0)).sum();
        lag(&mut self.gas, losses + 1.5 * drawn + catching_up + 0.1 * heat, 2.5);
        lag(&mut self.oxygen, 14.0 - 0.5 * self.gas + draught, 3.0);

        let around = 0.2 * z1 + 0.3 * z2 + 0.5 * z3;
        let reached = hall.air() + 0.62 * (around - hall.air()) * (1.0 - 0.2 * drawn);
        lag(&mut self.product, reached, 6.0);
        [z1, z2, z3, belt, self.gas, self.product, self.oxygen]
    }
}
