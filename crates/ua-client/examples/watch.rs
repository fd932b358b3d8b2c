//! Prints what happens on a source: `watch ENDPOINT [--poll] [--interval-ms N] [--history SECONDS] [--browse] NODE...`
//!
//! Without nodes it watches every number it can find.

use std::{sync::Arc, time::Duration};

use andon_plant::{AssetName, Clock, SourceName, SystemClock, TagKey, TagName};
use andon_ua_client::{
    Identity, NodeAddress, ReadMode, Security, Source, SourceEvent, TagNode, browse, probe, read_history, run,
};
use tokio_util::sync::CancellationToken;

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let filter =
        std::env::var("RUST_LOG").unwrap_or_else(|_| "info,opcua_client=off,opcua_core=off,opcua_crypto=off".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let options = Options::parse(std::env::args().skip(1).collect())?;
    let cancel = CancellationToken::new();
    let clock = Arc::new(SystemClock);
    let tags = if options.nodes.is_empty() { found(&options.source, &cancel).await? } else { named(&options.nodes)? };
    if options.browse {
        return Ok(());
    }
    for (key, answer) in probe(&options.source, &tags, &*clock, &cancel).await? {
        println!("probe {key}: {answer:?}");
    }
    if let Some(span) = options.history {
        let samples =
            read_history(&options.source, &tags, clock.now().before(span), clock.now(), &*clock, &cancel).await?;
        println!("history: {} samples, first {:?}, last {:?}", samples.len(), samples.first(), samples.last());
    }
    watch(options.source, tags, clock, cancel).await;
    Ok(())
}

struct Options {
    source: Source,
    nodes: Vec<String>,
    history: Option<Duration>,
    browse: bool,
}

impl Options {
    fn parse(mut args: Vec<String>) -> Result<Self, Failure> {
        let browse = take_flag(&mut args, "--browse");
        let poll = take_flag(&mut args, "--poll");
        let interval = Duration::from_millis(take_number(&mut args, "--interval-ms")?.unwrap_or(100));
        let history = take_number(&mut args, "--history")?.map(Duration::from_secs);
        if args.is_empty() {
            return Err("which endpoint?".into());
        }
        let source = Source {
            name: SourceName::new("plc")?,
            endpoint: args.remove(0),
            security: std::env::var("SECURITY").as_deref().unwrap_or("None").parse::<Security>()?,
            identity: Identity::Anonymous,
            read: if poll { ReadMode::Poll { interval } } else { ReadMode::Subscribe { interval } },
            pki_dir: std::env::temp_dir().join("andon-watch-pki"),
        };
        Ok(Self { source, nodes: args, history, browse })
    }
}

fn take_flag(args: &mut Vec<String>, flag: &str) -> bool {
    let found = args.iter().position(|a| a == flag).map(|ix| args.remove(ix));
    found.is_some()
}

fn take_number(args: &mut Vec<String>, flag: &str) -> Result<Option<u64>, Failure> {
    let Some(ix) = args.iter().position(|a| a == flag) else {
        return Ok(None);
    };
    args.remove(ix);
    if ix == args.len() { Err(format!("{flag} wants a number").into()) } else { Ok(Some(args.remove(ix).parse()?)) }
}

fn named(nodes: &[String]) -> Result<Vec<TagNode>, Failure> {
    let tag = |(ix, node): (usize, &String)| -> Result<TagNode, Failure> {
        let key = TagKey { asset: AssetName::new("plc")?, tag: TagName::new(&format!("tag{ix}"))? };
        Ok(TagNode { key, node: node.parse::<NodeAddress>()? })
    };
    nodes.iter().enumerate().map(tag).collect()
}

async fn found(source: &Source, cancel: &CancellationToken) -> Result<Vec<TagNode>, Failure> {
    let mut tags = Vec::new();
    for tag in browse(source, None, cancel).await? {
        println!("{} {} {:?} {} {:?}", tag.path.join("/"), tag.data_type, tag.kind, tag.unit, tag.range);
        if tag.kind.is_some() {
            let key = TagKey { asset: AssetName::new("plc")?, tag: TagName::new(&tag.path.join("."))? };
            tags.push(TagNode { key, node: tag.node });
        }
    }
    Ok(tags)
}

async fn watch(source: Source, tags: Vec<TagNode>, clock: Arc<SystemClock>, cancel: CancellationToken) {
    let (events, mut told) = tokio::sync::mpsc::channel(100);
    let running = tokio::spawn(run(source, tags, events, clock.clone(), cancel.clone()));
    let (mut good, mut other) = (0, 0);
    loop {
        let event = tokio::select! {
            _ = tokio::signal::ctrl_c() => break,
            event = told.recv() => event,
        };
        match event {
            Some(SourceEvent::Samples(samples)) => {
                let sound = samples.iter().filter(|s| s.sample.status.is_good()).count();
                good += sound;
                other += samples.len() - sound;
                if let Some(last) = samples.last() {
                    println!(
                        "{} {} samples ({sound} good), last {} {:?}",
                        clock.now(),
                        samples.len(),
                        last.key,
                        last.sample
                    );
                }
            }
            Some(event) => println!("{} {event:?}", clock.now()),
            None => break,
        }
    }
    cancel.cancel();
    let began = tokio::time::Instant::now();
    let _ = running.await;
    println!("closed in {:?}; {good} good samples, {other} others", began.elapsed());
}
