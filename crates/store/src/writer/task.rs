//! The task behind a writer's queue: batches, transactions, and chores in between.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::sync::mpsc;

use super::{Command, Counters, Job, Write};
use crate::{
    engine::{Connection, Database},
    error::StoreError,
    space::Space,
};

/// Rows in one transaction, so that none takes much longer than a fifth of a second.
const BATCH_ROWS: usize = 20_000;
const RETRY: Duration = Duration::from_millis(100);
/// Tries between two lines in the log.
const SAY_EVERY: u64 = 100;

pub(super) struct Task<W: Write> {
    pub(super) database: Arc<dyn Database<W::Rows>>,
    pub(super) space: Arc<Space>,
    /// None after a failure: a fresh connection has no half-open transaction.
    pub(super) conn: Option<Box<dyn Connection<W::Rows>>>,
    pub(super) memory: W::Memory,
    pub(super) commands: mpsc::Receiver<Command<W>>,
    pub(super) counters: Arc<Counters>,
    /// The first queued change that was refused since the last flush.
    pub(super) failed: Option<StoreError>,
    /// Rows given up since the disk took the last.
    pub(super) given_up: u64,
}

impl<W: Write> Task<W> {
    pub(super) async fn run(mut self) {
        let mut closers = Vec::new();
        let mut held = None;
        loop {
            let next = match held.take() {
                Some(command) => Some(command),
                None => tokio::select! {
                    command = self.commands.recv() => command,
                    () = self.space.wanted.notified(), if W::SHEDS => {
                        self.give_back().await;
                        continue;
                    }
                },
            };
            match next {
                Some(Command::Write(job)) => {
                    let (batch, after) = self.gather(job);
                    held = after;
                    self.write(batch).await;
                    // One chore after each batch keeps up with the batches; a pause is used for the rest.
                    while self.tidy().await && held.is_none() && self.is_idle() {}
                }
                Some(Command::Flush(done)) => {
                    done.send(self.failed.take().map_or(Ok(()), Err)).ok();
                }
                Some(Command::Shed(done)) => {
                    done.send(self.shed().await).ok();
                }
                Some(Command::Close(done)) => {
                    self.commands.close();
                    closers.push(done);
                }
                None => break,
            }
        }
        // The connection that writes leaves last: it can empty the log of a file.
        self.database.left().await;
        if let Some(conn) = self.conn.take()
            && let Err(error) = conn.close().await
        {
            tracing::warn!(database = self.database.name(), %error, "The database was not closed cleanly; nothing is lost.");
        }
        for done in closers {
            done.send(()).ok();
        }
    }

    /// Whether nobody waits: no command, and not the end either.
    fn is_idle(&self) -> bool {
        self.commands.is_empty() && !self.commands.is_closed()
    }

    /// What waits in the queue behind `first`, up to a batch, and the command that ended it early.
    fn gather(&mut self, first: Job<W>) -> (Vec<Job<W>>, Option<Command<W>>) {
        let mut rows = first.write.rows();
        let mut batch = vec![first];
        while rows < BATCH_ROWS {
            match self.commands.try_recv() {
                Ok(Command::Write(job)) => {
                    rows += job.write.rows();
                    batch.push(job);
                }
                Ok(other) => return (batch, Some(other)),
                Err(_) => break,
            }
        }
        (batch, None)
    }

    /// Commits a batch; if it is refused, each of its changes by itself, so that one bad change spoils no other. What the disk
    /// does not take it takes of none of them.
    async fn write(&mut self, batch: Vec<Job<W>>) {
        let error = match self.commit(&batch).await {
            Ok(answers) => return answer(batch, answers),
            Err(error) => error,
        };
        if let StoreError::Disk { reason, .. } = error {
            return self.give_up(batch, &reason);
        }
        match <[Job<W>; 1]>::try_from(batch) {
            Ok([job]) => self.refuse(job, error),
            Err(batch) => {
                for job in batch {
                    match self.commit(std::slice::from_ref(&job)).await {
                        Ok(answers) => answer(vec![job], answers),
                        Err(StoreError::Disk { reason, .. }) => self.give_up(vec![job], &reason),
                        Err(error) => self.refuse(job, error),
                    }
                }
            }
        }
    }

    /// One transaction, tried again for as long as it takes while the database is busy, and on a full or failing disk until
    /// there is no point in it.
    async fn commit(&mut self, batch: &[Job<W>]) -> Result<Vec<i64>, StoreError> {
        let mut tries = 0;
        loop {
            let error = match self.attempt(batch).await {
                Ok(answers) => {
                    let rows: usize = batch.iter().map(|job| job.write.rows()).sum();
                    self.counters.rows.fetch_add(rows as u64, Ordering::Relaxed);
                    self.counters.transactions.fetch_add(1, Ordering::Relaxed);
                    self.stored_again();
                    if batch.iter().any(|job| job.write.shrinks()) && self.checkpoint(false).await.is_err() {
                        self.conn = None;
                    }
                    return Ok(answers);
                }
                Err(error) => error,
            };
            // What was rolled back must not be remembered, and a fresh connection has no half-open transaction. After a flush
            // that failed, nothing is known of what was written: all of it is written anew.
            self.memory = W::Memory::default();
            self.conn = None;
            let Some(trouble) = self.database.trouble(&error) else { return Err(error) };
            if !self.makes_room(trouble, tries, batch).await {
                if self.is_pointless(trouble, tries, batch) {
                    return Err(self.database.disk_error(&error.to_string()));
                }
                // Another process's transaction is over in a moment.
                if tries % SAY_EVERY == 2 {
                    tracing::warn!(database = self.database.name(), %error, tries, "The database is held up; writes wait.");
                }
                tokio::time::sleep(RETRY).await;
            }
            tries += 1;
            self.counters.retries.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn attempt(&mut self, batch: &[Job<W>]) -> Result<Vec<i64>, StoreError> {
        let conn = connected(&mut self.conn, &*self.database).await?;
        let memory = &mut self.memory;
        let written = async {
            let rows = conn.begin().await?;
            let mut answers = Vec::with_capacity(batch.len());
            for job in batch {
                answers.push(job.write.apply(rows, memory).await?);
            }
            W::settle(rows, memory).await?;
            Ok(answers)
        };
        let answers = within(self.database.patience(), written).await?;
        conn.commit().await?;
        Ok(answers)
    }

    /// Does the next chore; false where there is none, or where the database is held up: then later.
    async fn tidy(&mut self) -> bool {
        let (Some(chore), Some(conn)) = (W::chore(&self.memory), &mut self.conn) else { return false };
        let done = async {
            let performed = async { W::perform(chore, conn.begin().await?).await };
            let done = within(self.database.patience(), performed).await?;
            conn.commit().await?;
            Ok(done)
        };
        let done = done.await;
        if let Err(error) = &done {
            self.conn = None;
            if self.database.trouble(error).is_some() {
                self.counters.retries.fetch_add(1, Ordering::Relaxed);
                W::postpone(&mut self.memory);
                return false;
            }
        }
        W::note(&mut self.memory, chore, done);
        true
    }

    fn refuse(&mut self, job: Job<W>, error: StoreError) {
        match job.done {
            // Whoever waits decides what to do; it may be gone, which is its own affair.
            Some(done) => {
                done.send(Err(error)).ok();
            }
            None => {
                let rows = job.write.rows();
                self.counters.refused.fetch_add(rows as u64, Ordering::Relaxed);
                tracing::error!(database = self.database.name(), rows, %error, "Rows were refused by the database and are lost.");
                self.failed.get_or_insert(error);
            }
        }
    }
}

fn answer<W>(batch: Vec<Job<W>>, answers: Vec<i64>) {
    for (job, value) in batch.into_iter().zip(answers) {
        if let Some(done) = job.done {
            done.send(Ok(value)).ok();
        }
    }
}

/// What is done, or that the database did not answer: then whoever waits for it would wait for ever.
async fn within<T>(
    patience: Option<Duration>,
    done: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    match patience {
        None => done.await,
        Some(patience) => match tokio::time::timeout(patience, done).await {
            Ok(done) => done,
            Err(_) => Err(StoreError::Database(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()))),
        },
    }
}

/// The writer's connection, a fresh one after a failure.
pub(super) async fn connected<'c, R: ?Sized>(
    conn: &'c mut Option<Box<dyn Connection<R>>>,
    database: &dyn Database<R>,
) -> Result<&'c mut dyn Connection<R>, StoreError> {
    match conn {
        Some(conn) => Ok(&mut **conn),
        none => Ok(&mut **none.insert(database.connect().await?)),
    }
}
