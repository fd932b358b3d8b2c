//! The engine's time against candle's, and against what the core can do. `cargo bench -p andon-model --bench engine`
//!
//! Each table is measured in rounds that visit every row once, so that what else the machine does falls on all alike; a
//! row's time is the median of its rounds. CPU time is that of all threads, waiting for one another included; on a busy
//! machine it tells more than the time by the clock.

use std::{hint::black_box, sync::Arc, time::Instant};

use andon_model::{
    Architecture, Engine, Padding,
    engine::{Kernel, Stream, Workspace, reference},
};

const ROWS: usize = 100;
const ROUNDS: usize = 10;

fn main() {
    let kernel = Kernel::best();
    println!("kernel {kernel:?}, T = {ROWS}, median of {ROUNDS} interleaved rounds\n");
    println!("| d | what | ms | best | CPU ms | GFLOP/s | of the core's peak | times candle |");
    println!("|---|---|---|---|---|---|---|---|");
    for tags in [50, 847] {
        table(tags, kernel);
    }
}

/// One way to answer windows: its name, how many windows or rows it answers, and how.
struct Way {
    name: String,
    answers: usize,
    run: Box<dyn FnMut()>,
    milliseconds: Vec<f64>,
    cpu: Vec<f64>,
}

impl Way {
    fn new(name: &str, answers: usize, run: impl FnMut() + 'static) -> Self {
        Self { name: name.to_owned(), answers, run: Box::new(run), milliseconds: Vec::new(), cpu: Vec::new() }
    }

    fn round(&mut self) {
        let (begin, cpu) = (Instant::now(), cpu_ms());
        (self.run)();
        self.milliseconds.push(begin.elapsed().as_secs_f64() * 1e3 / self.answers as f64);
        self.cpu.push((cpu_ms() - cpu) / self.answers as f64);
    }
}

/// The processor's time of all threads so far in ms, where Linux tells it.
fn cpu_ms() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let nanoseconds = tasks.filter_map(|task| {
        let spent = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        spent.split(' ').next()?.parse::<f64>().ok()
    });
    nanoseconds.sum::<f64>() / 1e6
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn table(tags: usize, kernel: Kernel) {
    let mut ways = whole(tags, kernel);
    ways.extend(streams(tags, kernel));
    let mut peaks = Vec::new();
    // The first round only warms up.
    for round in 0..=ROUNDS {
        peaks.push(reference::peak(kernel));
        for way in &mut ways {
            way.round();
            if round == 0 {
                way.milliseconds.clear();
                way.cpu.clear();
            }
        }
    }
    let peak = median(&mut peaks);
    let candle = median(&mut ways[0].milliseconds);
    let flop = flop(&Architecture::paper(), tags);
    println!("| {tags} | the kernel alone, in the nearest cache | | | | {peak:.1} | 100 % | |");
    for way in &mut ways {
        let (ms, cpu) = (median(&mut way.milliseconds), median(&mut way.cpu));
        let (best, speed) = (way.milliseconds[0], flop / ms / 1e6);
        // A stream computes a part of a window's sums.
        let speed = if way.name.starts_with("stream") {
            " | ".to_owned()
        } else {
            format!("{speed:.1} | {:.0} %", 100.0 * speed / peak)
        };
        println!("| {tags} | {} | {ms:.4} | {best:.4} | {cpu:.4} | {speed} | {:.1} |", way.name, candle / ms);
    }
}

/// Multiplications and additions of one window in the layers as they are written, T rows of d tags.
fn flop(a: &Architecture, tags: usize) -> f64 {
    let (m, c) = (a.kernels.len() * a.filters, a.dilations.len() * a.filters);
    let taps: usize = a.kernels.iter().sum();
    let convolutions = taps * a.embed * a.filters + 3 * m * c + taps * c * a.filters;
    let attention = 4 * c * c + 2 * ROWS * c;
    let linear = 2 * tags * a.embed + 2 * c * a.code + a.code * m + m * tags;
    (2 * ROWS * (convolutions + attention + linear)) as f64
}

/// The paper's network, candle's first.
fn whole(tags: usize, kernel: Kernel) -> Vec<Way> {
    let architecture = Architecture::paper();
    let reference = reference::Reference::new(&architecture, (ROWS, tags), 1);
    let engine = engine(&architecture, &reference, tags, kernel);
    let one = cells(ROWS, tags);
    let mut ways = vec![Way::new("candle, one window", 1, {
        let one = one.clone();
        move || drop(black_box(reference.forward(&one, (1, ROWS, tags))))
    })];
    for threads in [1, 2] {
        for batch in [1, 16, 64] {
            let mut workspace = Workspace::new(Arc::clone(&engine), threads);
            let cells = one.repeat(batch);
            let name = format!("engine, batch {batch}, {threads} threads");
            ways.push(Way::new(&name, batch, move || {
                if batch == 1 {
                    black_box(workspace.window(&cells));
                } else {
                    black_box(workspace.windows(&cells));
                }
            }));
        }
    }
    ways
}

/// The paper's sizes in the form that streams.
fn streams(tags: usize, kernel: Kernel) -> Vec<Way> {
    let architecture = Architecture { padding: Padding::Causal, skip: false, identity: false, ..Architecture::paper() };
    let reference = reference::Reference::new(&architecture, (ROWS, tags), 1);
    let engine = engine(&architecture, &reference, tags, kernel);
    let cells = cells(ROWS, tags);
    let mut ways = Vec::new();
    let mut workspace = Workspace::new(Arc::clone(&engine), 1);
    let window = cells.clone();
    ways.push(Way::new("engine, causal, batch 1, 1 threads", 1, move || {
        black_box(workspace.window(&window));
    }));
    for threads in [1, 2] {
        for stride in [1, 10] {
            let Ok(mut stream) = Stream::with_threads(Arc::clone(&engine), threads) else { continue };
            stream.push(&cells);
            let cells = cells.clone();
            let name = format!("stream, stride {stride}, {threads} threads");
            ways.push(Way::new(&name, ROWS / stride, move || {
                for rows in cells.chunks_exact(stride * 2 * tags) {
                    black_box(stream.push(rows));
                }
            }));
        }
    }
    ways
}

fn engine(a: &Architecture, reference: &reference::Reference, tags: usize, kernel: Kernel) -> Arc<Engine> {
    match Engine::new(a, (ROWS, tags), reference.weights(), kernel) {
        Ok(engine) => Arc::new(engine),
        Err(error) => panic!("{error}"),
    }
}

/// Rows of cells, all visible.
fn cells(rows: usize, tags: usize) -> Vec<f32> {
    let cell = |ix: usize| if ix % (2 * tags) < tags { (ix as f32 * 0.37).sin() } else { 1.0 };
    (0..rows * 2 * tags).map(cell).collect()
}
