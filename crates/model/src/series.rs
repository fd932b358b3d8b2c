//! Consecutive grid rows as training material, split in time.

use andon_plant::windower::Row;

use crate::{encode::Encoder, normalize::Normalisation};

/// Consecutive rows of one asset's grid, oldest first. Between two series there is a gap; no window spans it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Series {
    /// The rows.
    pub rows: Vec<Row>,
}

impl Series {
    /// How many of its rows train, if `validation` of it validates after them and windows have `rows` rows. A series
    /// shorter than one and a half windows trains wholly: what it has left to validate would cost it its last training
    /// windows.
    pub fn training_rows(&self, rows: usize, validation: f64) -> usize {
        let count = self.rows.len();
        let split = if count < need(rows) { count } else { count - (count as f64 * validation) as usize };
        split.max(rows.min(count))
    }
}

/// What the PLC itself sent of tag number `tag`.
pub(crate) fn measured(row: &Row, tag: usize) -> Option<f64> {
    let value = row.values[tag];
    (value.is_finite() && !row.fill[tag].is_imputed()).then_some(value)
}

/// One series as the network sees it: columns on their training scale, and 1 where a cell was measured.
#[derive(Debug)]
pub(crate) struct Material {
    /// Rows times columns, row-major; 0 where not measured.
    pub(crate) values: Vec<f32>,
    /// Rows times columns: 1 measured, 0 not.
    pub(crate) known: Vec<f32>,
    /// How many rows.
    pub(crate) rows: usize,
    /// Rows before this one train, the rest validates.
    pub(crate) split: usize,
}

impl Material {
    /// Encodes `series`.
    pub(crate) fn new(series: &Series, normalisation: &Normalisation, rows: usize, validation: f64) -> Self {
        let (mut values, mut known) = (Vec::new(), Vec::new());
        let mut encoder = Encoder::new(normalisation);
        for row in &series.rows {
            let encoded = encoder.push(normalisation, &row.values, &row.fill);
            values.extend(encoded.values);
            known.extend(encoded.known);
        }
        Self { values, known, rows: series.rows.len(), split: series.training_rows(rows, validation) }
    }
}

impl Material {
    /// Its first `rows` rows, all of which train.
    pub(crate) fn before(&self, rows: usize) -> Self {
        let cells = self.values.len() / self.rows.max(1) * rows;
        let (values, known) = (self.values[..cells].to_vec(), self.known[..cells].to_vec());
        Self { values, known, rows, split: rows }
    }
}

/// How many consecutive rows are needed to train on windows of `rows` rows and validate after them.
pub(crate) fn need(rows: usize) -> usize {
    rows + rows / 2
}

/// A window's place: in which series, from which row, and the first of its rows that counts in the loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) series: usize,
    pub(crate) start: usize,
    pub(crate) counts_from: usize,
}

/// Every training window at stride 1: none has a row that validates.
pub(crate) fn training_places(material: &[Material], rows: usize) -> Vec<Place> {
    let all = material.iter().enumerate().flat_map(|(series, m)| {
        let starts = 0..(m.split + 1).saturating_sub(rows);
        starts.map(move |start| Place { series, start, counts_from: 0 })
    });
    all.collect()
}

/// Validation windows, half a window apart, `most` of them at the most. Where two windows' worth of rows validate, none
/// of them holds a training row. Where fewer do, the first rows of some may be training rows, which the network is shown
/// but not asked for, so that a short validation part is used whole.
pub(crate) fn validation_places(material: &[Material], rows: usize, most: usize) -> Vec<Place> {
    let mut all = Vec::new();
    for (series, m) in material.iter().enumerate().filter(|(_, m)| m.split < m.rows && m.rows >= rows) {
        let newest = m.rows - rows;
        let shown_before = if m.rows - m.split >= 2 * rows { 0 } else { rows / 2 };
        let oldest = m.split.saturating_sub(shown_before).min(newest);
        let starts = (oldest..=newest).rev().step_by((rows / 2).max(1));
        all.extend(starts.map(|start| Place { series, start, counts_from: m.split.saturating_sub(start) }));
    }
    let step = all.len().div_ceil(most).max(1);
    all.into_iter().step_by(step).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use andon_plant::{Fill, Tag, TagName, Timestamp};

    use super::*;
    use crate::normalize::{Levelling, Scaling};

    /// An analog tag.
    pub(crate) fn tag(name: &str) -> Tag {
        Tag::analog(TagName::new(name).unwrap())
    }

    /// Measured rows, a second apart.
    pub(crate) fn series_of(rows: impl IntoIterator<Item = Vec<f64>>) -> Series {
        let rows = rows.into_iter().enumerate().map(|(s, values)| {
            let fill = vec![Fill::Measured; values.len()];
            Row { time: Timestamp::from_secs(s as i64), values, fill }
        });
        Series { rows: rows.collect() }
    }

    fn material(count: usize) -> Material {
        let series = series_of((0..count).map(|s| vec![s as f64]));
        let n = Normalisation::fit((Scaling::MinMax, Levelling::Nothing), std::slice::from_ref(&series), &[tag("A")])
            .unwrap();
        Material::new(&series, &n, 100, 0.2)
    }

    #[test]
    fn no_training_window_holds_a_row_that_validates() {
        let material = [material(400), material(120)];
        assert_eq!(material.iter().map(|m| m.split).collect::<Vec<_>>(), [320, 120]);
        let training = training_places(&material, 100);
        assert_eq!(training.len(), 221 + 21);
        assert!(training.iter().all(|p| p.start + 100 <= material[p.series].split));
    }

    #[test]
    fn validation_asks_only_for_rows_that_do_not_train() {
        let material = [material(400), material(120), material(5_000)];
        let places = validation_places(&material, 100, 8);
        assert!(!places.is_empty() && places.len() <= 8);
        for p in &places {
            assert!(p.start + p.counts_from >= material[p.series].split && p.start + 100 <= material[p.series].rows);
            assert!(p.counts_from < 100 && (p.series != 2 || p.start >= material[2].split));
        }
        assert!(validation_places(&material, 100, 99).iter().any(|p| p.series == 0));
    }

    #[test]
    fn an_imputed_cell_is_not_known() {
        let mut series = series_of([vec![1.0], vec![2.0], vec![f64::NAN]]);
        series.rows[1].fill[0] = Fill::Held;
        series.rows[2].fill[0] = Fill::Missing;
        assert_eq!(series.rows.iter().filter_map(|row| measured(row, 0)).collect::<Vec<_>>(), [1.0]);
    }
}
