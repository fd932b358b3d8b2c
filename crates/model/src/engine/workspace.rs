//! Whole windows.

use std::{marker::PhantomData, sync::Arc};

use super::{
    Engine,
    pass::{Pass, Span, Tables},
    team::Team,
};

/// What the network says of a window.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// Expected normalised values, (rows, tags); of a stream the newest row's.
    pub expected: Vec<f32>,
    /// The code of the window: the mean of its rows' codes. Empty without a bottleneck.
    pub code: Vec<f32>,
    /// How much the newest row attends to each row, the oldest first; it sums to 1. Empty without attention. As long as the
    /// window; where a stream has had fewer rows, the first ones are zero.
    pub attention: Vec<f32>,
}

impl Output {
    /// Room for the answer for so many rows.
    pub(super) fn new(engine: &Engine, rows: usize) -> Self {
        let attention = if engine.architecture.heads > 0 { engine.rows } else { 0 };
        Self {
            expected: vec![0.0; rows * engine.tags],
            code: vec![0.0; engine.architecture.code],
            attention: vec![0.0; attention],
        }
    }
}

/// An engine with the memory and the threads to answer whole windows. The tables stay from window to window.
pub struct Workspace {
    engine: Arc<Engine>,
    team: Team,
    /// One for each thread.
    tables: Vec<Tables>,
    outputs: Vec<Output>,
    /// Windows shown late; empty where they are not.
    late: Vec<f32>,
}

impl Workspace {
    /// Works with `threads` threads, the calling one among them.
    pub fn new(engine: Arc<Engine>, threads: usize) -> Self {
        let rows = engine.before + engine.rows + engine.after;
        let threads = threads.max(1);
        let tables = (0..threads).map(|_| Tables::new(&engine, rows, threads)).collect();
        Self {
            team: Team::new(threads),
            tables,
            outputs: vec![Output::new(&engine, engine.rows)],
            late: Vec::new(),
            engine,
        }
    }

    /// Reconstructs one window, all threads together: `cells` is (rows, 2 tags), in each row the values, zero where hidden,
    /// then their visibility.
    ///
    /// # Panics
    /// If `cells` has another size.
    pub fn window(&mut self, cells: &[f32]) -> &Output {
        let cells = show(&self.engine, cells, &mut self.late);
        answer(&self.engine, cells, &mut self.tables[0], &mut self.team, &mut self.outputs[0]);
        &self.outputs[0]
    }

    /// Reconstructs several windows, `cells` (windows, rows, 2 tags), each by one of the threads. The answers are the same
    /// as one by one.
    ///
    /// # Panics
    /// If `cells` are not whole windows.
    pub fn windows(&mut self, cells: &[f32]) -> &[Output] {
        let Self { engine, team, tables, outputs, late } = self;
        let size = engine.rows * 2 * engine.tags;
        let windows = cells.len() / size;
        assert_eq!(cells.len(), windows * size, "cells are whole windows");
        let cells = show(engine, cells, late);
        outputs.resize_with(windows.max(outputs.len()), || Output::new(engine, engine.rows));
        let (tables, answers) = (Shared::of(tables), Shared::of(outputs));
        team.run(windows, &|worker, window| {
            // SAFETY: a worker has its own tables, and a window its own output.
            let (tables, output) = unsafe { (tables.get(worker), answers.get(window)) };
            answer(engine, &cells[window * size..(window + 1) * size], tables, &mut Team::alone(), output);
        });
        &self.outputs[..windows]
    }
}

/// The windows' `cells` as the network is shown them: where it looks at the past only, a row late, zeros first.
fn show<'a>(engine: &Engine, cells: &'a [f32], late: &'a mut Vec<f32>) -> &'a [f32] {
    let width = 2 * engine.tags;
    let by = engine.architecture.padding.late() * width;
    if by == 0 {
        return cells;
    }
    late.clear();
    for window in cells.chunks_exact(engine.rows * width) {
        late.resize(late.len() + by, 0.0);
        late.extend_from_slice(&window[..window.len() - by]);
    }
    late
}

fn answer(engine: &Engine, cells: &[f32], tables: &mut Tables, team: &mut Team, output: &mut Output) {
    let new = engine.before..engine.before + engine.rows;
    let span = Span { wanted: new.clone(), first: new.start, new };
    Pass { engine, tables, team, span }.run(cells, output);
}

/// Items that several threads change, each its own.
struct Shared<'a, T> {
    base: *mut T,
    len: usize,
    items: PhantomData<&'a mut [T]>,
}

// SAFETY: an item goes to one thread at a time, as `get` asks.
unsafe impl<T: Send> Sync for Shared<'_, T> {}

impl<'a, T> Shared<'a, T> {
    fn of(items: &'a mut [T]) -> Self {
        Self { base: items.as_mut_ptr(), len: items.len(), items: PhantomData }
    }

    /// # Safety
    /// Nobody else has this item.
    #[expect(clippy::mut_from_ref, reason = "the caller says that each item is had once")]
    unsafe fn get(&self, ix: usize) -> &mut T {
        assert!(ix < self.len, "item {ix} of {}", self.len);
        // SAFETY: it is one of the items, which are borrowed mutably for as long as `self` lives; the caller says that it is
        // had once.
        unsafe { &mut *self.base.add(ix) }
    }
}
