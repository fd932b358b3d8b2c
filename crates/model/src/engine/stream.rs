//! Row after row.

use std::sync::Arc;

use super::{
    Engine, EngineError, Output,
    pass::{Pass, Span, Tables},
    team::Team,
};

/// New rows that are passed together, at the most.
const TOGETHER: usize = 64;

/// Rows that are added before the tables are moved back to their beginning.
const ROOM: usize = 192;

/// A causal network over rows as they come: it keeps what it computed of earlier rows, so a new one costs a fraction of a
/// window. The answers are those of the network over all rows since the first, with zeros only before it.
pub struct Stream {
    engine: Arc<Engine>,
    tables: Tables,
    team: Team,
    /// Where the first row lies in the tables, if it still does, and where the next will.
    first: usize,
    next: usize,
    newest: Output,
    /// The newest rows, which are shown late, and room for those before them; empty where none are.
    late: Vec<f32>,
}

impl Stream {
    /// An empty stream, worked on by the calling thread.
    ///
    /// # Errors
    /// If the network sees the future.
    pub fn new(engine: Arc<Engine>) -> Result<Self, EngineError> {
        Self::with_threads(engine, 1)
    }

    /// An empty stream. A second thread is worth its while where rows come all the time, as when a history is scored.
    ///
    /// # Errors
    /// If the network sees the future.
    pub fn with_threads(engine: Arc<Engine>, threads: usize) -> Result<Self, EngineError> {
        if !engine.streams() {
            return Err(EngineError::Centred);
        }
        let threads = threads.max(1);
        let tables = Tables::new(&engine, kept(&engine) + ROOM, threads);
        let newest = Output::new(&engine, 1);
        let late = vec![0.0; engine.architecture.padding.late() * 2 * engine.tags];
        Ok(Self { tables, team: Team::new(threads), first: engine.before, next: engine.before, newest, late, engine })
    }

    /// Adds rows, oldest first, `cells` (rows, 2 tags), and answers for the newest.
    ///
    /// # Panics
    /// If `cells` are not whole rows, or none.
    pub fn push(&mut self, cells: &[f32]) -> &Output {
        let width = 2 * self.engine.tags;
        assert!(!cells.is_empty() && cells.len().is_multiple_of(width), "cells are whole rows");
        let mut shown = std::mem::take(&mut self.late);
        let late = shown.len();
        let mut rest = cells;
        if late > 0 {
            shown.extend_from_slice(cells);
            rest = &shown[..cells.len()];
        }
        while !rest.is_empty() {
            let (some, others) = rest.split_at(rest.len().min(TOGETHER * width));
            rest = others;
            self.pass(some, rest.is_empty());
        }
        shown.drain(..shown.len() - late);
        self.late = shown;
        &self.newest
    }

    /// The answer for the newest row; zeros before the first.
    pub fn newest(&self) -> &Output {
        &self.newest
    }

    /// Forgets all rows.
    pub fn reset(&mut self) {
        self.tables.clear();
        self.late.fill(0.0);
        self.first = self.engine.before;
        self.next = self.first;
        self.newest = Output::new(&self.engine, 1);
    }

    fn pass(&mut self, cells: &[f32], answer: bool) {
        let count = cells.len() / (2 * self.engine.tags);
        if self.next + count > kept(&self.engine) + ROOM {
            self.make_room();
        }
        let new = self.next..self.next + count;
        self.next = new.end;
        let wanted = if answer { new.end - 1..new.end } else { new.end..new.end };
        let span = Span { new, wanted, first: self.first };
        let Self { engine, tables, team, newest, .. } = self;
        Pass { engine, tables, team, span }.run(cells, newest);
    }

    /// Moves what is still looked at to the beginning of the tables, by whole panels of keys.
    fn make_room(&mut self) {
        let panel = self.engine.kernel.panel();
        let by = (self.next - kept(&self.engine)) / panel * panel;
        self.tables.shift(by..self.next, panel);
        self.next -= by;
        self.first = self.first.saturating_sub(by);
    }
}

/// How many earlier rows are looked at.
fn kept(engine: &Engine) -> usize {
    engine.before.max(engine.rows)
}
