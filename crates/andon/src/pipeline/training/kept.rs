//! A training that the end of the program cuts short: what it was, and its checkpoints, in a folder beside the store.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use andon_model::weights;
use andon_plant::AssetName;
use serde::{Deserialize, Serialize};

use super::Order;

/// Times a training is begun without getting an epoch further, at the most: one that ends the program must not do so at
/// every start.
const TRIES: usize = 3;

/// The folder of the training that runs; there is never more than one.
#[derive(Debug, Clone)]
pub(super) struct Folder(PathBuf);

/// A training that did not end before the program did.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum CutShort {
    /// It is to go on.
    GoesOn {
        /// Its number.
        id: u64,
        /// What it was.
        order: Order,
    },
    /// It was begun too often.
    GivenUp(AssetName),
}

/// What is written before a training begins.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    id: u64,
    order: Order,
    tries: usize,
    /// When its newest checkpoint was written, as it began.
    checkpoint: Option<SystemTime>,
}

impl Folder {
    /// Beside the store.
    pub(super) fn within(data_dir: &Path) -> Self {
        Self(data_dir.join("training"))
    }

    /// Where the training keeps how far it has come.
    pub(super) fn checkpoint(&self) -> PathBuf {
        self.0.join("checkpoint")
    }

    /// The training that was cut short, if there is one.
    pub(super) fn cut_short(&self) -> Option<CutShort> {
        let kept = self.read()?;
        let asset = kept.order.asset.clone();
        if self.tries(&kept) < TRIES {
            tracing::info!(%asset, "a training that was cut short goes on");
            return Some(CutShort::GoesOn { id: kept.id, order: kept.order });
        }
        tracing::warn!(%asset, "a training was cut short {} times without getting further, and is given up", kept.tries);
        self.remove();
        Some(CutShort::GivenUp(asset))
    }

    /// Notes that `order` begins. Where that fails it is trained all the same, and can't go on after a restart.
    pub(super) fn keep(&self, id: u64, order: &Order) {
        let before = self.read().filter(|kept| kept.order == *order);
        if before.is_none() {
            self.remove();
        }
        let tries = before.map_or(0, |kept| self.tries(&kept)) + 1;
        let kept = Kept { id, order: order.clone(), tries, checkpoint: self.written() };
        if let Err(e) = self.write(&kept) {
            tracing::warn!("{}: {e}; a training that is cut short begins anew", self.0.display());
        }
    }

    /// How often it was begun since it last got further.
    fn tries(&self, kept: &Kept) -> usize {
        if self.written() == kept.checkpoint { kept.tries } else { 0 }
    }

    /// When the newest checkpoint was written.
    fn written(&self) -> Option<SystemTime> {
        let files = fs::read_dir(self.checkpoint()).ok()?.flatten();
        files.filter_map(|file| file.metadata().ok()?.modified().ok()).max()
    }

    /// Forgets the training.
    pub(super) fn remove(&self) {
        match fs::remove_dir_all(&self.0) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => tracing::warn!("{}: {e}", self.0.display()),
            _ => {}
        }
    }

    fn read(&self) -> Option<Kept> {
        serde_json::from_slice(&fs::read(self.order()).ok()?).ok()
    }

    fn write(&self, kept: &Kept) -> io::Result<()> {
        fs::create_dir_all(&self.0)?;
        weights::write(&self.order(), &serde_json::to_vec(kept)?)
    }

    fn order(&self) -> PathBuf {
        self.0.join("order.json")
    }
}

#[cfg(test)]
mod tests {
    use andon_plant::Timestamp;

    use super::*;

    fn order(asset: &str, to: i64) -> Order {
        let asset = AssetName::new(asset).unwrap();
        Order { to: Some(Timestamp::from_secs(to)), ..Order::whole(asset) }
    }

    fn goes_on(id: u64, order: Order) -> Option<CutShort> {
        Some(CutShort::GoesOn { id, order })
    }

    #[test]
    fn a_training_that_is_cut_short_goes_on_but_not_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::within(dir.path());
        assert_eq!(folder.cut_short(), None);
        folder.keep(7, &order("Pump", 9));
        for _ in 1..TRIES {
            assert_eq!(folder.cut_short(), goes_on(7, order("Pump", 9)));
            folder.keep(7, &order("Pump", 9));
        }
        assert_eq!(folder.cut_short(), Some(CutShort::GivenUp(order("Pump", 9).asset)));
        assert!(!dir.path().join("training").exists());
    }

    #[test]
    fn a_training_that_gets_further_each_time_is_not_given_up() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::within(dir.path());
        fs::create_dir_all(folder.checkpoint()).unwrap();
        for start in 0..3 * TRIES {
            folder.keep(7, &order("Pump", 9));
            fs::create_dir_all(folder.checkpoint()).unwrap();
            let file = fs::File::create(folder.checkpoint().join("0.safetensors")).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(start as u64)).unwrap();
            assert_eq!(folder.cut_short(), goes_on(7, order("Pump", 9)));
        }
    }

    #[test]
    fn another_training_does_not_go_on_with_its_checkpoints() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::within(dir.path());
        folder.keep(1, &order("Pump", 9));
        fs::create_dir_all(folder.checkpoint()).unwrap();
        folder.keep(1, &order("Pump", 9));
        assert!(folder.checkpoint().exists());
        folder.keep(2, &order("Pump", 10));
        assert!(!folder.checkpoint().exists());
        assert_eq!(folder.cut_short(), goes_on(2, order("Pump", 10)));
    }
}
