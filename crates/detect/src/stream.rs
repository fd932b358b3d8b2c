//! Recorded samples of one asset in time order.

use andon_plant::{Sample, Timestamp, Windower, WindowerSettings};

/// Samples of one asset's tags, each with its tag's number, in time order.
#[derive(Debug, Clone, Default)]
pub struct Stream(Vec<(usize, Sample)>);

impl Stream {
    /// Puts `samples` in time order. Samples of one time keep their order, so the later of two still wins.
    pub fn new(mut samples: Vec<(usize, Sample)>) -> Self {
        samples.sort_by_key(|(_, s)| s.time);
        Self(samples)
    }

    /// The samples in time order.
    pub fn samples(&self) -> &[(usize, Sample)] {
        &self.0
    }

    /// The times of the first and the last sample.
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        Some((self.0.first()?.1.time, self.0.last()?.1.time))
    }

    /// Plays all samples through a fresh windower of `tags` tags and calls `row` after each row is cut.
    pub fn play(&self, settings: &WindowerSettings, tags: usize, mut row: impl FnMut(&Windower, Timestamp)) {
        let mut windower = Windower::new(*settings, tags);
        let mut cut = |windower: &mut Windower, watermark| {
            while let Some(time) = windower.next_row(watermark).map(|r| r.time) {
                row(windower, time);
            }
        };
        for (tag, sample) in &self.0 {
            cut(&mut windower, sample.time);
            windower.push(*tag, *sample);
        }
        if let Some((_, last)) = self.span() {
            cut(&mut windower, last.after(settings.grid));
        }
    }
}
