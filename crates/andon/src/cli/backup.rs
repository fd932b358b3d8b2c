//! `andon backup`: the whole store in one file, while it is in use.

use std::path::PathBuf;

use andon_plant::{Clock, SystemClock};
use andon_store::write_backup;

use super::which::Which;

/// Write alarms, models, samples and scores into one file, also while `andon run` uses them.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The backup; nothing is overwritten.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    which: Which,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let url = args.which.url()?;
    let manifest = write_backup(&url, &args.file, SystemClock.now()).await?;
    for file in &manifest.files {
        println!("{} {} bytes, SHA-256 {}", file.name, file.bytes, file.sha256);
    }
    println!("{}: written from {url}", args.file.display());
    Ok(())
}
