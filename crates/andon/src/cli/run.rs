//! `andon run`: monitor a real plant.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use andon_plant::SystemClock;
use andon_simulator::PlantHandle;

use super::warn;
use crate::{
    api,
    config::Config,
    lifecycle::Lifecycle,
    pipeline::start::{Pipeline, start},
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
    serve(config, None, &Lifecycle::default()).await
}

/// Runs the whole loop until it is asked to stop, and stops it cleanly.
pub(super) async fn serve(config: Config, plant: Option<Arc<PlantHandle>>, life: &Lifecycle) -> anyhow::Result<()> {
    let metrics = telemetry::metrics()?;
    let listen: SocketAddr = config.http.listen;
    let started = start(config, Arc::new(SystemClock), life).await;
    let served = match started {
        Ok(Pipeline { hub, ua, lock }) => {
            let store = hub.store.clone();
            api::serve(listen, hub, plant, metrics, life).await.map(|address| (address, ua, store, lock))
        }
        Err(e) => Err(e),
    };
    let (address, ua, store, _lock) = match served {
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
    life.stopped().await;
    life.stop().await;
    if tokio::time::timeout(CLOSING, store.close()).await.is_err() {
        tracing::error!("the store did not close in {CLOSING:?}: rows that were waiting for the disk are lost");
    }
    Ok(())
}
