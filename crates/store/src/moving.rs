//! A move: all of a store copied to another place, on this engine or another, and compared row by row.
//!
//! The place it goes to is empty, or has a part of the same store: a marker in its `state` says of which, and whether the move is
//! finished. Nobody monitors on a part of a store: until then it can't be started. Rows keep their keys and are copied as they
//! are, blocks of samples by their bytes. Neither place may be in use.
//!
//! * [`tables`]: what there is to copy. [`page`]: rows on their way. [`copy`], [`compare`]: the two halves of the work.

pub mod compare;
pub mod copy;
pub mod page;
pub mod tables;

use serde::{Deserialize, Serialize};

pub use compare::{Difference, Differences, What};
use copy::{CopyRows, Half, Places};
use tables::Table;

use crate::{
    engine::{Database, Engine, Main},
    error::StoreError,
};

/// The key of the marker in `state`.
const MARKER: &str = "move";

/// A store at one end of a move.
#[derive(Clone)]
pub struct Place {
    /// Its databases.
    pub engine: Engine,
    /// What it is called, without a password. A move goes on only from a place that is called as the one it began from.
    pub name: String,
}

/// What a move has done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Moved {
    /// The rows that are of the store now, by table.
    pub rows: Vec<(&'static str, u64)>,
    /// How many of them an earlier call had copied.
    pub before: u64,
    /// Rows that could not be read and were put aside, by table: they stay behind.
    pub aside: Vec<(&'static str, u64)>,
    /// What is not the same in both places: the move is finished only where there is nothing.
    pub differences: Differences,
}

/// A store could not be moved.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// There is another store.
    #[error("{to} is not empty (it has rows in `{table}`): nothing was changed; name an empty database or folder")]
    NotEmpty {
        /// The place.
        to: String,
        /// A table with rows.
        table: &'static str,
    },
    /// There is a part of another store.
    #[error(
        "{to} has a part of {begun}, whose move is not finished, and not of {from}: nothing was changed; go on with that one, or \
         empty {to}"
    )]
    Another {
        /// The place.
        to: String,
        /// What its part is of.
        begun: String,
        /// What was to be moved.
        from: String,
    },
    /// The place to copy from has only a part of a store itself.
    #[error("{0} has only a part of a store, whose move is not finished: finish that one first")]
    Part(String),
    /// A table can't be read or written.
    #[error(
        "{side} {place}, table `{table}`: {source}; what has been copied stays: mend that and start it again, it goes on from there"
    )]
    Table {
        /// Which end it is.
        side: Side,
        /// Its name.
        place: String,
        /// The table.
        table: &'static str,
        /// Why.
        source: StoreError,
    },
    /// A database can't be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An end of a move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// What is copied.
    From,
    /// Where it goes.
    To,
}

impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Side::From => "copying from",
            Side::To => "copying to",
        })
    }
}

/// What is in the marker.
#[derive(Debug, Serialize, Deserialize)]
struct Marker {
    from: String,
    finished: bool,
}

/// Copies a store to another place and compares both, from where an earlier call stopped; `show` is told which share of it is
/// done. Neither place may be in use.
///
/// # Errors
/// If there is something else in the other place (then nothing is changed), or a database fails: then the next call goes on.
#[tracing::instrument(name = "store.move", skip_all, fields(from = %from.name, to = %to.name))]
pub async fn move_store(from: &Place, to: &Place, show: &mut dyn FnMut(f64)) -> Result<Moved, MoveError> {
    begin(from, to).await?;
    let places = Places { from, to };
    let main = Half { from: &*from.engine.main, to: &*to.engine.main, places };
    let series = Half { from: &*from.engine.series, to: &*to.engine.series, places };
    let mut moved = Moved { aside: from.engine.series.snapshot().await?.rows().put_aside().await?, ..Moved::default() };
    let mut meter = Meter { done: 0, whole: 0, show };
    main.count(&tables::MAIN, &mut moved, &mut meter).await?;
    series.count(&tables::SERIES, &mut moved, &mut meter).await?;
    main.copy(&tables::MAIN, &mut meter).await?;
    series.copy(&tables::SERIES, &mut meter).await?;
    main.compare(&tables::MAIN, &mut meter, &mut moved.differences).await?;
    series.compare(&tables::SERIES, &mut meter, &mut moved.differences).await?;
    if moved.differences.count == 0 {
        mark(&*to.engine.main, &Marker { from: from.name.clone(), finished: true }).await?;
    }
    Ok(moved)
}

/// Refuses a store that is only a part of one.
pub(crate) async fn refuse_part(engine: &Engine, place: &str) -> Result<(), StoreError> {
    match marker(&*engine.main).await? {
        Some(Marker { from, finished: false }) => Err(StoreError::Part { place: place.to_owned(), from }),
        _ => Ok(()),
    }
}

/// Sees to it that the other place has a part of this store or nothing.
async fn begin(from: &Place, to: &Place) -> Result<(), MoveError> {
    if marker(&*from.engine.main).await?.is_some_and(|marker| !marker.finished) {
        return Err(MoveError::Part(from.name.clone()));
    }
    match marker(&*to.engine.main).await? {
        Some(begun) if !begun.finished && begun.from == from.name => return Ok(()),
        Some(begun) if !begun.finished => {
            return Err(MoveError::Another { to: to.name.clone(), begun: begun.from, from: from.name.clone() });
        }
        _ => {}
    }
    let mut filled = first_filled(&*to.engine.main, &tables::MAIN).await?;
    if filled.is_none() {
        filled = first_filled(&*to.engine.series, &tables::SERIES).await?;
    }
    match filled {
        Some(table) => Err(MoveError::NotEmpty { to: to.name.clone(), table }),
        None => Ok(mark(&*to.engine.main, &Marker { from: from.name.clone(), finished: false }).await?),
    }
}

async fn first_filled<R: CopyRows + ?Sized>(
    database: &dyn Database<R>,
    tables: &[Table],
) -> Result<Option<&'static str>, StoreError> {
    let mut snapshot = database.snapshot().await?;
    for table in tables {
        if snapshot.rows().last_key(table).await?.is_some() {
            return Ok(Some(table.name));
        }
    }
    Ok(None)
}

async fn marker(main: &Main) -> Result<Option<Marker>, StoreError> {
    let json = main.snapshot().await?.rows().state(MARKER).await?;
    let read = json.map(|json| serde_json::from_str(&json)).transpose();
    read.map_err(|source| StoreError::State { key: MARKER.to_owned(), source })
}

async fn mark(main: &Main, marker: &Marker) -> Result<(), StoreError> {
    let json = serde_json::to_string(marker).map_err(|source| StoreError::State { key: MARKER.to_owned(), source })?;
    let mut writer = main.connect().await?;
    writer.begin().await?.put_state(MARKER, &json).await?;
    writer.commit().await?;
    writer.checkpoint(true).await?;
    writer.close().await
}

impl<R: CopyRows + ?Sized> Half<'_, R> {
    /// Counts what there is to do, and what is done already.
    async fn count(&self, tables: &[Table], moved: &mut Moved, meter: &mut Meter<'_>) -> Result<(), MoveError> {
        let (mut from, mut to) = (self.from.snapshot().await?, self.to.snapshot().await?);
        for table in tables {
            let all = from.rows().count_rows(table).await.map_err(self.places.read(table))?;
            let there = to.rows().count_rows(table).await.map_err(self.places.write(table))?;
            moved.rows.push((table.name, all));
            moved.before += there;
            // Copied, and compared.
            meter.whole += 2 * all * table.row_bytes;
            meter.done += there * table.row_bytes;
        }
        Ok(())
    }
}

/// How much is done, in bytes of rows.
struct Meter<'a> {
    done: u64,
    whole: u64,
    show: &'a mut dyn FnMut(f64),
}

impl Meter<'_> {
    fn add(&mut self, table: &Table, rows: usize) {
        self.done += rows as u64 * table.row_bytes;
        (self.show)((self.done as f64 / self.whole.max(1) as f64).min(1.0));
    }
}
