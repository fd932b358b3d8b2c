//! Serves one asset whose score is a sine, to look at with any OPC UA client: `cargo run --example serve [ADDRESS]`.

use std::{error::Error, net::SocketAddr, sync::Arc, time::Duration};

use andon_plant::{
    AssetName, AssetState, Clock, Mode, Ne107, Range, Sample, StatusCode, SystemClock, Tag, TagKey, TagName, TagSample,
    Timestamp, Verdict, verdict::TagVerdict,
};
use andon_ua_server::{AssetNodes, Series, ServerSettings, SourceStatus, UaServer};
use tokio_util::sync::CancellationToken;

#[path = "../tests/support/history.rs"]
mod history;
use history::MemoryHistory;

const GRID: Duration = Duration::from_secs(1);

struct Mixer {
    key: TagKey,
    source: andon_plant::SourceName,
    server: UaServer,
    history: Arc<MemoryHistory>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().init();
    let listen: SocketAddr = std::env::args().nth(1).as_deref().unwrap_or("127.0.0.1:4850").parse()?;
    let key = TagKey { asset: AssetName::new("Mixer")?, tag: TagName::new("Temperature")? };
    let unit = Tag { unit: "degC".to_owned(), range: Some(Range::new(0.0, 150.0)?), ..Tag::analog(key.tag.clone()) };
    let asset = AssetNodes { name: key.asset.clone(), area: vec!["Hall 2".to_owned()], tags: vec![unit], grid: GRID };
    let pki_dir = std::env::temp_dir().join("andon-serve-example");
    let settings = ServerSettings { listen, pki_dir, application_name: "Andon example".to_owned() };
    let (history, clock, cancel) =
        (Arc::new(MemoryHistory::default()), Arc::new(SystemClock), CancellationToken::new());
    let source: andon_plant::SourceName = "plc1".parse()?;
    let sources = vec![source.clone()];
    let (server, task) =
        UaServer::start(settings, vec![asset], sources, history.clone(), clock.clone(), cancel.clone()).await?;
    println!("{}", server.endpoint());
    let state = (AssetState::Active, StatusCode::GOOD, Some("example"), Ne107::Good);
    server.publish_state(&key.asset, state.0, state.1, state.2, state.3, clock.now());
    let mixer = Mixer { key, source, server, history };
    let mut tick = tokio::time::interval(GRID);
    loop {
        tokio::select! {
            _ = tick.tick() => mixer.publish(clock.now()),
            _ = tokio::signal::ctrl_c() => break,
        }
    }
    cancel.cancel();
    Ok(task.await??)
}

impl Mixer {
    /// Publishes and keeps one second.
    fn publish(&self, time: Timestamp) {
        let swing = (time.as_secs_f64() / 10.0).sin();
        let (value, expected) = (70.0 + 5.0 * swing, 70.0);
        let verdict = self.verdict(time, 2.0 + 2.0 * swing, value, expected);
        let sample = Sample::good(time, value);
        self.history.keep(Series::Value(self.key.clone()), sample);
        self.history.keep(Series::Expected(self.key.clone()), Sample::good(time, expected));
        self.history.keep(Series::Score(self.key.asset.clone()), Sample::good(time, verdict.score));
        self.history.keep(Series::Threshold(self.key.asset.clone()), Sample::good(time, verdict.threshold));
        self.server.publish_sample(&TagSample { key: self.key.clone(), sample });
        self.server.publish_verdict(&verdict, verdict.return_period_s(GRID));
        self.server.publish_source(&SourceStatus {
            name: self.source.clone(),
            connected: true,
            last_sample: Some(time),
            monitored_items: 1,
            monitored_item_limit: None,
            samples_per_second: 1.0,
        });
    }

    fn verdict(&self, time: Timestamp, score: f64, value: f64, expected: f64) -> Verdict {
        let probability = 1.0 - 10f64.powf(-score);
        Verdict {
            asset: self.key.asset.clone(),
            time,
            score,
            threshold: 3.5,
            probability,
            probability_low: probability * 0.99,
            probability_high: probability.sqrt(),
            mode: Mode::Known("mixing".to_owned()),
            imputed: 0.0,
            status: StatusCode::GOOD,
            tags: vec![TagVerdict {
                tag: self.key.tag.clone(),
                value,
                expected,
                expected_low: expected - 3.0,
                expected_high: expected + 3.0,
                residual: value - expected,
                contribution: 1.0,
                imputed: false,
            }],
            late: false,
            findings: Vec::new(),
            attention: Vec::new(),
        }
    }
}
