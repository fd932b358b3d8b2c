//! One pass of new rows through the network: a whole window, or what a stream brings.

use std::ops::Range;

use super::{
    Engine, Output,
    attention::{Head, Reach, TILE},
    gemm::{Call, Packed},
    memory::{Rows, Table},
    norm::Normalise,
    plan::{Expanded, Layer, Plan},
    quantized::Side,
    team::Team,
};
use crate::architectures::Padding;

/// Rows of a layer normalisation that one worker does at a time.
const NORMALISED: usize = 16;

/// What the layers give, a row for each row of cells. Rows that no pass has written are zero: that is the padding.
#[derive(Debug)]
pub(super) struct Tables {
    /// Kept for the autoregressive part only.
    cells: Table,
    embedded: Table,
    multiscale: Table,
    dilated: Table,
    /// Queries, keys and values side by side.
    projected: Table,
    /// Transposed keys: a panel of rows for each column.
    keys: Table,
    attended: Table,
    /// The code of each row and a one.
    codes: Table,
    means: Table,
    expanded: Table,
    decoded: Table,
    /// For each worker a few rows.
    scores: Vec<Table>,
    /// For each head what the newest row attends to.
    seen: Table,
    /// What a quantized layer reads.
    sides: [Side; 2],
}

impl Tables {
    /// Tables of `rows` rows for an engine and as many workers.
    pub(super) fn new(engine: &Engine, rows: usize, workers: usize) -> Self {
        let a = &engine.architecture;
        let (m, c) = (a.multiscale_width(), a.context_width());
        let table = |there: bool, width| Table::new(if there { rows } else { 0 }, width);
        let attends = a.heads > 0;
        let panel = engine.kernel.panel();
        let panels = if attends { rows.div_ceil(panel) } else { 0 };
        let reach = engine.rows + 3 * panel;
        Self {
            cells: table(a.autoregressive > 0, 2 * engine.tags),
            embedded: table(true, a.embed),
            multiscale: table(true, m),
            dilated: table(!a.dilations.is_empty(), c),
            projected: table(attends, 3 * c),
            keys: Table::new(panels, panel * c),
            attended: table(attends, c),
            codes: table(a.code > 0, a.code + 1),
            means: table(a.code > 0, a.code),
            expanded: table(matches!(engine.plan.expanded, Expanded::OfCodes(_) | Expanded::OfValues(_)), c),
            decoded: table(true, m),
            scores: (0..workers).map(|_| Table::new(TILE, reach)).collect(),
            seen: Table::new(a.heads, engine.rows),
            sides: Default::default(),
        }
    }

    /// Moves some rows to the beginning, the first of which is a multiple of the kernel's panel.
    pub(super) fn shift(&mut self, rows: Range<usize>, panel: usize) {
        let Self { cells, embedded, multiscale, dilated, projected, keys, codes, expanded, .. } = self;
        for table in [cells, embedded, multiscale, dilated, projected, codes, expanded] {
            table.copy(rows.clone(), 0);
        }
        keys.copy(rows.start / panel..rows.end.div_ceil(panel), 0);
    }

    /// Forgets every row.
    pub(super) fn clear(&mut self) {
        let Self { cells, embedded, multiscale, dilated, projected, keys, codes, expanded, .. } = self;
        for table in [cells, embedded, multiscale, dilated, projected, keys, codes, expanded] {
            table.clear();
        }
    }
}

/// Which rows go through the network.
#[derive(Debug, Clone)]
pub(super) struct Span {
    /// The rows that are new; all before them were passed.
    pub(super) new: Range<usize>,
    /// The last of the new rows that are to be decoded.
    pub(super) wanted: Range<usize>,
    /// The first row there is.
    pub(super) first: usize,
}

/// A pass under way.
pub(super) struct Pass<'a> {
    pub(super) engine: &'a Engine,
    pub(super) tables: &'a mut Tables,
    pub(super) team: &'a mut Team,
    pub(super) span: Span,
}

impl Pass<'_> {
    /// Passes the new rows' `cells`, (new rows, 2 tags), and answers for the wanted ones; not at all if there are none.
    pub(super) fn run(mut self, cells: &[f32], output: &mut Output) {
        let (tags, wanted) = (self.engine.tags, self.span.wanted.clone());
        assert_eq!(cells.len(), self.span.new.len() * 2 * tags, "cells of the new rows");
        let cells = self.keep(cells);
        self.embed(cells);
        let context = self.convolve();
        let values = self.attend(context);
        let expanded = self.encode(context, values);
        if wanted.is_empty() {
            return;
        }
        assert_eq!(output.expected.len(), wanted.len() * tags, "expectations of the wanted rows");
        self.average();
        self.decode(expanded);
        let base = output.expected.as_mut_ptr().wrapping_sub(wanted.start * tags);
        self.put_out(cells, Rows { base, stride: tags });
        self.sum_up(output);
    }

    /// Where the cells lie: in their table where earlier rows have a say.
    fn keep(&mut self, cells: &[f32]) -> Rows {
        let width = 2 * self.engine.tags;
        let new = &self.span.new;
        if self.engine.architecture.autoregressive == 0 {
            let base = cells.as_ptr().cast_mut().wrapping_sub(new.start * width);
            return Rows { base, stride: width };
        }
        let rows = cells.chunks_exact(width);
        new.clone().zip(rows).for_each(|(row, cells)| self.tables.cells.row_mut(row).copy_from_slice(cells));
        self.tables.cells.rows()
    }

    fn embed(&mut self, cells: Rows) {
        let Plan { embedding, norm: [gain, bias], .. } = &self.engine.plan;
        let rows = self.tables.embedded.rows();
        self.exact(embedding, &Call::new(&[cells], self.span.new.clone(), rows));
        let (kernel, new) = (self.engine.kernel, self.span.new.clone());
        self.team.run(new.len().div_ceil(NORMALISED), &|_, piece| {
            let start = new.start + piece * NORMALISED;
            let span = start..new.end.min(start + NORMALISED);
            // SAFETY: the engine's kernel is here, and the table has all new rows; no other piece touches these.
            unsafe { kernel.run(Normalise { rows, span, gain, bias }) }
        });
    }

    /// The multi-scale and the dilated convolutions; where the last one's features lie.
    fn convolve(&mut self) -> Rows {
        let Plan { multiscale, dilated, .. } = &self.engine.plan;
        let features = self.tables.multiscale.rows();
        let new = self.span.new.clone();
        let embedded = self.tables.embedded.rows();
        self.layer(multiscale, Call { relu: true, ..Call::new(&[embedded], new.clone(), features) });
        let Some(dilated) = dilated else { return features };
        let context = self.tables.dilated.rows();
        self.layer(dilated, Call { relu: true, ..Call::new(&[features], new, context) });
        context
    }

    /// What the attention's heads gather, side by side.
    fn attend(&mut self, context: Rows) -> Rows {
        let attended = self.tables.attended.rows();
        let Some(projection) = &self.engine.plan.attention else { return attended };
        let projected = self.tables.projected.rows();
        self.layer(projection, Call::new(&[context], self.span.new.clone(), projected));
        let c = self.engine.architecture.context_width();
        let (heads, kernel) = (self.engine.architecture.heads, self.engine.kernel);
        let width = c / heads;
        let (keys, seen) = (self.tables.keys.rows(), self.tables.seen.rows());
        let scores: Vec<Rows> = self.tables.scores.iter_mut().map(Table::rows).collect();
        let (span, reach) = (self.span.new.clone(), self.reach());
        self.team.run(heads, &|worker, head| {
            let column = head * width;
            let job = Head {
                queries: projected.from(column),
                keys: projected.from(c + column),
                values: projected.from(2 * c + column),
                panels: keys.from(column * kernel.panel()),
                out: attended.from(column),
                scores: scores[worker],
                seen: seen.at(head as isize, 0),
                width,
                span: span.clone(),
                reach,
            };
            // SAFETY: the engine's kernel is here; the tables have the rows of the span and those in its reach, and a
            // head touches its own columns and its worker's scores alone.
            unsafe { kernel.run(job) }
        });
        attended
    }

    /// The codes, and what the decoder reads.
    fn encode(&mut self, context: Rows, values: Rows) -> Rows {
        let plan = &self.engine.plan;
        let new = self.span.new.clone();
        let codes = self.tables.codes.rows();
        if let Some(layer) = &plan.codes {
            self.layer(layer, Call::new(&[context, values], new.clone(), codes));
            let one = self.engine.architecture.code;
            new.clone().for_each(|row| self.tables.codes.row_mut(row)[one] = 1.0);
        }
        let expanded = self.tables.expanded.rows();
        match &plan.expanded {
            Expanded::Context => return context,
            Expanded::Codes => return codes,
            Expanded::OfCodes(layer) => {
                let add = self.engine.architecture.skip.then_some((context, 1.0));
                self.layer(layer, Call { add, ..Call::new(&[codes], new, expanded) });
            }
            Expanded::OfValues(layer) => {
                self.layer(layer, Call { add: Some((context, 1.0)), ..Call::new(&[values], new, expanded) });
            }
        }
        expanded
    }

    /// The mean codes of the newest row, and of all that are wanted where the decoder asks for them.
    fn average(&mut self) {
        let wanted = self.span.wanted.clone();
        let architecture = &self.engine.architecture;
        if architecture.code == 0 {
            return;
        }
        let every = architecture.global && architecture.padding != Padding::Centred;
        let (reach, mut before) = (self.reach(), None);
        let Tables { codes, means, .. } = &mut *self.tables;
        for row in if every { wanted } else { wanted.end - 1..wanted.end } {
            let seen = reach.of(row);
            let share = 1.0 / seen.len() as f32;
            if before == Some(seen.start) {
                means.copy(row - 1..row, row);
                let mean = means.row_mut(row).iter_mut();
                mean.zip(codes.row(row)).for_each(|(mean, code)| *mean += (code - *mean) * share);
            } else {
                let mean = means.row_mut(row);
                mean.fill(0.0);
                for row in seen.clone() {
                    mean.iter_mut().zip(codes.row(row)).for_each(|(sum, code)| *sum += code);
                }
                mean.iter_mut().for_each(|sum| *sum *= share);
            }
            before = Some(seen.start);
        }
    }

    fn decode(&mut self, expanded: Rows) {
        let wanted = self.span.wanted.clone();
        let mut means = self.tables.means.rows();
        if self.engine.architecture.padding == Padding::Centred {
            means = Rows { base: means.at(wanted.end as isize - 1, 0), stride: 0 };
        }
        let add = self.engine.architecture.skip.then(|| (self.tables.multiscale.rows(), 1.0));
        let decoded = self.tables.decoded.rows();
        let sources = [expanded, means];
        let call = Call { relu: true, add, ..Call::new(&sources, wanted, decoded) };
        self.layer(&self.engine.plan.decoder, call);
    }

    fn put_out(&mut self, cells: Rows, expected: Rows) {
        let add = self.engine.plan.identity.map(|times| (cells, times));
        let decoded = self.tables.decoded.rows();
        let sources = [decoded, cells];
        let call = Call { add, ..Call::new(&sources, self.span.wanted.clone(), expected) };
        self.exact(&self.engine.plan.output, &call);
    }

    /// The window's code, and what the newest row attends to, the mean over heads.
    fn sum_up(&self, output: &mut Output) {
        let newest = self.span.new.end - 1;
        if !output.code.is_empty() {
            output.code.copy_from_slice(self.tables.means.row(newest));
        }
        let seen = &self.tables.seen;
        output.attention.fill(0.0);
        let unseen = self.engine.rows - self.reach().of(newest).len();
        for head in 0..seen.height() {
            let weights = output.attention[unseen..].iter_mut().zip(seen.row(head));
            weights.for_each(|(sum, weight)| *sum += weight / seen.height() as f32);
        }
    }

    /// A hidden layer.
    fn layer(&mut self, layer: &Layer, call: Call) {
        let packed = match layer {
            Layer::Exact(packed) => return self.exact(packed, &call),
            Layer::Quantized(packed) => packed,
        };
        let sides = &mut self.tables.sides;
        // SAFETY: as `exact`'s.
        unsafe { packed.narrow(&call, sides) };
        let panels = packed.panels();
        // SAFETY: as `exact`'s; the sides are this call's.
        self.team.run(panels, &|_, piece| unsafe { packed.multiply(panels - 1 - piece, &call, sides) });
    }

    /// One layer, its panels shared among the team, the longest first: branches are in the order of their kernels.
    fn exact(&mut self, packed: &Packed, call: &Call) {
        let panels = packed.panels();
        // SAFETY: the tables have every row that a tap of the architecture reaches from the call's rows, and the columns of
        // the layers; a panel writes its own columns.
        self.team.run(panels, &|_, piece| unsafe { packed.multiply(panels - 1 - piece, call) });
    }

    fn reach(&self) -> Reach {
        let end = (self.engine.architecture.padding == Padding::Centred).then_some(self.span.new.end);
        Reach { first: self.span.first, end, rows: self.engine.rows }
    }
}
