//! Room on the disk: how much is to stay free, how long the rest lasts, and what is done once it is used up.
//!
//! *Room* is what is free on the disk and what is free within `andon.samples.db`: pages of deleted rows are written again and
//! not given back as a rule, so that another program that fills the disk does not eat the history piece by piece. Where
//! there is less room than is to stay free, the oldest history is deleted ([`crate::shedding`]) until there is enough.
//! To delete takes room too, and so does an alarm: a [`reserve`](disk::Reserve) is given up for them.

mod disk;
mod trend;

use std::{
    path::{Path, PathBuf},
    str::FromStr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use andon_plant::Timestamp;
use async_trait::async_trait;
use tokio::sync::Notify;

pub(crate) use disk::{Disk, Reserve};
use trend::Trend;

use crate::{error::StoreError, store::Store, tables::SeriesWrite};

/// A warning is due once the room lasts no longer than this.
const LONG_BEFORE: Duration = Duration::from_secs(7 * 86_400);
/// Steps of shedding in one look; one is about a million samples.
const STEPS: usize = 1_000;
const MB: u64 = 1_000_000;
const LEAST: u64 = 16 * MB;

/// How much of the disk is to stay free.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum KeepFree {
    /// 512 MB, or a twentieth of a disk on which that is less.
    #[default]
    Unsaid,
    /// This many bytes, and at most half of the disk.
    Bytes(u64),
    /// This share of the disk, 0 to 0.5.
    Share(f64),
}

impl KeepFree {
    /// In bytes of a disk of this size.
    pub fn of(self, disk_bytes: u64) -> u64 {
        match self {
            KeepFree::Unsaid => (512 * MB).min(disk_bytes / 20),
            KeepFree::Bytes(bytes) => bytes.min(disk_bytes / 2),
            KeepFree::Share(share) => (disk_bytes as f64 * share) as u64,
        }
    }
}

impl FromStr for KeepFree {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unit = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = (text[..unit].parse::<f64>().ok(), text[unit..].trim());
        let factor = match unit {
            "%" => 0.01,
            "MB" => 1e6,
            "GB" => 1e9,
            "TB" => 1e12,
            _ => f64::NAN,
        };
        match number.map(|n| n * factor).filter(|n| n.is_finite()) {
            None => Err("is not a size: write a number and a unit, such as \"500MB\", \"2GB\" or \"5%\"".to_owned()),
            Some(share) if unit == "%" && (0.001..=0.5).contains(&share) => Ok(KeepFree::Share(share)),
            Some(_) if unit == "%" => Err("must be from 0.1% to 50%".to_owned()),
            Some(bytes) if (LEAST as f64..=1e14).contains(&bytes) => Ok(KeepFree::Bytes(bytes as u64)),
            Some(_) => Err("must be from 16MB to 100TB".to_owned()),
        }
    }
}

/// Whether there is room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SpaceState {
    /// For long.
    Enough,
    /// Less than twice of what is to stay free, or for less than a week.
    Low,
    /// Not any more: the oldest history makes room for the newest.
    Shedding,
}

/// What was seen when the disk was last looked at. Sizes in bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpaceReport {
    /// Whether there is room.
    pub state: SpaceState,
    /// The size of the disk.
    pub disk_bytes: u64,
    /// What is free on the disk for this user.
    pub free_bytes: u64,
    /// What is free within the file of samples.
    pub reusable_bytes: u64,
    /// How much is to stay free.
    pub keep_free_bytes: u64,
    /// How long until there is no more than that, as it went in the last day; none where it does not get less or is not
    /// known yet.
    pub full_in: Option<Duration>,
    /// Whether the reserve is there that alarms are written into when the disk is full.
    pub reserve: bool,
}

impl SpaceReport {
    fn room(&self) -> u64 {
        self.free_bytes + self.reusable_bytes
    }

    /// The state, given the one before: shedding ends only with a quarter more than is needed, so that it does not flicker.
    fn judge(&self, before: SpaceState) -> SpaceState {
        let keep = self.keep_free_bytes;
        let enough_again = if before == SpaceState::Shedding { keep + keep / 4 } else { keep };
        if self.room() < enough_again {
            SpaceState::Shedding
        } else if self.room() < 2 * keep || self.full_in.is_some_and(|left| left < LONG_BEFORE) {
            SpaceState::Low
        } else {
            SpaceState::Enough
        }
    }
}

/// Room within a database whose disk is the store's affair; of another there is nothing to say or to do.
#[async_trait]
pub trait RoomRows: Send {
    /// Its pages.
    async fn pages(&mut self) -> Result<Pages, StoreError> {
        Ok(Pages::default())
    }

    /// Gives some free pages back to the disk; how many are left.
    async fn shrink(&mut self) -> Result<i64, StoreError> {
        Ok(0)
    }

    /// Deletes some of the oldest history; nothing where there is nothing left to delete.
    async fn shed(&mut self) -> Result<Shed, StoreError> {
        Ok(Shed::default())
    }
}

/// The pages of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pages {
    /// Those that hold nothing.
    pub free: i64,
    /// All of them.
    pub all: i64,
    /// The size of each.
    pub bytes: i64,
}

/// How much was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shed {
    /// Samples.
    pub samples: u64,
    /// Rows of scores and expected values.
    pub scores: u64,
}

impl Shed {
    pub(crate) fn rows(self) -> u64 {
        self.samples + self.scores
    }
}

/// What both writers and whoever looks at the disk share.
#[derive(Debug)]
pub struct Space {
    /// The file whose disk it is; none where it is a server's.
    place: Option<PathBuf>,
    keep_free: KeepFree,
    pub(crate) reserve: Reserve,
    /// The writer of alarms asks the one of samples for room on the disk.
    pub(crate) wanted: Notify,
    shed_samples: AtomicU64,
    shed_scores: AtomicU64,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    trend: Trend,
    last: Option<SpaceReport>,
}

impl Space {
    /// Of the store whose main file is `main`. Where the disk is full the reserve is given up, so that it can be opened.
    pub(crate) fn of(main: &Path, keep_free: KeepFree) -> Arc<Self> {
        let disk = Disk::of(main);
        let keep = disk.map_or(u64::MAX, |disk| keep_free.of(disk.size));
        let reserve = Reserve::beside(main, keep);
        if disk.is_some_and(|disk| disk.free < reserve.bytes) && reserve.release() {
            tracing::warn!(path = %reserve.path.display(), "The disk is full; the reserve was given up to open the store.");
        }
        Arc::new(Self { place: Some(main.to_owned()), keep_free, reserve, ..Self::elsewhere() })
    }

    /// Of a store whose disk is another's affair.
    pub fn elsewhere() -> Self {
        Self {
            place: None,
            keep_free: KeepFree::default(),
            reserve: Reserve::none(),
            wanted: Notify::new(),
            shed_samples: AtomicU64::new(0),
            shed_scores: AtomicU64::new(0),
            seen: Mutex::default(),
        }
    }

    pub(crate) fn note_shed(&self, shed: Shed) {
        self.shed_samples.fetch_add(shed.samples, Ordering::Relaxed);
        self.shed_scores.fetch_add(shed.scores, Ordering::Relaxed);
    }

    /// How much was shed since the store was opened.
    pub(crate) fn shed(&self) -> Shed {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Shed { samples: of(&self.shed_samples), scores: of(&self.shed_scores) }
    }

    fn look(&self, disk: Disk, reusable_bytes: u64) -> SpaceReport {
        SpaceReport {
            state: self.seen().last.map_or(SpaceState::Enough, |last| last.state),
            disk_bytes: disk.size,
            free_bytes: disk.free,
            reusable_bytes,
            keep_free_bytes: self.keep_free.of(disk.size),
            full_in: None,
            reserve: self.reserve.is_there(),
        }
    }

    /// Judges what was seen and says once what has changed.
    fn note(&self, now: Timestamp, first: SpaceReport, after: SpaceReport) -> SpaceReport {
        let mut seen = self.seen();
        // What the reserve takes is no growth.
        let reserved = if after.reserve { self.reserve.bytes } else { 0 };
        seen.trend.note(now, after.room() + reserved);
        let full_in = seen.trend.falls_to(after.keep_free_bytes + reserved);
        let state = SpaceReport { full_in, ..first }.judge(first.state);
        let report = SpaceReport { state, full_in, ..after };
        if seen.last.map_or(SpaceState::Enough, |last| last.state) != state {
            tell(&report);
        }
        seen.last = Some(report);
        report
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn tell(report: &SpaceReport) {
    let mb = |bytes: u64| bytes / MB;
    let (free_mb, reusable_mb, keep_mb) =
        (mb(report.free_bytes), mb(report.reusable_bytes), mb(report.keep_free_bytes));
    match (report.state, report.full_in) {
        (SpaceState::Enough, _) => tracing::info!(free_mb, reusable_mb, keep_mb, "There is room on the disk again."),
        (SpaceState::Low, Some(left)) => tracing::warn!(
            free_mb,
            reusable_mb,
            keep_mb,
            "The disk of the store is full in about {}; the oldest history is deleted then. Make room, or keep less (`store.retention`).",
            about(left)
        ),
        (SpaceState::Low, None) => tracing::warn!(
            free_mb,
            reusable_mb,
            keep_mb,
            "The disk of the store is nearly full; the oldest history is deleted then. Make room, or keep less (`store.retention`)."
        ),
        (SpaceState::Shedding, _) => tracing::warn!(
            free_mb,
            reusable_mb,
            keep_mb,
            "The disk of the store is full to `store.keep_free`: the oldest history is deleted before its time. Make room, or keep less (`store.retention`)."
        ),
    }
}

fn about(span: Duration) -> String {
    match span.as_secs() / 3_600 {
        0 => "an hour".to_owned(),
        hours @ 1..48 => format!("{hours} hours"),
        hours => format!("{} days", hours / 24),
    }
}

impl Store {
    /// Looks at the disk, and where there is less room than is to stay free deletes the oldest samples and scores until there
    /// is enough. The reserve is made again where it was given up. To be called every few seconds.
    ///
    /// `None` where the system does not say how large the disk is.
    ///
    /// # Errors
    /// If the database fails or the store is closed; what was deleted until then stays deleted.
    #[tracing::instrument(name = "store.space.look", skip_all)]
    pub async fn look_after_space(&self, now: Timestamp) -> Result<Option<SpaceReport>, StoreError> {
        self.look_after_disk(now, || self.space().place.as_deref().and_then(Disk::of)).await
    }

    /// The same of a disk that is as `disk` says.
    pub(crate) async fn look_after_disk(
        &self,
        now: Timestamp,
        disk: impl Fn() -> Option<Disk>,
    ) -> Result<Option<SpaceReport>, StoreError> {
        let Some(first) = self.look_at(disk()).await? else { return Ok(None) };
        let mut after = first;
        for _ in 0..STEPS {
            if after.room() >= after.keep_free_bytes || self.series().shed().await?.rows() == 0 {
                break;
            }
            let Some(again) = self.look_at(disk()).await? else { return Ok(None) };
            after = again;
        }
        if !after.reserve {
            after.reserve = self.make_reserve(after, disk).await?;
        }
        Ok(Some(self.space().note(now, first, after)))
    }

    /// What was seen when the disk was last looked at.
    pub fn space_report(&self) -> Option<SpaceReport> {
        self.space().seen().last
    }

    async fn look_at(&self, disk: Option<Disk>) -> Result<Option<SpaceReport>, StoreError> {
        let Some(disk) = disk else { return Ok(None) };
        let pages = self.series_tables().snapshot().await?.rows().pages().await?;
        Ok(Some(self.space().look(disk, (pages.free * pages.bytes).unsigned_abs())))
    }

    /// Makes the reserve again, from free pages of the samples where the disk has nothing left.
    async fn make_reserve(&self, seen: SpaceReport, disk: impl Fn() -> Option<Disk>) -> Result<bool, StoreError> {
        let needed = self.space().reserve.bytes / 4 * 5;
        let mut free = seen.free_bytes;
        while free < needed && self.series().commit(SeriesWrite::Shrink).await? > 0 {
            free = disk().map_or(0, |disk| disk.free);
        }
        if free < needed {
            return Ok(false);
        }
        let store = self.clone();
        let made = tokio::task::spawn_blocking(move || store.space().reserve.make()).await;
        Ok(match made.map_err(std::io::Error::other).flatten() {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(path = %self.space().reserve.path.display(), %error, "The reserve could not be made.");
                false
            }
        })
    }
}

#[cfg(test)]
mod tests;
