//! A file of records, read a piece at a time: 24 bytes each, as bench/histories/samples.py writes them.

use std::{
    fs::File,
    io::{BufReader, Read},
};

use andon_plant::{AssetName, Sample, StatusCode, TagKey, TagName, TagSample, Timestamp};
use anyhow::{Context, Result};

const RECORD: usize = 24;
/// Tags of one asset.
const ASSET: usize = 64;

pub(crate) struct Records {
    file: BufReader<File>,
    keys: Vec<TagKey>,
}

impl Records {
    pub(crate) fn open(path: &str) -> Result<Self> {
        let file = File::open(path).with_context(|| format!("opening {path}"))?;
        Ok(Self { file: BufReader::with_capacity(1 << 20, file), keys: Vec::new() })
    }

    /// The next samples, at most so many.
    pub(crate) fn next(&mut self, most: usize) -> Result<Option<Vec<TagSample>>> {
        let mut samples = Vec::with_capacity(most);
        let mut record = [0; RECORD];
        while samples.len() < most && read(&mut self.file, &mut record)? {
            samples.push(self.sample(&record)?);
        }
        Ok(Some(samples).filter(|s| !s.is_empty()))
    }

    fn sample(&mut self, record: &[u8; RECORD]) -> Result<TagSample> {
        let (time, value) = (i64::from_le_bytes(part(record, 0)?), f64::from_le_bytes(part(record, 8)?));
        let (tag, status) = (u32::from_le_bytes(part(record, 16)?), u32::from_le_bytes(part(record, 20)?));
        while self.keys.len() <= tag as usize {
            self.keys.push(key(self.keys.len())?);
        }
        let sample = Sample::new(Timestamp::from_micros(time), value, StatusCode(status));
        Ok(TagSample { key: self.keys[tag as usize].clone(), sample })
    }
}

fn part<const N: usize>(record: &[u8; RECORD], from: usize) -> Result<[u8; N]> {
    Ok(record[from..from + N].try_into()?)
}

/// Whether there was another record.
fn read(file: &mut impl Read, record: &mut [u8]) -> Result<bool> {
    match file.read_exact(record) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// The name of the n-th tag.
pub(crate) fn key(tag: usize) -> Result<TagKey> {
    Ok(TagKey { asset: AssetName::new(&format!("A{}", tag / ASSET))?, tag: TagName::new(&format!("T{tag}"))? })
}
