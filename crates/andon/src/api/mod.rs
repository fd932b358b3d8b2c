//! The REST API, the live feed, the dashboard's files, health and metrics, on axum.
//!
//! One file a resource. Add one by writing its file and naming its routes in [`routes`].

mod alarms;
mod alike;
mod assessment;
mod assets;
mod demo;
mod exchange;
mod finding;
mod live;
mod maintenance;
mod origin;
mod problem;
mod sources;
mod span;
mod store;
mod system;
mod tags;
mod threshold;
mod training;
mod web;

use std::{net::SocketAddr, sync::Arc};

use andon_simulator::PlantHandle;
use anyhow::Context;
use axum::{
    Router,
    http::{HeaderName, HeaderValue},
    middleware,
};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::sync::CancellationToken;
use tower_http::{compression::CompressionLayer, set_header::SetResponseHeaderLayer};
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{lifecycle::Lifecycle, pipeline::hub::Hub};

/// Who acts where there are no users.
const ANYONE: &str = "operator";

/// What every handler has.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) hub: Hub,
    /// The simulated plant, in the demo only.
    pub(crate) plant: Option<Arc<PlantHandle>>,
    pub(crate) metrics: PrometheusHandle,
    pub(crate) cancel: CancellationToken,
    /// One import at a time.
    pub(crate) importing: Arc<Semaphore>,
}

#[derive(OpenApi)]
#[openapi(info(title = "Andon", description = "Plant-floor monitoring: assets, scores, samples and alarms."))]
struct Document;

/// Serves until the lifecycle is stopped; returns the address, which has a real port also where 0 was asked for.
///
/// # Errors
/// If the address can't be listened on.
pub async fn serve(
    listen: SocketAddr,
    hub: Hub,
    plant: Option<Arc<PlantHandle>>,
    metrics: PrometheusHandle,
    lifecycle: &Lifecycle,
) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("http.listen: {listen} can't be listened on; is another program using it?"))?;
    let address = listener.local_addr()?;
    let cancel = lifecycle.token();
    let app = routes(Api { hub, plant, metrics, cancel: cancel.clone(), importing: Arc::new(Semaphore::new(1)) })
        .layer(middleware::from_fn_with_state(address.ip().is_loopback(), origin::check));
    lifecycle.spawn(async move {
        let stop = async move { cancel.cancelled().await };
        if let Err(e) = axum::serve(listener, app).with_graceful_shutdown(stop).await {
            tracing::error!("the HTTP server ended: {e}");
        }
    });
    Ok(address)
}

/// Every resource, described.
fn resources() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(Document::openapi())
        .nest(
            "/api/v1",
            OpenApiRouter::new()
                .routes(routes!(assets::list))
                .routes(routes!(assets::one))
                .routes(routes!(assets::scores))
                .routes(routes!(assets::contributions))
                .routes(routes!(assets::model))
                .routes(routes!(assets::models))
                .routes(routes!(exchange::export))
                .routes(routes!(exchange::import))
                .routes(routes!(maintenance::begin, maintenance::end))
                .routes(routes!(threshold::one))
                .routes(routes!(threshold::revert))
                .routes(routes!(training::start))
                .routes(routes!(training::one, training::cancel))
                .routes(routes!(tags::list))
                .routes(routes!(tags::samples))
                .routes(routes!(tags::expected))
                .routes(routes!(alarms::list))
                .routes(routes!(alarms::one))
                .routes(routes!(alarms::acknowledge))
                .routes(routes!(assessment::assess))
                .routes(routes!(sources::list))
                .routes(routes!(store::one))
                .routes(routes!(live::live))
                .routes(routes!(demo::list, demo::inject, demo::clear))
                .routes(routes!(demo::clear_one))
                .routes(routes!(system::version)),
        )
        .routes(routes!(system::healthz))
        .routes(routes!(system::readyz))
        .routes(routes!(system::metrics))
}

fn routes(api: Api) -> Router {
    let (v1, document) = resources().split_for_parts();
    let security = [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("content-security-policy", "default-src 'self'"),
    ];
    let app = v1
        .route("/api/openapi.json", axum::routing::get(|| async { axum::Json(document) }))
        .fallback(web::file)
        .with_state(api);
    security
        .into_iter()
        .fold(app, |app, (name, value)| {
            let header =
                SetResponseHeaderLayer::if_not_present(HeaderName::from_static(name), HeaderValue::from_static(value));
            app.layer(header)
        })
        .layer(CompressionLayer::new())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// `METHOD path: the keys of its body`, of every operation whose body is described.
    fn bodies(document: &Value) -> Vec<String> {
        let mut bodies = Vec::new();
        for (path, operations) in document["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                let schema = &operation["requestBody"]["content"]["application/json"]["schema"]["$ref"];
                let Some(schema) = schema.as_str().map(|at| document.pointer(&at[1..]).unwrap()) else { continue };
                let keys: Vec<&str> = schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
                bodies.push(format!("{method} {path}: {}", keys.join(", ")));
            }
        }
        bodies
    }

    #[test]
    fn every_body_is_described_with_its_own_keys() {
        let document = serde_json::to_value(resources().split_for_parts().1).unwrap();
        insta::assert_snapshot!(bodies(&document).join("\n"), @r##"
        post /api/v1/alarms/{id}/acknowledge: comment
        post /api/v1/alarms/{id}/assessment: assessment, comment
        post /api/v1/assets/{asset}/maintenance: reason, until
        post /api/v1/assets/{asset}/training: begin_with, everything, from, to
        "##);
    }
}
