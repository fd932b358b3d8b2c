//! `andon simulate`: the simulated plant alone.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use andon_plant::SystemClock;
use andon_simulator::{PlantSettings, serve_plant};

use crate::lifecycle::Lifecycle;

/// Run the simulated plant alone, as an OPC UA server with two hours of history.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where it listens.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4840")]
    opcua: SocketAddr,
    /// The seed of everything random in it.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How many simulated seconds pass in a second.
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    speed: f64,
    /// Where its certificate is kept.
    #[arg(long, value_name = "DIR", default_value = "simulator-pki")]
    pki_dir: PathBuf,
}

/// How much past the simulated plant has when it starts.
pub(super) fn plant_history() -> Duration {
    Duration::from_secs(2 * 3600)
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let life = Lifecycle::default();
    let clock = Arc::new(SystemClock);
    let settings = PlantSettings {
        listen: args.opcua,
        seed: args.seed,
        speed: args.speed,
        not_before: None,
        history: plant_history(),
        pki_dir: args.pki_dir,
    };
    let plant = serve_plant(settings, clock, life.token()).await?;
    println!("ready {}", plant.endpoint);
    for (key, node) in &plant.nodes {
        println!("{key}  {node}");
    }
    life.stopped().await;
    life.stop().await;
    plant.stopped().await;
    Ok(())
}
