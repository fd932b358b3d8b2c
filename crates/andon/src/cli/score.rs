//! `andon score`: score a recording offline with exactly the live pipeline.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use andon_detect::{Artifact, Detector, Stream};
use andon_plant::{AssetName, TagName, Timestamp, Verdict};
use andon_simulator::Recording;
use anyhow::Context;

use super::fit::stream;

/// Score a recording offline with exactly the live pipeline.
///
/// In the file that is written `alarm` is 1 where the score has reached the threshold, and `alarm_active` where that lasted for
/// the on-delay and until the off-delay has passed: what an operator would have seen. A row before the first full window, or
/// beside a gap, has no score.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The model, as `andon fit` wrote it.
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// The recording.
    #[arg(long, value_name = "FILE")]
    csv: PathBuf,
    /// Where the scores are written, one row for each row of the recording.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// One verdict and whether its alarm was active after it.
struct Scored {
    verdict: Verdict,
    alarm_active: bool,
}

pub(super) fn run(args: Args) -> anyhow::Result<()> {
    let same = [&args.csv, &args.out].map(|path| std::fs::canonicalize(path).ok());
    anyhow::ensure!(
        same[0].is_none() || same[0] != same[1],
        "--out {} is the recording itself; name another file",
        args.out.display()
    );
    let recording = Recording::read_csv(&args.csv)?;
    let artifact = Artifact::load(&args.model)?;
    let tags = artifact.manifest.tag_names();
    let stream = stream(&recording, &tags).with_context(|| args.csv.display().to_string())?;
    let window = artifact.manifest.window();
    let grid = window.grid;
    let mut detector = Detector::of(AssetName::new("recording")?, artifact);
    let scored = score(&mut detector, &stream, grid)?;
    let named = || format!("--out {} can't be written", args.out.display());
    replace(&args.out, |path| write(path, &recording, &tags, grid, &scored)).with_context(named)?;
    let with_score = recording.times.iter().filter(|time| scored.contains_key(&time.ceil_to(grid))).count();
    println!("{}: {} rows, {with_score} scored", args.out.display(), recording.rows());
    if with_score == 0 {
        let (rows, grid_s) = (window.rows, grid.as_secs_f64());
        tracing::warn!(
            "no row has a score: the model wants {rows} rows on end, {grid_s} s apart, with a value of every tag"
        );
    }
    Ok(())
}

/// Writes a file whole or not at all, where a link leads to; into a device or a pipe directly.
fn replace(out: &Path, write: impl Fn(&Path) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let out = std::fs::canonicalize(out).unwrap_or_else(|_| out.to_owned());
    if out.exists() && !out.is_file() {
        return write(&out);
    }
    let part = out.with_extension("part");
    write(&part).and_then(|()| Ok(std::fs::rename(&part, &out)?)).inspect_err(|_| drop(std::fs::remove_file(&part)))
}

fn score(detector: &mut Detector, stream: &Stream, grid: Duration) -> anyhow::Result<BTreeMap<Timestamp, Scored>> {
    let mut scored = BTreeMap::new();
    let mut judge = |detector: &mut Detector, watermark: Timestamp| -> anyhow::Result<()> {
        while let Some(step) = detector.step(watermark, false) {
            let Some(verdict) = step?.verdict else { continue };
            scored.insert(verdict.time, Scored { verdict, alarm_active: detector.alarm_active() });
        }
        Ok(())
    };
    for (tag, sample) in stream.samples() {
        judge(detector, sample.time)?;
        detector.push(*tag, *sample);
    }
    if let Some((_, last)) = stream.span() {
        judge(detector, last.after(grid * 2))?;
    }
    Ok(scored)
}

fn write(
    part: &Path,
    recording: &Recording,
    tags: &[TagName],
    grid: Duration,
    scored: &BTreeMap<Timestamp, Scored>,
) -> anyhow::Result<()> {
    let mut csv = csv::Writer::from_path(part)?;
    let mut head: Vec<String> = [
        "timestamp",
        "score",
        "threshold",
        "alarm",
        "alarm_active",
        "mode",
        "probability",
        "probability_low",
        "probability_high",
        "imputed",
    ]
    .map(str::to_owned)
    .to_vec();
    head.extend(tags.iter().map(|t| format!("contribution:{t}")));
    csv.write_record(&head)?;
    for time in &recording.times {
        let mut record = vec![time.to_string()];
        match scored.get(&time.ceil_to(grid)) {
            Some(s) => record.extend(cells(s)),
            None => record.extend(std::iter::repeat_n(String::new(), head.len() - 1)),
        }
        csv.write_record(&record)?;
    }
    Ok(csv.flush()?)
}

fn cells(s: &Scored) -> Vec<String> {
    let v = &s.verdict;
    let flag = |b: bool| if b { "1" } else { "0" }.to_owned();
    let mut cells = vec![
        v.score.to_string(),
        v.threshold.to_string(),
        flag(v.anomalous()),
        flag(s.alarm_active),
        v.mode.as_str().to_owned(),
        v.probability.to_string(),
        v.probability_low.to_string(),
        v.probability_high.to_string(),
        v.imputed.to_string(),
    ];
    cells.extend(v.tags.iter().map(|t| t.contribution.to_string()));
    cells
}
