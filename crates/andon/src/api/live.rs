//! The live feed as server-sent events.

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::State,
    response::sse::{Event, KeepAlive, Sse},
};
use futures::{Stream, StreamExt, future::ready};
use serde_json::{Value, json};
use tokio_stream::wrappers::{BroadcastStream, errors::BroadcastStreamRecvError};

use super::{Api, alarms::alarm, assets::AssetItem, finding, sources::source, threshold::Standing};
use crate::pipeline::live::LiveEvent;

/// What happens, as it happens: events `verdict`, `asset`, `alarm`, `source`, and `missed` where the reader was too slow.
#[utoipa::path(get, path = "/live", tag = "live",
    responses((status = 200, description = "Server-sent events", content_type = "text/event-stream")))]
pub(super) async fn live(State(api): State<Api>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let stop = api.cancel.clone().cancelled_owned();
    let events = BroadcastStream::new(api.hub.live.listen())
        .filter_map(move |event| ready(message(&api, event)))
        .map(|(name, body)| Ok(Event::default().event(name).data(body.to_string())))
        .take_until(stop);
    Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(10)))
}

fn message(api: &Api, event: Result<LiveEvent, BroadcastStreamRecvError>) -> Option<(&'static str, Value)> {
    Some(match event {
        Err(BroadcastStreamRecvError::Lagged(missed)) => ("missed", json!({ "events": missed })),
        Ok(LiveEvent::Alarm(a)) => ("alarm", alarm(&a)),
        Ok(LiveEvent::Asset(name)) => ("asset", serde_json::to_value(AssetItem::of(api.hub.board.asset(&name)?)).ok()?),
        Ok(LiveEvent::Source(name)) => ("source", source(&api.hub.board.source(&name)?)),
        Ok(LiveEvent::Verdict(v)) => {
            let card = api.hub.board.asset(&v.asset)?;
            let mut body = serde_json::to_value(&*v).ok()?;
            body["anomalous"] = v.anomalous().into();
            body["return_period_s"] = v.return_period_s(card.config.step()).into();
            body["status"] = v.status.to_string().into();
            body["findings"] = finding::all(&v).into();
            body["frozen"] = Standing::of(&card).frozen.into();
            ("verdict", body)
        }
    })
}
