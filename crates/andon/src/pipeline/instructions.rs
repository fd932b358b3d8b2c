//! What people tell the detectors: that an asset is under maintenance, that what it does is normal, and that what was
//! learned goes back to as it was fitted.
//!
//! One task; whoever asks waits for it where its queue is full. It also looks once a second for a maintenance that has begun
//! or ended by itself.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use andon_detect::Learned;
use andon_plant::{Assessment, AssetName, Timestamp};
use andon_store::StoreError;
use andon_ua_server::UaServer;
use tokio::sync::{mpsc, oneshot};

use super::{
    alarms::Message,
    detection::{Detection, Input},
    hub::{Hub, InstructionError},
    maintenance::{self, Maintenance, Plan},
    publish,
};
use crate::lifecycle::Lifecycle;

/// Instructions that wait.
pub(super) const QUEUE: usize = 64;
/// How often it is looked whether a maintenance has begun or ended.
const LOOK: Duration = Duration::from_secs(1);

/// What the task is told.
pub(super) enum Instruction {
    /// An asset is under maintenance, or no longer by order.
    Maintain {
        asset: AssetName,
        order: Option<Maintenance>,
        by: String,
        reply: oneshot::Sender<Result<(), InstructionError>>,
    },
    /// What an operator says of what an asset does.
    Assessed { asset: AssetName, assessment: Assessment },
    /// What an asset's detector has learned goes back to as it was fitted.
    Revert { asset: AssetName, by: String, reply: oneshot::Sender<Result<(), InstructionError>> },
}

/// The task.
pub(super) struct Instructions {
    hub: Hub,
    ua: UaServer,
    detection: Detection,
    lifecycle: Lifecycle,
    plan: Plan,
    /// What is written down of each asset.
    marked: BTreeMap<AssetName, bool>,
}

impl Instructions {
    /// Takes up the maintenance that was in force when the process last stopped.
    pub(super) async fn restored(
        hub: Hub,
        ua: UaServer,
        detection: Detection,
        lifecycle: Lifecycle,
    ) -> Result<Self, StoreError> {
        let plan = Plan::restored(&hub.store, hub.config.assets.iter().map(|a| &a.name)).await?;
        let mut restored = Self { hub, ua, detection, lifecycle, plan, marked: BTreeMap::new() };
        restored.end_what_ended().await;
        restored.look().await;
        Ok(restored)
    }

    /// Runs until it is cancelled.
    pub(super) async fn run(mut self, mut instructions: mpsc::Receiver<Instruction>) {
        let cancel = self.lifecycle.token();
        let mut look = tokio::time::interval(LOOK);
        loop {
            tokio::select! {
                () = cancel.cancelled() => return,
                Some(instruction) = instructions.recv() => self.take(instruction).await,
                _ = look.tick() => self.look().await,
            }
        }
    }

    async fn take(&mut self, instruction: Instruction) {
        match instruction {
            Instruction::Maintain { asset, order, by, reply } => {
                // Whoever asked may have gone; it is done all the same.
                drop(reply.send(self.maintain(&asset, order, &by).await.map_err(Into::into)));
            }
            Instruction::Assessed { asset, assessment } => {
                match assessment {
                    Assessment::Nuisance => tracing::info!(%asset, "this is normal: it is learned from"),
                    Assessment::Real => tracing::info!(%asset, "this is not normal: nothing is learned from it"),
                }
                // Without a model, and when the process stops, there is nothing to learn.
                drop(self.teach(&asset, |done| Input::Assess { asset: asset.clone(), assessment, done }).await);
            }
            Instruction::Revert { asset, by, reply } => drop(reply.send(self.revert(asset, &by).await)),
        }
    }

    async fn maintain(&mut self, asset: &AssetName, order: Option<Maintenance>, by: &str) -> Result<(), StoreError> {
        let comment = match &order {
            Some(order) => format!("maintenance {}: {}", until(order.until), order.reason),
            None => "maintenance was ended".to_owned(),
        };
        self.plan.order(&self.hub.store, asset, order).await?;
        tracing::info!(%asset, by, "{comment}");
        let note = Message::Note { asset: asset.clone(), by: Some(by.to_owned()), comment };
        // The alarm task only ends when the process stops.
        drop(self.hub.alarms.send(note).await);
        self.look().await;
        Ok(())
    }

    /// Takes up what has begun or ended since it was last looked.
    async fn look(&mut self) {
        let now = self.hub.clock.now();
        for card in self.hub.board.assets() {
            let due = self.plan.due(&card, now);
            let held = due.is_some();
            if card.maintenance != due {
                self.change(&card.config.name, card.maintenance.is_some(), due).await;
            }
            // By the clock of the samples that are left out of training.
            self.mark(&card.config.name, card.last_sample.unwrap_or(now), held).await;
        }
    }

    async fn change(&self, asset: &AssetName, held: bool, due: Option<Maintenance>) {
        match &due {
            Some(m) => tracing::info!(%asset, "under maintenance {}: {}", until(m.until), m.reason),
            None => tracing::info!(%asset, "maintenance has ended"),
        }
        let hold = due.is_some();
        self.hub.board.update(asset, |card| card.maintenance = due);
        if hold != held {
            self.give(Input::Hold { asset: asset.clone(), held: hold }).await;
        }
        publish::state(&self.hub, &self.ua, asset);
    }

    /// Writes down the end of an order that ended while nobody looked.
    async fn end_what_ended(&mut self) {
        let now = self.hub.clock.now();
        for card in self.hub.board.assets() {
            let asset = &card.config.name;
            if let Some(end) = self.plan.ends(asset).filter(|end| *end <= now) {
                self.mark(asset, end, false).await;
            }
        }
    }

    /// Writes down whether an asset is under maintenance, once, and again until that has been done.
    async fn mark(&mut self, asset: &AssetName, time: Timestamp, held: bool) {
        if self.marked.get(asset) == Some(&held) {
            return;
        }
        match maintenance::mark(&self.hub.store, asset, time, held).await {
            Ok(()) => drop(self.marked.insert(asset.clone(), held)),
            Err(e) => {
                tracing::error!(%asset, "that a maintenance has begun or ended could not be written, it is tried again: {e}")
            }
        }
    }

    async fn revert(&self, asset: AssetName, by: &str) -> Result<(), InstructionError> {
        self.teach(&asset, |done| Input::Revert { asset: asset.clone(), done }).await?;
        tracing::info!(%asset, by, "the threshold and the drift followed are again as they were fitted");
        Ok(())
    }

    /// Tells a detector what changes what it has learned; what it has then is kept for the next start and shown.
    async fn teach(
        &self,
        asset: &AssetName,
        input: impl FnOnce(oneshot::Sender<Option<Arc<Learned>>>) -> Input,
    ) -> Result<(), InstructionError> {
        let (done, taught) = oneshot::channel();
        self.give(input(done)).await;
        let learned = taught.await.map_err(|_| InstructionError::Stopping)?;
        let learned = learned.ok_or_else(|| InstructionError::NoModel(asset.clone()))?;
        publish::keep(&self.hub, asset, &learned).await;
        self.hub.board.update(asset, |card| card.learned = Some(learned));
        publish::state(&self.hub, &self.ua, asset);
        Ok(())
    }

    /// Hands over what must not be lost; the detector's queue may be full for a while.
    async fn give(&self, input: Input) {
        let detection = self.detection.clone();
        drop(self.lifecycle.spawn_blocking(move || detection.give(input)).await);
    }
}

fn until(time: Option<Timestamp>) -> String {
    time.map_or_else(|| "for as long as that is so".to_owned(), |time| format!("until {time}"))
}

#[cfg(test)]
mod tests {
    use andon_plant::{AssetState, Ne107};

    use super::*;
    use crate::pipeline::support::{Bench, bench, mixer};

    async fn task(bench: &Bench) -> Instructions {
        let (detection, _) = Detection::start(&bench.hub.config.assets).unwrap();
        let (hub, ua, lifecycle) = (bench.hub.clone(), bench.ua.clone(), bench.lifecycle.clone());
        Instructions::restored(hub, ua, detection, lifecycle).await.unwrap()
    }

    fn state(bench: &Bench) -> (AssetState, Ne107) {
        let card = bench.hub.board.asset("Mixer").unwrap();
        (card.state(), card.health())
    }

    #[tokio::test]
    async fn a_maintenance_survives_a_restart_and_ends_by_itself() {
        let bench = bench().await;
        let until = bench.hub.clock.now().after(Duration::from_secs(60));
        let order = Maintenance::ordered(until, "belt".to_owned(), "ann");
        task(&bench).await.maintain(&mixer(), Some(order), "ann").await.unwrap();
        assert_eq!(state(&bench), (AssetState::Maintenance, Ne107::CheckFunction));
        bench.hub.board.update("Mixer", |card| card.maintenance = None);

        let mut after = task(&bench).await;
        assert_eq!(state(&bench), (AssetState::Maintenance, Ne107::CheckFunction));
        bench.clock.advance(Duration::from_secs(60));
        after.look().await;
        assert_eq!(state(&bench).0, AssetState::NoData);
    }

    #[tokio::test]
    async fn when_an_asset_was_under_maintenance_is_written_down() {
        let bench = bench().await;
        let now = bench.hub.clock.now();
        let until = now.after(Duration::from_secs(60));
        let order = Maintenance::ordered(until, "belt".to_owned(), "ann");
        let mut before = task(&bench).await;
        before.maintain(&mixer(), Some(order), "ann").await.unwrap();
        let served = maintenance::history(&bench.hub.store, &mixer()).await.unwrap();
        assert_eq!(served, [(now, None)]);
        // It ends while nobody looks.
        bench.clock.advance(Duration::from_secs(90));
        bench.hub.board.update("Mixer", |card| card.maintenance = None);
        task(&bench).await;
        let served = maintenance::history(&bench.hub.store, &mixer()).await.unwrap();
        assert_eq!(served, [(now, Some(until))]);
    }

    #[tokio::test]
    async fn a_maintenance_that_was_ended_does_not_come_back() {
        let bench = bench().await;
        let until = bench.hub.clock.now().after(Duration::from_secs(60));
        let order = Maintenance::ordered(until, "belt".to_owned(), "ann");
        let mut before = task(&bench).await;
        before.maintain(&mixer(), Some(order), "ann").await.unwrap();
        before.maintain(&mixer(), None, "ann").await.unwrap();
        task(&bench).await;
        assert_eq!(state(&bench).0, AssetState::NoData);
    }

    #[tokio::test]
    async fn a_threshold_that_is_not_there_can_not_be_reverted() {
        let bench = bench().await;
        let refused = task(&bench).await.revert(mixer(), "ann").await;
        assert!(matches!(refused, Err(InstructionError::NoModel(_))));
    }
}
