//! `andon doctor`: what is broken in a store, and what is lost by it.

use std::{path::Path, process::ExitCode};

use andon_detect::Artifact;
use andon_store::{Checkup, examine};

use super::{said, which::Which};

/// Read a whole store and say what is broken and what is lost by it; exit 1 if anything is.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    which: Which,
    /// Move what can't be read out of the way, so that the rest can; the store must not be in use.
    #[arg(long)]
    repair: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let url = args.which.url()?;
    let _lock = if args.repair { Some(args.which.lock()?) } else { None };
    let checkup = examine(&url, args.repair, model).await?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&checkup)?);
    } else {
        print(&checkup);
    }
    Ok(if checkup.lost > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// A model is sound if it can be loaded: that compares the SHA-256 of its weights with its manifest.
fn model(manifest: &str, weights: Vec<u8>) -> Result<(), String> {
    let loaded = Artifact::from_parts(Path::new("the stored model"), manifest.as_bytes(), weights);
    loaded.map(drop).map_err(|e| said(&e.into()))
}

fn print(seen: &Checkup) {
    for finding in &seen.findings {
        println!("{finding}");
    }
    println!(
        "{} samples in {} blocks, {} batches and {} rows; {} alarms; {} models",
        seen.samples, seen.blocks, seen.batches, seen.rows, seen.alarms, seen.models
    );
    match (seen.found, seen.lost) {
        (0, _) => println!("nothing is broken"),
        (found, lost) => println!("{found} things are broken, and {lost} of them lost"),
    }
}
