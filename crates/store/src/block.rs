//! Up to a few thousand samples of one tag as compressed columns: pure, no input or output.
//!
//! ```text
//! version   1 byte
//! count     varint
//! times     0, first, step (i64 each, little-endian): evenly spaced; or 1, length (varint), pco
//! statuses  runs (varint), then each run's status and length (varints)
//! values    to the end: 0 and pco on the bits of the numbers, so that NaN payloads and -0.0 come back as they were; or
//!           1 + decimals and pco on whole numbers, where each is one of those divided by ten to the decimals, to the bit
//! checksum  CRC-32 of all before, little-endian
//! ```
//!
//! In version 1 the values are pco on the bits, without a byte before it; it is read and no longer written.
//!
//! `pco` (<https://github.com/pcodec/pcodec>) finds by itself whether the differences of numbers are smaller. Samples keep the order they were given in. What is read is checked before it is believed: broken
//! bytes are a typed error, and nothing larger than [`MAX_SAMPLES`] asks for is allocated.

mod values;

use andon_plant::{Sample, StatusCode, Timestamp};
use pco::{ChunkConfig, standalone};

use crate::bytes::{Unread, put_varint, seal, unseal};

/// More than this is never in one block.
pub(crate) const MAX_SAMPLES: usize = 65_536;
const VERSION: u8 = 2;
/// Before there were decimals.
const VERSION_BITS: u8 = 1;
const EVEN: u8 = 0;
const PACKED: u8 = 1;

/// The bytes are not a block that can be read here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// There is nothing there.
    #[error("it is empty")]
    Empty,
    /// A newer Andon wrote it, or the byte has changed.
    #[error("its format {0} is not known here")]
    Version(u8),
    /// The bytes are not those that were written: cut short, or changed on the disk.
    #[error("its checksum does not match")]
    Checksum,
    /// The checksum is right and the contents are not.
    #[error("its {0} can't be read")]
    Column(&'static str),
    /// What was to be written does not fit in one block.
    #[error("{0} samples are more than a block holds")]
    TooMany(usize),
}

/// Samples as one block, in the order given.
///
/// # Errors
/// If there are more than [`MAX_SAMPLES`].
pub(crate) fn encode(samples: &[Sample]) -> Result<Vec<u8>, BlockError> {
    if samples.len() > MAX_SAMPLES {
        return Err(BlockError::TooMany(samples.len()));
    }
    let mut out = vec![VERSION];
    put_varint(&mut out, samples.len() as u64);
    put_times(&mut out, samples)?;
    put_statuses(&mut out, samples);
    if !samples.is_empty() {
        let values: Vec<f64> = samples.iter().map(|s| s.value).collect();
        values::put(&mut out, &values).ok_or(BlockError::Column("values"))?;
    }
    Ok(seal(out))
}

/// The samples of a block.
///
/// # Errors
/// If the bytes are not those of a block.
pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<Sample>, BlockError> {
    let version = match bytes.first() {
        None => return Err(BlockError::Empty),
        Some(known @ &(VERSION | VERSION_BITS)) => *known,
        Some(other) => return Err(BlockError::Version(*other)),
    };
    let mut unread = Unread(unseal(bytes).and_then(|b| b.get(1..)).ok_or(BlockError::Checksum)?);
    let count = unread.count().filter(|count| *count <= MAX_SAMPLES).ok_or(BlockError::Column("count"))?;
    let times = times(&mut unread, count).ok_or(BlockError::Column("times"))?;
    let mut samples: Vec<Sample> = times
        .into_iter()
        .map(|t| Sample { time: Timestamp::from_micros(t), value: 0.0, status: StatusCode::GOOD })
        .collect();
    take_statuses(&mut unread, &mut samples).ok_or(BlockError::Column("statuses"))?;
    let values = match version {
        _ if count == 0 => unread.0.is_empty().then(Vec::new),
        VERSION_BITS => unpacked(unread.0, count),
        _ => values::take(&mut unread, count),
    };
    let values = values.ok_or(BlockError::Column("values"))?;
    for (sample, value) in samples.iter_mut().zip(values) {
        sample.value = value;
    }
    Ok(samples)
}

fn put_times(out: &mut Vec<u8>, samples: &[Sample]) -> Result<(), BlockError> {
    let times: Vec<i64> = samples.iter().map(|s| s.time.as_micros()).collect();
    let (first, step) = match times.as_slice() {
        [] => (0, 0),
        [only] => (*only, 0),
        [first, second, ..] => (*first, second.wrapping_sub(*first)),
    };
    if times.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) == step) {
        out.push(EVEN);
        out.extend_from_slice(&first.to_le_bytes());
        out.extend_from_slice(&step.to_le_bytes());
    } else {
        let packed = packed(&times).ok_or(BlockError::Column("times"))?;
        out.push(PACKED);
        put_varint(out, packed.len() as u64);
        out.extend(packed);
    }
    Ok(())
}

fn times(unread: &mut Unread<'_>, count: usize) -> Option<Vec<i64>> {
    match unread.byte()? {
        EVEN => {
            let (first, step) = (i64::from_le_bytes(unread.array()?), i64::from_le_bytes(unread.array()?));
            Some((0..count).map(|n| first.wrapping_add(step.wrapping_mul(n as i64))).collect())
        }
        PACKED => {
            let length = unread.count()?;
            unpacked(unread.take(length)?, count)
        }
        _ => None,
    }
}

fn put_statuses(out: &mut Vec<u8>, samples: &[Sample]) {
    let runs = || samples.chunk_by(|a, b| a.status == b.status);
    put_varint(out, runs().count() as u64);
    for run in runs() {
        put_varint(out, u64::from(run[0].status.0));
        put_varint(out, run.len() as u64);
    }
}

fn take_statuses(unread: &mut Unread<'_>, mut samples: &mut [Sample]) -> Option<()> {
    for _ in 0..unread.varint()? {
        let status = StatusCode(u32::try_from(unread.varint()?).ok()?);
        let (run, rest) = samples.split_at_mut_checked(unread.count()?)?;
        run.iter_mut().for_each(|sample| sample.status = status);
        samples = rest;
    }
    samples.is_empty().then_some(())
}

fn packed<T: pco::data_types::Number>(numbers: &[T]) -> Option<Vec<u8>> {
    standalone::simple_compress(numbers, &ChunkConfig::default()).ok()
}

/// Exactly `count` numbers that fill `bytes`.
fn unpacked<T: pco::data_types::Number>(bytes: &[u8], count: usize) -> Option<Vec<T>> {
    let mut numbers = vec![T::default(); count];
    let progress = standalone::simple_decompress_into(bytes, &mut numbers).ok()?;
    (progress.finished && progress.n_processed == count).then_some(numbers)
}

#[cfg(test)]
mod tests;
