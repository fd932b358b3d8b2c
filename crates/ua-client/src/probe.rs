//! One look at every tag, for checking a configuration.

use andon_plant::{Clock, Sample, TagKey};
use opcua::types::ReadValueId;
use tokio_util::sync::CancellationToken;

use crate::{
    decode::decode,
    error::UaError,
    limits::Limits,
    link::once,
    namespaces::Namespaces,
    poll::read,
    source::{Source, TagNode},
};

/// Connects once and says of each tag, in the order asked, what its value is or why it can't be read as a number.
///
/// # Errors
/// What keeps the server as a whole from being read.
pub async fn probe(
    source: &Source,
    tags: &[TagNode],
    clock: &dyn Clock,
    cancel: &CancellationToken,
) -> Result<Vec<(TagKey, Result<Sample, String>)>, UaError> {
    once(source, cancel, async |session| {
        let namespaces = Namespaces::read(&session).await?;
        let limits = Limits::read(&session).await?;
        let mut answers: Vec<Option<Result<Sample, String>>> = vec![None; tags.len()];
        let mut nodes = Vec::with_capacity(tags.len());
        for (ix, tag) in tags.iter().enumerate() {
            match tag.node.resolve(&namespaces) {
                Ok(node) => nodes.push((ix, ReadValueId::from(node))),
                Err(unknown) => answers[ix] = Some(Err(unknown.to_string())),
            }
        }
        for batch in nodes.chunks(limits.read) {
            let asked: Vec<_> = batch.iter().map(|(_, id)| id.clone()).collect();
            for ((ix, _), value) in batch.iter().zip(read(&session, &asked).await?) {
                answers[*ix] = Some(decode(&value, clock.now()).map_err(|fault| fault.message));
            }
        }
        let answered = |(tag, answer): (&TagNode, Option<_>)| Some((tag.key.clone(), answer?));
        Ok(tags.iter().zip(answers).filter_map(answered).collect())
    })
    .await
}
