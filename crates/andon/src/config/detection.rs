//! The keys of `[[asset]]` that decide how it is modelled and judged; `model.toml` has them too.

use std::time::Duration;

use andon_detect::{FitSettings, fit::CALIBRATION_SHARE};
use andon_model::ModelSettings;
use andon_plant::{Tag, TagName, Timestamp, WindowerSettings, alarm::AlarmSettings};
use andon_scoring::{DriftSettings, ScorerSettings, ThresholdSettings};

use super::{PlantConfig, alarm, section::Section, threshold, value};

const FINEST: Duration = Duration::from_millis(1);
const COARSEST: Duration = Duration::from_secs(86_400);
const ROWS: std::ops::RangeInclusive<usize> = 8..=10_000;

/// How an asset is modelled and judged.
#[derive(Debug, Clone, PartialEq)]
pub struct DetectionConfig {
    /// The time between two rows.
    pub grid: Duration,
    /// How windows are cut.
    pub window: WindowConfig,
    /// The tag that names the operating mode.
    pub mode_tag: Option<TagName>,
    /// When an alarm is raised and cleared.
    pub alarm: AlarmSettings,
    /// How the threshold is found.
    pub threshold: ThresholdSettings,
    /// The network and its training.
    pub network: ModelSettings,
}

/// Rows of a window, and rows between two windows; stride is never above rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowConfig {
    /// Rows in a window.
    pub rows: usize,
    /// Rows between two windows.
    pub stride: usize,
}

impl Default for WindowConfig {
    fn default() -> Self {
        Self { rows: 100, stride: 1 }
    }
}

impl Default for DetectionConfig {
    fn default() -> Self {
        Self {
            grid: Duration::from_secs(1),
            window: WindowConfig::default(),
            mode_tag: None,
            alarm: alarm::DEFAULT,
            threshold: ThresholdSettings::default(),
            network: ModelSettings::default(),
        }
    }
}

impl DetectionConfig {
    /// How windows are cut, with the usual gap rules.
    pub fn windower(&self) -> WindowerSettings {
        WindowerSettings::new(self.grid, self.window.rows, self.window.stride)
    }

    /// The time a window looks back over.
    pub fn window_span(&self) -> Duration {
        self.grid * self.window.rows as u32
    }

    /// The time between two rows that are judged.
    pub fn step(&self) -> Duration {
        self.grid * self.window.stride as u32
    }

    /// How a detector for `tags` is fitted.
    pub fn fit_settings(&self, tags: &[Tag], now: Timestamp) -> FitSettings {
        FitSettings {
            window: self.windower(),
            mode_tag: self.mode_tag.as_ref().and_then(|name| tags.iter().position(|t| t.name == *name)),
            network: self.network.clone(),
            scorer: ScorerSettings::default(),
            threshold: self.threshold.clone(),
            shift: PlantConfig::default().shift(),
            drift: DriftSettings::default(),
            limits: Vec::new(),
            alarm: self.alarm,
            calibration_share: CALIBRATION_SHARE,
            begin_with: None,
            checkpoint: None,
            now,
        }
    }

    pub(super) fn read(s: &mut Section<'_, '_>) -> Self {
        let default = Self::default();
        let window = s.table("window", WindowConfig::read).unwrap_or_default();
        Self {
            grid: s.optional("grid", value::duration(FINEST..=COARSEST)).unwrap_or(default.grid),
            window,
            mode_tag: s.optional("mode_tag", value::parsed),
            alarm: s.table("alarm", alarm::read).unwrap_or(default.alarm),
            threshold: s.table("threshold", threshold::read).unwrap_or_default(),
            network: network(s, window.rows).unwrap_or_default(),
        }
    }
}

impl WindowConfig {
    fn read(s: &mut Section<'_, '_>) -> Self {
        let default = Self::default();
        let rows = s.optional("rows", value::whole(ROWS));
        let refused = rows.is_none() && s.has("rows");
        let rows = rows.unwrap_or(default.rows);
        let stride = s.optional("stride", value::whole(1..=*ROWS.end())).unwrap_or(default.stride);
        if stride > rows && !refused {
            let rows_key = s.key("rows");
            let text = format!(
                " ({stride}) is larger than {rows_key} ({rows}): samples between windows would never be scored; make it \
                 {rows} or less"
            );
            s.fault("stride", text);
        }
        Self { rows, stride }
    }
}

fn network(s: &mut Section<'_, '_>, rows: usize) -> Option<ModelSettings> {
    let settings = s.deserialize::<ModelSettings>("network")?;
    if let Err(e) = settings.check(rows) {
        s.fault("network", format!(": {e}"));
    }
    Some(settings)
}
