//! `andon demo`: a simulated plant and the whole loop around it.

use std::{
    fmt::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use andon_plant::{AssetName, Clock, SystemClock, Timestamp};
use andon_simulator::{PlantHandle, PlantSettings, SimAsset, SimulatedPlant, serve_plant};
use andon_store::{SqliteUrl, Store};
use anyhow::Context;
use tokio_util::task::TaskTracker;

use super::{run::serve, simulate::plant_history};
use crate::{config::Config, lifecycle::Lifecycle, pipeline::start::lock};

/// Between the plant of an earlier demo and this one, which does not go on as that one was: longer than a window, so that none
/// holds rows of both.
const APART: Duration = Duration::from_secs(120);

/// Run a simulated plant and monitor it.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where the dashboard and the REST API listen.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    http: SocketAddr,
    /// Where Andon's own OPC UA server listens.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4850")]
    opcua: SocketAddr,
    /// Where the database and certificates are kept.
    #[arg(long, value_name = "DIR", default_value = "demo-data")]
    data_dir: PathBuf,
    /// How many simulated seconds pass in a second.
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    speed: f64,
    /// The seed of the simulated plant.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    std::fs::create_dir_all(&args.data_dir)
        .with_context(|| format!("--data-dir {} can't be made", args.data_dir.display()))?;
    let life = Lifecycle::default();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let assets: Vec<AssetName> =
        SimulatedPlant::new(args.seed, Timestamp::default()).assets().iter().map(|asset| asset.name.clone()).collect();
    let ahead = kept_until(&args.data_dir, &assets).await?.filter(|until| *until > clock.now());
    let settings = PlantSettings {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        seed: args.seed,
        speed: args.speed,
        not_before: ahead.map(|until| until.after(APART)),
        history: plant_history(),
        pki_dir: args.data_dir.join("pki").join("plant"),
    };
    let plant = serve_plant(settings, clock, life.token()).await?;
    println!("plant      {}", plant.endpoint);
    let text = config(&args, &plant);
    let (config, _) = Config::parse(&text, "the demo's configuration", &args.data_dir)?;
    serve(config, Some(Arc::new(plant)), &life).await
}

/// The newest sample that an earlier demo kept. A plant that is faster than the clock runs ahead of it, and what came before
/// the newest sample would not be judged.
async fn kept_until(data_dir: &Path, assets: &[AssetName]) -> anyhow::Result<Option<Timestamp>> {
    let _lock = lock(data_dir)?;
    let store = Store::open(&SqliteUrl::at(data_dir.join("andon.db"))?, &TaskTracker::new()).await?;
    let mut newest = None;
    for asset in assets {
        newest = newest.max(store.span(asset).await?.map(|(_, last)| last));
    }
    store.close().await;
    Ok(newest)
}

/// The demo's configuration, in the words a plant's engineer would write it in.
fn config(args: &Args, plant: &PlantHandle) -> String {
    let (http, opcua, endpoint) = (args.http, args.opcua, &plant.endpoint);
    let history = humantime::format_duration(plant_history() - Duration::from_secs(60));
    let mut text = format!(
        "[plant]\nname = \"Demo plant\"\n[store]\nurl = \"sqlite://andon.db\"\n[http]\nlisten = \"{http}\"\n\
         [opcua]\nlisten = \"{opcua}\"\n[[source]]\nname = \"plant\"\nendpoint = \"{endpoint}\"\nsecurity = \"None\"\n\
         read = {{ subscribe = \"100ms\" }}\nhistory = \"{history}\"\n"
    );
    for asset in &plant.assets {
        // Writing to a string can't fail.
        let _ = write!(
            text,
            "[[asset]]\nname = \"{}\"\narea = \"{}\"\ngrid = \"1s\"\nwindow = {{ rows = 60, stride = 1 }}\n\
             mode_tag = \"{}\"\nalarm = {{ on_delay = \"3s\", off_delay = \"20s\", hysteresis = 0.2 }}\n\
             threshold = {{ strategy = \"ewma\" }}\n[asset.network.training]\nwindows = 512\n",
            asset.name, asset.area, asset.mode_tag
        );
        for tag in &asset.tags {
            text.push_str(&tag_block(plant, asset, tag));
        }
    }
    text
}

fn tag_block(plant: &PlantHandle, asset: &SimAsset, tag: &andon_plant::Tag) -> String {
    let node = plant.nodes.iter().find(|(key, _)| key.asset == asset.name && key.tag == tag.name);
    let node = node.map(|(_, node)| node.as_str()).unwrap_or_default();
    let range = tag.range.map(|r| format!("range = [{:?}, {:?}]\n", r.low(), r.high())).unwrap_or_default();
    let kind = serde_json::to_string(&tag.kind).unwrap_or_default();
    format!(
        "[[asset.tag]]\nname = \"{}\"\nsource = \"plant\"\nnode = \"{node}\"\nunit = \"{}\"\n{range}kind = {kind}\n",
        tag.name, tag.unit
    )
}

#[cfg(test)]
mod tests {
    use andon_plant::{Sample, TagKey, TagName, TagSample};

    use super::*;

    #[tokio::test]
    async fn what_an_earlier_demo_kept_ends_with_its_newest_sample() {
        let dir = tempfile::tempdir().unwrap();
        let assets = ["Mixer", "Pump"].map(|name| AssetName::new(name).unwrap());
        assert_eq!(kept_until(dir.path(), &assets).await.unwrap(), None);

        let url = SqliteUrl::at(dir.path().join("andon.db")).unwrap();
        let store = Store::open(&url, &TaskTracker::new()).await.unwrap();
        let sample = |asset: &AssetName, s| {
            let key = TagKey { asset: asset.clone(), tag: TagName::new("Flow").unwrap() };
            TagSample { key, sample: Sample::good(Timestamp::from_secs(s), 1.0) }
        };
        store.append_samples(vec![sample(&assets[0], 9_000), sample(&assets[1], 7_000)]).await.unwrap();
        store.close().await;
        assert_eq!(kept_until(dir.path(), &assets).await.unwrap(), Some(Timestamp::from_secs(9_000)));
    }
}
