//! `[store]`: where histories and alarms are kept, and for how long.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use andon_plant::Timestamp;
use andon_store::{KeepFree, KeepSince, SqliteUrl, StoreUrl};
use toml::de::DeValue;

use super::{section::Section, value};

const HOUR: Duration = Duration::from_secs(3600);
const CENTURY: Duration = Duration::from_secs(100 * 365 * 86_400);

/// The store.
#[derive(Debug, Clone, PartialEq)]
pub struct StoreConfig {
    /// Where it is, relative paths taken from the configuration file's folder.
    pub url: StoreUrl,
    /// The folder of this process: of the store's files, or where those are a server's, of the configuration file.
    pub folder: PathBuf,
    /// How long things are kept.
    pub retention: Retention,
    /// How much of the disk is to stay free; where it does not, the oldest samples and scores are deleted before their time.
    pub keep_free: KeepFree,
}

/// How long histories are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Samples of tags.
    pub samples: Keep,
    /// Scores and verdicts.
    pub scores: Keep,
    /// Alarms and their journal.
    pub alarms: Keep,
}

impl Default for Retention {
    fn default() -> Self {
        let days = |n: u64| Keep::For(Duration::from_secs(n * 86_400));
        Self { samples: days(90), scores: days(730), alarms: Keep::Forever }
    }
}

/// How long one kind of history is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// It is never removed.
    Forever,
    /// It is removed once it is older than this.
    For(Duration),
}

impl Keep {
    fn since(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Forever => None,
            Self::For(span) => Some(now.before(span)),
        }
    }
}

impl StoreConfig {
    /// The store in `folder` where nothing is said.
    pub(super) fn within(folder: &Path) -> Option<Self> {
        let url = StoreUrl::Sqlite(SqliteUrl::at(folder.join("andon.db")).ok()?);
        Some(Self { url, folder: folder.to_owned(), retention: Retention::default(), keep_free: KeepFree::default() })
    }

    pub(super) fn read(s: &mut Section<'_, '_>, folder: &Path) -> Option<Self> {
        let default = Self::within(folder);
        // The store's own messages name the key and hide passwords.
        let url = match s.optional("url", value::text).map(|text| text.parse::<StoreUrl>()) {
            Some(Ok(url)) => Some(url.within(folder)),
            Some(Err(e)) => {
                s.fault_saying("url", e.to_string());
                None
            }
            None => default.map(|d| d.url),
        };
        let retention = s.table("retention", Retention::read).unwrap_or_default();
        let keep_free = s.optional("keep_free", value::parsed).unwrap_or_default();
        let url = url?;
        let folder = match &url {
            StoreUrl::Sqlite(url) => url.main_path().parent().map(Path::to_owned).unwrap_or_default(),
            StoreUrl::Postgres(_) => folder.to_owned(),
        };
        Some(Self { url, folder, retention, keep_free })
    }
}

impl Retention {
    fn read(s: &mut Section<'_, '_>) -> Self {
        let default = Self::default();
        Self {
            samples: s.optional("samples", keep).unwrap_or(default.samples),
            scores: s.optional("scores", keep).unwrap_or(default.scores),
            alarms: s.optional("alarms", keep).unwrap_or(default.alarms),
        }
    }

    /// Since when histories are kept if it is `now`.
    pub fn since(&self, now: Timestamp) -> KeepSince {
        KeepSince { samples: self.samples.since(now), scores: self.scores.since(now), alarms: self.alarms.since(now) }
    }
}

fn keep(value: &DeValue<'_>) -> Result<Keep, String> {
    if value.as_str() == Some("forever") {
        return Ok(Keep::Forever);
    }
    value::duration(HOUR..=CENTURY)(value).map(Keep::For).map_err(|why| format!("{why}, or \"forever\""))
}
