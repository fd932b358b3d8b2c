//! `andon check`: every fault of a configuration at once.

use std::path::PathBuf;

use andon_plant::{SystemClock, TagKey};
use andon_ua_client::{TagNode, probe};
use anyhow::bail;
use tokio_util::sync::CancellationToken;

use crate::config::Config;

/// Say every fault of a configuration at once.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The configuration.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Also connect to every source and read every tag once.
    #[arg(long)]
    connect: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let (config, warnings) = Config::load(&args.config)?;
    for warning in &warnings {
        println!("warning: {warning}");
    }
    let tags: usize = config.assets.iter().map(|a| a.tags.len()).sum();
    println!(
        "{}: {} sources, {} assets, {tags} tags: ok",
        args.config.display(),
        config.sources.len(),
        config.assets.len()
    );
    let faults = if args.connect { connect(&config).await } else { 0 };
    if faults > 0 {
        bail!("{faults} of the sources and tags can't be read");
    }
    Ok(())
}

/// Reads every tag once; how many sources and tags failed.
async fn connect(config: &Config) -> usize {
    let mut faults = 0;
    for source in &config.sources {
        let mut nodes = Vec::new();
        for asset in &config.assets {
            for tag in asset.tags.iter().filter(|t| t.source == source.name) {
                let key = TagKey { asset: asset.name.clone(), tag: tag.tag.name.clone() };
                nodes.push(TagNode { key, node: tag.node.clone() });
            }
        }
        let at = source.source(config.client_pki_dir());
        match probe(&at, &nodes, &SystemClock, &CancellationToken::new()).await {
            Ok(tags) => {
                println!("source {}: {} answers", source.name, source.endpoint);
                for (key, read) in tags {
                    match read {
                        Ok(sample) => println!("  {key}: {} {} at {}", sample.value, sample.status, sample.time),
                        Err(why) => {
                            faults += 1;
                            println!("  {key}: FAULT {why}");
                        }
                    }
                }
            }
            Err(e) => {
                faults += 1;
                println!("source {}: FAULT {e}", source.name);
            }
        }
    }
    faults
}
