//! A centrifugal pump on a variable drive: it serves the line slowly, fast, or pumps back into its own tank.

use super::{Hall, Nameplate, SimRng, TagPlate, Wander, lag, measured};
use crate::faults::FaultKind;

const TAGS: &[TagPlate] = &[
    measured("Flow", "m3/h", [0.0, 90.0], 0.20, 0.01),
    measured("SuctionPressure", "bar", [-1.0, 4.0], 0.004, 0.001),
    measured("DischargePressure", "bar", [0.0, 10.0], 0.015, 0.001),
    measured("Speed", "rpm", [0.0, 3600.0], 5.0, 0.1),
    measured("MotorCurrent", "A", [0.0, 40.0], 0.06, 0.01),
    measured("Vibration", "mm/s", [0.0, 20.0], 0.012, 0.001),
    measured("BearingTemperature", "degC", [0.0, 120.0], 0.08, 0.01),
];

pub(super) const NAMEPLATE: Nameplate = Nameplate {
    name: "Pump",
    area: "Hall 1/Line 1",
    tags: TAGS,
    modes: ["Low", "High", "Recirculate"],
    successors: [&[1, 2], &[0, 2], &[0, 1]],
    usual: |kind| match kind {
        FaultKind::Spike | FaultKind::Noise => "Vibration",
        FaultKind::Drift => "BearingTemperature",
        FaultKind::Stuck | FaultKind::Leak => "Flow",
        FaultKind::Contextual => "DischargePressure",
        FaultKind::OutOfRange => "MotorCurrent",
    },
};

const NOMINAL_RPM: f64 = 2950.0;

/// The state of the pump.
#[derive(Debug, Clone)]
pub(crate) struct Pump {
    drive: Wander,
    demand: Wander,
    tank: Wander,
    wear: Wander,
    /// Share of the nominal speed.
    speed: f64,
    /// Resistance of the pipes as a share of the line's at low flow.
    resistance: f64,
    /// Pressure to lift against, in bar.
    lift: f64,
    flow: f64,
    bearing: f64,
}

impl Pump {
    pub(super) fn new() -> Self {
        Self {
            drive: Wander::new(1.0, 0.015, 30.0),
            demand: Wander::new(1.0, 0.08, 40.0),
            tank: Wander::new(1.4, 0.05, 90.0),
            wear: Wander::new(0.0, 0.05, 60.0),
            speed: 0.62,
            resistance: 1.0,
            lift: 0.5,
            flow: 30.0,
            bearing: 45.0,
        }
    }

    pub(super) fn step(&mut self, mode: usize, hall: &Hall, rng: &mut SimRng) -> [f64; 7] {
        let drive = self.drive.step(rng) * hall.supply();
        let (demand, tank, wear) = (self.demand.step(rng), self.tank.step(rng), self.wear.step(rng));
        let n = lag(&mut self.speed, [0.62, 1.0, 0.82][mode] * drive, 2.5);
        let r = lag(&mut self.resistance, [1.0, 0.8, 0.35][mode] * demand, 3.0);
        let lift = lag(&mut self.lift, [0.5, 0.5, 0.05][mode], 3.0);

        // Where the pump's curve 6 n^2 - a Q^2 meets the pipe's lift + b r Q^2 (bar, Q in m3/h).
        let (a, b) = (0.0008, 0.0012);
        let meeting = ((6.0 * n * n - lift).max(0.0) / (a + b * r)).sqrt();
        let q = lag(&mut self.flow, meeting, 1.5);
        let rise = 6.0 * n * n - a * q * q;
        let suction = tank - 0.000_12 * q * q;

        let hydraulic_kw = q * rise / 36.0;
        let current = (4.0 + 3.0 * n.powi(3) + 1.9 * hydraulic_kw) / hall.supply();
        // It runs quietest at its best point and rattles when the suction runs dry.
        let vibration = 0.7 + 1.3 * n * n + 0.02 * (q - 50.0 * n).abs() + 1.5 * (1.1 - suction).max(0.0) + wear;
        lag(&mut self.bearing, hall.air() + 9.0 + 22.0 * n * n + 5.0 * vibration, 15.0);
        [q, suction, suction + rise, n * NOMINAL_RPM, current, vibration, self.bearing]
    }
}
