//! What a history costs: bytes a sample, samples a second, and how long reads take.
//!
//! Usage: `histories FOLDER MILLIONS CSV...`. Each CSV (`.gz` or plain) has a time column and one for each tag. The tags of
//! each file are repeated, one recording after another at its own pace, until all of them together have `MILLIONS` million
//! samples; those of the first file are then also written as 847 tags at 100 Hz in batches of 100 ms. Nothing in FOLDER is kept.

use std::{
    io::Read,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use andon_plant::{AssetName, Sample, TagKey, TagName, TagSample, Timestamp};
use andon_store::{SeriesQuery, Store, StoreUrl};
use anyhow::{Context, Result, ensure};
use tokio_util::task::TaskTracker;

/// The plant of the paper.
const TAGS: usize = 847;
const HZ: i64 = 100;
const BATCHES: i64 = 600;
const BATCH_US: i64 = 100_000;
/// One long history: a tag at 10 Hz for thirty days.
const LONG: i64 = 26_000_000;

/// One file: its times in microseconds from its first, and each tag's values.
struct Recording {
    times: Vec<i64>,
    tags: Vec<Vec<f64>>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().context("name a folder")?);
    let millions: usize = arguments.next().context("say how many million samples")?.parse()?;
    let recordings = arguments.map(|path| Recording::read(Path::new(&path))).collect::<Result<Vec<_>>>()?;
    ensure!(!recordings.is_empty(), "name at least one CSV");
    println!("| what | samples | seconds | CPU s | samples/s | bytes/sample |");
    println!("|---|---|---|---|---|---|");
    bulk(&folder, millions * 1_000_000, &recordings).await?;
    scans(&folder, &recordings[0]).await?;
    long(&folder, &recordings[0]).await
}

impl Recording {
    fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
        let mut text = Vec::new();
        if path.extension().is_some_and(|e| e == "gz") {
            flate2::read::MultiGzDecoder::new(bytes.as_slice()).read_to_end(&mut text)?;
        } else {
            text = bytes;
        }
        let mut csv = csv::Reader::from_reader(text.as_slice());
        let (mut times, mut tags) = (Vec::new(), vec![Vec::new(); csv.headers()?.len() - 1]);
        for row in csv.records() {
            let row = row?;
            times.push(row[0].parse::<Timestamp>()?.as_micros());
            for (tag, value) in tags.iter_mut().zip(row.iter().skip(1)) {
                tag.push(value.parse()?);
            }
        }
        let first = times[0];
        times.iter_mut().for_each(|t| *t -= first);
        Ok(Self { times, tags })
    }

    /// The time of the n-th row when the recording is played over and over.
    fn time(&self, row: usize) -> Timestamp {
        let rows = self.times.len();
        let last = self.times[rows - 1];
        let round = last + last / (rows as i64 - 1);
        Timestamp::from_micros(1_700_000_000_000_000 + (row / rows) as i64 * round + self.times[row % rows])
    }
}

/// A new store, and what it has cost when it is closed.
struct Measured {
    store: Store,
    start: Instant,
    cpu: Duration,
}

impl Measured {
    async fn open(folder: &Path, name: &str) -> Result<Self> {
        let path = folder.join(format!("{name}.db"));
        for end in ["db", "db-wal", "db-shm", "samples.db", "samples.db-wal", "samples.db-shm"] {
            std::fs::remove_file(path.with_extension(end)).ok();
        }
        let store = Store::open(&StoreUrl::at(path)?, &TaskTracker::new()).await?;
        Ok(Self { store, start: Instant::now(), cpu: cpu() })
    }

    /// Prints a line; the file's size counts where it is given.
    fn say(&self, what: &str, samples: usize, bytes: Option<u64>) {
        let (seconds, cpu) = (self.start.elapsed().as_secs_f64(), (cpu() - self.cpu).as_secs_f64());
        let rate = samples as f64 / seconds;
        let size = bytes.map_or(String::new(), |b| format!("{:.3}", b as f64 / samples as f64));
        println!("| {what} | {samples} | {seconds:.2} | {cpu:.2} | {rate:.0} | {size} |");
    }
}

/// The processor time that this process has had, all threads together; zero where that can't be known.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // After the name in parentheses: utime and stime are the 12th and 13th, in hundredths of a second.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    Duration::from_millis(fields.filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>() * 10)
}

fn key(asset: usize, tag: usize) -> Result<TagKey> {
    Ok(TagKey { asset: AssetName::new(&format!("A{asset}"))?, tag: TagName::new(&format!("T{tag}"))? })
}

/// A backfill, tag after tag.
async fn bulk(folder: &Path, samples: usize, recordings: &[Recording]) -> Result<()> {
    let tags: usize = recordings.iter().map(|r| r.tags.len()).sum();
    let rows = samples / tags;
    let measured = Measured::open(folder, "bulk").await?;
    for (asset, recording) in recordings.iter().enumerate() {
        for (tag, values) in recording.tags.iter().enumerate() {
            let key = key(asset, tag)?;
            for chunk in (0..rows).step_by(4_000) {
                let sample = |row| Sample::good(recording.time(row), values[row % values.len()]);
                let samples =
                    (chunk..rows.min(chunk + 4_000)).map(|row| TagSample { key: key.clone(), sample: sample(row) });
                measured.store.append_samples(samples.collect()).await?;
            }
        }
    }
    measured.store.flush().await?;
    measured.say("bulk", rows * tags, None);
    measured.store.seal().await?;
    measured.store.close().await;
    measured.say("bulk, sealed and closed", rows * tags, Some(measured.store.stats().samples_bytes));
    Ok(())
}

/// 847 tags at 100 Hz, flushed every 100 ms worth.
async fn scans(folder: &Path, recording: &Recording) -> Result<()> {
    let keys = (0..TAGS).map(|tag| key(tag / 64, tag)).collect::<Result<Vec<_>>>()?;
    let measured = Measured::open(folder, "scans").await?;
    let mut slowest = Duration::ZERO;
    let scans = BATCH_US * HZ / 1_000_000;
    for batch in 0..BATCHES {
        let mut samples = Vec::with_capacity(TAGS * scans as usize);
        for scan in batch * scans..(batch + 1) * scans {
            let time = Timestamp::from_micros(1_700_000_000_000_000 + scan * 1_000_000 / HZ);
            samples.extend(keys.iter().enumerate().map(|(n, key)| {
                let values = &recording.tags[n % recording.tags.len()];
                TagSample {
                    key: key.clone(),
                    sample: Sample::good(time, values[(scan as usize + n * 37) % values.len()]),
                }
            }));
        }
        let start = Instant::now();
        measured.store.append_samples(samples).await?;
        measured.store.flush().await?;
        slowest = slowest.max(start.elapsed());
    }
    let count = (BATCHES * scans) as usize * TAGS;
    measured.say(&format!("batches of 100 ms (slowest {slowest:.1?})"), count, None);
    read(&measured.store, &keys[400], "of 847 tags, part in the tail").await?;
    measured.store.seal().await?;
    measured.store.close().await;
    measured.say("batches of 100 ms, sealed and closed", count, Some(measured.store.stats().samples_bytes));
    Ok(())
}

/// One tag at 10 Hz for thirty days.
async fn long(folder: &Path, recording: &Recording) -> Result<()> {
    let measured = Measured::open(folder, "long").await?;
    let (key, values) = (key(0, 0)?, &recording.tags[0]);
    for chunk in (0..LONG).step_by(4_000) {
        let time = |n: i64| Timestamp::from_micros(1_700_000_000_000_000 + n * 100_000);
        let sample = |n: i64| Sample::good(time(n), values[n as usize % values.len()]);
        let samples = (chunk..chunk + 4_000).map(|n| TagSample { key: key.clone(), sample: sample(n) });
        measured.store.append_samples(samples.collect()).await?;
    }
    measured.store.flush().await?;
    measured.say("30 days at 10 Hz", LONG as usize, None);
    read(&measured.store, &key, "of 30 days at 10 Hz").await?;
    measured.store.close().await;
    Ok(())
}

async fn read(store: &Store, key: &TagKey, what: &str) -> Result<()> {
    let latest = store.latest_sample(key).await?.context("nothing was stored")?.time;
    let (ever, hour) = (Timestamp::from_micros(0), latest.before(Duration::from_secs(3_600)));
    let end = latest.after(Duration::from_secs(1));
    for (name, from, query) in [
        ("the newest", ever, SeriesQuery::newest(1)),
        ("the last hour", hour, SeriesQuery::default()),
        ("all to 1000 points", ever, SeriesQuery::thinned(1_000)),
        ("all", ever, SeriesQuery::default()),
    ] {
        let mut times = Vec::new();
        let mut count = 0;
        for _ in 0..5 {
            let start = Instant::now();
            count = store.samples(key, from, end, query).await?.len();
            times.push(start.elapsed());
        }
        times.sort();
        println!("read {name} {what}: {count} samples, median {:.2?}, slowest {:.2?}", times[2], times[4]);
    }
    Ok(())
}
