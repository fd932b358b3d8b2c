//! The store: its sizes, the room on its disk, and what was lost.

use andon_store::Store;
use axum::{Json, extract::State};
use serde_json::{Value, json};

use super::Api;

/// How large the store is, how much room it has, and what it had to delete before its time.
#[utoipa::path(get, path = "/store", tag = "system", responses((status = 200,
    description = "`{state, free_bytes, keep_free_bytes, full_in_s, main_bytes, samples_bytes, shed_samples, lost_rows, ...}`; `state` is `enough`, `low` or `shedding`, null where the disk was not looked at yet or is a server's; `elsewhere` has the assets that other processes on the same store monitor, and their names")))]
pub(super) async fn one(State(api): State<Api>) -> Json<Value> {
    let (stats, space) = (api.hub.store.stats(), api.hub.store.space_report());
    Json(json!({
        "state": space.map(|s| s.state),
        "disk_bytes": space.map(|s| s.disk_bytes),
        "free_bytes": space.map(|s| s.free_bytes),
        "reusable_bytes": space.map(|s| s.reusable_bytes),
        "keep_free_bytes": space.map(|s| s.keep_free_bytes),
        "full_in_s": space.and_then(|s| s.full_in).map(|left| left.as_secs()),
        "reserve": space.map(|s| s.reserve),
        "main_bytes": stats.main_bytes,
        "samples_bytes": stats.samples_bytes,
        "queued": stats.samples.queued + stats.main.queued,
        "shed_samples": stats.shed_samples,
        "shed_scores": stats.shed_scores,
        "lost_rows": lost_rows(&api.hub.store),
        "elsewhere": api.hub.elsewhere.owners(),
    }))
}

/// Rows that were to be stored and were not.
fn lost_rows(store: &Store) -> u64 {
    let stats = store.stats();
    [stats.main, stats.samples].iter().map(|writer| writer.refused_rows + writer.given_up_rows).sum()
}

/// Sets the gauges and counters of the store.
pub(super) fn measure(store: &Store) {
    let stats = store.stats();
    for (file, bytes) in [("main", stats.main_bytes), ("samples", stats.samples_bytes)] {
        if let Some(bytes) = bytes {
            metrics::gauge!("andon_store_bytes", "file" => file).set(bytes as f64);
        }
    }
    metrics::counter!("andon_store_shed_rows_total", "kind" => "samples").absolute(stats.shed_samples);
    metrics::counter!("andon_store_shed_rows_total", "kind" => "scores").absolute(stats.shed_scores);
    metrics::counter!("andon_store_lost_rows_total").absolute(lost_rows(store));
    let Some(space) = store.space_report() else { return };
    metrics::gauge!("andon_store_free_bytes").set(space.free_bytes as f64);
    metrics::gauge!("andon_store_reusable_bytes").set(space.reusable_bytes as f64);
    metrics::gauge!("andon_store_keep_free_bytes").set(space.keep_free_bytes as f64);
    let left = space.full_in.map_or(f64::INFINITY, |left| left.as_secs_f64());
    metrics::gauge!("andon_store_full_in_seconds").set(left);
}
