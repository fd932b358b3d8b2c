//! The detector thread: it owns every asset's detector, so models and scoring never run on a socket's time.
//!
//! Its input queue is bounded. Ingest never waits for it: where the queue is full the batch is stored but not judged,
//! counted and logged once an episode. Its output queue is bounded too; the detector waits for the publisher, which
//! waits for nothing but the store.
//!
//! * Here: what it is given, what it says, and its queue. `watched`: one asset's detector and where it stands.

mod watched;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc as std_mpsc,
    },
    thread,
    time::Duration,
};

use andon_detect::{Artifact, Detector, InstallError, Learned};
use andon_plant::{Assessment, AssetName, Sample, TagName, TagSample, Timestamp, Verdict};
use andon_scoring::DriftState;
use tokio::sync::{mpsc, oneshot};

use crate::config::AssetConfig;
use watched::Watched;

/// Batches that wait to be judged.
const QUEUE: usize = 4096;
/// Outputs that wait to be published.
const OUTPUT_QUEUE: usize = 1024;
/// How far rows lag behind a heartbeat, so that samples on their way are not overtaken by the news that nothing changed.
const HEARTBEAT_LAG: Duration = Duration::from_secs(5);

/// What the detector thread is given.
pub enum Input {
    /// Samples as they came in.
    Samples(Vec<TagSample>),
    /// An asset's source was heard of, though no tag changed.
    Heard {
        /// The assets that read from it.
        assets: Arc<[AssetName]>,
        /// At which source time.
        time: Timestamp,
    },
    /// Stored samples to fill the window with; verdicts up to `published` were published before.
    Replay {
        /// The asset.
        asset: AssetName,
        /// Its samples in time order.
        samples: Vec<TagSample>,
        /// The newest row whose verdict is known already.
        published: Option<Timestamp>,
        /// What had been learned after that row.
        learned: Option<Box<Learned>>,
    },
    /// A model to judge with from now on.
    Install {
        /// The asset.
        asset: AssetName,
        /// The model.
        artifact: Box<Artifact>,
        /// Told when it is done.
        done: oneshot::Sender<Result<(), InstallError>>,
    },
    /// Nothing is learned of an asset while it is held.
    Hold {
        /// The asset.
        asset: AssetName,
        /// Whether it is held from now on.
        held: bool,
    },
    /// What is said of what an asset does.
    Assess {
        /// The asset.
        asset: AssetName,
        /// Whether it is real or normal.
        assessment: Assessment,
        /// Told what has been learned; none without a model.
        done: oneshot::Sender<Option<Arc<Learned>>>,
    },
    /// What an asset's detector has learned goes back to as it was fitted.
    Revert {
        /// The asset.
        asset: AssetName,
        /// Told what is left of what was learned; none without a model.
        done: oneshot::Sender<Option<Arc<Learned>>>,
    },
}

/// A row that was judged.
pub struct Judged {
    /// The verdict.
    pub verdict: Verdict,
    /// Whether the model still fits.
    pub drift: Option<DriftState>,
    /// What has been learned after it, to go on with after a restart.
    pub learned: Option<Arc<Learned>>,
}

/// What the detector thread says.
pub enum Output {
    /// A row was judged.
    Verdict(Box<Judged>),
    /// The model failed on a row.
    Failed {
        /// The asset.
        asset: AssetName,
        /// What went wrong.
        message: String,
    },
}

/// The sending side of the detector thread's queue. Cheap to clone.
#[derive(Clone)]
pub struct Detection {
    queue: std_mpsc::SyncSender<Input>,
    dropped: Arc<AtomicU64>,
    dropping: Arc<AtomicBool>,
}

impl Detection {
    /// Starts the thread; it ends when the last sender is dropped.
    ///
    /// # Errors
    /// If the machine gives no thread.
    pub fn start(assets: &[Arc<AssetConfig>]) -> std::io::Result<(Self, mpsc::Receiver<Output>)> {
        let (queue, inputs) = std_mpsc::sync_channel(QUEUE);
        let (outputs, out) = mpsc::channel(OUTPUT_QUEUE);
        let mut detectors: HashMap<AssetName, Watched> =
            assets.iter().map(|a| (a.name.clone(), Watched::new(a))).collect();
        thread::Builder::new().name("andon-detector".into()).spawn(move || {
            while let Ok(input) = inputs.recv() {
                handle(&mut detectors, input, &outputs);
            }
        })?;
        Ok((Self { queue, dropped: Arc::default(), dropping: Arc::default() }, out))
    }

    /// Hands over live input without waiting: where the queue is full it is dropped and counted.
    pub fn offer(&self, input: Input) {
        match self.queue.try_send(input) {
            Ok(()) => self.dropping.store(false, Ordering::Relaxed),
            // The thread has ended because the process is stopping.
            Err(std_mpsc::TrySendError::Disconnected(_)) => {}
            Err(std_mpsc::TrySendError::Full(_)) => {
                self.dropped.fetch_add(1, Ordering::Relaxed);
                if !self.dropping.swap(true, Ordering::Relaxed) {
                    tracing::warn!(queue = QUEUE, "the detector is too slow: samples are stored but not judged");
                }
            }
        }
    }

    /// Hands over input that must not be lost; waits while the queue is full. Not for the async runtime's threads.
    pub fn give(&self, input: Input) {
        // A closed queue means that the process is stopping.
        drop(self.queue.send(input));
    }

    /// Counts the batches dropped since the start because the queue was full.
    pub fn dropped(&self) -> Arc<AtomicU64> {
        self.dropped.clone()
    }
}

fn handle(detectors: &mut HashMap<AssetName, Watched>, input: Input, outputs: &mpsc::Sender<Output>) {
    match input {
        Input::Samples(batch) => live(detectors, &batch, outputs),
        Input::Heard { assets, time } => {
            for asset in assets.iter() {
                if let Some(watched) = detectors.get_mut(asset).filter(|w| w.begun) {
                    watched.detector.heard(time);
                    let watermark = time.before(HEARTBEAT_LAG).max(watched.newest.before(watched.lateness));
                    watched.judge(watermark, false, outputs, asset);
                }
            }
        }
        Input::Replay { asset, samples, published, learned } => {
            let Some(watched) = detectors.get_mut(&asset) else { return };
            watched.published = published;
            // The rows that follow are late and teach nothing.
            learned.into_iter().for_each(|learned| watched.detector.restore(*learned));
            watched.replay(&asset, &samples, outputs);
        }
        Input::Install { asset, artifact, done } => {
            let Some(watched) = detectors.get_mut(&asset) else { return };
            // Nobody waiting for the answer is fine.
            drop(done.send(watched.detector.install(*artifact)));
        }
        Input::Hold { asset, held } => with(detectors, &asset, |detector| detector.hold(held)),
        Input::Assess { asset, assessment, done } => with(detectors, &asset, |detector| {
            detector.assess(assessment);
            drop(done.send(detector.learned().map(Arc::new)));
        }),
        Input::Revert { asset, done } => with(detectors, &asset, |detector| {
            detector.revert();
            drop(done.send(detector.learned().map(Arc::new)));
        }),
    }
}

fn with(detectors: &mut HashMap<AssetName, Watched>, asset: &AssetName, tell: impl FnOnce(&mut Detector)) {
    if let Some(watched) = detectors.get_mut(asset) {
        tell(&mut watched.detector);
    }
}

fn live(detectors: &mut HashMap<AssetName, Watched>, batch: &[TagSample], outputs: &mpsc::Sender<Output>) {
    // The whole batch goes in before anything is judged: a server lists values tag by tag, not row by row.
    let mut by_asset: BTreeMap<&AssetName, Vec<(&TagName, Sample)>> = BTreeMap::new();
    for TagSample { key, sample } in batch {
        by_asset.entry(&key.asset).or_default().push((&key.tag, *sample));
    }
    for (asset, samples) in by_asset {
        if let Some(watched) = detectors.get_mut(asset) {
            watched.push(samples.into_iter());
            watched.judge(watched.newest.before(watched.lateness), false, outputs, asset);
        }
    }
}
