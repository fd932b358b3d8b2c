//! Starting and stopping: the root cancellation token and the tracker of everything that was spawned under it.

use std::{future::Future, time::Duration};

use tokio::task::JoinHandle;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long a stop may take before what is left is abandoned.
const PATIENCE: Duration = Duration::from_secs(5);

/// The life of the process: nothing is spawned outside it.
#[derive(Debug, Clone, Default)]
pub struct Lifecycle {
    cancel: CancellationToken,
    tracker: TaskTracker,
}

impl Lifecycle {
    /// The token that is cancelled when the process is to stop.
    pub fn token(&self) -> CancellationToken {
        self.cancel.clone()
    }

    /// Spawns a task that must end by itself once the token is cancelled.
    pub fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.tracker.spawn(task)
    }

    /// Spawns blocking work that must look at the token now and then.
    pub fn spawn_blocking<F, T>(&self, work: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.tracker.spawn_blocking(work)
    }

    /// Waits for Ctrl-C, SIGTERM or a task that cancelled the token.
    pub async fn stopped(&self) {
        tokio::select! {
            () = signalled() => tracing::info!("asked to stop"),
            () = self.cancel.cancelled() => {}
        }
    }

    /// Cancels everything and waits until it has ended, five seconds at the most.
    pub async fn stop(&self) {
        self.cancel.cancel();
        self.tracker.close();
        if tokio::time::timeout(PATIENCE, self.tracker.wait()).await.is_err() {
            tracing::warn!(left = self.tracker.len(), "some tasks did not stop in time");
        }
    }
}

#[cfg(unix)]
async fn signalled() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        },
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
}

#[cfg(not(unix))]
async fn signalled() {
    drop(tokio::signal::ctrl_c().await);
}
