//! Several `andon run` on one PostgreSQL: which of the assets this process owns.
//!
//! A task renews this process's place among the others every second, however long the rest takes. Its assets are monitored in
//! turns: a turn ends when they change. Assets are given to another process only once nothing of them can be written here any
//! more. A process that can't renew its place stops monitoring two seconds before another may take over; only where it was alone it
//! goes on, so that a restart of the server stops nothing. Whatever still waits to be written then is written under a name that the
//! others have deleted, and refused.

mod heart;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use andon_plant::AssetName;
use andon_postgres::sharing::EXPIRY;
use andon_store::{PostgresUrl, StoreError};
use tokio::sync::{oneshot, watch};

use self::heart::{BEAT, Order, Place, Standing, enter};
use crate::{config::Config, lifecycle::Lifecycle};

/// Tries between two lines in the log.
const SAY_EVERY: u64 = 60;

/// A database that may be shared.
#[derive(Debug)]
pub struct Sharing {
    url: PostgresUrl,
    life: Lifecycle,
}

/// This process among those that share a database.
pub struct Shared {
    sharing: Sharing,
    /// Where this process is, as others name it.
    address: String,
    all: BTreeSet<AssetName>,
    mine: BTreeSet<AssetName>,
    place: Place,
}

/// A pipeline's place among others on one store; the default is alone.
#[derive(Debug, Clone, Default)]
pub struct Membership {
    /// The name under which it writes.
    pub name: Option<String>,
    /// What others monitor.
    pub elsewhere: Elsewhere,
}

/// Which assets others monitor, and where. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Elsewhere(Option<Others>);

#[derive(Debug, Clone)]
struct Others {
    standing: watch::Receiver<Standing>,
    /// The assets that are not monitored here.
    assets: Arc<BTreeSet<AssetName>>,
}

impl Elsewhere {
    /// Whether an asset of the configuration is not monitored here.
    pub fn has(&self, asset: &AssetName) -> bool {
        self.0.as_ref().is_some_and(|others| others.assets.contains(asset))
    }

    /// Who monitors each asset that others monitor.
    pub fn owners(&self) -> BTreeMap<AssetName, String> {
        match self.0.as_ref().map(|others| others.standing.borrow().clone()) {
            Some(Standing::Owner(share)) => share.elsewhere,
            Some(Standing::Lost) | None => BTreeMap::new(),
        }
    }
}

/// Why a turn ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// There are more assets to monitor, or others want some.
    Changed,
    /// Another process owns them now, or could.
    Lost,
}

impl Sharing {
    /// The database at `url`, shared in this life.
    pub fn of(url: PostgresUrl, life: Lifecycle) -> Self {
        Self { url, life }
    }

    /// Joins those that share it, and takes as many of `all` assets as nobody has, up to a fair share.
    ///
    /// # Errors
    /// If the server can't be reached or refuses.
    pub async fn join(self, config: &Config, all: BTreeSet<AssetName>) -> Result<Shared, StoreError> {
        let address = format!("{}:{}", host(), config.http.listen.port());
        let place = enter(&self, &address, &all).await?;
        let mut shared = Shared { sharing: self, address, all, mine: BTreeSet::new(), place };
        shared.take_up();
        Ok(shared)
    }
}

impl Shared {
    /// The assets that this process monitors.
    pub fn mine(&self) -> &BTreeSet<AssetName> {
        &self.mine
    }

    /// What a pipeline has to know of it.
    pub fn member(&self) -> Membership {
        let assets = Arc::new(self.all.difference(&self.mine).cloned().collect());
        let others = Others { standing: self.place.standing.clone(), assets };
        Membership { name: Some(self.place.name.clone()), elsewhere: Elsewhere(Some(others)) }
    }

    /// Waits until the assets to monitor are others than [`mine`](Self::mine).
    pub async fn turns(&mut self) -> Turn {
        let mine = self.mine.clone();
        let changed = self.place.standing.wait_for(|standing| wanted(standing) != Some(mine.clone())).await;
        match changed.as_deref() {
            Ok(Standing::Owner(_)) => Turn::Changed,
            Ok(Standing::Lost) | Err(_) => Turn::Lost,
        }
    }

    /// Does what the end of a turn asks for.
    pub async fn follow(&mut self, turn: Option<Turn>) {
        match turn {
            Some(Turn::Changed) => self.settle().await,
            Some(Turn::Lost) => self.join_again().await,
            None => {}
        }
    }

    /// Gives up what others want and takes up what is there, once nothing is written of it any more.
    async fn settle(&mut self) {
        let (answer, done) = oneshot::channel();
        let keep = wanted(&self.place.standing.borrow()).unwrap_or_default();
        if self.place.orders.send(Order::Release(keep, answer)).await.is_ok() {
            done.await.ok();
        }
        self.take_up();
    }

    /// Joins once more, under another name, until it succeeds.
    async fn join_again(&mut self) {
        for tries in 0u64.. {
            tokio::time::sleep(BEAT).await;
            match enter(&self.sharing, &self.address, &self.all).await {
                Ok(place) => {
                    self.place = place;
                    return self.take_up();
                }
                Err(error) if tries.is_multiple_of(SAY_EVERY) => {
                    tracing::warn!(%error, "The database can't be joined; no asset is monitored here.");
                }
                Err(_) => {}
            }
        }
    }

    /// Leaves, so that others take over at once.
    pub async fn leave(self) {
        let (answer, left) = oneshot::channel();
        if self.place.orders.send(Order::Leave(answer)).await.is_ok() {
            tokio::time::timeout(EXPIRY, left).await.ok();
        }
    }

    fn take_up(&mut self) {
        self.mine = wanted(&self.place.standing.borrow_and_update()).unwrap_or_default();
        let assets = self.mine.iter().map(AssetName::as_str).collect::<Vec<_>>().join(", ");
        let (mine, all) = (self.mine.len(), self.all.len());
        tracing::info!(member = %self.place.name, %assets, "{mine} of {all} assets are monitored here.");
    }
}

/// What a process is to monitor: what it owns, less what others should have; none where it may own nothing.
fn wanted(standing: &Standing) -> Option<BTreeSet<AssetName>> {
    match standing {
        Standing::Owner(share) => Some(share.held.iter().take(share.fair).cloned().collect()),
        Standing::Lost => None,
    }
}

/// What this machine is called.
fn host() -> String {
    let name = std::fs::read_to_string("/etc/hostname").ok().or_else(|| std::env::var("COMPUTERNAME").ok());
    name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).unwrap_or_else(|| "andon".to_owned())
}

#[cfg(test)]
mod tests {
    use andon_postgres::Share;

    use super::*;

    #[test]
    fn what_is_more_than_a_fair_share_is_for_others() {
        let held: BTreeSet<_> = ["A", "B", "C"].iter().map(|name| AssetName::new(name).unwrap()).collect();
        let share = |fair| Standing::Owner(Share { held: held.clone(), fair, ..Share::default() });
        assert_eq!(wanted(&share(2)).unwrap().iter().map(|a| a.as_str()).collect::<Vec<_>>(), ["A", "B"]);
        assert_eq!(wanted(&share(5)), Some(held.clone()));
        assert_eq!(wanted(&Standing::Lost), None);
    }
}
