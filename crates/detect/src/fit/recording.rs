//! What a recording must be to be fitted to, and the recording as rows.

use std::collections::BTreeSet;

use andon_model::Series;
use andon_plant::{Tag, Timestamp, WindowerSettings};

use super::{FitError, FitSettings};
use crate::stream::Stream;

/// The most operating modes a mode tag may name.
pub(super) const MOST_MODES: usize = 100;
/// From here on a value measures nothing: the largest number a 32-bit tag can hold stands for `no value` in many systems, and
/// larger ones have no finite square, so that a tag that shows one could not be scaled.
const TOO_LARGE: f64 = f32::MAX as f64;

/// The fewest rows that windows of `window` rows can be fitted to.
pub fn least_rows(window: usize) -> usize {
    window * 3
}

/// The recording as runs of consecutive grid rows, of which there are enough, and none with a value that was not measured.
pub(super) fn enough(stream: &Stream, tags: &[Tag], settings: &FitSettings) -> Result<Vec<Series>, FitError> {
    if let Some((tag, sample)) = stream.samples().iter().find(|(_, sample)| sample.value.abs() >= TOO_LARGE) {
        let (tag, value) = (tags[*tag].name.clone(), sample.value);
        return Err(FitError::TooLarge { tag, value, time: sample.time });
    }
    settings.mode_tag.map_or(Ok(()), |tag| check_modes(stream, tag, tags))?;
    let all = series(stream, tags.len(), &settings.window);
    let have = all.iter().map(|s| s.rows.len()).sum();
    let need = least_rows(settings.window.rows);
    if have < need {
        let (window, grid_s) = (settings.window.rows, settings.window.grid.as_secs_f64());
        return Err(FitError::TooFewRows { have, need, window, grid_s });
    }
    Ok(all)
}

/// What names the operating mode is a state.
fn check_modes(stream: &Stream, mode_tag: usize, tags: &[Tag]) -> Result<(), FitError> {
    let shown = stream.samples().iter().filter(|(tag, sample)| *tag == mode_tag && sample.value.is_finite());
    let values: BTreeSet<u64> = shown.map(|(_, sample)| sample.value.to_bits()).collect();
    let mut each = values.iter().map(|bits| f64::from_bits(*bits));
    let example = match each.clone().find(|value| value.fract() != 0.0) {
        Some(odd) => odd,
        None if values.len() > MOST_MODES => each.next().unwrap_or_default(),
        None => return Ok(()),
    };
    Err(FitError::ModeTag { tag: tags[mode_tag].name.clone(), values: values.len(), example })
}

/// The recording as runs of consecutive grid rows.
pub(super) fn series(stream: &Stream, tags: usize, window: &WindowerSettings) -> Vec<Series> {
    let mut all: Vec<Series> = Vec::new();
    let mut last: Option<Timestamp> = None;
    stream.play(window, tags, |windower, time| {
        if last.is_none_or(|l| l.after(window.grid) != time) {
            all.push(Series { rows: Vec::new() });
        }
        last = Some(time);
        if let (Some(series), Some(row)) = (all.last_mut(), windower.last_row()) {
            series.rows.push(row.clone());
        }
    });
    all
}
