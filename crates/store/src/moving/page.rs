//! Rows on their way from one engine to another.

use std::fmt;

use super::tables::{Kind, Table};

/// Some rows of a table in order of their key, column by column: what PostgreSQL takes as arrays.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The table's columns, each with as many values as there are rows.
    pub columns: Vec<Values>,
}

/// The values of one column; none for null. A number that is no number is null, on either engine.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Values {
    Int(Vec<Option<i64>>),
    Bool(Vec<Option<bool>>),
    Real(Vec<Option<f64>>),
    Text(Vec<Option<String>>),
    Bytes(Vec<Option<Vec<u8>>>),
}

/// What names a row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(pub Vec<KeyPart>);

/// A column of a key. Texts are in order of their bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum KeyPart {
    Int(i64),
    Text(String),
}

impl Page {
    /// No rows, of some of a table's columns.
    pub fn new(kinds: impl IntoIterator<Item = Kind>) -> Self {
        Self { columns: kinds.into_iter().map(Values::new).collect() }
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.columns.first().map_or(0, Values::len)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What names a row; none where there is no such row.
    pub(crate) fn key(&self, table: &Table, row: usize) -> Option<Key> {
        self.columns.iter().take(table.key().len()).map(|values| values.part(row)).collect::<Option<_>>().map(Key)
    }

    /// What names the last row.
    pub fn last_key(&self, table: &Table) -> Option<Key> {
        self.key(table, self.len().checked_sub(1)?)
    }
}

impl Values {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Int => Values::Int(Vec::new()),
            Kind::Bool => Values::Bool(Vec::new()),
            Kind::Real => Values::Real(Vec::new()),
            Kind::Text => Values::Text(Vec::new()),
            Kind::Bytes => Values::Bytes(Vec::new()),
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Values::Int(all) => all.len(),
            Values::Bool(all) => all.len(),
            Values::Real(all) => all.len(),
            Values::Text(all) => all.len(),
            Values::Bytes(all) => all.len(),
        }
    }

    fn part(&self, row: usize) -> Option<KeyPart> {
        match self {
            Values::Int(all) => all.get(row).cloned().flatten().map(KeyPart::Int),
            Values::Text(all) => all.get(row).cloned().flatten().map(KeyPart::Text),
            Values::Bool(_) | Values::Real(_) | Values::Bytes(_) => None,
        }
    }

    /// Whether a row has the same value as a row of another page.
    pub(crate) fn same(&self, row: usize, other: &Self, other_row: usize) -> bool {
        match (self, other) {
            (Values::Int(a), Values::Int(b)) => a.get(row) == b.get(other_row),
            (Values::Bool(a), Values::Bool(b)) => a.get(row) == b.get(other_row),
            (Values::Real(a), Values::Real(b)) => a.get(row) == b.get(other_row),
            (Values::Text(a), Values::Text(b)) => a.get(row) == b.get(other_row),
            (Values::Bytes(a), Values::Bytes(b)) => a.get(row) == b.get(other_row),
            _ => false,
        }
    }
}

impl Key {
    /// As a message names it: `tag_id 3, time_us 60000000`.
    pub(crate) fn named(&self, table: &Table) -> String {
        let parts: Vec<_> =
            table.key().iter().zip(&self.0).map(|(column, part)| format!("{} {part}", column.name)).collect();
        parts.join(", ")
    }
}

impl fmt::Display for KeyPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyPart::Int(number) => number.fmt(f),
            KeyPart::Text(text) => write!(f, "`{text}`"),
        }
    }
}
