//! The laboratory: experiments on data whose truth is known, each written as a page of tables.
//!
//! * [`plant`]: detectors fitted to the simulated plant, and recordings of it to judge.
//! * [`experiments`]: one file an experiment.
//! * [`metrics`]: one file a metric.

mod experiments;
mod metrics;
mod plant;

use std::{fs, path::PathBuf};

use anyhow::Context;
use clap::Parser;

use experiments::{Experiment, Size};

/// The laboratory of andon.
#[derive(Debug, Parser)]
#[command(name = "andon-eval", version)]
enum Command {
    /// Run an experiment, or all of them.
    Run {
        /// Which; `all` for every one.
        experiment: String,
        /// A short form, for a first look.
        #[arg(long)]
        quick: bool,
        /// Where the pages are written, one an experiment.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Print the pages that are there as one.
    Report {
        /// Where they were written.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
}

fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_max_level(tracing::Level::WARN).with_writer(std::io::stderr).init();
    match Command::parse() {
        Command::Run { experiment, quick, out } => {
            let size = if quick { Size::Quick } else { Size::Whole };
            fs::create_dir_all(&out).with_context(|| format!("--out {} can't be made", out.display()))?;
            for experiment in Experiment::named(&experiment)? {
                let page = experiment.run(size)?;
                let path = out.join(format!("{}.md", experiment.name()));
                fs::write(&path, &page).with_context(|| format!("{} can't be written", path.display()))?;
                println!("{page}");
            }
            Ok(())
        }
        Command::Report { out } => {
            for experiment in Experiment::ALL {
                let path = out.join(format!("{}.md", experiment.name()));
                match fs::read_to_string(&path) {
                    Ok(page) => println!("{page}"),
                    Err(e) => eprintln!("{}: {e}; `andon-eval run {}` writes it", path.display(), experiment.name()),
                }
            }
            Ok(())
        }
    }
}
