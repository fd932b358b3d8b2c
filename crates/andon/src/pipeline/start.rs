//! Puts the pipeline together, in the order in which it can stand a restart: store, models, alarms, stored history, and
//! only then the sources.

use std::{
    fs::{File, TryLockError},
    path::Path,
    sync::Arc,
    time::Duration,
};

use andon_detect::{Artifact, detector::fits};
use andon_plant::{AssetName, Clock, SourceName, TagKey, TagSample, Timestamp};
use andon_store::SeriesQuery;
use andon_ua_client::{Source, TagNode, UaError};
use andon_ua_server::{AssetNodes, ServerSettings, UaServer};
use anyhow::Context;
use tokio::sync::mpsc;

use super::{
    alarms::Alarms,
    board::Board,
    detection::{Detection, Input},
    history::{StoredHistory, stream},
    hub::{ALARM_QUEUE, Hub},
    ingest::{self, Ingest},
    instructions::{self, Instructions},
    keeping,
    live::LiveFeed,
    publish,
    training::{StoredError, Trainer, Training, install, model_card, stored},
};
use crate::{
    config::{AssetConfig, Config},
    lifecycle::Lifecycle,
    sharing::Membership,
    store,
};

/// How long a source's history may take at the start before monitoring begins without it.
const HISTORY_PATIENCE: Duration = Duration::from_secs(30);

/// The running pipeline.
pub struct Pipeline {
    /// For its users.
    pub hub: Hub,
    /// Its OPC UA server.
    pub ua: UaServer,
}

/// Starts everything under `lifecycle`; the caller holds the [`lock`] of its folder. `member` is its place among others on one store.
///
/// # Errors
/// If the store can't be opened, a configured model is not one or is not for its asset, or an address is taken.
pub async fn start(
    config: Config,
    member: Membership,
    clock: Arc<dyn Clock>,
    lifecycle: &Lifecycle,
) -> anyhow::Result<Pipeline> {
    let config = Arc::new(config);
    check_given_models(&config)?;
    let store = store::open(&config.store.url, config.store.keep_free, member.name.as_deref()).await?;
    let (training, requests) = Training::new(clock.now());
    let (alarm_sender, alarm_messages) = mpsc::channel(ALARM_QUEUE);
    let (instruction_sender, instructions) = mpsc::channel(instructions::QUEUE);
    let (detection, outputs) = Detection::start(&config.assets).context("the detector thread could not be started")?;
    let hub = Hub {
        unjudged: detection.dropped(),
        board: Arc::new(Board::new(&config.assets, &config.sources)),
        live: LiveFeed::default(),
        store: store.clone(),
        elsewhere: member.elsewhere,
        training,
        alarms: alarm_sender,
        instructions: instruction_sender,
        clock: clock.clone(),
        config: config.clone(),
    };
    let ua = start_server(&hub, lifecycle).await?;
    let mut open = store.open_alarms().await?;
    // Those of others' assets are theirs.
    open.retain(|alarm| !hub.elsewhere.has(&alarm.asset));
    let alarms = Alarms::restored(hub.clone(), ua.clone(), open);
    lifecycle.spawn(alarms.run(alarm_messages));
    lifecycle.spawn(publish::run(hub.clone(), ua.clone(), outputs, lifecycle.token()));
    for asset in &config.assets {
        restore_model(&hub, &detection, lifecycle, asset).await?;
        publish::state(&hub, &ua, &asset.name);
    }
    let told = Instructions::restored(hub.clone(), ua.clone(), detection.clone(), lifecycle.clone()).await?;
    lifecycle.spawn(told.run(instructions));
    let trainer = Trainer {
        hub: hub.clone(),
        ua: ua.clone(),
        detection: detection.clone(),
        cancel: lifecycle.token(),
        lifecycle: lifecycle.clone(),
    };
    lifecycle.spawn(trainer.run(requests));
    lifecycle.spawn(keeping::retain(hub.clone(), lifecycle.token()));
    lifecycle.spawn(keeping::look_after_space(hub.clone(), lifecycle.token()));
    lifecycle.spawn(start_sources(hub.clone(), ua.clone(), detection, lifecycle.clone()));
    Ok(Pipeline { hub, ua })
}

/// Takes the data folder for this process: two that write one history would mix it up. The system gives it free when the
/// process ends, however it ends.
pub(crate) fn lock(dir: &Path) -> anyhow::Result<File> {
    let path = dir.join("andon.lock");
    let taken = || format!("{} can't be made", path.display());
    std::fs::create_dir_all(if dir.as_os_str().is_empty() { Path::new(".") } else { dir }).with_context(taken)?;
    let file = File::create(&path).with_context(taken)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => anyhow::bail!(
            "another andon uses the store in {}; stop it, or give this one a store (or --data-dir) of its own",
            if dir.as_os_str().is_empty() { Path::new(".") } else { dir }.display()
        ),
        Err(TryLockError::Error(e)) => Err(e).with_context(|| format!("{} can't be locked", path.display())),
    }
}

pub(super) async fn start_server(hub: &Hub, lifecycle: &Lifecycle) -> anyhow::Result<UaServer> {
    let nodes = hub
        .config
        .assets
        .iter()
        .map(|a| AssetNodes {
            name: a.name.clone(),
            area: a.area.clone(),
            tags: a.tags.iter().map(|t| t.tag.clone()).collect(),
            grid: a.grid,
        })
        .collect();
    let sources = hub.config.sources.iter().map(|s| s.name.clone()).collect();
    let settings = ServerSettings {
        listen: hub.config.opcua.listen,
        pki_dir: hub.config.data_dir().join("pki").join("server"),
        application_name: format!("Andon {}", hub.config.plant.name),
    };
    let history = Arc::new(StoredHistory(hub.store.clone()));
    let (ua, task) = UaServer::start(settings, nodes, sources, history, hub.clock.clone(), lifecycle.token()).await?;
    lifecycle.spawn(async move { drop(task.await) });
    Ok(ua)
}

/// Models named in the configuration: one that is not there or not for its asset stops the start.
fn check_given_models(config: &Config) -> anyhow::Result<()> {
    for asset in &config.assets {
        let Some(dir) = &asset.model else { continue };
        let artifact = Artifact::load(dir).with_context(|| format!("asset {}", asset.name))?;
        let tags: Vec<_> = asset.tags.iter().map(|t| t.tag.clone()).collect();
        fits(&asset.name, &tags, &asset.windower(), &artifact.manifest)
            .with_context(|| format!("{}", dir.display()))?;
    }
    Ok(())
}

/// Takes up the model an asset was judged with before, or the one its configuration names.
async fn restore_model(
    hub: &Hub,
    detection: &Detection,
    lifecycle: &Lifecycle,
    asset: &AssetConfig,
) -> anyhow::Result<()> {
    let tags: Vec<_> = asset.tags.iter().map(|t| t.tag.clone()).collect();
    let fitting = match stored(hub, asset).await {
        Ok(None) => return Ok(()),
        Ok(Some(artifact)) => fits(&asset.name, &tags, &asset.windower(), &artifact.manifest)
            .map(|()| artifact)
            .map_err(|why| why.to_string()),
        Err(StoredError::Artifact(why)) => Err(why.to_string()),
        Err(StoredError::Store(why)) => return Err(why.into()),
    };
    let artifact = match fitting {
        Ok(artifact) => artifact,
        Err(why) if asset.model.is_some() => anyhow::bail!("asset {}: {why}", asset.name),
        Err(why) => {
            tracing::warn!(asset = %asset.name, "the model in the store is left alone, a new one will be trained: {why}");
            return Ok(());
        }
    };
    let version = artifact.manifest.version();
    let card = model_card(&artifact, asset);
    warn_of_unheeded(asset, &card.unheeded);
    install(detection, lifecycle, asset.name.clone(), artifact).await.map_err(anyhow::Error::msg)?;
    hub.board.update(&asset.name, |c| c.install(card));
    tracing::info!(asset = %asset.name, version, "model in force");
    Ok(())
}

/// Says which keys of the configuration do nothing, because the model was fitted with other values.
fn warn_of_unheeded(asset: &AssetConfig, unheeded: &[String]) {
    if unheeded.is_empty() {
        return;
    }
    let mend = match &asset.model {
        Some(dir) => format!("write {} anew with `andon fit`", dir.display()),
        None => format!("POST /api/v1/assets/{}/training", asset.name),
    };
    let keys = unheeded.join(", ");
    tracing::warn!(asset = %asset.name, "{keys}: the model was fitted with other values, in force until the next fit ({mend})");
}

/// Reads what the sources remember, fills the windows, and begins to listen.
async fn start_sources(hub: Hub, ua: UaServer, detection: Detection, lifecycle: Lifecycle) {
    let plans: Vec<_> = hub.config.sources.iter().map(|s| plan(&hub, &s.name)).collect();
    let reads = hub
        .config
        .sources
        .iter()
        .zip(&plans)
        .map(|(config, tags)| remember(&hub, config.source(hub.config.client_pki_dir()), tags, &lifecycle));
    futures::future::join_all(reads).await;
    for asset in &hub.config.assets {
        if let Err(e) = refill(&hub, &detection, &lifecycle, asset).await {
            tracing::error!(asset = %asset.name, "the stored history could not be read: {e}");
        }
    }
    for (config, tags) in hub.config.sources.iter().zip(plans) {
        let (events, incoming) = mpsc::channel(ingest::QUEUE);
        let mut assets: Vec<AssetName> = tags.iter().map(|t| t.key.asset.clone()).collect();
        assets.dedup();
        let ingest = Ingest {
            hub: hub.clone(),
            ua: ua.clone(),
            detection: detection.clone(),
            source: config.name.clone(),
            assets: assets.into(),
        };
        lifecycle.spawn(ingest.run(incoming));
        let source = config.source(hub.config.client_pki_dir());
        lifecycle.spawn(andon_ua_client::run(source, tags, events, hub.clock.clone(), lifecycle.token()));
    }
}

/// The tags that are read from a source.
fn plan(hub: &Hub, source: &SourceName) -> Vec<TagNode> {
    let mut nodes = Vec::new();
    for asset in &hub.config.assets {
        for tag in asset.tags.iter().filter(|t| t.source == *source) {
            let key = TagKey { asset: asset.name.clone(), tag: tag.tag.name.clone() };
            nodes.push(TagNode { key, node: tag.node.clone() });
        }
    }
    nodes
}

/// Stores what a source remembers of the time since the newest stored sample.
async fn remember(hub: &Hub, source: Source, tags: &[TagNode], lifecycle: &Lifecycle) {
    let Some(config) = hub.config.sources.iter().find(|s| s.name == source.name) else { return };
    let (now, cancel) = (hub.clock.now(), lifecycle.token());
    // What is stored already and read again is stored once, so the tag that knows least decides.
    let mut known = now;
    for tag in tags {
        let newest = hub.store.latest_sample(&tag.key).await.ok().flatten();
        known = known.min(newest.map_or(Timestamp::from_micros(i64::MIN), |s| s.time));
    }
    let from = known.max(now.before(config.history));
    // A plant that is simulated faster than the clock runs has samples from the future.
    if from >= now {
        return;
    }
    let read = andon_ua_client::read_history(&source, tags, from, now, &*hub.clock, &cancel);
    match tokio::time::timeout(HISTORY_PATIENCE, read).await {
        Ok(Ok(samples)) => {
            tracing::info!(source = %source.name, samples = samples.len(), %from, "history read");
            for chunk in samples.chunks(10_000) {
                if let Err(e) = hub.store.append_samples(chunk.to_vec()).await {
                    tracing::error!(source = %source.name, "history could not be stored: {e}");
                }
            }
        }
        Ok(Err(UaError::NoHistory { .. })) => tracing::info!(source = %source.name, "the server keeps no history"),
        Ok(Err(e)) => tracing::warn!(source = %source.name, "history could not be read: {e}"),
        Err(_) => tracing::warn!(source = %source.name, "history took too long, monitoring begins without it"),
    }
}

async fn latest_score(hub: &Hub, asset: &AssetConfig) -> Result<Option<Timestamp>, andon_store::StoreError> {
    let (first, end) = (Timestamp::from_micros(i64::MIN), Timestamp::from_micros(i64::MAX));
    let newest = hub.store.scores(&asset.name, first, end, SeriesQuery::newest(1)).await?;
    Ok(newest.first().map(|p| p.time))
}

/// Fills an asset's window from the store; rows that were never judged are judged now.
async fn refill(
    hub: &Hub,
    detection: &Detection,
    lifecycle: &Lifecycle,
    asset: &AssetConfig,
) -> Result<(), andon_store::StoreError> {
    let Some((_, last)) = hub.store.span(&asset.name).await? else { return Ok(()) };
    let published = latest_score(hub, asset).await?;
    let from = published.unwrap_or(last).before(asset.window_span() * 3 / 2);
    let samples = stream(&hub.store, asset, &[from..Timestamp::from_micros(i64::MAX)]).await?;
    let samples = samples
        .samples()
        .iter()
        .map(|(ix, sample)| {
            let key = TagKey { asset: asset.name.clone(), tag: asset.tags[*ix].tag.name.clone() };
            TagSample { key, sample: *sample }
        })
        .collect();
    let version = hub.board.asset(&asset.name).and_then(|card| card.model).map(|m| m.version).unwrap_or_default();
    let learned = publish::kept_learned(&hub.store, &asset.name, &version).await.map(Box::new);
    let (detection, asset) = (detection.clone(), asset.name.clone());
    let give = move || detection.give(Input::Replay { asset, samples, published, learned });
    drop(lifecycle.spawn_blocking(give).await);
    Ok(())
}
