//! A training that the end of the program cuts short: what it was, and its checkpoints, in a folder beside the store.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::Order;

/// Times a training is begun, at the most: one that ends the program must not do so at every start.
const TRIES: usize = 3;

/// The folder of the training that runs; there is never more than one.
#[derive(Debug, Clone)]
pub(super) struct Folder(PathBuf);

/// What is written before a training begins.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    order: Order,
    tries: usize,
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

    /// The training that was cut short, if there is one and it was not begun too often.
    pub(super) fn cut_short(&self) -> Option<Order> {
        let Kept { order, tries } = self.read()?;
        if tries < TRIES {
            tracing::info!(asset = %order.asset, "a training that was cut short goes on");
            return Some(order);
        }
        tracing::warn!(asset = %order.asset, "a training was cut short {tries} times and is given up");
        self.remove();
        None
    }

    /// Notes that `order` begins. Where that fails it is trained all the same, and can't go on after a restart.
    pub(super) fn keep(&self, order: &Order) {
        let before = self.read().filter(|kept| kept.order == *order);
        if before.is_none() {
            self.remove();
        }
        let kept = Kept { order: order.clone(), tries: before.map_or(0, |kept| kept.tries) + 1 };
        if let Err(e) = self.write(&kept) {
            tracing::warn!("{}: {e}; a training that is cut short begins anew", self.0.display());
        }
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

    /// Writes it whole or not at all.
    fn write(&self, kept: &Kept) -> io::Result<()> {
        fs::create_dir_all(&self.0)?;
        let part = self.order().with_extension("part");
        fs::write(&part, serde_json::to_vec(kept)?)?;
        fs::rename(part, self.order())
    }

    fn order(&self) -> PathBuf {
        self.0.join("order.json")
    }
}

#[cfg(test)]
mod tests {
    use andon_plant::{AssetName, Timestamp};

    use super::*;

    fn order(asset: &str, to: i64) -> Order {
        let asset = AssetName::new(asset).unwrap();
        Order { asset, from: None, to: Some(Timestamp::from_secs(to)), begin_with: None }
    }

    #[test]
    fn a_training_that_is_cut_short_goes_on_but_not_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::within(dir.path());
        assert_eq!(folder.cut_short(), None);
        folder.keep(&order("Pump", 9));
        for _ in 1..TRIES {
            assert_eq!(folder.cut_short(), Some(order("Pump", 9)));
            folder.keep(&order("Pump", 9));
        }
        assert_eq!(folder.cut_short(), None);
        assert!(!dir.path().join("training").exists());
    }

    #[test]
    fn another_training_does_not_go_on_with_its_checkpoints() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::within(dir.path());
        folder.keep(&order("Pump", 9));
        fs::create_dir_all(folder.checkpoint()).unwrap();
        folder.keep(&order("Pump", 9));
        assert!(folder.checkpoint().exists());
        folder.keep(&order("Pump", 10));
        assert!(!folder.checkpoint().exists());
        assert_eq!(folder.cut_short(), Some(order("Pump", 10)));
    }
}
