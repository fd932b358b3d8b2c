//! A progress bar on a terminal, plain lines elsewhere.

use std::io::{self, IsTerminal, Write};

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
