//! How well the autoencoder detects: trains on each given series and writes plain scores for an evaluation script.
//!
//! `detection OUT SETTINGS SERIES...` where SETTINGS is a JSON object of [`ModelSettings`] (`{}` for the defaults) and each
//! SERIES a folder with `train.csv.gz` and `test.csv.gz` (`timestamp`, tags, optional `label`). Writes `OUT/NAME.csv`
//! with `timestamp,score` for every row of the test; NAME is the folder's last two parts joined by `-`.
//!
//! The score is the mean over tags of the newest row's squared residual, each in units of the tag's residual on the
//! training rows, averaged over ten rows. Rows before the first full window get the first window's score.

use std::{fs::File, io::Write, ops::ControlFlow, path::Path, time::Instant};

use andon_model::{Autoencoder, ModelSettings, Series, train};
use andon_plant::{Fill, Tag, TagName, Timestamp, Window, windower::Row};

const ROWS: usize = 100;
const SMOOTH: usize = 10;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    let usage = "usage: detection OUT SETTINGS SERIES...";
    let out = args.next().ok_or(usage)?;
    let settings: ModelSettings = serde_json::from_str(&args.next().ok_or(usage)?)?;
    for folder in args {
        one(Path::new(&folder), Path::new(&out), &settings)?;
    }
    Ok(())
}

fn one(folder: &Path, out: &Path, settings: &ModelSettings) -> Result<(), Failure> {
    let parts: Vec<String> = folder.iter().rev().take(2).map(|p| p.to_string_lossy().into_owned()).collect();
    let name = parts.into_iter().rev().collect::<Vec<_>>().join("-");
    let (tags, history, _) = read(&folder.join("train.csv.gz"))?;
    let (_, test, times) = read(&folder.join("test.csv.gz"))?;
    let begun = Instant::now();
    let mut model = train(std::slice::from_ref(&history), &tags, ROWS, settings, &mut |_| ControlFlow::Continue(()))?;
    let trained = begun.elapsed();
    let scales = scales(&residuals(&mut model, &history)?, &history);
    let begun = Instant::now();
    let residuals = residuals(&mut model, &test)?;
    let per_window = begun.elapsed().as_secs_f64() * 1e3 / residuals.len() as f64;
    let squares: Vec<f64> = residuals.iter().map(|row| mean_square(row, &scales)).collect();
    let mut file = File::create(out.join(format!("{name}.csv")))?;
    writeln!(file, "timestamp,score")?;
    for (ix, time) in times.iter().enumerate() {
        let newest = (ix + 1).saturating_sub(ROWS).min(squares.len() - 1);
        let some = &squares[(newest + 1).saturating_sub(SMOOTH)..=newest];
        writeln!(file, "{time},{}", some.iter().sum::<f64>() / some.len() as f64)?;
    }
    let m = model.manifest();
    println!(
        "{name}: {} tags, {} weights, {} epochs, loss {:.4} / {:.4}, trained in {:.1} s, {per_window:.3} ms a window",
        tags.len(),
        m.parameters,
        m.epochs,
        m.training_loss,
        m.validation_loss,
        trained.as_secs_f64()
    );
    Ok(())
}

/// The newest row's residual of every window at stride 1.
fn residuals(model: &mut Autoencoder, series: &Series) -> Result<Vec<Vec<f64>>, Failure> {
    let mut all = Vec::new();
    let mut windows = Vec::new();
    let last = series.rows.len() - ROWS;
    for start in 0..=last {
        windows.push(window(&series.rows[start..start + ROWS]));
        if windows.len() == 64 || start == last {
            for (w, r) in windows.iter().zip(model.reconstruct_all(&windows)?) {
                let newest = (ROWS - 1) * w.tags;
                all.push(w.row(ROWS - 1).iter().zip(&r.expected[newest..]).map(|(v, e)| v - e).collect());
            }
            windows.clear();
        }
    }
    Ok(all)
}

fn window(rows: &[Row]) -> Window {
    Window {
        time: rows[rows.len() - 1].time,
        rows: rows.len(),
        tags: rows[0].values.len(),
        values: rows.iter().flat_map(|r| r.values.clone()).collect(),
        fill: rows.iter().flat_map(|r| r.fill.clone()).collect(),
    }
}

/// Each tag's root mean square residual on training rows without the largest hundredth, with a floor from the tag's own
/// deviation.
fn scales(residuals: &[Vec<f64>], history: &Series) -> Vec<f64> {
    (0..residuals[0].len())
        .map(|tag| {
            let mut squares: Vec<f64> = residuals.iter().map(|row| row[tag] * row[tag]).collect();
            squares.sort_by(f64::total_cmp);
            squares.truncate((squares.len() * 99).div_ceil(100));
            let values: Vec<f64> = history.rows.iter().map(|r| r.values[tag]).collect();
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let deviation = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt();
            let rms = (squares.iter().sum::<f64>() / squares.len() as f64).sqrt();
            rms.max(0.01 * deviation).max(1e-4 * mean.abs()).max(1e-9)
        })
        .collect()
}

fn mean_square(row: &[f64], scales: &[f64]) -> f64 {
    row.iter().zip(scales).map(|(r, s)| (r / s).abs().min(20.0).powi(2)).sum::<f64>() / row.len() as f64
}

/// Tags, rows (an empty cell holds the last value and is called missing), and the timestamps as written.
fn read(path: &Path) -> Result<(Vec<Tag>, Series, Vec<String>), Failure> {
    let mut csv = csv::Reader::from_reader(flate2::read::GzDecoder::new(File::open(path)?));
    let headers = csv.headers()?.clone();
    let columns: Vec<usize> =
        (0..headers.len()).filter(|ix| !["timestamp", "label", "mode"].contains(&&headers[*ix])).collect();
    let tags =
        columns.iter().map(|ix| Ok(Tag::analog(TagName::new(&headers[*ix])?))).collect::<Result<_, Failure>>()?;
    let (mut rows, mut times): (Vec<Row>, Vec<String>) = (Vec::new(), Vec::new());
    for record in csv.records() {
        let record = record?;
        let before = rows.last().map(|r| r.values.clone());
        let cells = columns.iter().enumerate().map(|(tag, ix)| match record[*ix].parse::<f64>() {
            Ok(v) if v.is_finite() => (v, Fill::Measured),
            _ => (before.as_ref().map_or(0.0, |b| b[tag]), Fill::Missing),
        });
        let (values, fill) = cells.unzip();
        rows.push(Row { time: Timestamp::from_secs(rows.len() as i64), values, fill });
        times.push(record[0].to_owned());
    }
    Ok((tags, Series { rows }, times))
}
