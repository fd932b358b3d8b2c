//! `andon run`: monitor a real plant.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc};

use andon_plant::{AssetName, SystemClock};
use andon_simulator::PlantHandle;
use andon_store::{Store, StoreUrl};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio_util::sync::CancellationToken;

use super::warn;
use crate::{
    api,
    config::Config,
    lifecycle::Lifecycle,
    pipeline::start::{Pipeline, lock, start},
    sharing::{Membership, Shared, Sharing, Turn},
    telemetry,
};

/// How long the store may take to write what is waiting.
const CLOSING: std::time::Duration = std::time::Duration::from_secs(5);

/// Monitor a real plant.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The configuration, such as config/andon.example.toml.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let (config, warnings) = Config::load(&args.config)?;
    warn(warnings);
    let life = Lifecycle::default();
    match config.store.url.clone() {
        StoreUrl::Sqlite(_) => serve(config, None, &life).await,
        StoreUrl::Postgres(url) => share(config, Sharing::of(url, life.clone()), &life).await,
    }
}

/// Runs the whole loop until it is asked to stop, and stops it cleanly.
pub(super) async fn serve(config: Config, plant: Option<Arc<PlantHandle>>, life: &Lifecycle) -> anyhow::Result<()> {
    let _lock = lock(&config.data_dir())?;
    let running = Running::start(config, Membership::default(), plant, telemetry::metrics()?, life.clone()).await?;
    life.stopped().await;
    running.stop().await;
    Ok(())
}

/// Runs the loop for the assets that this process owns, and anew when those change.
async fn share(config: Config, sharing: Sharing, life: &Lifecycle) -> anyhow::Result<()> {
    let _lock = lock(&config.data_dir())?;
    let metrics = telemetry::metrics()?;
    let all: BTreeSet<AssetName> = config.assets.iter().map(|asset| asset.name.clone()).collect();
    let mut sharing = sharing.join(&config, all).await?;
    // A signal that comes between two turns is heard too.
    let (listening, stop) = (life.clone(), life.token());
    life.spawn(async move {
        listening.stopped().await;
        listening.token().cancel();
    });
    let mut begun = false;
    while !stop.is_cancelled() {
        let turn = match turn(&config, &mut sharing, &metrics, &stop).await {
            Ok(turn) => turn,
            Err(e) if begun => {
                tracing::error!("nothing is monitored here until it can be: {e:#}");
                Some(Turn::Lost)
            }
            Err(e) => {
                sharing.leave().await;
                return Err(e);
            }
        };
        begun = true;
        tokio::select! {
            () = stop.cancelled() => {}
            () = sharing.follow(turn) => {}
        }
    }
    sharing.leave().await;
    life.stop().await;
    Ok(())
}

/// Runs the loop for the assets of now; why it ended, or none where it was asked to stop.
async fn turn(
    config: &Config,
    sharing: &mut Shared,
    metrics: &PrometheusHandle,
    stop: &CancellationToken,
) -> anyhow::Result<Option<Turn>> {
    let part = config.only(sharing.mine());
    let running = Running::start(part, sharing.member(), None, metrics.clone(), Lifecycle::default()).await?;
    let turn = tokio::select! {
        () = stop.cancelled() => None,
        turn = sharing.turns() => Some(turn),
    };
    // What still waits in a store that did not close may be written later, under a name that is given up then.
    let closed = running.stop().await;
    Ok(turn.map(|turn| if closed { turn } else { Turn::Lost }))
}

/// A pipeline and its servers.
struct Running {
    store: Store,
    life: Lifecycle,
    /// Whether it shares its store with others.
    shared: bool,
}

impl Running {
    async fn start(
        config: Config,
        member: Membership,
        plant: Option<Arc<PlantHandle>>,
        metrics: PrometheusHandle,
        life: Lifecycle,
    ) -> anyhow::Result<Self> {
        let (listen, shared) = (config.http.listen, member.name.is_some());
        let served = match start(config, member, Arc::new(SystemClock), &life).await {
            Ok(Pipeline { hub, ua }) => {
                let store = hub.store.clone();
                api::serve(listen, hub, plant, metrics, &life).await.map(|address| (address, ua, store))
            }
            Err(e) => Err(e),
        };
        let (address, ua, store) = match served {
            Ok(served) => served,
            Err(e) => {
                life.stop().await;
                return Err(e);
            }
        };
        println!("dashboard  http://{address}/");
        println!("REST       http://{address}/api/v1   (OpenAPI: http://{address}/api/openapi.json)");
        println!("OPC UA     {}", ua.endpoint());
        println!("ready; stop with Ctrl-C");
        Ok(Self { store, life, shared })
    }

    /// Stops it; whether the store could write what was waiting.
    async fn stop(self) -> bool {
        self.life.stop().await;
        let closed = tokio::time::timeout(CLOSING, self.store.close()).await.is_ok();
        if !closed && self.shared {
            tracing::warn!(
                "the database does not answer: what waits for it is written if it is back before this process ends"
            );
        } else if !closed {
            tracing::error!("the store did not close in {CLOSING:?}: rows that were waiting for it are lost");
        }
        closed
    }
}
