//! The archive of a backup, as a stream: no file is held in memory.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::Path,
};

use andon_plant::Timestamp;
use sha2::{Digest, Sha256};

use super::{BackupError, BackupFile, BackupManifest, FORMAT, NAMES, folder_of};

const MANIFEST: &str = "manifest.json";
/// More is no manifest of ours.
const MANIFEST_MOST: u64 = 65_536;
/// What is written is compressed already for the most part.
const LEVEL: i32 = 3;
const CHUNK: usize = 1 << 18;

/// Writes the files in `folder` and their manifest; the archive is at `to` once it is whole and on the disk.
pub(super) fn write(folder: &Path, to: &Path, created_at: Timestamp) -> Result<BackupManifest, BackupError> {
    let files = NAMES.iter().map(|name| entry(folder, name)).collect::<Result<_, _>>()?;
    let release = env!("CARGO_PKG_VERSION").to_owned();
    let manifest = BackupManifest { format: FORMAT, created_at, release, files };
    let mut out = tempfile::NamedTempFile::new_in(folder).map_err(BackupError::file(folder))?;
    pack(folder, &manifest, out.as_file_mut()).map_err(BackupError::file(to))?;
    out.as_file().sync_all().map_err(BackupError::file(to))?;
    match out.persist_noclobber(to) {
        Ok(_) => {}
        Err(e) if e.error.kind() == io::ErrorKind::AlreadyExists => return Err(BackupError::Exists(to.to_owned())),
        Err(e) => return Err(BackupError::file(to)(e.error)),
    }
    flush_folder(folder_of(to))?;
    Ok(manifest)
}

fn entry(folder: &Path, name: &str) -> Result<BackupFile, BackupError> {
    let path = folder.join(name);
    let summed = File::open(&path).and_then(|file| copy(file, io::sink()));
    let (bytes, sha256) = summed.map_err(BackupError::file(&path))?;
    Ok(BackupFile { name: name.to_owned(), bytes, sha256 })
}

fn pack(folder: &Path, manifest: &BackupManifest, out: &mut File) -> io::Result<()> {
    let mut encoder = zstd::Encoder::new(out, LEVEL)?;
    encoder.include_checksum(true)?;
    let mut tar = tar::Builder::new(encoder);
    let json = serde_json::to_vec_pretty(manifest)?;
    let mut header = tar::Header::new_gnu();
    header.set_size(json.len() as u64);
    header.set_mode(0o600);
    tar.append_data(&mut header, MANIFEST, json.as_slice())?;
    for file in &manifest.files {
        let mut header = tar::Header::new_gnu();
        header.set_size(file.bytes);
        header.set_mode(0o600);
        tar.append_data(&mut header, &file.name, File::open(folder.join(&file.name))?)?;
    }
    tar.into_inner()?.finish()?;
    Ok(())
}

/// Unpacks an archive into a new `folder` and checks all of it.
pub(super) fn read(from: &Path, folder: &Path) -> Result<BackupManifest, BackupError> {
    let file = File::open(from).map_err(BackupError::file(from))?;
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(BackupError::file(folder))?;
    }
    fs::create_dir_all(folder).map_err(BackupError::file(folder))?;
    unpack(file, folder).map_err(|e| match e {
        Unpack::Damaged(reason) => BackupError::Damaged { path: from.to_owned(), reason },
        Unpack::Write(source) => BackupError::File { path: folder.to_owned(), source },
    })
}

enum Unpack {
    Damaged(String),
    Write(io::Error),
}

fn damaged(reason: impl ToString) -> Unpack {
    Unpack::Damaged(reason.to_string())
}

fn unpack(file: File, folder: &Path) -> Result<BackupManifest, Unpack> {
    let mut tar = tar::Archive::new(zstd::Decoder::new(file).map_err(damaged)?);
    let mut entries = tar.entries().map_err(damaged)?;
    let mut next = |name: &str| {
        let entry = entries.next().ok_or_else(|| damaged(format!("{name} is missing")))?.map_err(damaged)?;
        let found = entry.path().map_err(damaged)?.display().to_string();
        if found == name { Ok(entry) } else { Err(damaged(format!("{found} is where {name} belongs"))) }
    };
    let mut json = Vec::new();
    next(MANIFEST)?.take(MANIFEST_MOST).read_to_end(&mut json).map_err(damaged)?;
    let manifest: BackupManifest = serde_json::from_slice(&json).map_err(damaged)?;
    if manifest.format != FORMAT || !manifest.files.iter().map(|f| f.name.as_str()).eq(NAMES) {
        return Err(damaged(format!("its format {} is not known here", manifest.format)));
    }
    for said in &manifest.files {
        let entry = next(&said.name)?;
        let out = File::create(folder.join(&said.name)).map_err(Unpack::Write)?;
        let (bytes, sha256) =
            copy(Source(entry), &out).map_err(|e| match e.get_ref().is_some_and(|e| e.is::<Unread>()) {
                true => damaged(e),
                false => Unpack::Write(e),
            })?;
        if (bytes, &sha256) != (said.bytes, &said.sha256) {
            return Err(damaged(format!("{} does not have the checksum of its manifest", said.name)));
        }
        out.sync_all().map_err(Unpack::Write)?;
    }
    // What follows is the end of the archive, with its checksum.
    io::copy(&mut tar.into_inner(), &mut io::sink()).map_err(damaged)?;
    Ok(manifest)
}

/// A reader whose errors can be told from those of the writer.
struct Source<R>(R);

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Unread(io::Error);

impl<R: Read> Read for Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|e| io::Error::other(Unread(e)))
    }
}

/// Copies all and sums it up: how many bytes, and their SHA-256.
fn copy(mut from: impl Read, mut to: impl Write) -> io::Result<(u64, String)> {
    let (mut sum, mut bytes, mut chunk) = (Sha256::new(), 0, vec![0; CHUNK]);
    loop {
        let read = from.read(&mut chunk)?;
        if read == 0 {
            break;
        }
        to.write_all(&chunk[..read])?;
        sum.update(&chunk[..read]);
        bytes += read as u64;
    }
    Ok((bytes, sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect()))
}

/// Waits until the disk has the names in a folder.
pub(super) fn flush_folder(folder: &Path) -> Result<(), BackupError> {
    if cfg!(unix) {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(BackupError::file(folder))?;
    }
    Ok(())
}

/// A blocking task that did not come to its end.
pub(super) fn ended(error: tokio::task::JoinError) -> BackupError {
    BackupError::File { path: "backup".into(), source: io::Error::other(error) }
}
