//! `andon fit`: train on normal data offline.

use std::{
    fs,
    io::{self, Write},
    ops::ControlFlow,
    path::{Path, PathBuf},
    time::Duration,
};

use andon_detect::{Artifact, FitError, Manifest, Stream, fit};
use andon_model::TrainError;
use andon_plant::{Clock, Sample, SystemClock, Tag, TagName};
use andon_simulator::Recording;
use anyhow::{Context, bail};
use tokio_util::sync::CancellationToken;

use super::{progress::TrainingProgress, warn};
use crate::config::{ModelConfig, overruled};

/// Train a model on a recording of normal operation.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The recording: `timestamp`, then a column a tag; `label` and `mode` are not used.
    #[arg(long, value_name = "FILE")]
    csv: PathBuf,
    /// Where the model is written.
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// The model keys of `[[asset]]` in a file of their own.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A model that training begins with, of an asset with the same or other tags.
    #[arg(long, value_name = "DIR")]
    begin_with: Option<PathBuf>,
    /// The seed of everything random in the training.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

pub(super) fn run(args: Args) -> anyhow::Result<()> {
    let recording = Recording::read_csv(&args.csv)?;
    let (config, warnings) = match &args.config {
        Some(path) => ModelConfig::load(path)?,
        None => Default::default(),
    };
    warn(warnings);
    let tags = tags(&recording, &config)?;
    let grid = match config.grid.or_else(|| period(&recording)) {
        Some(grid) => grid,
        None => bail!("{}: fewer than two rows; there is nothing to learn from", args.csv.display()),
    };
    let mut settings = config.fit_settings(&tags, grid, args.seed, SystemClock.now())?;
    let names: Vec<TagName> = tags.iter().map(|t| t.name.clone()).collect();
    let stream = stream(&recording, &names)?;
    let checkpoint = args.model.join("checkpoint");
    settings.checkpoint = Some(checkpoint.clone());
    let begin_with = args.begin_with.as_deref().map(Artifact::load).transpose().context("--begin-with")?;
    settings.begin_with = begin_with.map(|artifact| artifact.model.into());
    let (progress, stop) = (TrainingProgress::new(), interruption());
    let fitted = fit(&stream, &tags, &settings, &mut |p| {
        progress.show(p);
        if stop.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    progress.done();
    if let Err(FitError::Train(TrainError::Cancelled { epoch })) = &fitted {
        bail!("stopped after epoch {epoch}; the same command goes on from there, from {}", checkpoint.display());
    }
    let artifact = fitted.with_context(|| args.csv.display().to_string())?;
    artifact.save(&args.model)?;
    if let Err(e) =
        fs::remove_dir_all(&checkpoint).or_else(|e| if e.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(e) })
    {
        tracing::warn!("{}: {e}; it is of no use any more and can be removed", checkpoint.display());
    }
    report(&artifact.manifest, &args.model);
    if let Some(text) = overruled(&config.detection.threshold, artifact.manifest.threshold.base()) {
        tracing::warn!("{text}");
    }
    Ok(())
}

/// Says what was fitted.
fn report(m: &Manifest, folder: &Path) {
    println!("model      {}", folder.display());
    println!("version    {}", m.version());
    println!("tags       {}", m.tags.len());
    println!("window     {} rows, {} s apart", m.model.rows, m.grid_us as f64 / 1e6);
    println!("weights    {}", m.model.parameters);
    println!("calibrated on {} rows", m.calibration_rows);
    let base = m.threshold.base();
    println!("threshold  {:.2}; its budget, cost or score asks for {:.2}", base.score, base.wanted);
    for challenger in &m.challengers {
        let (name, ratio) = (challenger.kind.name(), challenger.residual_ratio);
        println!("challenger {name}: {ratio:.2} times its residuals on those rows, which are normal");
    }
    let constant: Vec<&str> = m.model.normalisation.constant().map(TagName::as_str).collect();
    if !constant.is_empty() {
        println!(
            "left out   {}: they stand still in the recording, so nothing was learned of them",
            constant.join(", ")
        );
    }
}

/// Is cancelled by Ctrl-C, so that training ends after its epoch. The second Ctrl-C ends the program at once.
fn interruption() -> CancellationToken {
    let stop = CancellationToken::new();
    let pressed = stop.clone();
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            if pressed.is_cancelled() {
                std::process::exit(130);
            }
            drop(writeln!(io::stderr(), "stopping after this epoch; Ctrl-C again stops at once"));
            pressed.cancel();
        }
    });
    stop
}

fn tags(recording: &Recording, config: &ModelConfig) -> anyhow::Result<Vec<Tag>> {
    for name in config.tag_names() {
        if !recording.tags.iter().any(|t| t.name == *name) {
            bail!("tag `{name}` of the model configuration is not a column of the recording");
        }
    }
    Ok(recording.tags.iter().map(|t| config.tag(&t.name)).collect())
}

/// The time between two rows of a recording: the median, so that a gap does not count.
fn period(recording: &Recording) -> Option<Duration> {
    let mut steps: Vec<Duration> = recording.times.windows(2).map(|t| t[1].since(t[0])).collect();
    steps.retain(|step| !step.is_zero());
    steps.sort();
    steps.get(steps.len() / 2).copied()
}

/// A recording as the detector sees it, the columns in the order of `tags`. An empty cell is a Bad sample, so gaps are the
/// same as over OPC UA.
///
/// # Errors
/// If the recording has other columns.
pub(super) fn stream(recording: &Recording, tags: &[TagName]) -> anyhow::Result<Stream> {
    let mut columns = Vec::with_capacity(tags.len());
    for column in &recording.tags {
        columns.extend(tags.iter().position(|t| *t == column.name));
    }
    if columns.len() != tags.len() || recording.tags.len() != tags.len() {
        let have: Vec<&str> = recording.tags.iter().map(|t| t.name.as_str()).collect();
        let model: Vec<&str> = tags.iter().map(TagName::as_str).collect();
        bail!(
            "the recording has tags [{}], the model was fitted to [{}]; score a recording with the same columns, or fit \
             again",
            have.join(", "),
            model.join(", ")
        )
    }
    let mut samples = Vec::with_capacity(recording.values.len());
    for (row, time) in recording.times.iter().enumerate() {
        let cells = columns.iter().zip(recording.row(row));
        samples.extend(cells.map(|(tag, value)| (*tag, Sample::good(*time, *value))));
    }
    Ok(Stream::new(samples))
}
