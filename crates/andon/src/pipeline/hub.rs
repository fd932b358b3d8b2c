//! The hub: what the API, the OPC UA server and the command line hold of the running pipeline.

use std::sync::{Arc, atomic::AtomicU64};

use andon_plant::{Alarm, AlarmId, Clock};
use andon_store::{Store, StoreError};
use tokio::sync::{mpsc, oneshot};

use super::{board::Board, live::LiveFeed, training::Training};
use crate::config::Config;

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
    /// Trainings.
    pub training: Training,
    /// Batches that were stored but not judged because the detector was too slow.
    pub(crate) unjudged: Arc<AtomicU64>,
    pub(super) alarms: mpsc::Sender<super::alarms::Message>,
}

/// An alarm could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum AlarmError {
    /// There is no such alarm.
    #[error("there is no alarm {}", .0.0)]
    NotFound(AlarmId),
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The pipeline is stopping.
    #[error("andon is stopping")]
    Stopping,
}

impl Hub {
    /// Acknowledges an alarm; an alarm that is acknowledged already stays as it is. Durable when this returns.
    ///
    /// # Errors
    /// If there is no such alarm, or it can't be written.
    pub async fn acknowledge(&self, id: AlarmId, by: &str, comment: Option<String>) -> Result<Alarm, AlarmError> {
        let (reply, answer) = oneshot::channel();
        let message = super::alarms::Message::Acknowledge { id, by: by.to_owned(), comment, reply };
        self.alarms.send(message).await.map_err(|_| AlarmError::Stopping)?;
        answer.await.map_err(|_| AlarmError::Stopping)?
    }
}
