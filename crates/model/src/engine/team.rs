//! A few threads that share the work of one window.
//!
//! A stage of a window takes some ten microseconds: too short to wake a thread for. The helpers spin for the next stage for
//! a while, and sleep when none comes. Each piece of work is claimed by whoever is free, so a helper that the system has
//! put aside delays nothing that it has not begun.

use std::{
    cell::UnsafeCell,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
};

/// How often a helper looks for work before it sleeps: some hundred microseconds.
const LOOKS: usize = 20_000;

/// How often someone looks before giving the processor away between two looks.
const PATIENCE: usize = 2_000;

/// The calling thread and its helpers, if it has any.
pub(super) struct Team(Option<Helpers>);

struct Helpers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

/// What a stage's pieces are: called with the worker's number and the piece's.
type Work<'a> = dyn Fn(usize, usize) + Sync + 'a;

struct Shared {
    /// The stage: a number that tells it from the one before (high 24 bits), its pieces (20), the next to claim (20).
    stage: AtomicU64,
    /// How many pieces of the stage are done.
    done: AtomicUsize,
    /// What to do. Written only while no piece is left to claim and all are done.
    work: UnsafeCell<Option<&'static Work<'static>>>,
    asleep: AtomicUsize,
    failed: AtomicBool,
    over: AtomicBool,
}

// SAFETY: `work` is written by the team's owner while no one may claim a piece, and read only by who has claimed one; the
// claim on `stage` orders the two.
unsafe impl Sync for Shared {}
// SAFETY: as above; the work itself is `Sync`.
unsafe impl Send for Shared {}

const FIELD: u64 = (1 << 20) - 1;

impl Team {
    /// The calling thread only.
    pub(super) fn alone() -> Self {
        Self(None)
    }

    /// `threads` with the calling one.
    pub(super) fn new(threads: usize) -> Self {
        if threads < 2 {
            return Self::alone();
        }
        let shared = Arc::new(Shared {
            stage: AtomicU64::new(0),
            done: AtomicUsize::new(0),
            work: UnsafeCell::new(None),
            asleep: AtomicUsize::new(0),
            failed: AtomicBool::new(false),
            over: AtomicBool::new(false),
        });
        let help = |worker| {
            let shared = Arc::clone(&shared);
            thread::Builder::new().name(format!("engine-{worker}")).spawn(move || shared.help(worker)).ok()
        };
        let threads = (1..threads).map_while(help).collect();
        Self(Some(Helpers { shared, threads }))
    }

    /// Does `work` for each of `pieces`, and returns when all are done. A worker's number is below the number of threads; no
    /// two workers at once have the same.
    pub(super) fn run(&mut self, pieces: usize, work: &Work<'_>) {
        match &self.0 {
            Some(helpers) if pieces > 1 => helpers.run(pieces, work),
            _ => (0..pieces).for_each(|piece| work(0, piece)),
        }
    }
}

impl Helpers {
    fn run(&self, pieces: usize, work: &Work<'_>) {
        let shared = &*self.shared;
        // SAFETY: the reference is followed only by who has claimed a piece, and this call does not return before all are
        // done, so the work outlives its use. No piece is left of the stage before: nobody reads `work` now.
        unsafe { *shared.work.get() = Some(std::mem::transmute::<&Work<'_>, &'static Work<'static>>(work)) };
        shared.done.store(0, Ordering::Relaxed);
        let number = (shared.stage.load(Ordering::Relaxed) >> 40) + 1;
        shared.stage.store(number << 40 | (pieces as u64 & FIELD) << 20, Ordering::SeqCst);
        if shared.asleep.load(Ordering::SeqCst) > 0 {
            self.threads.iter().for_each(|thread| thread.thread().unpark());
        }
        let all = AllDone(shared, pieces);
        shared.work_off(0);
        drop(all);
        assert!(!shared.failed.load(Ordering::Relaxed), "a helper's piece of work panicked");
    }
}

impl Drop for Helpers {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        for thread in self.threads.drain(..) {
            thread.thread().unpark();
            // It ends without a result; a panic in it was reported by `run`.
            drop(thread.join());
        }
    }
}

impl Shared {
    /// Claims and does pieces until none is left.
    fn work_off(&self, worker: usize) {
        while left(self.stage.load(Ordering::Relaxed)) {
            let claimed = self.stage.fetch_add(1, Ordering::AcqRel);
            if !left(claimed) {
                break;
            }
            let done = Done(self);
            // SAFETY: a piece was claimed and is not done: `work` is this stage's and is not written.
            if let Some(work) = unsafe { *self.work.get() } {
                work(worker, (claimed & FIELD) as usize);
            }
            drop(done);
        }
    }

    fn help(&self, worker: usize) {
        let mut looks = 0;
        while !self.over.load(Ordering::Relaxed) {
            if left(self.stage.load(Ordering::Relaxed)) {
                self.work_off(worker);
                looks = 0;
            } else if looks < LOOKS {
                wait(&mut looks);
            } else {
                self.asleep.fetch_add(1, Ordering::SeqCst);
                if !left(self.stage.load(Ordering::SeqCst)) && !self.over.load(Ordering::SeqCst) {
                    thread::park();
                }
                self.asleep.fetch_sub(1, Ordering::SeqCst);
                looks = 0;
            }
        }
    }
}

/// Whether a piece is left to claim.
fn left(stage: u64) -> bool {
    stage & FIELD < stage >> 20 & FIELD
}

fn wait(looks: &mut usize) {
    *looks += 1;
    if looks.is_multiple_of(PATIENCE) { thread::yield_now() } else { std::hint::spin_loop() }
}

/// Waits when it is dropped until so many pieces are done, also by a panic: the work must outlive them.
struct AllDone<'a>(&'a Shared, usize);

impl Drop for AllDone<'_> {
    fn drop(&mut self) {
        let mut looks = 0;
        while self.0.done.load(Ordering::Acquire) < self.1 {
            wait(&mut looks);
        }
    }
}

/// Counts a piece as done when it is dropped, also by a panic: nobody must wait for it for ever.
struct Done<'a>(&'a Shared);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.failed.store(true, Ordering::Relaxed);
        }
        self.0.done.fetch_add(1, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_is_done_once_whoever_does_it() {
        for threads in [1, 2, 4] {
            let mut team = Team::new(threads);
            for pieces in 0..200 {
                let done: Vec<AtomicUsize> = (0..pieces).map(|_| AtomicUsize::new(0)).collect();
                team.run(pieces, &|worker, piece| {
                    assert!(worker < threads);
                    done[piece].fetch_add(1, Ordering::Relaxed);
                });
                assert!(done.iter().all(|count| count.load(Ordering::Relaxed) == 1));
            }
        }
    }
}
