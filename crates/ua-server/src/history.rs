//! HistoryRead of raw values, in pages (OPC 10000-11, 6.5.3).

use std::sync::Arc;

use andon_plant::{AssetName, Sample, TagKey, Timestamp};
use async_trait::async_trait;
use opcua::types::{
    DataValue, HistoryData, ReadRawModifiedDetails, StatusCode as UaStatus, TimestampsToReturn, Variant,
};

use crate::value::{date_time, status, timestamp};

/// A variable that has a history.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Series {
    /// An asset's score.
    Score(AssetName),
    /// An asset's threshold.
    Threshold(AssetName),
    /// A tag's value.
    Value(TagKey),
    /// The value the model expected of a tag.
    Expected(TagKey),
}

impl std::fmt::Display for Series {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Series::Score(asset) => write!(f, "{asset}/Score"),
            Series::Threshold(asset) => write!(f, "{asset}/Threshold"),
            Series::Value(key) => write!(f, "{}/Tags/{}/Value", key.asset, key.tag),
            Series::Expected(key) => write!(f, "{}/Tags/{}/Expected", key.asset, key.tag),
        }
    }
}

/// The history can't be read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The store failed; a client sees BadResourceUnavailable.
    #[error("the history of {series} can't be read: {reason}; the client may try again")]
    Unavailable {
        /// What was asked for.
        series: Series,
        /// What the store said.
        reason: String,
    },
}

/// Where past values come from.
#[async_trait]
pub trait History: Send + Sync + 'static {
    /// At most `max` (never 0) samples of `series`, without gap or repeat from the one nearest to `from`.
    ///
    /// `from` is included and `to` is not. With `from` before `to` the oldest comes first; with `from` after `to` the
    /// newest comes first and the range is `(to, from]` (OPC 10000-11, 6.5.3.2). The times of a series are distinct:
    /// the next page begins at the time of the first sample that did not fit.
    ///
    /// # Errors
    /// If the store can't answer.
    async fn raw(
        &self,
        series: &Series,
        from: Timestamp,
        to: Timestamp,
        max: usize,
    ) -> Result<Vec<Sample>, HistoryError>;
}

/// Values in one answer: far below the message limits, and a quick query.
const PAGE: usize = 10_000;

/// The first and the last instant OPC UA can write.
const EARLIEST: Timestamp = Timestamp::from_secs(-11_644_473_600);
const LATEST: Timestamp = Timestamp::from_secs(253_402_300_799);

/// Where a read stands; kept in the session as a continuation point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor {
    from: Timestamp,
    to: Timestamp,
    page: usize,
    /// How many values are still wanted; none for all of the range.
    left: Option<usize>,
}

impl Cursor {
    /// Two of start, end and count must be given. A count beside both times is the size of a page; beside one time it
    /// is all that is wanted, after a start or before an end.
    pub(crate) fn new(details: &ReadRawModifiedDetails) -> Result<Self, UaStatus> {
        if details.is_read_modified {
            return Err(UaStatus::BadHistoryOperationUnsupported);
        }
        let count = usize::try_from(details.num_values_per_node).unwrap_or(usize::MAX);
        let page = if count == 0 { PAGE } else { count.min(PAGE) };
        let (from, to, left) = match (timestamp(&details.start_time), timestamp(&details.end_time)) {
            (Some(start), Some(end)) if start == end => (start, Timestamp::from_micros(end.as_micros() + 1), None),
            (Some(start), Some(end)) => (start, end, None),
            (Some(start), None) if count > 0 => (start, LATEST, Some(count)),
            (None, Some(end)) if count > 0 => (end, EARLIEST, Some(count)),
            _ => return Err(UaStatus::BadHistoryOperationInvalid),
        };
        Ok(Self { from, to, page, left })
    }
}

/// One answer, and where to go on.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) samples: Vec<Sample>,
    pub(crate) next: Option<Cursor>,
}

/// Reads the page at `cursor`.
pub(crate) async fn read(history: &Arc<dyn History>, series: &Series, cursor: Cursor) -> Result<Page, HistoryError> {
    let wanted = cursor.left.map_or(cursor.page, |left| left.min(cursor.page));
    // One more than fits tells whether, and at what time, the next page begins.
    let mut samples = history.raw(series, cursor.from, cursor.to, wanted + 1).await?;
    let left = cursor.left.map(|left| left - wanted);
    let next = samples.get(wanted).filter(|_| left != Some(0)).map(|s| Cursor { from: s.time, left, ..cursor });
    samples.truncate(wanted);
    Ok(Page { samples, next })
}

/// The samples as a client gets them. A historian keeps one time a value, so it is the server's time as well.
pub(crate) fn data(samples: &[Sample], wanted: TimestampsToReturn) -> HistoryData {
    let source = matches!(wanted, TimestampsToReturn::Source | TimestampsToReturn::Both);
    let server = matches!(wanted, TimestampsToReturn::Server | TimestampsToReturn::Both);
    let value = |sample: &Sample| {
        let time = date_time(sample.time);
        let value = if sample.status.is_bad() { Variant::Empty } else { Variant::Double(sample.value) };
        DataValue {
            value: Some(value),
            status: Some(status(sample.status)),
            source_timestamp: source.then_some(time),
            server_timestamp: server.then_some(time),
            ..DataValue::null()
        }
    };
    HistoryData { data_values: Some(samples.iter().map(value).collect()) }
}

#[cfg(test)]
mod tests {
    use opcua::types::DateTime;

    use super::*;

    struct Seconds;

    #[async_trait]
    impl History for Seconds {
        async fn raw(
            &self,
            _: &Series,
            from: Timestamp,
            to: Timestamp,
            max: usize,
        ) -> Result<Vec<Sample>, HistoryError> {
            let sample = |s| Sample::good(Timestamp::from_secs(s), s as f64);
            let all = (0..10).map(sample);
            Ok(if from <= to {
                all.filter(|s| from <= s.time && s.time < to).take(max).collect()
            } else {
                all.rev().filter(|s| to < s.time && s.time <= from).take(max).collect()
            })
        }
    }

    fn details(start: Option<i64>, end: Option<i64>, count: u32) -> ReadRawModifiedDetails {
        let time = |s: Option<i64>| s.map_or(DateTime::null(), |s| date_time(Timestamp::from_secs(s)));
        ReadRawModifiedDetails {
            is_read_modified: false,
            start_time: time(start),
            end_time: time(end),
            num_values_per_node: count,
            return_bounds: false,
        }
    }

    async fn pages(details: ReadRawModifiedDetails) -> Vec<Vec<i64>> {
        let history: Arc<dyn History> = Arc::new(Seconds);
        let series = Series::Score(AssetName::new("Mixer").unwrap());
        let mut cursor = Some(Cursor::new(&details).unwrap());
        let mut pages = Vec::new();
        while let Some(at) = cursor {
            let page = read(&history, &series, at).await.unwrap();
            pages.push(page.samples.iter().map(|s| s.time.as_micros() / 1_000_000).collect());
            cursor = page.next;
        }
        pages
    }

    #[tokio::test]
    async fn a_count_beside_both_times_is_a_page() {
        assert_eq!(pages(details(Some(1), Some(6), 2)).await, [vec![1, 2], vec![3, 4], vec![5]]);
        assert_eq!(pages(details(Some(2), Some(6), 2)).await, [[2, 3], [4, 5]]);
    }

    #[tokio::test]
    async fn a_start_after_the_end_reads_backwards() {
        assert_eq!(pages(details(Some(6), Some(1), 3)).await, [vec![6, 5, 4], vec![3, 2]]);
    }

    #[tokio::test]
    async fn a_count_beside_one_time_is_all_that_is_wanted() {
        assert_eq!(pages(details(Some(7), None, 2)).await, [[7, 8]]);
        assert_eq!(pages(details(None, Some(3), 2)).await, [[3, 2]]);
    }

    #[tokio::test]
    async fn equal_times_read_that_instant() {
        assert_eq!(pages(details(Some(4), Some(4), 0)).await, [[4]]);
    }

    #[test]
    fn too_little_said_is_refused() {
        for refused in [details(None, None, 5), details(Some(1), None, 0), details(None, Some(1), 0)] {
            assert_eq!(Cursor::new(&refused), Err(UaStatus::BadHistoryOperationInvalid));
        }
        let modified = ReadRawModifiedDetails { is_read_modified: true, ..details(Some(1), Some(2), 0) };
        assert_eq!(Cursor::new(&modified), Err(UaStatus::BadHistoryOperationUnsupported));
    }

    #[test]
    fn a_bad_sample_keeps_its_status_and_has_no_value() {
        let bad = Sample::bad(Timestamp::from_secs(1), andon_plant::StatusCode::BAD_NO_COMMUNICATION);
        let values = data(&[bad], TimestampsToReturn::Source).data_values.unwrap();
        assert_eq!(values[0].status, Some(UaStatus::BadNoCommunication));
        assert_eq!(values[0].value, Some(Variant::Empty));
        assert_eq!((values[0].source_timestamp.is_some(), values[0].server_timestamp), (true, None));
    }
}
