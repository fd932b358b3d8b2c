//! The tail: what has been appended and is not sealed in blocks yet. It is as durable as any other commit.
//!
//! What is few in a commit is written as rows of `sample`. What is many is one row of `tail` for each part (16 tags): a row
//! for each sample is 64,000 a second at ten commits a second, and 847 tags at 100 Hz are 84,700. While a part has rows in
//! `tail`, all that comes for it goes there. So it is always known what came later: `tail` by `seq`, then `sample`, then blocks.

use std::collections::{BTreeMap, HashSet};

use andon_plant::{Sample, TagSample};
use sqlx::SqliteConnection;

use crate::{
    batch::{self, Numbered, Runs, part_of},
    block::BlockError,
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
    pub(crate) wanted: Wanted,
    /// What can't be sealed because something is broken there: tags and parts.
    pub(crate) stuck_tags: HashSet<i64>,
    pub(crate) stuck_parts: HashSet<i64>,
}

/// What is to be sealed although it is not due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Wanted {
    #[default]
    Nothing,
    /// What is in `tail`.
    Parts,
    /// All of it, and in blocks, however small.
    All,
}

/// What a part has in `tail`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Part {
    pub(crate) last_seq: i64,
    pub(crate) batches: i64,
    pub(crate) samples: i64,
}

impl Tails {
    /// Looks what is there, once.
    pub(crate) async fn load(&mut self, conn: &mut SqliteConnection) -> Result<(), StoreError> {
        if self.loaded {
            return Ok(());
        }
        let parts = sqlx::query!(
            r#"select part as "part!: i64", max(seq) as "last_seq!: i64", count(*) as "batches!: i64",
                   sum(count) as "samples!: i64"
               from tail group by part"#
        )
        .fetch_all(&mut *conn)
        .await?;
        let part = |last_seq, batches, samples| Part { last_seq, batches, samples };
        self.parts = parts.iter().map(|p| (p.part, part(p.last_seq, p.batches, p.samples))).collect();
        self.rows.clear();
        for tag in rows::tags(&mut *conn).await? {
            self.rows.insert(tag, rows::count(&mut *conn, tag).await?);
        }
        self.loaded = true;
        Ok(())
    }
}

/// Appends samples, in any order; they are written by [`settle`], all of a transaction together.
pub(crate) async fn append(
    conn: &mut SqliteConnection,
    memory: &mut Memory,
    samples: &[TagSample],
) -> Result<i64, StoreError> {
    let resolved = resolve(conn, &mut memory.names, samples).await?;
    memory.pending.extend(resolved);
    Ok(samples.len() as i64)
}

/// Writes to the tail what was appended in this transaction; of two samples at one time the later appended is kept.
pub(crate) async fn settle(conn: &mut SqliteConnection, memory: &mut Memory) -> Result<(), StoreError> {
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
            for sample in part {
                rows::put(&mut *conn, *sample).await?;
                memory.tails.rows.entry(sample.tag).or_default().add(sample.sample.time);
            }
        }
    }
    Ok(())
}

async fn resolve(
    conn: &mut SqliteConnection,
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
async fn log(conn: &mut SqliteConnection, number: i64, part: Part, samples: &[Numbered]) -> Result<Part, StoreError> {
    let (seq, count, data) = (part.last_seq + 1, samples.len() as i64, batch::encode(samples));
    sqlx::query!("insert into tail (part, seq, count, data) values (?, ?, ?, ?)", number, seq, count, data)
        .execute(conn)
        .await?;
    Ok(Part { last_seq: seq, batches: part.batches + 1, samples: part.samples + count })
}

/// Everything a part has in `tail`, by tag, in the order it came.
pub(crate) async fn logged(conn: &mut SqliteConnection, part: i64) -> Result<BTreeMap<i64, Vec<Sample>>, StoreError> {
    let mut tags: BTreeMap<i64, Vec<Sample>> = BTreeMap::new();
    for batch in batches(&mut *conn, part).await? {
        let read = batch.runs().and_then(|runs| {
            for run in runs {
                let run = run?;
                run.read_into(tags.entry(run.tag(part)).or_default())?;
            }
            Ok(())
        });
        read.map_err(|e| batch.broken(part, e))?;
    }
    Ok(tags)
}

/// Deletes what a part has in `tail`.
pub(crate) async fn forget(conn: &mut SqliteConnection, part: i64) -> Result<(), StoreError> {
    sqlx::query!("delete from tail where part = ?", part).execute(conn).await?;
    Ok(())
}

/// The samples of a tag in the tail in a span, oldest first, each time once; at least as many from the end that `query` says
/// as its limit.
pub(crate) async fn read(
    conn: &mut SqliteConnection,
    tag: (i64, Label<'_>),
    span: Span,
    query: SeriesQuery,
) -> Result<Vec<Sample>, StoreError> {
    let mut samples = rows::read(&mut *conn, tag, span, query).await?;
    let (part, within) = (part_of(tag.0), |s: &Sample| (span.0..span.1).contains(&s.time.as_micros()));
    for batch in batches(&mut *conn, part).await? {
        let start = samples.len();
        let read = batch.runs().and_then(|mut runs| {
            runs.try_for_each(|run| {
                let run = run?;
                if run.tag(part) == tag.0 { run.read_into(&mut samples) } else { Ok(()) }
            })
        });
        read.map_err(|e| batch.broken(part, e))?;
        let mut place = 0;
        samples.retain(|s| {
            place += 1;
            place <= start || within(s)
        });
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

struct Batch {
    seq: i64,
    data: Vec<u8>,
}

impl Batch {
    fn runs(&self) -> Result<Runs<'_>, BlockError> {
        Runs::of(&self.data)
    }

    fn broken(&self, part: i64, why: BlockError) -> StoreError {
        StoreError::broken("tail", format!("{} of part {part}", self.seq), why)
    }
}

async fn batches(conn: &mut SqliteConnection, part: i64) -> Result<Vec<Batch>, StoreError> {
    Ok(sqlx::query_as!(Batch, "select seq, data from tail where part = ? order by seq", part).fetch_all(conn).await?)
}
