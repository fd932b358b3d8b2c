//! All machines stepped together: one row a second, the same for the same seed.
//!
//! The plant's state is a function of the seed and the number of steps alone; the start only names the first row's time.
//! Machines, schedules and instruments draw from streams of their own, so that a fault in one asset leaves every number of
//! the others as it was.

use std::{sync::OnceLock, time::Duration};

use andon_plant::{AssetName, Range, Tag, TagKind, TagName, Timestamp};
use rand::SeedableRng;

use crate::{
    faults::{ActiveFault, AssetProfile, Fault, FaultError, FaultKind, FaultPlan, FaultRequest, ScheduledFault, Span},
    modes::Schedule,
    process::{Hall, Machine, Nameplate, STEP_S, SimRng},
    recording::Recording,
};

/// The time between two rows.
pub const STEP: Duration = Duration::from_secs(STEP_S as u64);
/// The name of the tag that holds the number of the operating mode.
pub const MODE_TAG: &str = "State";
/// The most faults that may be active at once.
pub const MOST_FAULTS: usize = 32;

/// Steps taken before the first row, so that it is not the start of a cold machine.
const WARM_UP_STEPS: usize = 300;
/// Steps of normal operation from which the size of faults is learnt.
const PROFILE_STEPS: usize = 7200;
const PROFILE_SEED: u64 = 20_260_301;

/// An asset of the plant.
#[derive(Debug, Clone)]
pub struct SimAsset {
    /// Its name.
    pub name: AssetName,
    /// Where it stands, outermost first.
    pub area: &'static str,
    /// Its tags in the order of a row's values; the mode tag is the last.
    pub tags: Vec<Tag>,
    /// Its operating modes by the number that the mode tag shows.
    pub modes: Vec<&'static str>,
    /// The tag that names the operating mode.
    pub mode_tag: TagName,
}

impl SimAsset {
    fn of(plate: &Nameplate) -> Self {
        let measured = plate.tags.iter().map(|tag| Tag {
            name: tag_name(tag.name),
            unit: tag.unit.to_owned(),
            range: Range::try_from(tag.range).ok(),
            kind: tag.kind,
        });
        let highest = (plate.modes.len() - 1) as f64;
        let mode_tag = Tag {
            name: tag_name(MODE_TAG),
            unit: String::new(),
            range: Range::new(0.0, highest).ok(),
            kind: TagKind::Enum,
        };
        Self {
            name: asset_name(plate.name),
            area: plate.area,
            tags: measured.chain([mode_tag]).collect(),
            modes: plate.modes.to_vec(),
            mode_tag: tag_name(MODE_TAG),
        }
    }

    /// The number of a tag.
    pub fn tag_index(&self, tag: &str) -> Option<usize> {
        self.tags.iter().position(|t| t.name.as_str() == tag)
    }
}

/// One row of every asset.
#[derive(Debug, Clone, PartialEq)]
pub struct PlantRow {
    /// The row's time.
    pub time: Timestamp,
    /// One an asset, in the order of [`SimulatedPlant::assets`].
    pub assets: Vec<AssetRow>,
}

/// One row of one asset.
#[derive(Debug, Clone, PartialEq)]
pub struct AssetRow {
    /// One value a tag, as served.
    pub values: Vec<f64>,
    /// The number of the operating mode.
    pub mode: usize,
    /// Whether a fault acts on the asset.
    pub label: bool,
}

/// The plant.
#[derive(Debug)]
pub struct SimulatedPlant {
    assets: Vec<SimAsset>,
    lines: Vec<Line>,
    hall: Hall,
    hall_rng: SimRng,
    next: Timestamp,
    seed: u64,
    faults: Vec<(ActiveFault, usize, Fault)>,
    faults_so_far: u64,
}

/// A machine with its schedule and its instruments.
#[derive(Debug)]
struct Line {
    machine: Machine,
    physics_rng: SimRng,
    schedule: Schedule,
    sensor_rng: SimRng,
}

impl SimulatedPlant {
    /// The plant whose first row is at `start`.
    pub fn new(seed: u64, start: Timestamp) -> Self {
        let machines = Machine::all();
        let assets = machines.iter().map(|m| SimAsset::of(m.nameplate())).collect();
        let lines = machines.into_iter().enumerate().map(|(ix, machine)| Line::new(machine, seed, ix as u64)).collect();
        let mut plant = Self {
            assets,
            lines,
            hall: Hall::new(),
            hall_rng: stream(seed, 1),
            next: start,
            seed,
            faults: Vec::new(),
            faults_so_far: 0,
        };
        plant.warm_up();
        plant
    }

    /// The assets.
    pub fn assets(&self) -> &[SimAsset] {
        &self.assets
    }

    /// The time of the next row.
    pub fn next_time(&self) -> Timestamp {
        self.next
    }

    /// The next row.
    pub fn step(&mut self) -> PlantRow {
        let time = self.next;
        self.next = time.after(STEP);
        self.hall.step(&mut self.hall_rng);
        let mut assets: Vec<AssetRow> = self.lines.iter_mut().map(|line| line.step(&self.hall)).collect();
        for (_, asset, fault) in &mut self.faults {
            let row = &mut assets[*asset];
            row.label |= fault.apply(time, &mut row.values, Some(row.mode));
        }
        self.faults.retain(|(active, ..)| active.end > self.next);
        PlantRow { time, assets }
    }

    /// Puts a fault into the plant from the next row on.
    ///
    /// # Errors
    /// If the asset or tag is not there, the size or duration can't be used, the tag can't carry such a fault, or
    /// [`MOST_FAULTS`] are active already.
    pub fn inject(&mut self, request: &FaultRequest) -> Result<ActiveFault, FaultError> {
        if self.faults.len() >= MOST_FAULTS {
            return Err(FaultError::TooMany { limit: MOST_FAULTS });
        }
        let duration = request.duration()?;
        let asset = self.find_asset(&request.asset)?;
        let tag = self.find_tag(asset, request)?;
        let span = Span { start: self.next, end: self.next.after(duration) };
        let id = self.faults_so_far + 1;
        let fault = Fault::new(&FaultPlan {
            kind: request.kind,
            tag,
            magnitude: request.magnitude,
            span,
            seed: self.seed.wrapping_add(id),
            profile: &profiles()[asset],
        })?;
        let tags = &self.assets[asset].tags;
        let active = ActiveFault {
            id,
            asset: request.asset.clone(),
            kind: request.kind,
            tag: tags[tag].name.clone(),
            partner: fault.partner().map(|p| tags[p].name.clone()),
            magnitude: fault.magnitude(),
            duration_s: duration.as_secs_f64(),
            start: span.start,
            end: span.end,
        };
        self.faults_so_far = id;
        self.faults.push((active.clone(), asset, fault));
        Ok(active)
    }

    /// Ends the faults of `asset`, or all of them, with the next row; returns how many there were.
    pub fn clear(&mut self, asset: Option<&AssetName>) -> usize {
        let before = self.faults.len();
        self.faults.retain(|(active, ..)| asset.is_some_and(|a| active.asset != *a));
        before - self.faults.len()
    }

    /// Ends the fault with this number with the next row; whether there was one.
    pub fn clear_one(&mut self, id: u64) -> bool {
        let before = self.faults.len();
        self.faults.retain(|(active, ..)| active.id != id);
        before > self.faults.len()
    }

    /// The faults that act on the next row or a later one.
    pub fn faults(&self) -> Vec<ActiveFault> {
        self.faults.iter().map(|(active, ..)| active.clone()).collect()
    }

    /// What is normal for an asset, learnt from two hours of another plant's normal operation.
    pub fn profile(&self, asset: &str) -> Option<&'static AssetProfile> {
        let ix = self.assets.iter().position(|a| a.name.as_str() == asset)?;
        profiles().get(ix)
    }

    fn find_asset(&self, name: &str) -> Result<usize, FaultError> {
        let found = self.assets.iter().position(|a| a.name.as_str() == name);
        found.ok_or_else(|| FaultError::UnknownAsset {
            asset: name.to_owned(),
            known: listed(self.assets.iter().map(|a| a.name.as_str())),
        })
    }

    fn find_tag(&self, asset: usize, request: &FaultRequest) -> Result<usize, FaultError> {
        let usual = (self.lines[asset].machine.nameplate().usual)(request.kind);
        let name = request.tag.as_deref().unwrap_or(usual);
        let asset = &self.assets[asset];
        asset.tag_index(name).ok_or_else(|| FaultError::UnknownTag {
            asset: asset.name.to_string(),
            tag: name.to_owned(),
            known: listed(asset.tags.iter().map(|t| t.name.as_str())),
        })
    }

    fn warm_up(&mut self) {
        for _ in 0..WARM_UP_STEPS {
            self.hall.step(&mut self.hall_rng);
            for line in &mut self.lines {
                line.machine.step(0, &self.hall, &mut line.physics_rng);
            }
        }
    }
}

impl Line {
    fn new(machine: Machine, seed: u64, ix: u64) -> Self {
        let schedule = Schedule::new(machine.nameplate().successors, stream(seed, 200 + ix));
        Self { machine, physics_rng: stream(seed, 100 + ix), schedule, sensor_rng: stream(seed, 300 + ix) }
    }

    fn step(&mut self, hall: &Hall) -> AssetRow {
        let mode = self.schedule.step();
        let truth = self.machine.step(mode, hall, &mut self.physics_rng);
        let plates = self.machine.nameplate().tags;
        let rng = &mut self.sensor_rng;
        let shown = truth.iter().zip(plates).map(|(v, p)| p.sensor.read(*v, Range::try_from(p.range).ok(), rng));
        let values = shown.chain([mode as f64]).collect();
        AssetRow { values, mode, label: false }
    }
}

/// A recording of one asset from `start`, with faults at given rows and the labels that belong to them.
///
/// # Errors
/// If the asset is not there or a fault is refused.
pub fn record(
    seed: u64,
    asset: &str,
    start: Timestamp,
    rows: usize,
    faults: &[ScheduledFault],
) -> Result<Recording, FaultError> {
    let mut plant = SimulatedPlant::new(seed, start);
    let ix = plant.find_asset(asset)?;
    let SimAsset { name, tags, modes: names, .. } = plant.assets[ix].clone();
    let mut recording = Recording::new(name.clone(), tags);
    let (mut labels, mut modes) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
    for at_row in 0..rows {
        for fault in faults.iter().filter(|f| f.at_row == at_row) {
            plant.inject(&fault.request(name.clone()))?;
        }
        let PlantRow { time, mut assets } = plant.step();
        let row = assets.swap_remove(ix);
        recording.push_row(time, &row.values);
        labels.push(row.label);
        modes.push(names[row.mode].to_owned());
    }
    recording.labels = Some(labels);
    recording.modes = Some(modes);
    Ok(recording)
}

impl ScheduledFault {
    fn request(&self, asset: AssetName) -> FaultRequest {
        FaultRequest {
            asset,
            kind: self.kind,
            tag: self.tag.clone(),
            magnitude: self.magnitude,
            duration_s: Some(self.rows as f64 * STEP_S),
        }
    }
}

impl FaultKind {
    /// The tag of a plant's asset that a fault of this kind usually befalls.
    pub fn usual_tag(self, asset: &str) -> Option<&'static str> {
        let machine = Machine::all().into_iter().find(|m| m.nameplate().name == asset)?;
        Some((machine.nameplate().usual)(self))
    }
}

/// What is normal for each asset of any simulated plant.
fn profiles() -> &'static [AssetProfile] {
    static PROFILES: OnceLock<Vec<AssetProfile>> = OnceLock::new();
    PROFILES.get_or_init(|| {
        let mut plant = SimulatedPlant::new(PROFILE_SEED, Timestamp::from_secs(0));
        let rows: Vec<PlantRow> = (0..PROFILE_STEPS).map(|_| plant.step()).collect();
        let profile = |(ix, asset): (usize, &SimAsset)| {
            let values: Vec<f64> = rows.iter().flat_map(|r| r.assets[ix].values.iter().copied()).collect();
            let modes: Vec<usize> = rows.iter().map(|r| r.assets[ix].mode).collect();
            AssetProfile::of(&asset.tags, &values, Some(&modes), asset.tag_index(MODE_TAG))
        };
        plant.assets.iter().enumerate().map(profile).collect()
    })
}

fn stream(seed: u64, number: u64) -> SimRng {
    let mut rng = SimRng::seed_from_u64(seed);
    rng.set_stream(number);
    rng
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

#[expect(clippy::expect_used, reason = "the names stand in this crate's nameplates")]
fn tag_name(name: &'static str) -> TagName {
    TagName::new(name).expect("a nameplate's tag name is a tag name")
}

#[expect(clippy::expect_used, reason = "the names stand in this crate's nameplates")]
fn asset_name(name: &'static str) -> AssetName {
    AssetName::new(name).expect("a nameplate's asset name is an asset name")
}

#[cfg(test)]
mod tests;
