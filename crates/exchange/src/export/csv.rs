//! Lines of text.

use std::fmt::Write;

use andon_plant::{Sample, Timestamp};

use crate::{
    cell::{put_value, quoted},
    format::{Shape, Subject},
    import::{LONG, TIMESTAMP},
};

/// A table as lines, of which those that were taken are gone.
pub(super) struct CsvTable {
    lines: String,
    /// `,asset,tag,` of each tag.
    names: Vec<String>,
}

impl CsvTable {
    pub(super) fn new(shape: Shape, subject: &Subject) -> Self {
        let asset = quoted(&subject.asset);
        let tags = subject.tags.iter().map(|tag| quoted(tag));
        let header: Vec<String> = match shape {
            Shape::Long => LONG.map(str::to_owned).to_vec(),
            Shape::Wide => [TIMESTAMP.to_owned()].into_iter().chain(tags.clone()).collect(),
        };
        let names = tags.map(|tag| format!(",{asset},{tag},")).collect();
        Self { lines: header.join(",") + "\n", names }
    }

    pub(super) fn sample(&mut self, tag: usize, sample: &Sample) {
        // Writing to a string can't fail.
        write!(self.lines, "{}{}", sample.time, self.names[tag]).ok();
        put_value(&mut self.lines, sample.value);
        writeln!(self.lines, ",{},0x{:08X}", sample.quality().as_str(), sample.status.0).ok();
    }

    pub(super) fn row(&mut self, time: Timestamp, cells: &[f64]) {
        write!(self.lines, "{time}").ok();
        for value in cells {
            self.lines.push(',');
            put_value(&mut self.lines, *value);
        }
        self.lines.push('\n');
    }

    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.lines).into_bytes()
    }
}
