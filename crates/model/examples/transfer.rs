//! How much sooner training converges when it begins with another asset's model.
//!
//! `transfer SOURCE TARGET [SETTINGS]` where the first two are folders with `train.csv.gz` (`timestamp`, tags, optional
//! `label`) and SETTINGS a JSON object of [`ModelSettings`]; without it they are the defaults with fewer windows. Trains a
//! model of the source; then, with three seeds, one of the target from scratch, one that begins with the source's model
//! and has every tag renamed, and one that has the tags' names too. Prints after how many epochs these are as good on
//! the validation windows as the one from scratch ever was: windows, masks and learning rates are the same.

mod history;

use std::{ops::ControlFlow, path::Path};

use andon_model::{Autoencoder, ModelSettings, Series, TrainError, train_from};
use andon_plant::{Tag, TagName};
use history::Failure;

const ROWS: usize = 50;
const HISTORY: usize = 3_000;
const WINDOWS: usize = 96;
const SEEDS: [u64; 3] = [1, 2, 3];
const BEGINNINGS: [&str; 2] = ["begun with other tags", "begun with the same tags"];

fn main() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    let usage = "usage: transfer SOURCE TARGET [SETTINGS]";
    let source = read(&args.next().ok_or(usage)?)?;
    let target = reversed(read(&args.next().ok_or(usage)?)?);
    let mut settings = ModelSettings::default();
    settings.training.windows = WINDOWS;
    if let Some(json) = args.next() {
        settings = serde_json::from_str(&json)?;
    }
    let renamed = renamed(&target)?;
    let (model, losses) = learn(None, &source, &settings, f64::NEG_INFINITY)?;
    println!("the source: best loss {:.4} after {} epochs", best(&losses).1, best(&losses).0);
    let mut fewer = [0.0; 2];
    for seed in SEEDS {
        settings.training.seed = seed;
        let (_, scratch) = learn(None, &target, &settings, f64::NEG_INFINITY)?;
        let (needed, goal) = best(&scratch);
        println!("seed {seed}, from scratch: {}", told(&scratch, needed, &settings));
        for ((what, asset), fewer) in BEGINNINGS.into_iter().zip([&renamed, &target]).zip(&mut fewer) {
            let (_, begun) = learn(model.as_ref(), asset, &settings, goal)?;
            println!("seed {seed}, {what}: {}", told(&begun, begun.len(), &settings));
            let reached = begun.last().is_some_and(|loss| *loss <= goal);
            *fewer += if reached { 1.0 - begun.len() as f64 / needed as f64 } else { f64::NAN };
        }
    }
    for (what, fewer) in BEGINNINGS.into_iter().zip(fewer) {
        let percent = 100.0 * fewer / SEEDS.len() as f64;
        println!("{what}: {percent:.0} % fewer epochs to the best loss from scratch (NaN: not always reached)");
    }
    Ok(())
}

/// What was seen of training that ended, or was best, after `epochs` epochs.
fn told(losses: &[f64], epochs: usize, settings: &ModelSettings) -> String {
    let steps = epochs * settings.training.windows.div_ceil(settings.training.batch);
    let course: Vec<String> = losses.iter().map(|loss| format!("{loss:.3}")).collect();
    format!("{epochs} epochs, {steps} steps ({})", course.join(" "))
}

/// An asset's tags and the first rows of its history.
type Asset = (Vec<Tag>, Series);

fn read(folder: &str) -> Result<Asset, Failure> {
    let (tags, mut series, _) = history::read(&Path::new(folder).join("train.csv.gz"))?;
    series.rows.truncate(HISTORY);
    Ok((tags, series))
}

/// The same tags the other way round, so that their order tells nothing.
fn reversed((mut tags, mut series): Asset) -> Asset {
    tags.reverse();
    for row in &mut series.rows {
        row.values.reverse();
        row.fill.reverse();
    }
    (tags, series)
}

/// The same tags under names that no other asset has.
fn renamed((tags, series): &Asset) -> Result<Asset, Failure> {
    let tags = tags.iter().map(|tag| Ok(Tag::analog(TagName::new(&format!("other-{}", tag.name))?)));
    Ok((tags.collect::<Result<_, Failure>>()?, series.clone()))
}

/// The model and its validation loss after each epoch; broken off, without a model, once that is at most `goal`.
fn learn(
    source: Option<&Autoencoder>,
    (tags, series): &Asset,
    settings: &ModelSettings,
    goal: f64,
) -> Result<(Option<Autoencoder>, Vec<f64>), Failure> {
    let mut losses = Vec::new();
    let model = train_from(source, std::slice::from_ref(series), tags, ROWS, settings, &mut |progress| {
        losses.push(progress.validation_loss);
        if progress.validation_loss > goal { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    match model {
        Ok(model) => Ok((Some(model), losses)),
        Err(TrainError::Cancelled { .. }) => Ok((None, losses)),
        Err(error) => Err(error.into()),
    }
}

/// The epoch with the lowest loss, and that.
fn best(losses: &[f64]) -> (usize, f64) {
    let lowest = losses.iter().copied().enumerate().min_by(|(_, a), (_, b)| a.total_cmp(b));
    lowest.map_or((0, f64::NAN), |(ix, loss)| (ix + 1, loss))
}
