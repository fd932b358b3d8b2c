//! The simulated plant as a running OPC UA server.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use andon_plant::{AssetName, Clock, TagKey, Timestamp};
use parking_lot::Mutex;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    faults::{ActiveFault, FaultError, FaultRequest},
    plant::{PlantRow, STEP, SimAsset, SimulatedPlant},
    serve::{Feed, HISTORY_ROWS, Pace, ServedAsset, ServedRow, ServerSettings, SimError, TagServer, play},
};

/// How the plant is served.
#[derive(Debug, Clone)]
pub struct PlantSettings {
    /// The address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The seed of everything random.
    pub seed: u64,
    /// Seconds of the plant a second. At 1 the rows' times are the wall clock's. At another speed they begin at the present
    /// and run ahead of it or fall behind, since a row always stands for one second of the plant.
    pub speed: f64,
    /// The plant's present is not before this: where one that ran ahead of the clock stopped, the next one must not begin
    /// earlier.
    pub not_before: Option<Timestamp>,
    /// How much of the plant's past is there at once, by HistoryRead.
    pub history: Duration,
    /// Where the server keeps its certificate.
    pub pki_dir: PathBuf,
}

/// The running plant. It runs until its token is cancelled, whatever becomes of the handle.
pub struct PlantHandle {
    /// The URL to connect to.
    pub endpoint: String,
    /// Every tag with its NodeId by namespace URI.
    pub nodes: Vec<(TagKey, String)>,
    /// The assets.
    pub assets: Vec<SimAsset>,
    plant: Arc<Mutex<SimulatedPlant>>,
    tasks: TaskTracker,
}

impl PlantHandle {
    /// Puts a fault into the plant from its next row on.
    ///
    /// # Errors
    /// If the fault is refused; see [`SimulatedPlant::inject`].
    pub fn inject(&self, request: &FaultRequest) -> Result<ActiveFault, FaultError> {
        self.plant.lock().inject(request)
    }

    /// Ends the faults of `asset`, or all of them; returns how many there were.
    pub fn clear(&self, asset: Option<&AssetName>) -> usize {
        self.plant.lock().clear(asset)
    }

    /// Ends the fault with this number; whether there was one.
    pub fn clear_one(&self, id: u64) -> bool {
        self.plant.lock().clear_one(id)
    }

    /// The faults that are active.
    pub fn faults(&self) -> Vec<ActiveFault> {
        self.plant.lock().faults()
    }

    /// Waits until the server has closed its sessions after its token was cancelled.
    pub async fn stopped(&self) {
        self.tasks.wait().await;
    }
}

/// Serves the plant until `cancel`.
///
/// # Errors
/// If the speed is not above 0, the address can't be listened on, or the server can't be built.
pub async fn serve_plant(
    settings: PlantSettings,
    clock: Arc<dyn Clock>,
    cancel: CancellationToken,
) -> Result<PlantHandle, SimError> {
    let speed = settings.speed;
    if !(speed > 0.0 && speed.is_finite()) {
        return Err(SimError::Speed { speed });
    }
    let begun = clock.now().ceil_to(STEP);
    let origin = settings.not_before.map_or(begun, |time| time.ceil_to(STEP).max(begun));
    let past_rows = settings.history.as_secs();
    let mut plant = SimulatedPlant::new(settings.seed, origin.before(STEP * past_rows.min(u32::MAX.into()) as u32));
    let assets = plant.assets().to_vec();

    let tasks = TaskTracker::new();
    let served = ServerSettings {
        listen: settings.listen,
        pki_dir: &settings.pki_dir,
        history_rows: HISTORY_ROWS.max(past_rows as usize),
    };
    let server = TagServer::start(assets.iter().map(served_asset).collect(), served, clock.clone(), &cancel, &tasks);
    let server = Arc::new(server.await?);
    fill_history(&server, &mut plant, origin);

    let handle = PlantHandle {
        endpoint: server.endpoint().to_owned(),
        nodes: server.nodes(),
        assets,
        plant: Arc::new(Mutex::new(plant)),
        tasks: tasks.clone(),
    };
    let feed = PlantFeed { plant: handle.plant.clone() };
    tasks.spawn(play(feed, server, Pace { begun, origin, speed }, clock, cancel));
    tasks.close();
    Ok(handle)
}

/// Steps the plant up to its present. The last row is what a client sees until the first live one.
fn fill_history(server: &TagServer, plant: &mut SimulatedPlant, present: Timestamp) {
    let mut last = Vec::new();
    while plant.next_time() < present {
        server.remember(std::mem::replace(&mut last, served_rows(plant.step())));
    }
    server.publish(last);
}

fn served_asset(asset: &SimAsset) -> ServedAsset {
    let modes = asset.tags.iter().position(|t| t.name == asset.mode_tag);
    ServedAsset {
        name: asset.name.clone(),
        tags: asset.tags.clone(),
        enum_strings: modes.map(|ix| (ix, asset.modes.clone())).into_iter().collect(),
    }
}

fn served_rows(PlantRow { time, assets }: PlantRow) -> Vec<ServedRow> {
    let rows = assets.into_iter().enumerate();
    rows.map(|(asset, row)| ServedRow { asset, time, values: row.values }).collect()
}

struct PlantFeed {
    plant: Arc<Mutex<SimulatedPlant>>,
}

impl Feed for PlantFeed {
    fn next_time(&self) -> Option<Timestamp> {
        Some(self.plant.lock().next_time())
    }

    fn take(&mut self) -> Vec<ServedRow> {
        served_rows(self.plant.lock().step())
    }
}

#[cfg(test)]
mod tests {
    use andon_plant::ManualClock;

    use super::*;

    #[tokio::test]
    async fn a_plant_that_ran_ahead_of_the_clock_does_not_begin_at_the_clock() {
        let now = Timestamp::from_secs(1_000_000);
        for (not_before, present) in [(None, 0), (Some(-60), 0), (Some(3_600), 3_600)] {
            let dir = tempfile::tempdir().unwrap();
            let settings = PlantSettings {
                listen: SocketAddr::from(([127, 0, 0, 1], 0)),
                seed: 1,
                speed: 1.0,
                not_before: not_before.map(|s| Timestamp::from_secs(1_000_000 + s)),
                history: Duration::from_secs(10),
                pki_dir: dir.path().to_owned(),
            };
            let cancel = CancellationToken::new();
            let plant = serve_plant(settings, Arc::new(ManualClock::new(now)), cancel.clone()).await.unwrap();
            assert_eq!(plant.plant.lock().next_time(), now.after(Duration::from_secs(present)), "{not_before:?}");
            cancel.cancel();
            plant.stopped().await;
        }
    }
}
