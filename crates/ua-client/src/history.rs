//! HistoryRead of raw values (OPC 10000-11, 6.5.3), page by page.

use andon_plant::{Clock, Sample, TagSample, Timestamp};
use opcua::{
    client::{HistoryReadAction, Session},
    types::{
        ByteString, HistoryData, HistoryReadResult, HistoryReadValueId, NodeId, ReadRawModifiedDetails, StatusCode,
        TimestampsToReturn,
    },
};
use tokio_util::sync::CancellationToken;

use crate::{
    decode::{decode, to_ua},
    error::{UaError, explain_status},
    limits::Limits,
    link::{endpoint_of, once},
    namespaces::Namespaces,
    source::{Source, TagNode},
};

/// Values of one node in one answer.
const PAGE: u32 = 1000;
/// Nodes in one call: eight pages fit the message size of a server that was left at its defaults.
const NODES: usize = 8;

/// The tags' values of [`from`, `to`) that the server keeps: tag after tag in the order asked, each in time order.
///
/// A tag without history has no values here, and a warning in the log.
///
/// # Errors
/// [`UaError::NoHistory`] if the server keeps none of any of the tags; otherwise what keeps the server from being read.
pub async fn read_history(
    source: &Source,
    tags: &[TagNode],
    from: Timestamp,
    to: Timestamp,
    clock: &dyn Clock,
    cancel: &CancellationToken,
) -> Result<Vec<TagSample>, UaError> {
    if tags.is_empty() || from >= to {
        return Ok(Vec::new());
    }
    once(source, cancel, async |session| {
        let namespaces = Namespaces::read(&session).await?;
        let size = Limits::read(&session).await?.history.min(NODES);
        let mut reading = Reading::new(&session, tags, (from, to), clock);
        let mut nodes = Vec::with_capacity(tags.len());
        for (ix, tag) in tags.iter().enumerate() {
            match tag.node.resolve(&namespaces) {
                Ok(node) => nodes.push((ix, node)),
                Err(unknown) => reading.refused.push((ix, unknown.to_string())),
            }
        }
        for batch in nodes.chunks(size) {
            reading.batch(batch).await?;
        }
        reading.finish()
    })
    .await
}

/// What has been read so far.
struct Reading<'a> {
    session: &'a Session,
    tags: &'a [TagNode],
    span: (Timestamp, Timestamp),
    clock: &'a dyn Clock,
    samples: Vec<Vec<Sample>>,
    /// Tags without history, and what the server says of them.
    refused: Vec<(usize, String)>,
}

impl<'a> Reading<'a> {
    fn new(session: &'a Session, tags: &'a [TagNode], span: (Timestamp, Timestamp), clock: &'a dyn Clock) -> Self {
        Self { session, tags, span, clock, samples: vec![Vec::new(); tags.len()], refused: Vec::new() }
    }

    /// All pages of a few nodes.
    async fn batch(&mut self, nodes: &[(usize, NodeId)]) -> Result<(), UaError> {
        let mut open: Vec<_> = nodes.iter().map(|(tag, node)| (*tag, node.clone(), ByteString::null())).collect();
        while !open.is_empty() {
            let asked: Vec<_> = open.iter().map(|(_, node, point)| value_id(node, point)).collect();
            let details = ReadRawModifiedDetails {
                is_read_modified: false,
                start_time: to_ua(self.span.0),
                end_time: to_ua(self.span.1),
                num_values_per_node: PAGE,
                return_bounds: false,
            };
            let action = HistoryReadAction::ReadRawModifiedDetails(details);
            let pages = match self.session.history_read(action, TimestampsToReturn::Both, false, &asked).await {
                Ok(pages) if pages.len() == open.len() => pages,
                Ok(pages) => {
                    let (asked, answered) = (open.len(), pages.len());
                    return Err(UaError::ShortAnswer { endpoint: endpoint_of(self.session), asked, answered });
                }
                Err(e) if keeps_none(e.status()) => {
                    self.refused.extend(open.iter().map(|(tag, ..)| (*tag, explain_status(e.status()))));
                    return Ok(());
                }
                Err(e) => return Err(UaError::service(self.session, "read the history", &e)),
            };
            let mut more = Vec::new();
            for ((tag, node, point), page) in open.into_iter().zip(pages) {
                if let Some(next) = self.page(tag, &point, page) {
                    more.push((tag, node, next));
                }
            }
            open = more;
        }
        Ok(())
    }

    /// Takes one page; returns the point at which to go on.
    fn page(&mut self, tag: usize, asked_at: &ByteString, page: HistoryReadResult) -> Option<ByteString> {
        if page.status_code.is_bad() && page.status_code != StatusCode::BadNoData {
            self.refused.push((tag, explain_status(page.status_code)));
            return None;
        }
        let values = page.history_data.into_inner_as::<HistoryData>().and_then(|data| data.data_values);
        let values = values.unwrap_or_default();
        let (from, to) = self.span;
        let now = self.clock.now();
        let samples = values.iter().filter_map(|value| decode(value, now).ok());
        self.samples[tag].extend(samples.filter(|s| from <= s.time && s.time < to));
        // A page without values whose point does not move would be asked for without end.
        let moves = !values.is_empty() || page.continuation_point != *asked_at;
        Some(page.continuation_point).filter(|point| !point.is_null_or_empty() && moves)
    }

    fn finish(self) -> Result<Vec<TagSample>, UaError> {
        if self.refused.len() == self.tags.len() {
            if let Some((tag, status)) = self.refused.into_iter().next() {
                let TagNode { key, node } = &self.tags[tag];
                return Err(UaError::NoHistory {
                    endpoint: endpoint_of(self.session),
                    key: key.clone(),
                    node: node.to_string(),
                    status,
                });
            }
        } else {
            for (tag, status) in &self.refused {
                tracing::warn!(tag = %self.tags[*tag].key, "no history of {}: {status}", self.tags[*tag].key);
            }
        }
        let mut all = Vec::new();
        for (tag, mut samples) in self.tags.iter().zip(self.samples) {
            samples.sort_by_key(|s| s.time);
            samples.dedup_by_key(|s| (s.time, s.status, s.value.to_bits()));
            all.extend(samples.into_iter().map(|sample| TagSample { key: tag.key.clone(), sample }));
        }
        Ok(all)
    }
}

fn value_id(node: &NodeId, point: &ByteString) -> HistoryReadValueId {
    HistoryReadValueId { node_id: node.clone(), continuation_point: point.clone(), ..HistoryReadValueId::default() }
}

/// Whether a fault of the whole service says that there is no history, not that the read failed.
fn keeps_none(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BadServiceUnsupported
            | StatusCode::BadNotImplemented
            | StatusCode::BadNotSupported
            | StatusCode::BadHistoryOperationUnsupported
            | StatusCode::BadHistoryOperationInvalid
    )
}
