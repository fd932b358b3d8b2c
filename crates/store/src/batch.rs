//! The samples of one batch for the tags of one part, encoded cheaply: written many times a second and read back once, when
//! they are sealed in blocks. Pure, no input or output.
//!
//! ```text
//! version   1 byte
//! base      i64, little-endian: the first sample's time
//! runs      for each tag: its place in the part (1 byte), count and length (varints), and `length` bytes
//!             times     zigzag varints: each step less the one before, the first from the base
//!             statuses  runs: status and length (varints), until all are covered
//!             values    each number's bits, xor those before: (zero bytes in front << 4 | bytes that follow), the bytes
//! checksum  CRC-32 of all before, little-endian
//! ```

use andon_plant::{Sample, StatusCode, Timestamp};

use crate::{
    block::{BlockError, MAX_SAMPLES},
    bytes::{Unread, put_varint, seal, unseal, unzigzag, zigzag},
};

const VERSION: u8 = 1;
/// Tags in one part: few enough that a reader of one tag does not wade through all, many enough that a batch is few rows.
pub(crate) const TAGS_IN_PART: i64 = 16;

/// The part that a tag is in.
pub(crate) fn part_of(tag: i64) -> i64 {
    tag.div_euclid(TAGS_IN_PART)
}

/// A sample and the number of its tag.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Numbered {
    /// The tag's number.
    pub tag: i64,
    /// The sample.
    pub sample: Sample,
}

/// The samples of one part, those of a tag together and in the order they came.
pub(crate) fn encode(samples: &[Numbered]) -> Vec<u8> {
    let base = samples.first().map_or(0, |s| s.sample.time.as_micros());
    let mut out = Vec::with_capacity(samples.len() * 10 + 64);
    out.push(VERSION);
    out.extend_from_slice(&base.to_le_bytes());
    let mut body = Vec::with_capacity(1024);
    for run in samples.chunk_by(|a, b| a.tag == b.tag) {
        body.clear();
        put_times(&mut body, base, run);
        for same in run.chunk_by(|a, b| a.sample.status == b.sample.status) {
            put_varint(&mut body, u64::from(same[0].sample.status.0));
            put_varint(&mut body, same.len() as u64);
        }
        put_values(&mut body, run);
        out.push(run[0].tag.rem_euclid(TAGS_IN_PART) as u8);
        put_varint(&mut out, run.len() as u64);
        put_varint(&mut out, body.len() as u64);
        out.extend_from_slice(&body);
    }
    seal(out)
}

fn put_times(out: &mut Vec<u8>, base: i64, run: &[Numbered]) {
    let (mut before, mut step) = (base, 0i64);
    for Numbered { sample, .. } in run {
        let time = sample.time.as_micros();
        let now = time.wrapping_sub(before);
        put_varint(out, zigzag(now.wrapping_sub(step)));
        (before, step) = (time, now);
    }
}

fn put_values(out: &mut Vec<u8>, run: &[Numbered]) {
    let mut before = 0u64;
    for Numbered { sample, .. } in run {
        let bits = sample.value.to_bits();
        let change = bits ^ before;
        let front = (change.leading_zeros() / 8) as usize;
        let follow = 8 - front - if change == 0 { 0 } else { (change.trailing_zeros() / 8) as usize };
        out.push((front << 4 | follow) as u8);
        out.extend_from_slice(&change.to_be_bytes()[front..front + follow]);
        before = bits;
    }
}

/// The runs of an encoded batch.
#[derive(Debug)]
pub(crate) struct Runs<'a> {
    base: i64,
    unread: Unread<'a>,
}

/// One tag's samples in a batch, not yet decoded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run<'a> {
    base: i64,
    place: u8,
    count: usize,
    body: Unread<'a>,
}

impl<'a> Runs<'a> {
    /// Checks the batch's version and checksum.
    pub(crate) fn of(bytes: &'a [u8]) -> Result<Self, BlockError> {
        match bytes.first() {
            None => return Err(BlockError::Empty),
            Some(&VERSION) => {}
            Some(other) => return Err(BlockError::Version(*other)),
        }
        let mut unread = Unread(unseal(bytes).and_then(|b| b.get(1..)).ok_or(BlockError::Checksum)?);
        let base = i64::from_le_bytes(unread.array().ok_or(BlockError::Column("base"))?);
        Ok(Self { base, unread })
    }

    fn run(&mut self) -> Option<Run<'a>> {
        let (place, count) = (self.unread.byte()?, self.unread.count()?);
        let length = self.unread.count()?;
        let body = Unread(self.unread.take(length)?);
        (count <= MAX_SAMPLES).then_some(Run { base: self.base, place, count, body })
    }
}

impl<'a> Iterator for Runs<'a> {
    type Item = Result<Run<'a>, BlockError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.unread.0.is_empty() {
            return None;
        }
        let run = self.run().ok_or(BlockError::Column("runs"));
        if run.is_err() {
            self.unread = Unread(&[]);
        }
        Some(run)
    }
}

impl Run<'_> {
    /// The number of the run's tag.
    pub(crate) fn tag(&self, part: i64) -> i64 {
        part * TAGS_IN_PART + i64::from(self.place)
    }

    /// Adds the run's samples in the order they came.
    pub(crate) fn read_into(mut self, samples: &mut Vec<Sample>) -> Result<(), BlockError> {
        let start = samples.len();
        self.times(samples).ok_or(BlockError::Column("times"))?;
        let read = &mut samples[start..];
        self.statuses(read).ok_or(BlockError::Column("statuses"))?;
        self.values(read).ok_or(BlockError::Column("values"))
    }

    fn times(&mut self, samples: &mut Vec<Sample>) -> Option<()> {
        let (mut time, mut step) = (self.base, 0i64);
        for _ in 0..self.count {
            step = step.wrapping_add(unzigzag(self.body.varint()?));
            time = time.wrapping_add(step);
            samples.push(Sample { time: Timestamp::from_micros(time), value: 0.0, status: StatusCode::GOOD });
        }
        Some(())
    }

    fn statuses(&mut self, mut samples: &mut [Sample]) -> Option<()> {
        while !samples.is_empty() {
            let status = StatusCode(u32::try_from(self.body.varint()?).ok()?);
            let length = self.body.count().filter(|length| *length > 0)?;
            let (run, rest) = samples.split_at_mut_checked(length)?;
            run.iter_mut().for_each(|sample| sample.status = status);
            samples = rest;
        }
        Some(())
    }

    fn values(&mut self, samples: &mut [Sample]) -> Option<()> {
        let mut bits = 0u64;
        for sample in samples {
            let layout = self.body.byte()?;
            let (front, follow) = (usize::from(layout >> 4), usize::from(layout & 0xF));
            let mut change = [0; 8];
            change.get_mut(front..front + follow)?.copy_from_slice(self.body.take(follow)?);
            bits ^= u64::from_be_bytes(change);
            sample.value = f64::from_bits(bits);
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn numbered() -> impl Strategy<Value = Numbered> {
        let time = prop_oneof![any::<i64>(), 0i64..1000];
        let status = prop_oneof![Just(0), any::<u32>()];
        let bits = prop_oneof![any::<u64>(), (0..4u64).prop_map(|n| (n as f64).to_bits())];
        (32i64..48, time, bits, status).prop_map(|(tag, time, bits, status)| Numbered {
            tag,
            sample: Sample {
                time: Timestamp::from_micros(time),
                value: f64::from_bits(bits),
                status: StatusCode(status),
            },
        })
    }

    fn read(bytes: &[u8]) -> Result<Vec<(i64, i64, u64, u32)>, BlockError> {
        let mut all = Vec::new();
        for run in Runs::of(bytes)? {
            let (run, mut samples) = (run?, Vec::new());
            run.read_into(&mut samples)?;
            all.extend(samples.iter().map(|s| (run.tag(2), s.time.as_micros(), s.value.to_bits(), s.status.0)));
        }
        Ok(all)
    }

    proptest! {
        #[test]
        fn every_bit_comes_back(mut samples in prop::collection::vec(numbered(), 0..200)) {
            samples.sort_by_key(|s| s.tag);
            let bits = |n: &Numbered| (n.tag, n.sample.time.as_micros(), n.sample.value.to_bits(), n.sample.status.0);
            prop_assert_eq!(read(&encode(&samples)).unwrap(), samples.iter().map(bits).collect::<Vec<_>>());
        }

        #[test]
        fn a_change_is_noticed(
            mut samples in prop::collection::vec(numbered(), 1..50),
            place: prop::sample::Index,
            bit in 0..8u32,
        ) {
            samples.sort_by_key(|s| s.tag);
            let mut bytes = encode(&samples);
            let place = place.index(bytes.len());
            prop_assert!(read(&bytes[..place]).is_err());
            bytes[place] ^= 1 << bit;
            prop_assert!(read(&bytes).is_err());
        }

        #[test]
        fn any_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            bytes.insert(0, VERSION);
            read(&seal(bytes)).ok();
        }
    }
}
