//! What is asked of a history, and how a long one is thinned.

/// Which points of a span to return. The default is all of them, oldest first.
///
/// Spans are half-open: `from` is in, `to` is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SeriesQuery {
    /// Thin to at most about this many points (three at least): the span from the first to the last point is cut into
    /// equal buckets, and each keeps its lowest and its highest (any of equals), and the first one without a value, so that
    /// peaks and gaps stay visible.
    pub max_points: Option<usize>,
    /// Return at most this many points.
    pub limit: Option<usize>,
    /// Newest first; a limit then keeps the newest.
    pub newest_first: bool,
}

impl SeriesQuery {
    /// All points, thinned to `max_points`.
    pub fn thinned(max_points: usize) -> Self {
        Self { max_points: Some(max_points), ..Self::default() }
    }

    /// The newest `limit` points, newest first.
    pub fn newest(limit: usize) -> Self {
        Self { max_points: None, limit: Some(limit), newest_first: true }
    }

    /// The limit as SQL takes it.
    pub fn sql_limit(&self) -> i64 {
        self.limit.map_or(i64::MAX, |limit| i64::try_from(limit).unwrap_or(i64::MAX))
    }

    /// Thinned points in the order asked for.
    pub(crate) fn arrange<T>(&self, mut points: Vec<T>) -> Vec<T> {
        if self.newest_first {
            points.reverse();
        }
        points.truncate(self.limit.unwrap_or(usize::MAX));
        points
    }
}

/// Equal buckets from `from_us` up to `to_us`, exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Buckets {
    /// Where the first begins.
    pub from_us: i64,
    /// Where the last ends.
    pub to_us: i64,
    /// How long each is; at least 1.
    pub width_us: i64,
}

/// How many points a span has, and the first and last of them.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    /// How many.
    pub count: i64,
    /// When the first is.
    pub first_us: Option<i64>,
    /// When the last is.
    pub last_us: Option<i64>,
}

impl Buckets {
    /// The buckets for a span, each of which keeps up to `kept` points; none where all points fit.
    pub(crate) fn plan(extent: Extent, max_points: usize, kept: usize) -> Option<Self> {
        let (from_us, last_us) = (extent.first_us?, extent.last_us?);
        if usize::try_from(extent.count).is_ok_and(|count| count <= max_points) {
            return None;
        }
        let buckets = i64::try_from(max_points / kept).unwrap_or(i64::MAX).max(1);
        let to_us = last_us.saturating_add(1);
        let span_us = to_us.saturating_sub(from_us);
        let width_us = span_us / buckets + i64::from(span_us % buckets != 0);
        Some(Self { from_us, to_us, width_us })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_cover_the_span_and_are_no_more_than_asked_for() {
        let extent = Extent { count: 1000, first_us: Some(5), last_us: Some(1004) };
        let buckets = Buckets::plan(extent, 30, 3).unwrap();
        assert_eq!(buckets, Buckets { from_us: 5, to_us: 1005, width_us: 100 });
        assert_eq!(Buckets::plan(extent, 1000, 3), None);
        assert_eq!(Buckets::plan(extent, 0, 3).unwrap().width_us, 1000);
    }
}
