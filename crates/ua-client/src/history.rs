//! HistoryRead of raw values (OPC 10000-11, 6.5.3), page by page.

use std::collections::VecDeque;

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
    decode::{decode, time_of, to_ua},
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
        reading.all(nodes.chunks(size)).await?;
        reading.finish()
    })
    .await
}

/// Where a node's history goes on after a page.
enum Next {
    Done,
    Point(ByteString),
    From(Timestamp),
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

    /// All batches of nodes, each over the whole span.
    async fn all(&mut self, batches: impl Iterator<Item = &[(usize, NodeId)]>) -> Result<(), UaError> {
        let from = self.span.0;
        let mut work: VecDeque<_> = batches.map(|nodes| (nodes.to_vec(), from)).collect();
        while let Some((nodes, from)) = work.pop_front() {
            let cut_short = self.batch(nodes, from).await?;
            work.extend(cut_short.into_iter().map(|(tag, node, from)| (vec![(tag, node)], from)));
        }
        Ok(())
    }

    /// All pages of a few nodes. Returns those that were cut short without a continuation point, and where to go on.
    async fn batch(
        &mut self,
        nodes: Vec<(usize, NodeId)>,
        from: Timestamp,
    ) -> Result<Vec<(usize, NodeId, Timestamp)>, UaError> {
        let mut open: Vec<_> = nodes.into_iter().map(|(tag, node)| (tag, node, ByteString::null())).collect();
        let mut cut_short = Vec::new();
        while !open.is_empty() {
            let asked: Vec<_> = open.iter().map(|(_, node, point)| value_id(node, point)).collect();
            let pages =
                match self.session.history_read(self.action(from), TimestampsToReturn::Both, false, &asked).await {
                    Ok(pages) if pages.len() == open.len() => pages,
                    Ok(pages) => {
                        let (asked, answered) = (open.len(), pages.len());
                        return Err(UaError::ShortAnswer { endpoint: endpoint_of(self.session), asked, answered });
                    }
                    Err(e) if keeps_none(e.status()) => {
                        self.refused.extend(open.iter().map(|(tag, ..)| (*tag, explain_status(e.status()))));
                        break;
                    }
                    Err(e) => return Err(UaError::service(self.session, "read the history", &e)),
                };
            let mut more = Vec::new();
            for ((tag, node, point), page) in open.into_iter().zip(pages) {
                match self.page(tag, &point, from, page) {
                    Next::Done => {}
                    Next::Point(point) => more.push((tag, node, point)),
                    Next::From(time) => cut_short.push((tag, node, time)),
                }
            }
            open = more;
        }
        Ok(cut_short)
    }

    fn action(&self, from: Timestamp) -> HistoryReadAction {
        HistoryReadAction::ReadRawModifiedDetails(ReadRawModifiedDetails {
            is_read_modified: false,
            start_time: to_ua(from),
            end_time: to_ua(self.span.1),
            num_values_per_node: PAGE,
            return_bounds: false,
        })
    }

    /// Takes one page.
    fn page(&mut self, tag: usize, asked_at: &ByteString, asked_from: Timestamp, page: HistoryReadResult) -> Next {
        if page.status_code.is_bad() && page.status_code != StatusCode::BadNoData {
            self.refused.push((tag, explain_status(page.status_code)));
            return Next::Done;
        }
        let values = page.history_data.into_inner_as::<HistoryData>().and_then(|data| data.data_values);
        let values = values.unwrap_or_default();
        let (from, to) = self.span;
        let now = self.clock.now();
        let samples = values.iter().filter_map(|value| decode(value, now).ok());
        self.samples[tag].extend(samples.filter(|s| from <= s.time && s.time < to));
        if !page.continuation_point.is_null_or_empty() {
            // A page without values whose point does not move would be asked for without end.
            let moves = !values.is_empty() || page.continuation_point != *asked_at;
            return if moves { Next::Point(page.continuation_point) } else { Next::Done };
        }
        // Some servers take the page for all that is wanted: a full page without a point is followed up by time.
        match values.last().and_then(time_of).filter(|_| values.len() >= PAGE as usize) {
            Some(last) if asked_from < last && last < to => Next::From(last),
            _ => Next::Done,
        }
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
