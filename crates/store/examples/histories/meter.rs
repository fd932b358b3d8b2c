//! Time, processor time and memory of this process, as Linux tells them; zero elsewhere.

use std::time::Instant;

use serde_json::{Value, json};

/// Counts from when it was started.
pub(crate) struct Meter {
    start: Instant,
    cpu: f64,
}

impl Meter {
    pub(crate) fn start() -> Self {
        // What memory was needed before does not count (proc(5), clear_refs).
        std::fs::write("/proc/self/clear_refs", "5").ok();
        Self { start: Instant::now(), cpu: cpu() }
    }

    pub(crate) fn read(&self) -> Value {
        json!({ "seconds": self.start.elapsed().as_secs_f64(), "cpu_seconds": cpu() - self.cpu, "peak_bytes": peak() })
    }
}

/// Processor time of all threads together, in seconds.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // After the name in parentheses: utime and stime are the 12th and 13th, in hundredths of a second.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    fields.filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>() as f64 / 100.0
}

/// The most memory that was resident at once, in bytes.
pub(crate) fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or_default() * 1_024
}
