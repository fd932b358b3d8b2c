//! The one writer of a database: a task that takes commands from a bounded queue and commits them in batches.
//!
//! A batch is what waits in the queue when the writer is free: one command when it is idle, many when it is busy, so that
//! the cost of a commit is shared exactly when that is needed. When the queue is full, callers wait for room
//! (back-pressure). A busy database is waited for, and nothing that was queued is lost by it. On a full disk the writer makes
//! room; where that is of no use and the queue is full too, the oldest of what waits is given up, so that nobody waits for ever.

mod room;
mod task;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;

use self::task::Task;
use crate::{
    engine::Database,
    error::StoreError,
    space::{Shed, Space},
};

/// Commands that may wait.
const QUEUE: usize = 256;

/// A change to one database.
pub(crate) trait Write: Send + Sync + 'static {
    /// The rows it is made to.
    type Rows: ?Sized + Send + 'static;
    /// What is remembered between transactions, such as the numbers of names.
    type Memory: Default + Send + Sync;
    /// Work that can wait until nothing else does, such as tidying; each piece is a transaction of its own.
    type Chore: Copy + Send + Sync;
    /// What a chore leaves behind to be remembered.
    type Done: Send;
    /// Whether the oldest history goes where the disk is full, and a disk that fails is waited for until the queue is full;
    /// otherwise the caller is told.
    const SHEDS: bool;

    /// Rows it writes, as a measure of its size.
    fn rows(&self) -> usize;

    /// Whether room is made for it on a full disk. What deletes is refused instead: it must not wait for what it is to make.
    fn needs_room(&self) -> bool;

    /// Whether it gives pages back to the disk: that is done once the log is written into the file.
    fn shrinks(&self) -> bool {
        false
    }

    /// Makes the change. The number returned is the caller's answer: an id, a version or a count.
    fn apply(
        &self,
        conn: &mut Self::Rows,
        memory: &mut Self::Memory,
    ) -> impl Future<Output = Result<i64, StoreError>> + Send;

    /// Makes what the changes of a transaction have left to be made together; called before it is committed.
    fn settle(conn: &mut Self::Rows, memory: &mut Self::Memory) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The next chore, if any is due.
    fn chore(memory: &Self::Memory) -> Option<Self::Chore>;

    /// Does a chore.
    fn perform(
        chore: Self::Chore,
        conn: &mut Self::Rows,
    ) -> impl Future<Output = Result<Self::Done, StoreError>> + Send;

    /// Remembers that a chore is done, or that it can't be.
    fn note(memory: &mut Self::Memory, chore: Self::Chore, result: Result<Self::Done, StoreError>);

    /// Remembers that chores can't be done for now, because the database is held up.
    fn postpone(memory: &mut Self::Memory);

    /// Deletes some of the oldest history; how much that was.
    fn shed(conn: &mut Self::Rows) -> impl Future<Output = Result<Shed, StoreError>> + Send;

    /// Gives some free pages back to the disk.
    fn give_back(conn: &mut Self::Rows) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// What a writer has done since it was started.
#[derive(Debug, Default)]
struct Counters {
    rows: AtomicU64,
    transactions: AtomicU64,
    retries: AtomicU64,
    refused: AtomicU64,
    given_up: AtomicU64,
}

/// What the writer of one database has done since the store was opened.
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
    /// Rows that the database refused for good; each time there was an error in the log.
    pub refused_rows: u64,
    /// Rows given up, oldest first, because the disk was full or failed and the queue was full too.
    pub given_up_rows: u64,
}

struct Job<W> {
    write: W,
    /// Who waits for the commit; none where the change was only queued.
    done: Option<oneshot::Sender<Result<i64, StoreError>>>,
}

enum Command<W> {
    Write(Job<W>),
    Flush(oneshot::Sender<Result<(), StoreError>>),
    Shed(oneshot::Sender<Result<Shed, StoreError>>),
    Close(oneshot::Sender<()>),
}

/// The sending side: cheap to clone.
pub(crate) struct Writer<W> {
    queue: mpsc::Sender<Command<W>>,
    counters: Arc<Counters>,
}

impl<W: Write> Writer<W> {
    /// Starts the writer of `database`. It ends, with everything queued committed, when it is closed or when the last sender is
    /// gone.
    pub(crate) async fn start(
        database: Arc<dyn Database<W::Rows>>,
        space: Arc<Space>,
        tasks: &TaskTracker,
    ) -> Result<Self, StoreError> {
        let (queue, commands) = mpsc::channel(QUEUE);
        let counters = Arc::new(Counters::default());
        let conn = Some(database.connect().await?);
        let memory = W::Memory::default();
        let task =
            Task { database, space, conn, memory, commands, counters: counters.clone(), failed: None, given_up: 0 };
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

    /// Deletes some of the oldest history to make room; how much.
    pub(crate) async fn shed(&self) -> Result<Shed, StoreError> {
        let (done, shed) = oneshot::channel();
        self.send(Command::Shed(done)).await?;
        shed.await.map_err(|_| StoreError::Closed)?
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
            given_up_rows: of(&self.counters.given_up),
        }
    }

    async fn send(&self, command: Command<W>) -> Result<(), StoreError> {
        self.queue.send(command).await.map_err(|_| StoreError::Closed)
    }
}
