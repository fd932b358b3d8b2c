//! Samples on an asset's grid, by the rules its detector sees them by.

use andon_plant::{Fill, Sample, Timestamp, Windower, WindowerSettings};

use crate::format::Subject;

/// Cuts rows of which the made-up cells are NaN. Where no tag has a value, such as when nothing is heard of the asset for longer
/// than its detector believes old values, one row without values says so, and rows stop until there is one again.
pub(super) struct Grid {
    windower: Windower,
    to: Timestamp,
    last: Option<Timestamp>,
    cells: Vec<f64>,
    /// The row before had no value.
    empty: bool,
}

impl Grid {
    pub(super) fn new(subject: &Subject) -> Self {
        let settings = WindowerSettings::new(subject.grid, 1, 1);
        let windower = Windower::new(settings, subject.tags.len());
        Self { windower, to: subject.to, last: None, cells: Vec::new(), empty: false }
    }

    /// Takes samples and gives out the rows before them.
    pub(super) fn push<E>(
        &mut self,
        samples: &[(usize, Sample)],
        mut row: impl FnMut(Timestamp, &[f64]) -> Result<(), E>,
    ) -> Result<(), E> {
        for (tag, sample) in samples {
            self.cut(sample.time, &mut row)?;
            self.windower.push(*tag, *sample);
            self.last = Some(sample.time);
        }
        Ok(())
    }

    /// Gives out the row that the last samples are in.
    pub(super) fn finish<E>(&mut self, mut row: impl FnMut(Timestamp, &[f64]) -> Result<(), E>) -> Result<(), E> {
        let grid = self.windower.settings().grid;
        self.last.map_or(Ok(()), |last| self.cut(last.after(grid), &mut row))
    }

    fn cut<E>(
        &mut self,
        watermark: Timestamp,
        row: &mut impl FnMut(Timestamp, &[f64]) -> Result<(), E>,
    ) -> Result<(), E> {
        while let Some(cut) = self.windower.next_row(watermark) {
            let shown = |(value, fill): (&f64, &Fill)| if fill.is_imputed() { f64::NAN } else { *value };
            self.cells.clear();
            self.cells.extend(cut.values.iter().zip(&cut.fill).map(shown));
            let before = std::mem::replace(&mut self.empty, self.cells.iter().all(|cell| cell.is_nan()));
            if cut.time < self.to && !(before && self.empty) {
                row(cut.time, &self.cells)?;
            }
        }
        Ok(())
    }
}
