//! Which cells are hidden from the network in training.
//!
//! A network that sees a cell can copy it, fault and all. So it learns with cells hidden, and with cells falsified, and
//! is asked for the true values of both: it must infer a tag from the others and from the past. Of a fault's energy (about
//! four deviations for twenty rows, on one tag of five; `tests/learning.rs`) the defaults leave 83 to 95 % in the residual.

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use crate::settings::SettingsError;

/// What is hidden in training: each window draws one of three kinds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MaskSettings {
    /// Share of windows in which whole rows are hidden, all tags at once.
    pub rows: f64,
    /// Share of windows in which single tags are hidden for long spans. The rest hides single cells.
    pub tags: f64,
    /// The share of rows, tags or cells hidden in a window that draws their kind.
    pub share: f64,
    /// The longest run of hidden rows.
    pub longest: usize,
    /// Share of windows in which some tags are falsified for a span and still shown: their values are moved, as a
    /// broken instrument's are, and the true ones are asked for. It teaches not to believe a tag that the others
    /// contradict, and to remember where it was before.
    pub falsified: f64,
    /// The largest move of a falsified tag, in normalised units.
    pub largest: f64,
    /// Standard deviation of the noise on visible cells, in normalised units.
    pub noise: f64,
    /// What a visible, true cell weighs in the loss against a hidden or falsified cell's 1. The more it weighs, the
    /// closer normal rows are reconstructed, and the more of a fault is copied.
    pub seen_weight: f64,
}

impl Default for MaskSettings {
    fn default() -> Self {
        Self {
            rows: 0.6,
            tags: 0.3,
            share: 0.1,
            longest: 3,
            falsified: 1.0,
            largest: 4.0,
            noise: 0.02,
            seen_weight: 0.5,
        }
    }
}

impl MaskSettings {
    pub(crate) fn check(&self) -> Result<(), SettingsError> {
        let shares = [
            ("rows", self.rows),
            ("tags", self.tags),
            ("share", self.share),
            ("seen_weight", self.seen_weight),
            ("falsified", self.falsified),
        ];
        if let Some((key, value)) = shares.into_iter().find(|(_, share)| !(0.0..=1.0).contains(share)) {
            return Err(SettingsError::new("training.mask", key, value, "must be from 0 to 1"));
        }
        if self.rows + self.tags > 1.0 {
            return Err(SettingsError::new("training.mask", "tags", self.tags, "must be at most 1 less `rows`"));
        }
        if self.share == 0.0 && self.seen_weight == 0.0 {
            return Err(SettingsError::new(
                "training.mask",
                "seen_weight",
                0,
                "leaves nothing to learn where `share` is 0",
            ));
        }
        if self.longest == 0 {
            return Err(SettingsError::new("training.mask", "longest", 0, "must be at least 1"));
        }
        let sizes = [("noise", self.noise), ("largest", self.largest)];
        if let Some((key, value)) = sizes.into_iter().find(|(_, size)| !(size.is_finite() && *size >= 0.0)) {
            return Err(SettingsError::new("training.mask", key, value, "must be at least 0"));
        }
        Ok(())
    }

    /// Draws a mask of `rows` times `tags` cells, row-major: true is hidden.
    pub(crate) fn draw(&self, rows: usize, tags: usize, rng: &mut impl Rng) -> Vec<bool> {
        let mut hidden = vec![false; rows * tags];
        let kind: f64 = rng.random();
        if kind < self.rows {
            self.hide_rows(&mut hidden, (rows, tags), rng);
        } else if kind < self.rows + self.tags && tags > 1 {
            self.hide_tags(&mut hidden, (rows, tags), rng);
        } else {
            hidden.fill_with(|| rng.random_bool(self.share));
        }
        hidden
    }

    /// Draws what is added to each of `rows` times `tags` cells, in normalised units; 0 for cells that stay true.
    pub(crate) fn falsify(&self, rows: usize, tags: usize, rng: &mut impl Rng) -> Vec<f32> {
        let mut moves = vec![0.0; rows * tags];
        if !rng.random_bool(self.falsified) {
            return moves;
        }
        for _ in 0..rng.random_range(1..=tags.div_ceil(8)) {
            let tag = rng.random_range(0..tags);
            let length = rng.random_range(1..=rows.div_ceil(2));
            let start = rng.random_range(0..=rows - length);
            let by = rng.random_range(-1.0..=1.0) * self.largest;
            for row in start..start + length {
                moves[row * tags + tag] = by as f32;
            }
        }
        moves
    }

    /// Runs of rows, all tags; a run begins with such a chance that the share comes out.
    fn hide_rows(&self, hidden: &mut [bool], (rows, tags): (usize, usize), rng: &mut impl Rng) {
        let mean_length = (1 + self.longest) as f64 / 2.0;
        let begins = (self.share / mean_length).min(1.0);
        let mut row = 0;
        while row < rows {
            let run = if rng.random_bool(begins) { rng.random_range(1..=self.longest) } else { 0 };
            let end = (row + run).min(rows);
            hidden[row * tags..end * tags].fill(true);
            row = end.max(row + 1);
        }
    }

    /// Long runs of single tags, at least one tag and never all of them.
    fn hide_tags(&self, hidden: &mut [bool], (rows, tags): (usize, usize), rng: &mut impl Rng) {
        let chosen = ((tags as f64 * self.share * 2.0 * rng.random::<f64>()).ceil() as usize).clamp(1, tags - 1);
        for _ in 0..chosen {
            let tag = rng.random_range(0..tags);
            let length = rng.random_range(rows.div_ceil(4)..=rows);
            let start = rng.random_range(0..=rows - length);
            for row in start..start + length {
                hidden[row * tags + tag] = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn share(settings: &MaskSettings, tags: usize) -> f64 {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let cells: Vec<bool> = (0..200).flat_map(|_| settings.draw(100, tags, &mut rng)).collect();
        cells.iter().filter(|hidden| **hidden).count() as f64 / cells.len() as f64
    }

    #[test]
    fn each_kind_hides_about_its_share() {
        for (rows, tags) in [(1.0, 0.0), (0.0, 1.0), (0.0, 0.0)] {
            let settings = MaskSettings { rows, tags, ..MaskSettings::default() };
            let got = share(&settings, 8);
            assert!((0.08..0.3).contains(&got), "rows {rows} tags {tags}: {got}");
        }
    }

    #[test]
    fn a_single_tag_is_not_hidden_for_the_whole_window() {
        let settings = MaskSettings { rows: 0.0, tags: 1.0, ..MaskSettings::default() };
        let got = share(&settings, 1);
        assert!(got < 0.3, "{got}");
    }

    #[test]
    fn a_falsified_tag_is_moved_by_one_amount_for_one_span() {
        let settings = MaskSettings { falsified: 1.0, ..MaskSettings::default() };
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        for _ in 0..50 {
            let moves = settings.falsify(100, 8, &mut rng);
            let moved: Vec<usize> = (0..800).filter(|ix| moves[*ix] != 0.0).collect();
            assert!(!moved.is_empty() && moved.len() <= 50);
            assert!(moved.windows(2).all(|pair| pair[1] == pair[0] + 8 && moves[pair[0]] == moves[pair[1]]));
            assert!(moves[moved[0]].abs() <= 4.0);
        }
        assert!(MaskSettings { falsified: 0.0, ..settings }.falsify(9, 2, &mut rng).iter().all(|by| *by == 0.0));
    }
}
