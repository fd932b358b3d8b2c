//! The hub: what the API, the OPC UA server and the command line hold of the running pipeline.

use std::sync::{Arc, atomic::AtomicU64};

use andon_plant::{Alarm, AlarmId, Assessment, AssetName, Clock, Condition, Timestamp};
use andon_store::{Store, StoreError};
use tokio::sync::{mpsc, oneshot};

use super::{
    alarms::{Assessed, Message, Said},
    board::Board,
    instructions::Instruction,
    live::LiveFeed,
    maintenance::Maintenance,
    training::Training,
};
use crate::{config::Config, sharing::Elsewhere};

/// Commands that wait for the alarm task; when it is full a caller waits.
pub(super) const ALARM_QUEUE: usize = 256;

/// The running pipeline as its users see it. Cheap to clone.
#[derive(Clone)]
pub struct Hub {
    /// The configuration it runs.
    pub config: Arc<Config>,
    /// The present.
    pub clock: Arc<dyn Clock>,
    /// What is true right now.
    pub board: Arc<Board>,
    /// What has just happened.
    pub live: LiveFeed,
    /// Histories, alarms and models.
    pub store: Store,
    /// What others monitor that share the store.
    pub elsewhere: Elsewhere,
    /// Trainings.
    pub training: Training,
    /// Batches that were stored but not judged because the detector was too slow.
    pub(crate) unjudged: Arc<AtomicU64>,
    pub(super) alarms: mpsc::Sender<Message>,
    pub(super) instructions: mpsc::Sender<Instruction>,
}

/// An alarm could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum AlarmError {
    /// There is no such alarm.
    #[error("there is no alarm {}", .0.0)]
    NotFound(AlarmId),
    /// Another process monitors its asset.
    #[error("{asset} is monitored by {owner}: ask there")]
    Elsewhere {
        /// The asset.
        asset: AssetName,
        /// The other process.
        owner: String,
    },
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The pipeline is stopping.
    #[error("andon is stopping")]
    Stopping,
}

/// A detector could not be told.
#[derive(Debug, thiserror::Error)]
pub enum InstructionError {
    /// There is nothing to tell.
    #[error("asset `{0}` has no model yet, so there is no threshold to revert")]
    NoModel(AssetName),
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The pipeline is stopping.
    #[error("andon is stopping")]
    Stopping,
}

impl Hub {
    /// Who else monitors an asset; none where it is monitored here, or nobody shares the store.
    pub fn owner_elsewhere(&self, asset: &AssetName) -> Option<String> {
        let owner = || self.elsewhere.owners().remove(asset).unwrap_or_else(|| "nobody at the moment".to_owned());
        self.elsewhere.has(asset).then(owner)
    }

    /// The present of an asset, whose plant's clock may be ahead of ours.
    pub fn present(&self, asset: &AssetName) -> Timestamp {
        let now = self.clock.now();
        self.board.asset(asset).and_then(|card| card.last_sample).map_or(now, |last| now.max(last))
    }

    /// Acknowledges an alarm; an alarm that is acknowledged already stays as it is. Durable when this returns.
    ///
    /// # Errors
    /// If there is no such alarm, or it can't be written.
    pub async fn acknowledge(&self, id: AlarmId, by: &str, comment: Option<String>) -> Result<Alarm, AlarmError> {
        let (reply, answer) = oneshot::channel();
        let message = Message::Acknowledge { id, by: by.to_owned(), comment, reply };
        self.alarms.send(message).await.map_err(|_| AlarmError::Stopping)?;
        answer.await.map_err(|_| AlarmError::Stopping)?
    }

    /// Says what an alarm was; what was said last counts. Durable when this returns. The detector is told that what goes on is
    /// normal, by an alarm of the score or the model that is active, and is learned from; or that it was not, by the newest alarm of
    /// the score: what was learned of it is taken back.
    ///
    /// # Errors
    /// If there is no such alarm, or it can't be written.
    pub async fn assess(&self, id: AlarmId, said: Said) -> Result<Alarm, AlarmError> {
        let assessment = said.assessment;
        let (reply, answer) = oneshot::channel();
        self.alarms.send(Message::Assess { id, said, reply }).await.map_err(|_| AlarmError::Stopping)?;
        let Assessed { alarm, newest } = answer.await.map_err(|_| AlarmError::Stopping)??;
        let told = match assessment {
            Assessment::Nuisance => {
                alarm.state.active() && matches!(alarm.condition, Condition::Score | Condition::Model)
            }
            Assessment::Real => newest && alarm.condition == Condition::Score,
        };
        if told {
            let assessed = Instruction::Assessed { asset: alarm.asset.clone(), assessment };
            self.instructions.send(assessed).await.map_err(|_| AlarmError::Stopping)?;
        }
        Ok(alarm)
    }

    /// What was called normal has become something else. Does not wait: the alarm task says so, which instructions wait for.
    pub(super) fn no_longer_normal(&self, asset: &AssetName) {
        let assessed = Instruction::Assessed { asset: asset.clone(), assessment: Assessment::Real };
        if self.instructions.try_send(assessed).is_err() {
            tracing::error!(%asset, "too many instructions wait: what was called normal is still learned from");
        }
    }

    /// Puts an asset under maintenance, or ends the one that was ordered where `order` is none. Durable when this returns.
    ///
    /// # Errors
    /// If it can't be written.
    pub async fn maintain(
        &self,
        asset: AssetName,
        order: Option<Maintenance>,
        by: &str,
    ) -> Result<(), InstructionError> {
        let by = by.to_owned();
        self.instruct(|reply| Instruction::Maintain { asset, order, by, reply }).await
    }

    /// Takes what an asset's detector has learned, its threshold and what drift it followed, back to as it was fitted.
    ///
    /// # Errors
    /// If the asset has no model.
    pub async fn revert_threshold(&self, asset: AssetName, by: &str) -> Result<(), InstructionError> {
        let by = by.to_owned();
        self.instruct(|reply| Instruction::Revert { asset, by, reply }).await
    }

    async fn instruct(
        &self,
        instruction: impl FnOnce(oneshot::Sender<Result<(), InstructionError>>) -> Instruction,
    ) -> Result<(), InstructionError> {
        let (reply, answer) = oneshot::channel();
        self.instructions.send(instruction(reply)).await.map_err(|_| InstructionError::Stopping)?;
        answer.await.map_err(|_| InstructionError::Stopping)?
    }
}
