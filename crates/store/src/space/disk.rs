//! The disk a store is on, and the file that keeps some of it back.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

/// What is written again once it was given up; 4 MB of it are the log of `andon.db`, the rest is for alarms or a model.
const RESERVE: u64 = 32_000_000;

/// A disk's size and what is free on it for this user, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Disk {
    pub(crate) size: u64,
    pub(crate) free: u64,
}

impl Disk {
    /// The disk that a file is on or will be.
    #[cfg(unix)]
    pub(crate) fn of(file: &Path) -> Option<Self> {
        let folder = file.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
        let seen = rustix::fs::statvfs(folder).ok()?;
        Some(Self { size: seen.f_blocks * seen.f_frsize, free: seen.f_bavail * seen.f_frsize })
    }

    /// Not known on this system.
    #[cfg(not(unix))]
    pub(crate) fn of(_: &Path) -> Option<Self> {
        None
    }
}

/// A file of zeros that is deleted when the disk is full: what it took is there for alarms, and for the log of the transaction
/// that deletes the oldest samples. Another program can't take it before.
#[derive(Debug)]
pub(crate) struct Reserve {
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
}

impl Reserve {
    /// Beside the main file of a store, and no more than half of what is to stay free.
    pub(crate) fn beside(main: &Path, keep_free: u64) -> Self {
        Self { path: main.with_extension("reserve"), bytes: RESERVE.min(keep_free / 2) }
    }

    /// Of nothing, never there.
    pub(crate) fn none() -> Self {
        Self { path: PathBuf::new(), bytes: 0 }
    }

    pub(crate) fn is_there(&self) -> bool {
        self.path.exists()
    }

    /// Gives it up; false where it was not there.
    pub(crate) fn release(&self) -> bool {
        fs::remove_file(&self.path).is_ok()
    }

    /// Writes it anew and waits until the disk has it; what is written half-way is deleted again.
    pub(crate) fn make(&self) -> io::Result<()> {
        let write = || {
            let mut file = File::create(&self.path)?;
            let zeros = vec![0; 1 << 20];
            let mut left = self.bytes;
            while left > 0 {
                let some = left.min(zeros.len() as u64);
                file.write_all(&zeros[..some as usize])?;
                left -= some;
            }
            file.sync_all()
        };
        write().inspect_err(|_| {
            self.release();
        })
    }
}
