//! The span of history that is trained on.

use std::{ops::Range, time::Duration};

use andon_plant::{TagKey, Timestamp};
use andon_store::{SeriesQuery, Store, StoreError};

use super::Order;
use crate::config::AssetConfig;

/// Windows' worth of rows before an asset is trained by itself.
const LEARN_WINDOWS: u32 = 10;
/// The newest history is not trained on, at least this much or a row of the grid: samples of it that other tags send are
/// still on their way, and a training that a restart cuts short would go on with other data.
const UNSETTLED: Duration = Duration::from_secs(1);
/// At most this much history is trained on, or what an asset is trained by itself with where that is more.
const LONGEST: Duration = Duration::from_secs(7 * 86_400);

/// The history that an asset is trained by itself with.
pub(super) fn enough(asset: &AssetConfig) -> Duration {
    asset.window_span() * LEARN_WINDOWS
}

/// The span to train on, its end not in it: given to the microsecond, so that it is the same after a restart.
///
/// Where what was monitored lately is not enough, such as on the day a plant's history was imported, the newest history before it
/// is trained on as well, however long ago it ended.
pub(super) async fn span(
    store: &Store,
    order: &Order,
    asset: &AssetConfig,
    now: Timestamp,
) -> Result<Range<Timestamp>, StoreError> {
    let newest = store.span(&order.asset).await?.map_or(now, |(_, last)| last);
    let to = order.to.unwrap_or(newest.before(UNSETTLED.max(asset.grid)));
    if let Some(from) = order.from {
        return Ok(from..to);
    }
    let longest = LONGEST.max(enough(asset));
    let from = to.before(longest);
    let lately = first_in(store, asset, from..to).await?.map_or(Duration::ZERO, |first| to.since(first));
    if lately >= enough(asset) {
        return Ok(from..to);
    }
    let ended = last_before(store, asset, from).await?;
    Ok(ended.map_or(from, |ended| ended.before(longest))..to)
}

async fn first_in(store: &Store, asset: &AssetConfig, span: Range<Timestamp>) -> Result<Option<Timestamp>, StoreError> {
    let first = SeriesQuery { limit: Some(1), ..SeriesQuery::default() };
    let mut earliest = None;
    for key in keys(asset) {
        let sample = store.samples(&key, span.start, span.end, first).await?.first().map(|s| s.time);
        earliest = [earliest, sample].into_iter().flatten().min();
    }
    Ok(earliest)
}

async fn last_before(store: &Store, asset: &AssetConfig, time: Timestamp) -> Result<Option<Timestamp>, StoreError> {
    let mut latest = None;
    for key in keys(asset) {
        latest = latest.max(store.sample_at(&key, time.before(Duration::from_micros(1))).await?.map(|s| s.time));
    }
    Ok(latest)
}

fn keys(asset: &AssetConfig) -> impl Iterator<Item = TagKey> + '_ {
    asset.tags.iter().map(|t| TagKey { asset: asset.name.clone(), tag: t.tag.name.clone() })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use andon_plant::{Sample, TagSample};
    use andon_store::SqliteUrl;
    use tokio_util::task::TaskTracker;

    use super::*;
    use crate::config::Config;

    const DAY: i64 = 86_400;

    /// The span that is trained on where the store has an hour of samples before each of `ends`, in days.
    async fn trained_on(ends: &[f64], order: impl FnOnce(Order) -> Order) -> (f64, f64) {
        let text = "[[source]]\nname = \"p\"\nendpoint = \"opc.tcp://127.0.0.1:1\"\nsecurity = \"None\"\n\
            [[asset]]\nname = \"Pump\"\ngrid = \"1s\"\nwindow = { rows = 60 }\n\
            [[asset.tag]]\nname = \"Flow\"\nsource = \"p\"\nnode = \"ns=1;s=Flow\"\n";
        let (config, _) = Config::parse(text, "andon.toml", Path::new("")).unwrap();
        let (asset, folder) = (config.assets[0].clone(), tempfile::tempdir().unwrap());
        let store = Store::open(&SqliteUrl::at(folder.path().join("andon.db")).unwrap(), &TaskTracker::new()).await;
        let store = store.unwrap();
        let key = keys(&asset).next().unwrap();
        for end in ends.iter().map(|days| (days * DAY as f64) as i64) {
            let sample = |s| TagSample { key: key.clone(), sample: Sample::good(Timestamp::from_secs(s), 1.0) };
            store.append_samples((end - 3_600..=end).map(sample).collect()).await.unwrap();
        }
        store.flush().await.unwrap();
        let order = order(Order::whole(asset.name.clone()));
        let span = span(&store, &order, &asset, Timestamp::from_secs(0)).await.unwrap();
        store.close().await;
        let days = |time: Timestamp| (time.as_secs_f64() + 1.0) / DAY as f64;
        (days(span.start), days(span.end))
    }

    #[tokio::test]
    async fn the_newest_week_is_trained_on() {
        assert_eq!(trained_on(&[100.0], |o| o).await, (93.0, 100.0));
        assert_eq!(trained_on(&[50.0, 96.0, 100.0], |o| o).await, (93.0, 100.0));
    }

    /// Ten minutes are enough; what was monitored is a minute of samples after a month of nothing.
    #[tokio::test]
    async fn an_imported_history_is_trained_on_though_monitoring_has_begun() {
        let minute = 60.0 / DAY as f64;
        let (from, to) = trained_on(&[70.0, 100.0], |o| Order { to: Some(at(100.0 - 1.0 / 24.0 + minute)), ..o }).await;
        assert!((from - 63.0).abs() < 0.1 && to > 99.9, "{from} {to}");
    }

    #[tokio::test]
    async fn a_span_that_is_ordered_is_taken_as_it_is() {
        let ordered = |o| Order { from: Some(at(10.0)), to: Some(at(20.0)), ..o };
        let (from, to) = trained_on(&[100.0], ordered).await;
        assert!((from - 10.0).abs() < 1e-3 && (to - 20.0).abs() < 1e-3);
    }

    fn at(days: f64) -> Timestamp {
        Timestamp::from_secs((days * DAY as f64) as i64)
    }
}
