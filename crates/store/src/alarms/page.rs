//! Lists of alarms, page by page.

use std::{fmt, str::FromStr};

use andon_plant::{Alarm, AssetName, TagName, Timestamp};

use super::rows;
use crate::{error::StoreError, store::Store};

/// Alarms on a page where no limit was given.
const PAGE: usize = 100;

/// Which alarms by their state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AlarmFilter {
    /// Raised now.
    Active,
    /// Returned to normal, acknowledged or not.
    Cleared,
    /// Raised, or not yet acknowledged.
    Open,
    /// Not yet acknowledged.
    Unacknowledged,
}

impl AlarmFilter {
    /// The word for REST.
    pub fn as_str(self) -> &'static str {
        match self {
            AlarmFilter::Active => "active",
            AlarmFilter::Cleared => "cleared",
            AlarmFilter::Open => "open",
            AlarmFilter::Unacknowledged => "unacknowledged",
        }
    }
}

/// The order of a list of alarms by when they were raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum AlarmOrder {
    /// The last raised first.
    #[default]
    NewestFirst,
    /// The first raised first.
    OldestFirst,
}

/// Which alarms, in which order, from where on. The default is all of them, newest first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AlarmQuery {
    /// Of this asset.
    pub asset: Option<AssetName>,
    /// On this tag, or carried by it.
    pub tag: Option<TagName>,
    /// In this state.
    pub state: Option<AlarmFilter>,
    /// Of at least this severity.
    pub severity_min: Option<u16>,
    /// Raised at or after this time.
    pub from: Option<Timestamp>,
    /// Raised before this time.
    pub to: Option<Timestamp>,
    /// By when they were raised.
    pub order: AlarmOrder,
    /// How many at the most; 100 where it is not given.
    pub limit: Option<usize>,
    /// Where the page before ended.
    pub cursor: Option<Cursor>,
}

/// A query as its statement takes it; null is no filter.
#[derive(Debug, Clone, Copy)]
pub struct Filters<'q> {
    /// Where the page before ended, or a place before all.
    pub after: Cursor,
    /// Of this asset.
    pub asset: Option<&'q str>,
    /// On this tag, or carried by it.
    pub tag: Option<&'q str>,
    /// The word of the state.
    pub state: Option<&'static str>,
    /// Of at least this severity.
    pub severity_min: Option<u16>,
    /// Raised at or after this time.
    pub from_us: i64,
    /// Raised before this time.
    pub to_us: i64,
}

impl<'q> Filters<'q> {
    /// Those of a query.
    pub fn of(query: &'q AlarmQuery) -> Self {
        let before_all = match query.order {
            AlarmOrder::NewestFirst => i64::MAX,
            AlarmOrder::OldestFirst => i64::MIN,
        };
        Self {
            after: query.cursor.unwrap_or(Cursor { raised_at_us: before_all, id: before_all }),
            asset: query.asset.as_deref(),
            tag: query.tag.as_deref(),
            state: query.state.map(AlarmFilter::as_str),
            severity_min: query.severity_min,
            from_us: query.from.map_or(i64::MIN, Timestamp::as_micros),
            to_us: query.to.map_or(i64::MAX, Timestamp::as_micros),
        }
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The page.
    pub items: Vec<T>,
    /// Where the next page begins; none after the last.
    pub next_cursor: Option<Cursor>,
}

/// A place in a list of alarms: after the alarm with this time and number, which never change.
///
/// As text it is opaque to clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cursor {
    /// When that alarm was raised.
    pub raised_at_us: i64,
    /// Its number.
    pub id: i64,
}

/// The text is not a cursor that a page ended with.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a cursor: pass `next_cursor` of the page before as it was")]
pub struct CursorError(String);

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.raised_at_us, self.id)
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let parts = text.split_once('.').and_then(|(time, id)| Some((time.parse().ok()?, id.parse().ok()?)));
        let (raised_at_us, id) = parts.ok_or_else(|| CursorError(text.to_owned()))?;
        Ok(Self { raised_at_us, id })
    }
}

impl Store {
    /// One page of alarms. Going on from `next_cursor` until there is none shows every alarm that met the query
    /// throughout exactly once, whatever is raised or changed between pages.
    ///
    /// # Errors
    /// If the database fails or a row is broken.
    #[tracing::instrument(name = "store.alarm.list", skip_all)]
    pub async fn alarms(&self, query: &AlarmQuery) -> Result<Page<Alarm>, StoreError> {
        let mut snapshot = self.main_tables().snapshot().await?;
        let conn = snapshot.rows();
        let limit = query.limit.unwrap_or(PAGE).max(1);
        // One more than asked for says whether there is a next page.
        let mut items =
            rows::list(&mut *conn, query, i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1)).await?;
        let more = items.len() > limit;
        items.truncate(limit);
        let last = items.last().filter(|_| more);
        let next_cursor = last.map(|a| Cursor { raised_at_us: a.raised_at.as_micros(), id: a.id.0 });
        Ok(Page { items, next_cursor })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_being_text() {
        let cursor = Cursor { raised_at_us: -1_700_000_000_000_000, id: 42 };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for text in ["", "1", "1.", ".1", "1.2.3", "one.two"] {
            assert_eq!(text.parse::<Cursor>(), Err(CursorError(text.to_owned())));
        }
    }
}
