//! Several `andon run` on one PostgreSQL: which of the assets this process owns.
//!
//! A task renews this process's place among the others every second, however long the rest takes. Its assets are monitored in
//! turns: a turn ends when they change. Assets are given to another process only once nothing of them can be written here any
//! more. A process that can't renew its place stops monitoring two seconds before another may take over; only where it was alone it
//! goes on, so that a restart of the server stops nothing. Whatever still waits to be written then is written under a name that the
//! others have deleted, and refused.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use andon_plant::{AssetName, Clock, SystemClock};
use andon_postgres::{Member, Share, sharing::EXPIRY};
use andon_store::{PostgresUrl, StoreError};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::Instant,
};

use crate::{config::Config, lifecycle::Lifecycle};

/// Between two renewals.
const BEAT: Duration = Duration::from_secs(1);
/// Not renewed for so long, a process among others stops.
const LIMIT: Duration = Duration::from_secs(3);
/// Tries between two lines in the log.
const SAY_EVERY: u64 = 60;
/// Orders that may wait for the task.
const QUEUE: usize = 4;

/// A database that may be shared.
#[derive(Debug)]
pub struct Sharing {
    url: PostgresUrl,
    life: Lifecycle,
}

/// This process among those that share a database.
#[derive(Debug)]
pub struct Shared {
    sharing: Sharing,
    place: String,
    all: BTreeSet<AssetName>,
    name: String,
    mine: BTreeSet<AssetName>,
    standing: watch::Receiver<Standing>,
    orders: mpsc::Sender<Order>,
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

/// How a process stands among those that share its database.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Standing {
    Owner(Share),
    /// Others own its assets, or could.
    Lost,
}

enum Order {
    Release(BTreeSet<AssetName>, oneshot::Sender<()>),
    Leave(oneshot::Sender<()>),
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
        let place = format!("{}:{}", host(), config.http.listen.port());
        let (name, standing, orders) = enter(&self, &place, &all).await?;
        let mut shared = Shared { sharing: self, place, all, name, mine: BTreeSet::new(), standing, orders };
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
        let others = Others { standing: self.standing.clone(), assets };
        Membership { name: Some(self.name.clone()), elsewhere: Elsewhere(Some(others)) }
    }

    /// Waits until the assets to monitor are others than [`mine`](Self::mine).
    pub async fn turns(&mut self) -> Turn {
        let mine = self.mine.clone();
        let changed = self.standing.wait_for(|standing| wanted(standing) != Some(mine.clone())).await;
        match changed.as_deref() {
            Ok(Standing::Owner(_)) => Turn::Changed,
            Ok(Standing::Lost) | Err(_) => Turn::Lost,
        }
    }

    /// Gives up what others want and takes up what is there, once nothing is written of it any more.
    pub async fn settle(&mut self) {
        let (answer, done) = oneshot::channel();
        let keep = wanted(&self.standing.borrow()).unwrap_or_default();
        if self.orders.send(Order::Release(keep, answer)).await.is_ok() {
            done.await.ok();
        }
        self.take_up();
    }

    /// Joins once more, under another name, until it succeeds.
    pub async fn join_again(&mut self) {
        for tries in 0u64.. {
            tokio::time::sleep(BEAT).await;
            match enter(&self.sharing, &self.place, &self.all).await {
                Ok((name, standing, orders)) => {
                    (self.name, self.standing, self.orders) = (name, standing, orders);
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
        if self.orders.send(Order::Leave(answer)).await.is_ok() {
            tokio::time::timeout(EXPIRY, left).await.ok();
        }
    }

    fn take_up(&mut self) {
        self.mine = wanted(&self.standing.borrow_and_update()).unwrap_or_default();
        let assets = self.mine.iter().map(AssetName::as_str).collect::<Vec<_>>().join(", ");
        let (mine, all) = (self.mine.len(), self.all.len());
        tracing::info!(member = %self.name, %assets, "{mine} of {all} assets are monitored here.");
    }
}

/// What a process is to monitor: what it owns, less what others should have; none where it may own nothing.
fn wanted(standing: &Standing) -> Option<BTreeSet<AssetName>> {
    match standing {
        Standing::Owner(share) => Some(share.held.iter().take(share.fair).cloned().collect()),
        Standing::Lost => None,
    }
}

type Entered = (String, watch::Receiver<Standing>, mpsc::Sender<Order>);

/// Joins under a name that was never used, so that whoever was taken for dead stays so, and starts the task that renews it.
async fn enter(sharing: &Sharing, place: &str, all: &BTreeSet<AssetName>) -> Result<Entered, StoreError> {
    let now = SystemClock.now().as_micros();
    let name = format!("{place}/{}/{now}", std::process::id());
    let mut member = Member::join(&sharing.url, &name, all.clone()).await?;
    let share = member.renew().await?;
    let (said, standing) = watch::channel(Standing::Owner(share));
    let (orders, taken) = mpsc::channel(QUEUE);
    sharing.life.spawn(Heart { member, said, orders: taken, renewed: Instant::now(), failing: false }.run());
    Ok((name, standing, orders))
}

/// The task that renews a process's place.
struct Heart {
    member: Member,
    said: watch::Sender<Standing>,
    orders: mpsc::Receiver<Order>,
    renewed: Instant,
    failing: bool,
}

impl Heart {
    /// Ends when it is told to leave, or nobody listens any more, or the place is lost.
    async fn run(mut self) {
        loop {
            tokio::select! {
                order = self.orders.recv() => match order {
                    Some(Order::Release(keep, answer)) => {
                        self.release(&keep).await;
                        answer.send(()).ok();
                    }
                    Some(Order::Leave(answer)) => {
                        if let Err(error) = self.member.leave().await {
                            tracing::warn!(%error, "The others take over a little later.");
                        }
                        answer.send(()).ok();
                        return;
                    }
                    None => return,
                },
                () = tokio::time::sleep(BEAT) => self.beat().await,
            }
            if *self.said.borrow() == Standing::Lost {
                return;
            }
        }
    }

    async fn release(&mut self, keep: &BTreeSet<AssetName>) {
        let surplus = match &*self.said.borrow() {
            Standing::Owner(share) => share.held.difference(keep).cloned().collect(),
            Standing::Lost => BTreeSet::new(),
        };
        if !surplus.is_empty() {
            match tokio::time::timeout(LIMIT, self.member.release(&surplus)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    tracing::warn!(%error, "Assets could not be given to another process; they will be later.")
                }
                Err(_) => self.member.disconnect(),
            }
        }
        self.beat().await;
    }

    async fn beat(&mut self) {
        // From before it was asked for: the server counts from later.
        let asked = Instant::now();
        let patience = (self.renewed + LIMIT).max(asked + BEAT);
        match tokio::time::timeout_at(patience, self.member.renew()).await {
            Ok(Ok(share)) => {
                (self.renewed, self.failing) = (asked, false);
                self.said.send_replace(Standing::Owner(share));
            }
            Ok(Err(StoreError::Fenced)) => {
                tracing::warn!("Another andon has taken over: this one was not heard of for too long.");
                self.said.send_replace(Standing::Lost);
            }
            Ok(Err(error)) => self.unreachable(&error.to_string()),
            Err(_) => {
                self.member.disconnect();
                self.unreachable("it does not answer");
            }
        }
    }

    fn unreachable(&mut self, why: &str) {
        if !self.failing {
            tracing::warn!(why, "This andon's place among those that share the database can't be renewed.");
        }
        self.failing = true;
        let alone = matches!(&*self.said.borrow(), Standing::Owner(share) if share.nodes == 1);
        if !alone && self.renewed.elapsed() >= LIMIT {
            tracing::warn!("Others may have taken over: nothing is monitored here until the database answers.");
            self.said.send_replace(Standing::Lost);
        }
    }
}

/// What this machine is called.
fn host() -> String {
    let name = std::fs::read_to_string("/etc/hostname").ok().or_else(|| std::env::var("COMPUTERNAME").ok());
    name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).unwrap_or_else(|| "andon".to_owned())
}

#[cfg(test)]
mod tests {
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
