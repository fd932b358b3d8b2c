//! What a writer does on a full or failing disk: makes room, waits, and in the end gives up the oldest of what waits.

use std::sync::atomic::Ordering;

use super::{
    Job, Write,
    task::{Task, connected},
};
use crate::{
    engine::{Connection, Trouble},
    error::StoreError,
    space::Shed,
};

/// Tries in which room is made before a change is waited with.
const AT_ONCE: u64 = 8;
/// From then on history is shed once in so many tries: there may be something that it is no remedy for.
const SHED_EVERY: u64 = 100;
/// Tries before anything is given up, about a second.
const PATIENCE: u64 = 10;
/// Tries for an alarm on a full disk, about five seconds.
const ALARM_PATIENCE: u64 = 50;

impl<W: Write> Task<W> {
    /// Makes room where there is none; whether that is worth another try at once.
    ///
    /// Deleted rows make room in the file; where it is the log that can't grow, that is no help. So both are done in turn:
    /// history is shed, then the reserve given up, and then free pages are given back to the disk.
    pub(super) async fn makes_room(&mut self, trouble: Trouble, tries: u64, batch: &[Job<W>]) -> bool {
        if trouble != Trouble::Full {
            return false;
        }
        if !W::SHEDS {
            let released = self.space.reserve.release();
            if !released {
                self.space.wanted.notify_one();
            }
            return released;
        }
        if !batch.iter().any(|job| job.write.needs_room()) || (tries >= AT_ONCE && !tries.is_multiple_of(SHED_EVERY)) {
            return false;
        }
        match tries {
            0 => match self.shed().await {
                Ok(shed) => shed.rows() > 0,
                Err(_) => self.space.reserve.release(),
            },
            1 => self.space.reserve.release() && self.checkpoint(false).await.is_ok(),
            _ => self.give_back().await,
        }
    }

    /// Whether a change that the disk did not take is given up.
    pub(super) fn is_pointless(&self, trouble: Trouble, tries: u64, batch: &[Job<W>]) -> bool {
        match trouble {
            Trouble::Busy => false,
            Trouble::Failing if !W::SHEDS => true,
            Trouble::Full if !W::SHEDS => tries >= ALARM_PATIENCE,
            Trouble::Failing | Trouble::Full => {
                let full_queue = self.commands.len() == self.commands.max_capacity();
                tries >= PATIENCE && (full_queue || !batch.iter().any(|job| job.write.needs_room()))
            }
        }
    }

    /// Deletes some of the oldest history, in a transaction of its own.
    pub(super) async fn shed(&mut self) -> Result<Shed, StoreError> {
        let shed = self.try_shed().await;
        match &shed {
            Ok(shed) => self.space.note_shed(*shed),
            Err(_) => self.conn = None,
        }
        shed
    }

    async fn try_shed(&mut self) -> Result<Shed, StoreError> {
        let conn = self.connection().await?;
        let shed = W::shed(conn.begin().await?).await?;
        conn.commit().await?;
        Ok(shed)
    }

    /// Sheds some history and gives its pages back to the disk; whether anything was shed.
    pub(super) async fn give_back(&mut self) -> bool {
        let Ok(shed) = self.shed().await else { return false };
        if self.try_give_back().await.is_err() {
            self.conn = None;
        }
        shed.rows() > 0
    }

    async fn try_give_back(&mut self) -> Result<(), StoreError> {
        let conn = self.connection().await?;
        W::give_back(conn.begin().await?).await?;
        conn.commit().await?;
        // The log takes room as well, which others need more.
        conn.checkpoint(true).await
    }

    /// Writes the log into the database, so that it begins anew and a file is as short as its last page.
    pub(super) async fn checkpoint(&mut self, whole: bool) -> Result<(), StoreError> {
        self.connection().await?.checkpoint(whole).await
    }

    async fn connection(&mut self) -> Result<&mut dyn Connection<W::Rows>, StoreError> {
        connected(&mut self.conn, &*self.database).await
    }

    /// Gives up what the disk did not take: whoever waits is told, the rest is counted and said once.
    pub(super) fn give_up(&mut self, batch: Vec<Job<W>>, reason: &str) {
        for job in batch {
            let error = self.database.disk_error(reason);
            let Some(done) = job.done else {
                let rows = job.write.rows() as u64;
                self.counters.given_up.fetch_add(rows, Ordering::Relaxed);
                if self.given_up == 0 {
                    tracing::error!(database = self.database.name(), %error, "Rows can't be stored and are lost, the oldest first.");
                }
                self.given_up += rows;
                self.failed.get_or_insert(error);
                continue;
            };
            done.send(Err(error)).ok();
        }
    }

    /// Says how much was lost once the disk takes rows again.
    pub(super) fn stored_again(&mut self) {
        if self.given_up > 0 {
            tracing::warn!(
                database = self.database.name(),
                rows = self.given_up,
                "Rows are stored again; those before are lost."
            );
            self.given_up = 0;
        }
    }
}
