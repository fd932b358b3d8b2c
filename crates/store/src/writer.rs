//! The one writer of a database file: a task that takes commands from a bounded queue and commits them in batches.
//!
//! A batch is what waits in the queue when the writer is free: one command when it is idle, many when it is busy, so that
//! the cost of a commit is shared exactly when that is needed. When the queue is full, callers wait for room
//! (back-pressure). A busy database is waited for, and nothing that was queued is lost by it.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use sqlx::{Connection, SqliteConnection};
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;

use crate::{error::StoreError, file::DatabaseFile};

/// Commands that may wait.
const QUEUE: usize = 256;
/// Rows in one transaction, so that none takes much longer than a fifth of a second.
const BATCH_ROWS: usize = 20_000;
const RETRY: Duration = Duration::from_millis(100);
/// Tries between two lines in the log.
const SAY_EVERY: u64 = 100;

/// SQLite's codes for a lock that another connection holds.
const BUSY_OR_LOCKED: [i32; 2] = [5, 6];
/// SQLite's codes for a disk that fails or is full.
const DISK: [i32; 2] = [10, 13];

/// A change to one database file.
pub(crate) trait Write: Send + Sync + 'static {
    /// What is remembered between transactions, such as the numbers of names.
    type Memory: Default + Send + Sync;
    /// Work that can wait until nothing else does, such as tidying; each piece is a transaction of its own.
    type Chore: Copy + Send + Sync;
    /// What a chore leaves behind to be remembered.
    type Done: Send;
    /// Whether a disk that fails or is full is waited for; otherwise the caller is told.
    const WAITS_FOR_DISK: bool;

    /// Rows it writes, as a measure of its size.
    fn rows(&self) -> usize;

    /// Makes the change. The number returned is the caller's answer: an id, a version or a count.
    fn apply(
        &self,
        conn: &mut SqliteConnection,
        memory: &mut Self::Memory,
    ) -> impl Future<Output = Result<i64, StoreError>> + Send;

    /// Makes what the changes of a transaction have left to be made together; called before it is committed.
    fn settle(
        conn: &mut SqliteConnection,
        memory: &mut Self::Memory,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The next chore, if any is due.
    fn chore(memory: &Self::Memory) -> Option<Self::Chore>;

    /// Does a chore.
    fn perform(
        chore: Self::Chore,
        conn: &mut SqliteConnection,
        memory: &Self::Memory,
    ) -> impl Future<Output = Result<Self::Done, StoreError>> + Send;

    /// Remembers that a chore is done, or that it can't be.
    fn note(memory: &mut Self::Memory, chore: Self::Chore, result: Result<Self::Done, StoreError>);
}

/// What a writer has done since it was started.
#[derive(Debug, Default)]
struct Counters {
    rows: AtomicU64,
    transactions: AtomicU64,
    retries: AtomicU64,
    refused: AtomicU64,
}

/// What the writer of one file has done since the store was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriterStats {
    /// Commands waiting.
    pub queued: usize,
    /// Commands that may wait before callers do.
    pub queue_capacity: usize,
    /// Rows committed.
    pub rows: u64,
    /// Transactions committed.
    pub transactions: u64,
    /// Transactions tried again because the database was busy or its disk full.
    pub retries: u64,
    /// Rows that SQLite refused for good; each time there was an error in the log.
    pub refused_rows: u64,
}

struct Job<W> {
    write: W,
    /// Who waits for the commit; none where the change was only queued.
    done: Option<oneshot::Sender<Result<i64, StoreError>>>,
}

enum Command<W> {
    Write(Job<W>),
    Flush(oneshot::Sender<Result<(), StoreError>>),
    Close(oneshot::Sender<()>),
}

/// The sending side: cheap to clone.
pub(crate) struct Writer<W> {
    queue: mpsc::Sender<Command<W>>,
    counters: Arc<Counters>,
}

impl<W: Write> Writer<W> {
    /// Starts the writer of `file` at `path`. It ends, with everything queued committed, when it is closed or when the
    /// last sender is gone.
    pub(crate) async fn start(
        file: &'static DatabaseFile,
        path: PathBuf,
        tasks: &TaskTracker,
    ) -> Result<Self, StoreError> {
        let (queue, commands) = mpsc::channel(QUEUE);
        let counters = Arc::new(Counters::default());
        let conn = Some(file.writer(&path).await?);
        let memory = W::Memory::default();
        let task = Task { file, path, conn, memory, commands, counters: counters.clone(), failed: None };
        tasks.spawn(task.run());
        Ok(Self { queue, counters })
    }

    /// Queues a change; waits only for room in the queue.
    pub(crate) async fn queue(&self, write: W) -> Result<(), StoreError> {
        self.send(Command::Write(Job { write, done: None })).await
    }

    /// Makes a change and waits until it is committed.
    pub(crate) async fn commit(&self, write: W) -> Result<i64, StoreError> {
        let (done, committed) = oneshot::channel();
        self.send(Command::Write(Job { write, done: Some(done) })).await?;
        committed.await.map_err(|_| StoreError::Closed)?
    }

    /// Waits until everything queued before is committed; the error is of a queued change that was refused since the
    /// last flush.
    pub(crate) async fn flush(&self) -> Result<(), StoreError> {
        let (done, flushed) = oneshot::channel();
        self.send(Command::Flush(done)).await?;
        flushed.await.map_err(|_| StoreError::Closed)?
    }

    /// Commits what is queued and closes the connection. Closing twice is closing once.
    pub(crate) async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.send(Command::Close(done)).await.is_ok() {
            // An error means the task has ended by itself, which is what was asked for.
            closed.await.ok();
        }
    }

    pub(crate) fn stats(&self) -> WriterStats {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        WriterStats {
            queued: self.queue.max_capacity() - self.queue.capacity(),
            queue_capacity: self.queue.max_capacity(),
            rows: of(&self.counters.rows),
            transactions: of(&self.counters.transactions),
            retries: of(&self.counters.retries),
            refused_rows: of(&self.counters.refused),
        }
    }

    async fn send(&self, command: Command<W>) -> Result<(), StoreError> {
        self.queue.send(command).await.map_err(|_| StoreError::Closed)
    }
}

struct Task<W: Write> {
    file: &'static DatabaseFile,
    path: PathBuf,
    /// None after a failure: a fresh connection has no half-open transaction.
    conn: Option<SqliteConnection>,
    memory: W::Memory,
    commands: mpsc::Receiver<Command<W>>,
    counters: Arc<Counters>,
    /// The first queued change that was refused since the last flush.
    failed: Option<StoreError>,
}

impl<W: Write> Task<W> {
    async fn run(mut self) {
        let mut closers = Vec::new();
        let mut held = None;
        loop {
            let next = match held.take() {
                Some(command) => Some(command),
                None => self.commands.recv().await,
            };
            match next {
                Some(Command::Write(job)) => {
                    let (batch, after) = self.gather(job);
                    held = after;
                    self.write(batch).await;
                    // One chore after each batch keeps up with the batches; a pause is used for the rest.
                    while self.tidy().await && held.is_none() && self.commands.is_empty() {}
                }
                Some(Command::Flush(done)) => {
                    done.send(self.failed.take().map_or(Ok(()), Err)).ok();
                }
                Some(Command::Close(done)) => {
                    self.commands.close();
                    closers.push(done);
                }
                None => break,
            }
        }
        if let Some(conn) = self.conn.take()
            && let Err(error) = conn.close().await
        {
            tracing::warn!(file = self.file.name, %error, "The database was not closed cleanly; nothing is lost.");
        }
        for done in closers {
            done.send(()).ok();
        }
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

    /// Commits a batch; if it is refused, each of its changes by itself, so that one bad change spoils no other.
    async fn write(&mut self, batch: Vec<Job<W>>) {
        let error = match self.commit(&batch).await {
            Ok(answers) => return answer(batch, answers),
            Err(error) => error,
        };
        match <[Job<W>; 1]>::try_from(batch) {
            Ok([job]) => self.refuse(job, error),
            Err(batch) => {
                for job in batch {
                    match self.commit(std::slice::from_ref(&job)).await {
                        Ok(answers) => answer(vec![job], answers),
                        Err(error) => self.refuse(job, error),
                    }
                }
            }
        }
    }

    /// One transaction, tried again for as long as it takes while the database is busy.
    async fn commit(&mut self, batch: &[Job<W>]) -> Result<Vec<i64>, StoreError> {
        let mut tries = 0;
        loop {
            match self.attempt(batch).await {
                Ok(answers) => {
                    let rows: usize = batch.iter().map(|job| job.write.rows()).sum();
                    self.counters.rows.fetch_add(rows as u64, Ordering::Relaxed);
                    self.counters.transactions.fetch_add(1, Ordering::Relaxed);
                    return Ok(answers);
                }
                Err(error) => {
                    // What was rolled back must not be remembered, and a fresh connection has no half-open transaction.
                    self.memory = W::Memory::default();
                    self.conn = None;
                    if !worth_waiting::<W>(&error) {
                        return Err(error);
                    }
                    if tries % SAY_EVERY == 0 {
                        tracing::warn!(file = self.file.name, %error, tries, "The database is held up; writes wait.");
                    }
                }
            }
            tries += 1;
            self.counters.retries.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(RETRY).await;
        }
    }

    async fn attempt(&mut self, batch: &[Job<W>]) -> Result<Vec<i64>, StoreError> {
        let conn = match &mut self.conn {
            Some(conn) => conn,
            none => none.insert(self.file.writer(&self.path).await?),
        };
        // The write lock is taken at once: a lock asked for half-way could fail in a way that can't be waited for.
        let mut transaction = conn.begin_with("begin immediate").await?;
        let mut answers = Vec::with_capacity(batch.len());
        for job in batch {
            answers.push(job.write.apply(&mut transaction, &mut self.memory).await?);
        }
        W::settle(&mut transaction, &mut self.memory).await?;
        transaction.commit().await?;
        Ok(answers)
    }

    /// Does the next chore; false where there is none, or where the database is held up: then later.
    async fn tidy(&mut self) -> bool {
        let (Some(chore), Some(conn)) = (W::chore(&self.memory), &mut self.conn) else { return false };
        let done = async {
            let mut transaction = conn.begin_with("begin immediate").await?;
            let done = W::perform(chore, &mut transaction, &self.memory).await?;
            transaction.commit().await?;
            Ok(done)
        };
        let done = done.await;
        if let Err(error) = &done {
            self.conn = None;
            if worth_waiting::<W>(error) {
                self.counters.retries.fetch_add(1, Ordering::Relaxed);
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
                tracing::error!(file = self.file.name, rows, %error, "Rows were refused by the database and are lost.");
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

fn worth_waiting<W: Write>(error: &StoreError) -> bool {
    error
        .sqlite_code()
        .is_some_and(|code| BUSY_OR_LOCKED.contains(&code) || (W::WAITS_FOR_DISK && DISK.contains(&code)))
}
