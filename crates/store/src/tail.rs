//! The tail: what has been appended and is not sealed in blocks yet. It is as durable as any other commit.
//!
//! What is few in a commit is written as rows of `sample`. What is many is one row of `tail` for each part (16 tags): a row
//! for each sample is 64,000 a second at ten commits a second, and 847 tags at 100 Hz are 84,700. While a part has rows in
//! `tail`, all that comes for it goes there. So it is always known what came later: `tail` by `seq`, then `sample`, then blocks.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use andon_plant::{Sample, TagSample};
use async_trait::async_trait;

use crate::{
    batch::{self, Numbered, Runs, TAGS_IN_PART, part_of},
    block::BlockError,
    engine::SeriesRows,
    error::StoreError,
    names::{Label, Names},
    rows::{self, Rows, Span},
    series::SeriesQuery,
};

/// From this many samples of one part on, they are written to `tail`.
const MANY: usize = 32;

/// What the writer of samples remembers between transactions.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) names: Names,
    pub(crate) tails: Tails,
    /// What was appended in this transaction and is not written yet.
    pending: Vec<Numbered>,
}

/// What is in the tail, so that the writer knows what to seal next.
#[derive(Debug, Default)]
pub(crate) struct Tails {
    loaded: bool,
    pub(crate) parts: BTreeMap<i64, Part>,
    pub(crate) rows: BTreeMap<i64, Rows>,
    /// What is to be sealed before it is due.
    pub(crate) asked: Asked,
    /// What could not be sealed because something is broken there: how many samples a tag or part is to have before that is
    /// tried again.
    pub(crate) stuck_tags: HashMap<i64, i64>,
    pub(crate) stuck_parts: HashMap<i64, i64>,
}

/// What was in the tail when its sealing was asked for; what comes later is not in it, so that sealing ends while samples keep
/// coming.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// Parts, and how many samples of a tag are worth a block.
    pub(crate) parts: BTreeMap<i64, usize>,
    /// Tags whose rows are meant.
    pub(crate) tags: BTreeSet<i64>,
}

/// What is to be sealed although it is not due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// What is in `tail`.
    Parts,
    /// All of it, and in blocks, however small.
    All,
}

/// What a part has in `tail`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Part {
    /// The number of the last batch.
    pub last_seq: i64,
    /// How many batches.
    pub batches: i64,
    /// How many samples they have.
    pub samples: i64,
}

/// What large batches wrote, until it is sealed in blocks.
#[async_trait]
pub trait TailRows: Send {
    /// Every part that has batches.
    async fn tail_parts(&mut self) -> Result<Vec<(i64, Part)>, StoreError>;

    /// Writes a batch of `count` samples.
    async fn put_batch(&mut self, part: i64, seq: i64, count: i64, data: &[u8]) -> Result<(), StoreError>;

    /// The batches of a part in the order they came.
    async fn batches(&mut self, part: i64) -> Result<Vec<Batch>, StoreError>;

    /// Moves a broken batch out of the way, so that it holds up no other. It is kept for whoever can make sense of it.
    async fn put_batch_aside(&mut self, part: i64, seq: i64) -> Result<(), StoreError>;

    /// Deletes the batches of a part.
    async fn delete_batches(&mut self, part: i64) -> Result<(), StoreError>;
}

impl Tails {
    /// Looks what is there, once.
    pub(crate) async fn load(&mut self, conn: &mut dyn SeriesRows) -> Result<(), StoreError> {
        if self.loaded {
            return Ok(());
        }
        self.parts = conn.tail_parts().await?.into_iter().collect();
        self.rows.clear();
        for tag in conn.tags().await? {
            self.rows.insert(tag, conn.count_samples(tag).await?);
        }
        self.loaded = true;
        Ok(())
    }
}

/// Appends samples, in any order; they are written by [`settle`], all of a transaction together.
pub(crate) async fn append(
    conn: &mut dyn SeriesRows,
    memory: &mut Memory,
    samples: &[TagSample],
) -> Result<i64, StoreError> {
    let resolved = resolve(conn, &mut memory.names, samples).await?;
    memory.pending.extend(resolved);
    Ok(samples.len() as i64)
}

/// Writes to the tail what was appended in this transaction; of two samples at one time the later appended is kept.
pub(crate) async fn settle(conn: &mut dyn SeriesRows, memory: &mut Memory) -> Result<(), StoreError> {
    if memory.pending.is_empty() {
        return Ok(());
    }
    memory.tails.load(&mut *conn).await?;
    let mut sorted = std::mem::take(&mut memory.pending);
    sorted.sort_by_key(|s| s.tag);
    for part in sorted.chunk_by(|a, b| part_of(a.tag) == part_of(b.tag)) {
        let number = part_of(part[0].tag);
        let logged = memory.tails.parts.get(&number).copied().unwrap_or_default();
        if logged.batches > 0 || part.len() >= MANY {
            memory.tails.parts.insert(number, log(&mut *conn, number, logged, part).await?);
        } else {
            conn.put_samples(part).await?;
            for sample in part {
                memory.tails.rows.entry(sample.tag).or_default().add(sample.sample.time);
            }
        }
    }
    Ok(())
}

async fn resolve(
    conn: &mut dyn SeriesRows,
    names: &mut Names,
    samples: &[TagSample],
) -> Result<Vec<Numbered>, StoreError> {
    let mut resolved = Vec::with_capacity(samples.len());
    let mut last = None;
    for TagSample { key, sample } in samples {
        let tag = match last {
            Some((known, tag)) if known == key => tag,
            _ => names.tag(&mut *conn, key).await?,
        };
        last = Some((key, tag));
        // Anyone can fill in the fields; what is stored obeys the sample's invariant.
        resolved.push(Numbered { tag, sample: Sample::new(sample.time, sample.value, sample.status) });
    }
    Ok(resolved)
}

/// Writes a batch to `tail`; what the part has there then.
async fn log(conn: &mut dyn SeriesRows, number: i64, part: Part, samples: &[Numbered]) -> Result<Part, StoreError> {
    let (seq, count, data) = (part.last_seq + 1, samples.len() as i64, batch::encode(samples));
    conn.put_batch(number, seq, count, &data).await?;
    Ok(Part { last_seq: seq, batches: part.batches + 1, samples: part.samples + count })
}

/// What a part has in `tail`.
#[derive(Debug, Default)]
pub(crate) struct Logged {
    /// The samples of each tag in the order they came.
    pub(crate) tags: BTreeMap<i64, Vec<Sample>>,
    /// The `seq` of each batch that can't be read, and why.
    pub(crate) broken: Vec<(i64, BlockError)>,
}

/// Everything a part has in `tail`.
pub(crate) async fn logged(conn: &mut dyn SeriesRows, part: i64) -> Result<Logged, StoreError> {
    let mut logged = Logged::default();
    for batch in conn.batches(part).await? {
        match batch.samples(part, |_| true) {
            Ok(runs) => runs.into_iter().for_each(|(tag, run)| logged.tags.entry(tag).or_default().extend(run)),
            Err(error) => logged.broken.push((batch.seq, error)),
        }
    }
    Ok(logged)
}

/// The samples of a tag in the tail in a span, oldest first, each time once; at least as many from the end that `query` says
/// as its limit. A broken batch may be of any tag and time of its part: it is left out, and the log says so.
pub(crate) async fn read(
    conn: &mut dyn SeriesRows,
    tag: (i64, Label<'_>),
    span: Span,
    query: SeriesQuery,
) -> Result<Vec<Sample>, StoreError> {
    let mut samples = rows::read(&mut *conn, tag, span, query).await?;
    let (part, within) = (part_of(tag.0), |s: &Sample| (span.0..span.1).contains(&s.time.as_micros()));
    for batch in conn.batches(part).await? {
        match batch.samples(part, |other| other == tag.0) {
            Ok(runs) => samples.extend(runs.into_iter().flat_map(|(_, run)| run).filter(within)),
            Err(error) => {
                let seq = batch.seq;
                tracing::warn!(tag = %tag.1, part, seq, %error, "A batch of {TAGS_IN_PART} tags is broken and left out.");
            }
        }
    }
    Ok(in_order(samples))
}

/// Sorted by time, of each time the last that was appended.
pub(crate) fn in_order(mut samples: Vec<Sample>) -> Vec<Sample> {
    if samples.is_sorted_by(|a, b| a.time < b.time) {
        return samples;
    }
    samples.sort_by_key(|s| s.time);
    samples.dedup_by(|later, kept| {
        let same = later.time == kept.time;
        if same {
            *kept = *later;
        }
        same
    });
    samples
}

/// A row of `tail`.
#[derive(Debug)]
pub struct Batch {
    /// Of two samples at one time the higher counts.
    pub seq: i64,
    /// The samples of one commit for the tags of one part.
    pub data: Vec<u8>,
}

impl Batch {
    /// What is wrong with it, if anything is.
    pub(crate) fn fault(&self, part: i64) -> Option<BlockError> {
        self.samples(part, |_| true).err()
    }

    /// The samples of the tags that are wanted, in the order they came; none of them if any can't be read.
    fn samples(&self, part: i64, wanted: impl Fn(i64) -> bool) -> Result<Vec<(i64, Vec<Sample>)>, BlockError> {
        let mut read = Vec::new();
        for run in Runs::of(&self.data)? {
            let (run, mut samples) = (run?, Vec::new());
            if wanted(run.tag(part)) {
                run.read_into(&mut samples)?;
                read.push((run.tag(part), samples));
            }
        }
        Ok(read)
    }
}
