//! The dashboard's files, embedded in the binary.

use axum::{
    http::{StatusCode, Uri, header},
    response::{Html, IntoResponse, Response},
};
use rust_embed::RustEmbed;

use super::problem::Problem;

/// What `npm run build` made; empty where the binary was built without it.
#[derive(RustEmbed)]
#[folder = "../../web/dist"]
#[allow_missing = true]
struct Files;

const NOT_BUILT: &str = "<!doctype html><title>Andon</title><p>This binary was built without the dashboard. \
    Run <code>make web</code> and build again. The API is at <a href=\"/api/openapi.json\">/api/openapi.json</a>.";

/// A file of the dashboard, or its page for a path of its own; never a page for a mistyped API path.
pub(super) async fn file(uri: Uri) -> Response {
    let path = uri.path().trim_start_matches('/');
    if path.starts_with("api/") {
        return Problem::not_found(format!("there is no `/{path}`; see /api/openapi.json")).into_response();
    }
    if let Some(file) = Files::get(path) {
        let kind = mime_guess::from_path(path).first_or_octet_stream();
        // Vite puts a hash into the names of assets, so they never change; the page itself may.
        let cache = if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
        let headers = [(header::CONTENT_TYPE, kind.as_ref().to_owned()), (header::CACHE_CONTROL, cache.to_owned())];
        return (headers, file.data).into_response();
    }
    match Files::get("index.html") {
        Some(page) if !path.contains('.') => {
            let headers = [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CACHE_CONTROL, "no-cache")];
            (headers, page.data).into_response()
        }
        None if path.is_empty() => Html(NOT_BUILT).into_response(),
        _ => (StatusCode::NOT_FOUND, "there is no such file").into_response(),
    }
}
