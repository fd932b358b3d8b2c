//! `andon vacuum`: makes the files of a store small that is not in use.

use andon_store::vacuum;

use super::which::Which;

/// Write the files of a store anew without what is free in them. Only files from before version 0.1 need it: newer ones give
/// room back while they are in use.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    which: Which,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let url = args.which.url()?;
    let _lock = args.which.lock()?;
    let (before, after) = vacuum(&url).await?;
    println!("{url}: {before} bytes before, {after} after");
    Ok(())
}
