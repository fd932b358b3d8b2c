//! Recordings played as if they were a PLC.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use andon_plant::{Clock, Range, Tag, TagKey, TagKind, TagName, Timestamp};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    recording::Recording,
    serve::{Feed, HISTORY_ROWS, Pace, ServedAsset, ServedRow, ServerSettings, SimError, TagServer, play},
};

/// How recordings are played.
#[derive(Debug, Clone)]
pub struct ReplaySettings {
    /// The address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Recorded seconds a second.
    pub speed: f64,
    /// Whether to begin again at the end, with the times moved on, so that they never fall.
    pub looped: bool,
    /// The time at which every recording's first row is to lie; where not given, times are the recordings' own. At another
    /// speed than 1 rebased times run ahead of the clock or fall behind.
    pub rebase: Option<Timestamp>,
    /// Where the server keeps its certificate.
    pub pki_dir: PathBuf,
}

/// Recordings being played. They are played until the token is cancelled, whatever becomes of the handle; the server goes on
/// serving the last row and the history when they have ended.
pub struct ReplayHandle {
    /// The URL to connect to.
    pub endpoint: String,
    /// Every tag with its NodeId by namespace URI.
    pub nodes: Vec<(TagKey, String)>,
    played: CancellationToken,
    tasks: TaskTracker,
}

impl ReplayHandle {
    /// Waits until the last row has been played, or the token was cancelled.
    pub async fn finished(&self) {
        self.played.cancelled().await;
    }

    /// Waits until the server has closed its sessions after its token was cancelled.
    pub async fn stopped(&self) {
        self.tasks.wait().await;
    }
}

/// Plays `recordings` until `cancel`, all on one time line. A recording's label is served as the boolean tag `label`, a
/// missing value as BadNoData.
///
/// # Errors
/// If there is nothing to play, two recordings are of one asset, the speed is not above 0, the address can't be listened on, or
/// the server can't be built.
pub async fn serve_recording(
    recordings: Vec<Recording>,
    settings: ReplaySettings,
    clock: Arc<dyn Clock>,
    cancel: CancellationToken,
) -> Result<ReplayHandle, SimError> {
    let speed = settings.speed;
    if !(speed > 0.0 && speed.is_finite()) {
        return Err(SimError::Speed { speed });
    }
    check_names(&recordings)?;
    let assets = recordings.iter().map(served_asset).collect();
    let feed = Playlist::new(recordings, &settings);
    let origin = feed.next_time().ok_or(SimError::NothingToPlay)?;

    let tasks = TaskTracker::new();
    let served = ServerSettings { listen: settings.listen, pki_dir: &settings.pki_dir, history_rows: HISTORY_ROWS };
    let server = Arc::new(TagServer::start(assets, served, clock.clone(), &cancel, &tasks).await?);
    let handle = ReplayHandle {
        endpoint: server.endpoint().to_owned(),
        nodes: server.nodes(),
        played: CancellationToken::new(),
        tasks: tasks.clone(),
    };
    let played = handle.played.clone().drop_guard();
    let pace = Pace { begun: clock.now(), origin, speed };
    tasks.spawn(async move {
        play(feed, server, pace, clock, cancel).await;
        drop(played);
    });
    tasks.close();
    Ok(handle)
}

fn check_names(recordings: &[Recording]) -> Result<(), SimError> {
    for (ix, recording) in recordings.iter().enumerate() {
        if recordings[..ix].iter().any(|before| before.asset == recording.asset) {
            return Err(SimError::SameAsset { asset: recording.asset.clone() });
        }
    }
    Ok(())
}

fn served_asset(recording: &Recording) -> ServedAsset {
    let mut tags = recording.tags.clone();
    let label = TagName::new("label").ok().filter(|_| recording.labels.is_some());
    let range = Range::new(0.0, 1.0).ok();
    tags.extend(label.map(|name| Tag { name, unit: String::new(), range, kind: TagKind::Boolean }));
    ServedAsset { name: recording.asset.clone(), tags, enum_strings: Vec::new() }
}

/// The rows of several recordings in order of time, once or over and over.
struct Playlist {
    tracks: Vec<Track>,
    /// How far one round moves the times on, where they are played over and over.
    round: Option<Duration>,
}

struct Track {
    recording: Recording,
    /// Microseconds to add to the recorded times.
    shift_us: i64,
    next: usize,
}

impl Track {
    fn time(&self, row: usize) -> Option<Timestamp> {
        let time = self.recording.times.get(row)?;
        Some(Timestamp::from_micros(time.as_micros().saturating_add(self.shift_us)))
    }

    fn row(&self, asset: usize, time: Timestamp) -> ServedRow {
        let mut values = self.recording.row(self.next).to_vec();
        values.extend(self.recording.labels.as_ref().map(|labels| if labels[self.next] { 1.0 } else { 0.0 }));
        ServedRow { asset, time, values }
    }
}

impl Playlist {
    fn new(recordings: Vec<Recording>, settings: &ReplaySettings) -> Self {
        let shift = |recording: &Recording| match (settings.rebase, recording.times.first()) {
            (Some(to), Some(first)) => to.as_micros().saturating_sub(first.as_micros()),
            _ => 0,
        };
        let track = |recording: Recording| Track { shift_us: shift(&recording), recording, next: 0 };
        let tracks: Vec<Track> = recordings.into_iter().map(track).collect();
        let round = settings.looped.then(|| round(&tracks));
        Self { tracks, round }
    }

    /// Begins again where every recording has ended.
    fn wind_back(&mut self) {
        let Some(round) = self.round else { return };
        if self.tracks.iter().all(|t| t.next >= t.recording.rows()) {
            for track in &mut self.tracks {
                track.next = 0;
                track.shift_us = track.shift_us.saturating_add(i64::try_from(round.as_micros()).unwrap_or(i64::MAX));
            }
        }
    }
}

impl Feed for Playlist {
    fn next_time(&self) -> Option<Timestamp> {
        self.tracks.iter().filter_map(|t| t.time(t.next)).min()
    }

    fn take(&mut self) -> Vec<ServedRow> {
        let Some(time) = self.next_time() else { return Vec::new() };
        let mut rows = Vec::new();
        for (asset, track) in self.tracks.iter_mut().enumerate() {
            if track.time(track.next) == Some(time) {
                rows.push(track.row(asset, time));
                track.next += 1;
            }
        }
        self.wind_back();
        rows
    }
}

/// From the first row of all to the last, and one usual step more.
fn round(tracks: &[Track]) -> Duration {
    let first = tracks.iter().filter_map(|t| t.time(0)).min().unwrap_or_default();
    let last = tracks.iter().filter_map(|t| t.time(t.recording.rows().saturating_sub(1))).max().unwrap_or_default();
    let steps = tracks.iter().map(|t| usual_step(&t.recording.times)).max().unwrap_or_default();
    last.since(first) + steps.max(Duration::from_millis(1))
}

/// The median time between two rows.
fn usual_step(times: &[Timestamp]) -> Duration {
    let mut steps: Vec<Duration> = times.windows(2).map(|pair| pair[1].since(pair[0])).collect();
    steps.sort_unstable();
    steps.get(steps.len() / 2).copied().unwrap_or(Duration::from_secs(1))
}

#[cfg(test)]
mod tests;
