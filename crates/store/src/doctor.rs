//! The doctor: reads all there is and says what is broken and what is lost by it, which is one block and never the file.
//!
//! It only reads, beside a store in use too. With `repair`, where nobody uses the store, what can't be read is moved to
//! `broken_block`, `broken_tail` and `broken_sample`, so that reads go on around it, and a roll-up that is not that of its block
//! is made anew. Pages that SQLite itself can't read are beyond it: for those there is the backup.

mod kept;
mod series;

use andon_plant::Timestamp;
use serde::Serialize;
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use crate::{
    error::StoreError,
    sqlite::file::{DatabaseFile, MAIN, SAMPLES},
    url::SqliteUrl,
};

/// Findings that are kept; more are counted only.
const FINDINGS: usize = 1_000;
/// Lines of SQLite's own check.
const LINES: &str = "pragma integrity_check(20)";

/// What was looked at, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Checkup {
    /// Blocks read.
    pub blocks: u64,
    /// Batches of the tail read.
    pub batches: u64,
    /// Rows of samples that are not sealed yet.
    pub rows: u64,
    /// Samples that can be read, of all three.
    pub samples: u64,
    /// Alarms read, with their journal.
    pub alarms: u64,
    /// Versions of models read.
    pub models: u64,
    /// What is wrong, the first thousand.
    pub findings: Vec<Finding>,
    /// How many things are wrong.
    pub found: u64,
    /// How many of them mean that something is lost.
    pub lost: u64,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Finding {
    /// The file, as it is called in a backup.
    pub file: &'static str,
    /// What kind of thing it is, such as `block`.
    pub what: &'static str,
    /// Whose it is: a tag, an asset or an alarm. A batch of the tail may be of any of several tags.
    pub of: Vec<String>,
    /// The first time it is about.
    pub from: Option<Timestamp>,
    /// The last time it is about.
    pub to: Option<Timestamp>,
    /// How many samples are concerned.
    pub samples: Option<u64>,
    /// What is wrong with it.
    pub reason: String,
    /// Whether something is lost; otherwise it can be made anew.
    pub lost: bool,
    /// Whether it was moved out of the way or made anew.
    pub mended: bool,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.file, self.what)?;
        if !self.of.is_empty() {
            write!(f, " of {}", self.of.join(", "))?;
        }
        if let (Some(from), Some(to)) = (self.from, self.to) {
            write!(f, " from {from} to {to}")?;
        }
        write!(f, ": {}", self.reason)?;
        match (self.samples, self.lost) {
            (Some(samples), true) => write!(f, "; {samples} samples are lost")?,
            (None, true) => f.write_str("; it is lost")?,
            (_, false) => f.write_str("; nothing is lost")?,
        }
        match (self.mended, self.lost) {
            (false, _) => Ok(()),
            (true, true) => f.write_str(", and it is out of the way now"),
            (true, false) => f.write_str(", and it is made anew"),
        }
    }
}

impl Checkup {
    fn add(&mut self, finding: Finding) {
        self.found += 1;
        self.lost += u64::from(finding.lost);
        if self.findings.len() < FINDINGS {
            self.findings.push(finding);
        }
    }
}

/// Reads a store, and repairs what it can where `repair` says so: then nobody else may use it. `model` says what is wrong with a
/// model, given its manifest and weights.
///
/// # Errors
/// If a file is not there, is not SQLite, or is not of this version. What is broken inside is a finding and no error.
#[tracing::instrument(name = "store.doctor.examine", skip_all)]
pub async fn examine(
    url: &SqliteUrl,
    repair: bool,
    model: impl Fn(&str, Vec<u8>) -> Result<(), String>,
) -> Result<Checkup, StoreError> {
    let (main, samples) = (url.main_path().to_owned(), url.samples_path());
    let mut checkup = Checkup::default();
    let mut conn = open(&MAIN, &main, false).await?;
    integrity(&mut conn, "andon.db", &mut checkup).await;
    kept::examine(&mut conn, &mut checkup, model).await?;
    conn.close().await?;
    let mut conn = open(&SAMPLES, &samples, repair).await?;
    integrity(&mut conn, "andon.samples.db", &mut checkup).await;
    series::examine(&mut conn, &mut checkup, repair).await?;
    conn.close().await?;
    Ok(checkup)
}

async fn open(file: &DatabaseFile, path: &std::path::Path, repair: bool) -> Result<SqliteConnection, StoreError> {
    let opening = |source| StoreError::Open { path: path.to_owned(), source };
    if !path.exists() {
        return Err(opening(sqlx::Error::Io(std::io::ErrorKind::NotFound.into())));
    }
    file.inspect(path).await?;
    if repair {
        file.migrate(path).await?;
        return file.writer(path, None).await;
    }
    if !file.is_current(path).await? {
        return Err(StoreError::Older { path: path.to_owned() });
    }
    file.reader(path).connect().await.map_err(opening)
}

/// What SQLite's own checks say of a file: its pages and indexes, and rows that refer to rows that are not there.
async fn integrity(conn: &mut SqliteConnection, file: &'static str, checkup: &mut Checkup) {
    // Not checked queries: SQLite can't describe a pragma.
    let lines = match sqlx::query_scalar::<_, String>(LINES).fetch_all(&mut *conn).await {
        Ok(lines) => lines,
        Err(error) => vec![error.to_string()],
    };
    for reason in lines.into_iter().filter(|line| line != "ok") {
        checkup.add(Finding { file, what: "pages", reason, lost: true, ..Finding::default() });
    }
    let foreign = sqlx::query_as::<_, (String, Option<i64>, String, i64)>("pragma foreign_key_check");
    match foreign.fetch_all(&mut *conn).await {
        Ok(rows) => {
            let mut tables: Vec<(String, String)> = rows.into_iter().map(|(table, _, of, _)| (table, of)).collect();
            tables.sort();
            for same in tables.chunk_by(|a, b| a == b) {
                let (table, of) = &same[0];
                let reason = format!("{} rows of `{table}` refer to rows of `{of}` that are not there", same.len());
                checkup.add(Finding { file, what: "rows", reason, lost: true, ..Finding::default() });
            }
        }
        Err(error) => {
            checkup.add(Finding { file, what: "rows", reason: error.to_string(), lost: true, ..Finding::default() });
        }
    }
}
