//! `andon replay`: a recording as PLC tags.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use andon_plant::{Clock, SystemClock};
use andon_simulator::{Recording, ReplaySettings, serve_recording};

use crate::lifecycle::Lifecycle;

/// Serve recordings as PLC tags over OPC UA, with the history of what has been played.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A recording; one asset a file, named after it. Repeat for more.
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    csv: Vec<PathBuf>,
    /// Where it listens.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4840")]
    opcua: SocketAddr,
    /// How many recorded seconds are played in a second.
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    speed: f64,
    /// Begin again at the end, with later time stamps.
    #[arg(long)]
    r#loop: bool,
    /// Shift the time stamps so that the recording begins now.
    #[arg(long)]
    rebase: bool,
    /// Where its certificate is kept.
    #[arg(long, value_name = "DIR", default_value = "replay-pki")]
    pki_dir: PathBuf,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let recordings = args.csv.iter().map(|path| Recording::read_csv(path)).collect::<Result<Vec<_>, _>>()?;
    let life = Lifecycle::default();
    let settings = ReplaySettings {
        listen: args.opcua,
        speed: args.speed,
        looped: args.r#loop,
        rebase: args.rebase.then(|| SystemClock.now()),
        pki_dir: args.pki_dir,
    };
    let replay = serve_recording(recordings, settings, Arc::new(SystemClock), life.token()).await?;
    println!("ready {}", replay.endpoint);
    for (key, node) in &replay.nodes {
        println!("{key}  {node}");
    }
    tokio::select! {
        () = life.stopped() => {}
        () = replay.finished() => {
            println!("done");
            life.stopped().await;
        }
    }
    life.stop().await;
    replay.stopped().await;
    Ok(())
}
