//! Comparing: both stores are read in order of the key, and every row is the same in both or is named.

use std::{cmp::Ordering, fmt};

use super::{
    Meter, MoveError,
    copy::{CopyRows, Half},
    page::{Key, Page},
    tables::Table,
};

/// Differences that are named; more are counted only.
const NAMED: usize = 20;

/// Rows that are not the same in both stores.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Differences {
    /// The first twenty.
    pub named: Vec<Difference>,
    /// How many there are.
    pub count: u64,
}

/// A row that is not the same in both stores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Its table.
    pub table: &'static str,
    /// What names it there, such as `tag_id 3, time_us 60000000`.
    pub key: String,
    /// What is different.
    pub what: What,
}

/// How a row differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// It has not arrived.
    Missing,
    /// It is only where the rows were copied to.
    Added,
    /// These columns have other values.
    Changed(Vec<&'static str>),
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): ", self.table, self.key)?;
        match &self.what {
            What::Missing => f.write_str("the row is missing"),
            What::Added => f.write_str("the row is not of the store that was copied"),
            What::Changed(columns) => write!(f, "not the same: {}", columns.join(", ")),
        }
    }
}

impl<R: CopyRows + ?Sized + 'static> Half<'_, R> {
    /// Compares all rows of every table.
    pub(super) async fn compare(
        &self,
        tables: &[Table],
        meter: &mut Meter<'_>,
        found: &mut Differences,
    ) -> Result<(), MoveError> {
        for table in tables {
            self.compare_rows(table, meter, found).await?;
        }
        Ok(())
    }

    async fn compare_rows(
        &self,
        table: &Table,
        meter: &mut Meter<'_>,
        found: &mut Differences,
    ) -> Result<(), MoveError> {
        let limit = table.page_rows();
        let (mut from, mut to) = (self.from.snapshot().await?, self.to.snapshot().await?);
        let mut after = None;
        loop {
            let (ours, theirs) = tokio::join!(
                from.rows().page(table, after.as_ref(), limit),
                to.rows().page(table, after.as_ref(), limit)
            );
            let ours = ours.map_err(self.places.read(table))?;
            let theirs = theirs.map_err(self.places.write(table))?;
            // What both pages reach. A page that is not full ends with the table.
            let full = [&ours, &theirs].into_iter().filter(|page| page.len() == limit);
            let end = full.filter_map(|page| page.last_key(table)).min();
            if ours != theirs {
                found.add(table, &ours, &theirs, end.as_ref());
            }
            meter.add(table, ours.len());
            if end.is_none() {
                return Ok(());
            }
            after = end;
        }
    }
}

impl Differences {
    /// Adds what differs between two pages up to a key, or to their ends.
    fn add(&mut self, table: &Table, ours: &Page, theirs: &Page, end: Option<&Key>) {
        let (mut our, mut their) = (0, 0);
        loop {
            let (a, b) = (ours.key(table, our), theirs.key(table, their));
            let order = match (&a, &b) {
                (None, None) => return,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(a), Some(b)) => a.cmp(b),
            };
            let Some(key) = (if order.is_gt() { b } else { a }) else { return };
            if end.is_some_and(|end| key > *end) {
                return;
            }
            match order {
                Ordering::Less => self.note(table, &key, What::Missing),
                Ordering::Greater => self.note(table, &key, What::Added),
                Ordering::Equal => {
                    let pairs = table.columns.iter().zip(ours.columns.iter().zip(&theirs.columns));
                    let changed = pairs.filter(|(_, (a, b))| !a.same(our, b, their)).map(|(column, _)| column.name);
                    let changed: Vec<_> = changed.collect();
                    if !changed.is_empty() {
                        self.note(table, &key, What::Changed(changed));
                    }
                }
            }
            our += usize::from(order.is_le());
            their += usize::from(order.is_ge());
        }
    }

    fn note(&mut self, table: &Table, key: &Key, what: What) {
        self.count += 1;
        if self.named.len() < NAMED {
            self.named.push(Difference { table: table.name, key: key.named(table), what });
        }
    }
}
