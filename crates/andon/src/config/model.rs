//! `model.toml` of `andon fit`: the model keys of `[[asset]]`, and what is known of a recording's columns.

use std::{path::Path, time::Duration};

use andon_detect::FitSettings;
use andon_plant::{Tag, TagName, Timestamp};
use andon_scoring::TagLimits;

use super::{
    detection::DetectionConfig,
    report::{ConfigErrors, Warning},
    section::Section,
    tag,
};

/// What `andon fit` is told by `--config model.toml`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ModelConfig {
    /// How the recording is modelled and judged.
    pub detection: DetectionConfig,
    /// The time between two rows, where the file says it; otherwise it is the recording's own.
    pub grid: Option<Duration>,
    /// What is known of the recording's columns, and which of their deviations matter.
    pub tags: Vec<(Tag, TagLimits)>,
}

/// The mode tag is not a column of the recording.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("mode_tag `{mode_tag}` is not a tag of the recording; it has {tags}")]
pub struct UnknownModeTag {
    mode_tag: TagName,
    tags: String,
}

impl ModelConfig {
    /// Reads the file `path`.
    ///
    /// # Errors
    /// Every fault of the file.
    pub fn load(path: &Path) -> Result<(Self, Vec<Warning>), ConfigErrors> {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|e| ConfigErrors::unreadable(&file, &e))?;
        Self::parse(&text, &file)
    }

    /// Reads the `text` of `file`.
    ///
    /// # Errors
    /// Every fault of the text.
    pub fn parse(text: &str, file: &str) -> Result<(Self, Vec<Warning>), ConfigErrors> {
        super::parse(text, file, |s| {
            let detection = DetectionConfig::read(s);
            let grid = s.has("grid").then_some(detection.grid);
            let column = |s: &mut Section<'_, '_>| {
                let tag = tag::tag(s);
                let limits = tag::limits(s, tag.as_ref());
                Some((tag, limits))
            };
            let tags = s
                .tables("tag", column)?
                .into_iter()
                .map(|column| column.and_then(|(tag, limits)| Some((tag?, limits?))));
            let tags: Vec<(Tag, TagLimits)> = tags.collect::<Option<_>>()?;
            if let Some((mode, _)) = tags.iter().find(|(tag, _)| Some(&tag.name) == detection.mode_tag.as_ref()) {
                tag::MODE.check(s, mode);
            }
            Some(Self { detection, grid, tags })
        })
    }

    /// The columns that the file knows of.
    pub fn tag_names(&self) -> impl Iterator<Item = &TagName> {
        self.tags.iter().map(|(tag, _)| &tag.name)
    }

    /// What is known of the column `name`: an analog tag where the file does not say.
    pub fn tag(&self, name: &TagName) -> Tag {
        self.column(name).map_or_else(|| Tag::analog(name.clone()), |(tag, _)| tag.clone())
    }

    fn column(&self, name: &TagName) -> Option<&(Tag, TagLimits)> {
        self.tags.iter().find(|(tag, _)| tag.name == *name)
    }

    /// How a detector for `tags` is fitted to rows on `grid`; a `seed` given here wins over the file's.
    ///
    /// # Errors
    /// If the mode tag is none of `tags`.
    pub fn fit_settings(
        &self,
        tags: &[Tag],
        grid: Duration,
        seed: Option<u64>,
        now: Timestamp,
    ) -> Result<FitSettings, UnknownModeTag> {
        let mut detection = DetectionConfig { grid, ..self.detection.clone() };
        detection.network.training.seed = seed.unwrap_or(detection.network.training.seed);
        let limits = tags.iter().map(|tag| self.column(&tag.name).map(|(_, limits)| *limits).unwrap_or_default());
        let settings = FitSettings { limits: limits.collect(), ..detection.fit_settings(tags, now) };
        match &detection.mode_tag {
            Some(mode_tag) if settings.mode_tag.is_none() => {
                let tags = tags.iter().map(|t| t.name.as_str()).collect::<Vec<_>>().join(", ");
                Err(UnknownModeTag { mode_tag: mode_tag.clone(), tags })
            }
            _ => Ok(settings),
        }
    }
}
