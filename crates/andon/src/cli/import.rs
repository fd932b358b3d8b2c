//! `andon import`: history from files into the store.

use std::path::{Path, PathBuf};

use andon_exchange::{Contents, Shape, Wanted};
use andon_plant::{Clock, SystemClock};
use andon_store::Store;
use anyhow::Context;
use serde_json::json;

use super::{
    progress::{CountProgress, ShareProgress},
    which::WhichAsset,
};
use crate::{
    exchange::{check, store, wanted, warnings},
    pipeline::start::lock,
};

/// Store history from files, so that a model can be trained on it on the first day.
///
/// Reads CSV, gzip or not, and Parquet, in the long or the wide shape of `andon export` or with columns of the same names: a
/// `timestamp` (RFC 3339, any Parquet timestamp, or seconds since the epoch) and either a column a tag, or `tag` and `value`. All
/// files are read once before anything is stored; `andon run` must not be running. To import a file again is harmless.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    which: WhichAsset,
    /// long or wide, where the columns leave it open.
    #[arg(long)]
    shape: Option<Shape>,
    /// Skip columns and tags that the asset has not.
    #[arg(long)]
    skip_unknown: bool,
    /// Say what was stored as JSON.
    #[arg(long)]
    json: bool,
    /// The files.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let (config, asset) = args.which.find()?;
    let wanted = wanted(&asset, args.shape, args.skip_unknown);
    let _lock = lock(&config.data_dir()).with_context(|| {
        format!(
            "import needs the store for itself; while andon runs, POST to /api/v1/assets/{}/import",
            args.which.asset
        )
    })?;
    let now = SystemClock.now();
    let mut samples = 0;
    for file in &args.files {
        let contents = checked(file, &wanted)?;
        let named = || file.display().to_string();
        for warning in warnings(&contents, &config.store.retention, now).with_context(named)? {
            tracing::warn!("{}: {warning}", file.display());
        }
        samples += contents.samples;
    }
    let opened = crate::store::open(&config.store.url, config.store.keep_free, None).await?;
    let stored = stored(&opened, &args, &wanted, samples).await;
    opened.close().await;
    say(&args, &stored?);
    Ok(())
}

/// Reads a file to its end.
fn checked(file: &Path, wanted: &Wanted) -> anyhow::Result<Contents> {
    let progress = CountProgress::new(&file.display().to_string());
    let contents = tokio::task::block_in_place(|| check(file, wanted, |samples| progress.show(samples)));
    progress.done();
    Ok(contents?)
}

async fn stored(opened: &Store, args: &Args, wanted: &Wanted, samples: u64) -> anyhow::Result<Vec<Contents>> {
    let progress = ShareProgress::new("stored");
    let (mut all, mut before) = (Vec::new(), 0);
    for file in &args.files {
        let contents = store(opened, file, wanted, |seen| progress.show((before + seen) as f64 / samples as f64)).await;
        let contents = contents
            .with_context(|| format!("{}: part of it may be stored; to import it again is harmless", file.display()))?;
        before += contents.samples;
        all.push(contents);
    }
    progress.done();
    Ok(all)
}

fn say(args: &Args, stored: &[Contents]) {
    let files = args.files.iter().map(|file| file.display().to_string()).zip(stored);
    if args.json {
        let files: Vec<_> = files
            .map(|(file, contents)| {
                let mut said = json!(contents);
                said["file"] = json!(file);
                said
            })
            .collect();
        println!("{}", json!({ "asset": args.which.asset, "files": files }));
        return;
    }
    for (file, c) in files {
        let (Some(first), Some(last)) = (c.first, c.last) else {
            println!("{file}: no sample of {}", args.which.asset);
            continue;
        };
        println!(
            "{file}: {} samples of {} stored, {} rows from {first} to {last}",
            c.samples, args.which.asset, c.rows
        );
    }
}
