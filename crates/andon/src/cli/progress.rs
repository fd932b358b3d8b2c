//! A progress bar on a terminal, plain lines elsewhere.

use std::{
    cell::Cell,
    io::{self, IsTerminal, Write},
};

use andon_model::Progress;
use indicatif::{ProgressBar, ProgressStyle};

/// Shows how far a training has come.
pub(super) struct TrainingProgress(Option<ProgressBar>);

impl TrainingProgress {
    pub(super) fn new() -> Self {
        Self(std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{bar:40} epoch {pos}/{len}  {msg}  {eta} to go at the most");
            ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        }))
    }

    pub(super) fn show(&self, p: &Progress) {
        let losses = format!("loss {:.5}, validation {:.5}", p.training_loss, p.validation_loss);
        match &self.0 {
            Some(bar) => {
                if bar.position() == 0 {
                    // Epochs that were done before took no time now.
                    bar.set_position(p.epoch as u64 - 1);
                    bar.reset_eta();
                }
                bar.set_length(p.epochs as u64);
                bar.set_position(p.epoch as u64);
                bar.set_message(losses);
            }
            // Nobody may be reading any more: that is no reason to stop.
            None => drop(writeln!(io::stderr(), "epoch {}/{}  {losses}", p.epoch, p.epochs)),
        }
    }

    pub(super) fn done(self) {
        if let Some(bar) = self.0 {
            bar.finish_and_clear();
        }
    }
}

/// Shows how much of some work is done: on a terminal a bar, elsewhere a line each tenth.
pub(super) struct ShareProgress {
    doing: &'static str,
    bar: Option<ProgressBar>,
    tenths: Cell<u64>,
}

impl ShareProgress {
    pub(super) fn new(doing: &'static str) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{bar:40} {percent} % {msg}  {eta} to go");
            let bar = ProgressBar::new(1_000).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.with_message(doing)
        });
        Self { doing, bar, tenths: Cell::new(0) }
    }

    /// `share` is of 1.
    pub(super) fn show(&self, share: f64) {
        match &self.bar {
            Some(bar) => bar.set_position((share * 1e3) as u64),
            None if (share * 10.0) as u64 > self.tenths.get() => {
                self.tenths.set((share * 10.0) as u64);
                drop(writeln!(io::stderr(), "{:.0} % {}", share * 1e2, self.doing));
            }
            None => {}
        }
    }

    pub(super) fn done(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Shows how many samples have been read, where nobody knows how many there are.
pub(super) struct CountProgress {
    what: String,
    bar: Option<ProgressBar>,
    shown: Cell<u64>,
}

/// Samples between two lines.
const LINE_EVERY: u64 = 10_000_000;

impl CountProgress {
    pub(super) fn new(what: &str) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{spinner} {msg}: {human_pos} samples checked");
            let bar = ProgressBar::no_length().with_message(what.to_owned());
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
        });
        Self { what: what.to_owned(), bar, shown: Cell::new(0) }
    }

    pub(super) fn show(&self, samples: u64) {
        match &self.bar {
            Some(bar) => bar.set_position(samples),
            None if samples >= self.shown.get() + LINE_EVERY => {
                self.shown.set(samples);
                drop(writeln!(io::stderr(), "{}: {samples} samples checked", self.what));
            }
            None => {}
        }
    }

    pub(super) fn done(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
