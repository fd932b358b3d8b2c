//! Andon's and candle's side of `bench/peers`: a contender in a process of its own.
//!
//! `peer init FOLDER TAGS paper|streaming` writes a network's weights, its architecture and some windows, for every contender.
//! `peer engine|engine-bf16|engine-int8|candle|stream1|stream10 FOLDER BATCH THREADS` says `ready`, or `missing` where the
//! processor lacks the precision; then it answers each number N on standard input with `wall_s cpu_s` of
//! N calls, and at the end of the input with the process's peak memory in KiB. A call is a batch of windows; of a stream, one
//! score after one or ten new rows. The first call's output goes to `FOLDER/NAME.f32`.

#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]

use std::{
    env, fs,
    io::{self, Read},
    path::Path,
    sync::Arc,
    time::Instant,
};

use andon_model::{
    Architecture, Engine, Padding,
    engine::{
        Kernel, Precision, Stream, Weights, Workspace,
        reference::{Reference, peak},
    },
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const ROWS: usize = 100;
const WINDOWS: usize = 64;
const SEED: u64 = 1;

fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["peak"] => println!("One core multiplies {:.0} GFLOP/s in f32 ({:?}).", peak(Kernel::best()), Kernel::best()),
        ["init", folder, tags, variant] => init(Path::new(folder), tags.parse().unwrap(), variant),
        [name, folder, batch, threads] => {
            serve(name, Path::new(folder), batch.parse().unwrap(), threads.parse().unwrap());
        }
        _ => panic!("usage: peer init FOLDER TAGS paper|streaming, or peer NAME FOLDER BATCH THREADS"),
    }
}

fn architecture(variant: &str) -> Architecture {
    match variant {
        "paper" => Architecture::paper(),
        "streaming" => Architecture { padding: Padding::Causal, skip: false, identity: false, ..Architecture::paper() },
        other => panic!("`{other}` is neither paper nor streaming"),
    }
}

fn init(folder: &Path, tags: usize, variant: &str) {
    fs::create_dir_all(folder).unwrap();
    let architecture = architecture(variant);
    let reference = Reference::new(&architecture, (ROWS, tags), SEED);
    fs::write(folder.join("weights.safetensors"), reference.safetensors()).unwrap();
    fs::write(folder.join("architecture.json"), serde_json::to_string(&architecture).unwrap()).unwrap();
    fs::write(folder.join("shape.json"), format!(r#"{{"rows": {ROWS}, "tags": {tags}}}"#)).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let row = |rng: &mut ChaCha8Rng| -> Vec<f32> {
        let values = (0..tags).map(|_| rng.random_range(-2.0..2.0)).collect::<Vec<f32>>();
        values.into_iter().chain(vec![1.0; tags]).collect()
    };
    let cells: Vec<u8> = (0..WINDOWS * ROWS).flat_map(|_| row(&mut rng)).flat_map(f32::to_le_bytes).collect();
    fs::write(folder.join("cells.f32"), cells).unwrap();
}

fn serve(name: &str, folder: &Path, batch: usize, threads: usize) {
    let architecture: Architecture =
        serde_json::from_slice(&fs::read(folder.join("architecture.json")).unwrap()).unwrap();
    let file = fs::File::open(folder.join("cells.f32")).unwrap();
    let tags = file.metadata().unwrap().len() as usize / (WINDOWS * ROWS * 2 * 4);
    let cells = |windows: usize| cells(&file, windows * ROWS * 2 * tags);
    if name == "candle" {
        let (some, reference) = (cells(batch), Reference::new(&architecture, (ROWS, tags), SEED));
        return rounds(folder, name, &mut || reference.forward(&some, (batch, ROWS, tags)).expected);
    }
    let precision = match name.rsplit_once('-') {
        Some((_, "bf16")) => Precision::Bf16,
        Some((_, "int8")) => Precision::Int8,
        _ => Precision::F32,
    };
    if !precision.is_here() {
        return println!("missing");
    }
    let how = (Kernel::best(), precision);
    let weights = weights(&folder.join("weights.safetensors"));
    let engine = Arc::new(Engine::with_precision(&architecture, (ROWS, tags), &weights, how).unwrap());
    drop(weights);
    let mut workspace = Workspace::new(Arc::clone(&engine), threads);
    match (name.split('-').next().unwrap_or_default(), batch) {
        ("engine", 1) => {
            let one = cells(1);
            rounds(folder, name, &mut || workspace.window(&one).expected.clone());
        }
        ("engine", _) => {
            let some = cells(batch);
            rounds(folder, name, &mut || workspace.windows(&some)[0].expected.clone());
        }
        ("stream1", _) => stream(folder, name, engine, &cells(WINDOWS), 1),
        ("stream10", _) => stream(folder, name, engine, &cells(WINDOWS), 10),
        _ => panic!("`{name}` is no contender"),
    }
}

/// The first numbers of a file.
fn cells(mut file: &fs::File, count: usize) -> Vec<f32> {
    let mut bytes = vec![0; count * 4];
    file.read_exact(&mut bytes).unwrap();
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
}

/// The weights in a file.
fn weights(path: &Path) -> Weights {
    let bytes = fs::read(path).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let numbers = |data: &[u8]| data.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
    tensors.iter().map(|(name, tensor)| (name.to_owned(), numbers(tensor.data()))).collect()
}

fn stream(folder: &Path, name: &str, engine: Arc<Engine>, cells: &[f32], rows: usize) {
    let width = cells.len() / (WINDOWS * ROWS) * rows;
    let mut stream = Stream::new(engine).unwrap();
    stream.push(&cells[..cells.len() / 2]);
    let mut at = 0;
    rounds(folder, name, &mut || {
        at = if at + 2 * width > cells.len() { 0 } else { at + width };
        stream.push(&cells[at..at + width]).expected.clone()
    });
}

fn rounds(folder: &Path, name: &str, call: &mut dyn FnMut() -> Vec<f32>) {
    let first: Vec<u8> = call().into_iter().flat_map(f32::to_le_bytes).collect();
    fs::write(folder.join(format!("{name}.f32")), first).unwrap();
    println!("ready");
    for line in io::stdin().lines() {
        let calls: usize = line.unwrap().trim().parse().unwrap();
        let (wall, cpu) = (Instant::now(), cpu_seconds());
        for _ in 0..calls {
            std::hint::black_box(call());
        }
        println!("{} {}", wall.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    }
    println!("{}", field("/proc/self/status", "VmHWM:"));
}

/// This process's processor time: fields 14 and 15 of /proc/self/stat, in hundredths of a second (proc(5)).
fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = stat.rsplit(')').next().unwrap();
    let ticks: u64 = after_name.split_whitespace().skip(11).take(2).map(|t| t.parse::<u64>().unwrap()).sum();
    ticks as f64 / 100.0
}

fn field(path: &str, name: &str) -> u64 {
    let text = fs::read_to_string(path).unwrap();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
