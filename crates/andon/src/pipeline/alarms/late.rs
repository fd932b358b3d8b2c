//! Rows that came after their time, as after a restart: they are written down, and change no alarm.

use andon_plant::{AssetName, Timestamp, Verdict};

/// One episode of late rows of one asset.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Late {
    rows: usize,
    /// How many of them reached the threshold.
    anomalous: usize,
    span: Option<(Timestamp, Timestamp)>,
}

impl Late {
    pub(super) fn count(&mut self, verdict: &Verdict) {
        self.rows += 1;
        self.anomalous += usize::from(verdict.anomalous());
        let first = self.span.map_or(verdict.time, |(first, _)| first);
        self.span = Some((first, verdict.time));
    }

    /// Says in one line what came of the episode.
    pub(super) fn tell(&self, asset: &AssetName) {
        let Some((first, last)) = self.span else { return };
        tracing::info!(%asset, rows = self.rows, anomalous = self.anomalous, "{}", self.text(first, last));
    }

    fn text(&self, first: Timestamp, last: Timestamp) -> String {
        let (rows, anomalous) = (self.rows, self.anomalous);
        format!(
            "{anomalous} of {rows} rows from {first} to {last} reached the threshold; they were judged after their time and \
             changed no alarm"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_episode_says_how_many_rows_reached_the_threshold_and_when() {
        let late = Late { rows: 60, anomalous: 7, span: None };
        let said = late.text(Timestamp::from_secs(0), Timestamp::from_secs(59));
        assert_eq!(
            said,
            "7 of 60 rows from 1970-01-01T00:00:00Z to 1970-01-01T00:00:59Z reached the threshold; they were judged after \
             their time and changed no alarm"
        );
    }
}
