//! The project's own recording: a simulated pump, normal and with a fault, the same from every run.

use std::path::{Path, PathBuf};

use andon_plant::Timestamp;
use andon_simulator::{FaultKind, Recording, ScheduledFault, record};

use super::andon;

/// Rows of a window in these tests: few, so that a first score is soon there.
pub const ROWS: usize = 20;
/// The row at which the fault begins.
pub const FAULT_ROW: usize = 60;

/// A recording with a fault from [`FAULT_ROW`] on for `fault_rows` rows.
pub fn faulty(rows: usize, fault_rows: usize) -> Recording {
    let kind = FaultKind::OutOfRange;
    let fault = ScheduledFault { at_row: FAULT_ROW, rows: fault_rows, kind, tag: None, magnitude: None };
    let recording = record(7, "Pump", Timestamp::from_secs(1_780_000_000), rows, &[fault]).unwrap();
    // A PLC has no column of words.
    Recording { modes: None, ..recording }
}

/// A recording of normal operation.
pub fn normal(rows: usize) -> Recording {
    record(7, "Pump", Timestamp::from_secs(1_770_000_000), rows, &[]).unwrap()
}

/// Fits a model to an hour of the same plant's normal operation, and returns its folder.
pub fn fitted(dir: &Path) -> PathBuf {
    normal(2400).write_csv(&dir.join("normal.csv")).unwrap();
    let text = format!(
        "grid = \"1s\"\nwindow = {{ rows = {ROWS}, stride = 1 }}\nmode_tag = \"State\"\n\
         alarm = {{ on_delay = \"3s\", off_delay = \"10s\", hysteresis = 0.5 }}\n\
         [network.training]\nepochs = 8\n"
    );
    std::fs::write(dir.join("model.toml"), text).unwrap();
    let fit = ["fit", "--csv", "normal.csv", "--model", "model", "--config", "model.toml", "--seed", "3"];
    let (code, out, err) = andon(&fit, dir);
    assert_eq!(code, 0, "{out}{err}");
    dir.join("model")
}
