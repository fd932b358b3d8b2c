//! How long a training step takes: lesson, forward, backward and optimiser, batch 64, 50 tags, 100 rows, the paper's network.
//!
//! `cargo bench -p andon-model --bench training [rounds]` runs itself once for one thread and once for two, because
//! candle's and rayon's pools are made once a process. The validation of an epoch is left out: an epoch of one step is
//! taken from an epoch of five.

#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]

use std::{
    env,
    ops::ControlFlow,
    process::Command,
    time::{Duration, Instant},
};

use andon_model::{Architecture, ModelSettings, Series, train};
use andon_plant::{Fill, Tag, TagName, Timestamp, windower::Row};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

const TAGS: usize = 50;
const ROWS: usize = 100;
const BATCH: usize = 64;
const THREADS: &str = "RAYON_NUM_THREADS";

fn main() {
    let rounds = env::args().filter_map(|arg| arg.parse().ok()).next().unwrap_or(5);
    if let Ok(threads) = env::var(THREADS) {
        let mut steps = steps(rounds);
        steps.sort();
        let [best, median] = [steps[0], steps[steps.len() / 2]].map(|step| step.as_secs_f64() * 1e3);
        println!("threads {threads}: {median:.0} ms a step (median of {rounds}; best {best:.0})");
        return;
    }
    for threads in ["1", "2"] {
        let status = Command::new(env::current_exe().unwrap()).arg(rounds.to_string()).env(THREADS, threads).status();
        assert!(status.unwrap().success());
    }
}

fn steps(rounds: usize) -> Vec<Duration> {
    let epochs = |steps| epochs(steps, rounds + 1).into_iter().skip(1);
    epochs(5).zip(epochs(1)).map(|(five, one)| five.saturating_sub(one) / 4).collect()
}

/// The time of each of `epochs` epochs of so many steps.
fn epochs(steps: usize, epochs: usize) -> Vec<Duration> {
    let names = (0..TAGS).map(|tag| TagName::new(&format!("T{tag}")).unwrap());
    let tags: Vec<Tag> = names.map(Tag::analog).collect();
    let mut settings = ModelSettings { architecture: Architecture::paper(), ..ModelSettings::default() };
    settings.training.batch = BATCH;
    settings.training.windows = BATCH * steps;
    settings.training.epochs = epochs;
    settings.training.patience = epochs;
    let (mut times, mut last) = (Vec::new(), Instant::now());
    train(&[noise()], &tags, ROWS, &settings, &mut |_| {
        times.push(last.elapsed());
        last = Instant::now();
        ControlFlow::Continue(())
    })
    .unwrap();
    times
}

fn noise() -> Series {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let rows = (0..1500).map(|t| Row {
        time: Timestamp::from_secs(t),
        values: StandardNormal.sample_iter(&mut rng).take(TAGS).collect(),
        fill: vec![Fill::Measured; TAGS],
    });
    Series { rows: rows.collect() }
}
