//! `andon restore`: puts a backup in the place of a store.

use std::path::PathBuf;

use andon_store::restore_backup;

use super::which::Which;

/// Put a backup in the place of a store that is not in use.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What `andon backup` wrote.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    which: Which,
    /// Replace the store that is there.
    #[arg(long)]
    force: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let url = args.which.url()?;
    let _lock = args.which.lock()?;
    let manifest = restore_backup(&args.file, &url, args.force).await?;
    println!("{url}: restored as it was at {}, from {}", manifest.created_at, args.file.display());
    Ok(())
}
