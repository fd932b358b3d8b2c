//! The task that renews a process's place among the others.

use std::{collections::BTreeSet, time::Duration};

use andon_plant::{AssetName, Clock, SystemClock};
use andon_postgres::{Member, Share};
use andon_store::StoreError;
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::Instant,
};

use super::Sharing;

/// Between two renewals.
pub(super) const BEAT: Duration = Duration::from_secs(1);
/// Not renewed for so long, a process among others stops.
const LIMIT: Duration = Duration::from_secs(3);
/// Orders that may wait for the task.
const QUEUE: usize = 4;

/// How a process stands among those that share its database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    Owner(Share),
    /// Others own its assets, or could.
    Lost,
}

pub(super) enum Order {
    Release(BTreeSet<AssetName>, oneshot::Sender<()>),
    Leave(oneshot::Sender<()>),
}

/// What a process knows of its place under one name.
pub(super) struct Place {
    pub(super) name: String,
    pub(super) standing: watch::Receiver<Standing>,
    pub(super) orders: mpsc::Sender<Order>,
}

/// Joins under a name that was never used, so that whoever was taken for dead stays so, and starts the task that renews it.
pub(super) async fn enter(sharing: &Sharing, address: &str, all: &BTreeSet<AssetName>) -> Result<Place, StoreError> {
    let now = SystemClock.now().as_micros();
    let name = format!("{address}/{}/{now}", std::process::id());
    let mut member = Member::join(&sharing.url, &name, all.clone()).await?;
    let share = member.renew().await?;
    let (said, standing) = watch::channel(Standing::Owner(share));
    let (orders, taken) = mpsc::channel(QUEUE);
    sharing.life.spawn(Heart { member, said, orders: taken, renewed: Instant::now(), failing: false }.run());
    Ok(Place { name, standing, orders })
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
