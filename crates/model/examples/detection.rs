//! How well models detect: trains on each given series and writes plain scores for an evaluation script.
//!
//! `detection OUT SETTINGS SERIES...` where SETTINGS is a JSON object of [`ModelSettings`] (`{}` for the defaults) or an array
//! of them, and each SERIES a folder with `train.csv.gz` and `test.csv.gz` (`timestamp`, tags, optional `label`). Writes
//! `OUT/NAME.csv` with `timestamp,score` for every row of the test; NAME is the folder's last two parts joined by `-`.
//!
//! The score is the mean over tags of the newest row's squared residual, each in units of the tag's residual on the
//! training rows, averaged over ten rows. The test goes on from the training rows. The scores of several models are
//! averaged as logarithms, each less its median and in units of its deviation on the newest quarter of the training rows.

mod history;

use std::{fs::File, io::Write, ops::ControlFlow, path::Path, time::Instant};

use andon_model::{Autoencoder, ModelSettings, NetworkKind, Series, train};
use andon_plant::{Reconstruct, Window, windower::Row};
use history::Failure;

const ROWS: usize = 100;
const SMOOTH: usize = 10;
/// Windows that a baseline is asked about together.
const TOGETHER: usize = 64;

fn main() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    let usage = "usage: detection OUT SETTINGS SERIES...";
    let out = args.next().ok_or(usage)?;
    let settings = args.next().ok_or(usage)?;
    let members: Vec<ModelSettings> = match serde_json::from_str(&settings) {
        Ok(members) => members,
        Err(_) => vec![serde_json::from_str(&settings)?],
    };
    for folder in args {
        one(Path::new(&folder), Path::new(&out), &members)?;
    }
    Ok(())
}

fn one(folder: &Path, out: &Path, members: &[ModelSettings]) -> Result<(), Failure> {
    let parts: Vec<String> = folder.iter().rev().take(2).map(|p| p.to_string_lossy().into_owned()).collect();
    let name = parts.into_iter().rev().collect::<Vec<_>>().join("-");
    let (_, history, _) = history::read(&folder.join("train.csv.gz"))?;
    let (_, test, times) = history::read(&folder.join("test.csv.gz"))?;
    let scores = members.iter().map(|settings| member(&name, folder, settings, (&history, &test)));
    let mut scores: Vec<Vec<f64>> = scores.collect::<Result<_, _>>()?;
    if scores.len() > 1 {
        scores.iter_mut().for_each(|scores| *scores = ranked(scores, history.rows.len()));
    }
    let mut file = File::create(out.join(format!("{name}.csv")))?;
    writeln!(file, "timestamp,score")?;
    for (ix, time) in times.iter().enumerate() {
        let score = match &scores[..] {
            [alone] => alone[history.rows.len() + ix],
            several => several.iter().map(|member| member[ix]).sum(),
        };
        writeln!(file, "{time},{score}")?;
    }
    Ok(())
}

/// A model's smoothed scores of the training rows and then of the test's.
fn member(
    name: &str,
    folder: &Path,
    settings: &ModelSettings,
    (history, test): (&Series, &Series),
) -> Result<Vec<f64>, Failure> {
    let (tags, ..) = history::read(&folder.join("train.csv.gz"))?;
    let begun = Instant::now();
    let mut model = train(std::slice::from_ref(history), &tags, ROWS, settings, &mut |_| ControlFlow::Continue(()))?;
    let trained = begun.elapsed().as_secs_f64();
    let begun = Instant::now();
    let rows = [&history.rows[..], &test.rows[..]].concat();
    let residuals = residuals(&mut model, &rows)?;
    let per_row = begun.elapsed().as_secs_f64() * 1e3 / residuals.len() as f64;
    let scales = scales(&residuals[..history.rows.len() + 1 - ROWS], history);
    let squares: Vec<f64> = residuals.iter().map(|row| mean_square(row, &scales)).collect();
    let m = model.manifest();
    println!(
        "{name} {} in {}: {} tags, {} weights, {} epochs, loss {:.4} / {:.4}, trained in {trained:.1} s, {per_row:.3} ms a row",
        m.network.name(),
        m.precision,
        tags.len(),
        m.parameters,
        m.epochs,
        m.training_loss,
        m.validation_loss,
    );
    Ok((0..rows.len()).map(|row| smoothed(&squares, row)).collect())
}

/// The mean of the last scores up to row number `row`; before the first full window that window's.
fn smoothed(squares: &[f64], row: usize) -> f64 {
    let newest = (row + 1).saturating_sub(ROWS);
    let some = &squares[(newest + 1).saturating_sub(SMOOTH)..=newest];
    some.iter().sum::<f64>() / some.len() as f64
}

/// The test rows' scores as numbers that can be averaged with other models'.
fn ranked(scores: &[f64], trained: usize) -> Vec<f64> {
    let log = |score: &f64| (score + 1e-9).ln();
    let mut usual: Vec<f64> = scores[trained * 3 / 4..trained].iter().map(log).collect();
    usual.sort_by(f64::total_cmp);
    let mean = usual.iter().sum::<f64>() / usual.len() as f64;
    let variance = usual.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / usual.len() as f64;
    let (median, deviation) = (usual[usual.len() / 2], variance.sqrt() + 0.1);
    scores[trained..].iter().map(|score| (log(score) - median) / deviation).collect()
}

/// The residual of every row from the first full window on, row after row as a plant sends them; of the baselines several
/// windows together, which is quicker.
fn residuals(model: &mut Autoencoder, rows: &[Row]) -> Result<Vec<Vec<f64>>, Failure> {
    let baseline = matches!(model.manifest().network, NetworkKind::Dense | NetworkKind::Lstm | NetworkKind::Vae);
    let windows: Vec<&[Row]> = rows.windows(ROWS).collect();
    let mut all = Vec::with_capacity(windows.len());
    for some in windows.chunks(if baseline { TOGETHER } else { 1 }) {
        let some: Vec<Window> = some.iter().map(|rows| window(rows)).collect();
        let expected = if baseline {
            let answers = model.reconstruct_all(&some)?.into_iter();
            answers.map(|answer| answer.newest(some[0].tags).expected).collect()
        } else {
            vec![model.expect(&some[0], (!all.is_empty()).then_some(1))?.expected]
        };
        let residual = |(window, expected): (&Window, &Vec<f64>)| {
            window.row(ROWS - 1).iter().zip(expected).map(|(v, e)| v - e).collect()
        };
        all.extend(some.iter().zip(&expected).map(residual));
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
