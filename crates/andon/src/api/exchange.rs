//! Histories as files: CSV and Parquet out, as they are read, and in, by way of a file on the disk.

use std::{io::Write, path::Path as FilePath};

use andon_exchange::{Contents, ExportError, Exporter, ImportError, Kind, Shape, Subject};
use andon_plant::{Sample, TagKey, TagName, Timestamp};
use axum::{
    Json,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures::StreamExt;
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tokio::task::block_in_place;
use utoipa::IntoParams;

use super::{
    Api,
    assets::card,
    problem::{Path, Problem, Query},
    span::ends,
};
use crate::{
    config::AssetConfig,
    exchange::{self, ExchangeError, Export, Order, wanted, warnings},
};

/// The largest body that is imported; what is larger is imported by `andon import`.
const IMPORT_BYTES: u64 = 1 << 30;
const CSV: &str = "text/csv";
const PARQUET: &str = "application/vnd.apache.parquet";

/// Which histories, and in which shape.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wish {
    /// The first instant; the first sample where it is absent.
    from: Option<String>,
    /// The instant after the last; after the last sample where it is absent.
    to: Option<String>,
    /// Tags with commas between them; all of them where it is absent.
    tags: Option<String>,
    /// `long` (a line a sample, nothing is lost; where it is absent) or `wide` (a line a row of the grid, a column a tag).
    #[param(value_type = Option<String>)]
    shape: Option<Shape>,
}

/// The history of an asset as a file, of any length, streamed: CSV, or Parquet where the request accepts it. What has begun and
/// can't be read on breaks off without an end.
#[utoipa::path(get, path = "/assets/{asset}/export", tag = "assets", params(("asset" = String, Path), Wish),
    responses((status = 200, description = "`timestamp,asset,tag,value,quality,status`, or `timestamp` and a column a tag",
        content((String = "text/csv"), ("application/vnd.apache.parquet"))),
        (status = 404, body = Problem), (status = 406, body = Problem)))]
pub(super) async fn export(
    State(api): State<Api>,
    Path(asset): Path<String>,
    Query(wish): Query<Wish>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let asset = card(&api, &asset)?.config;
    let kind = match (named_or_any(&headers), headers.contains_key(header::ACCEPT)) {
        (Some(kind), _) => kind,
        (None, false) => Kind::Csv,
        (None, true) => {
            let detail = format!("an export is {CSV} or {PARQUET}: ask for one of them with `accept`");
            return Err(Problem::new(StatusCode::NOT_ACCEPTABLE, "Not acceptable", detail));
        }
    };
    let (from, to) = ends(wish.from.as_deref(), wish.to.as_deref())?;
    let tags = tags(&asset, wish.tags.as_deref())?;
    streamed(&api, &asset, Order { kind, shape: wish.shape.unwrap_or_default(), tags, from, to }).await
}

/// The samples of one tag as a file, each of them.
pub(super) async fn one_tag(
    api: &Api,
    key: &TagKey,
    (from, to): (Timestamp, Timestamp),
    kind: Kind,
) -> Result<Response, Problem> {
    let asset = card(api, &key.asset)?.config;
    let order = Order { kind, shape: Shape::Long, tags: vec![key.tag.clone()], from: Some(from), to: Some(to) };
    streamed(api, &asset, order).await
}

/// Some samples of one tag as a file.
pub(super) fn thinned(api: &Api, key: &TagKey, samples: &[Sample], kind: Kind) -> Result<Response, Problem> {
    let grid = card(api, &key.asset)?.config.grid;
    let to = Timestamp::from_micros(i64::MAX);
    let subject = Subject { asset: key.asset.clone(), tags: vec![key.tag.clone()], grid, to };
    let mut exporter = Exporter::new(kind, Shape::Long, &subject).map_err(ExchangeError::from)?;
    let samples: Vec<(usize, Sample)> = samples.iter().map(|s| (0, *s)).collect();
    exporter.push(&samples).map_err(ExchangeError::from)?;
    let mut bytes = exporter.take();
    bytes.extend(exporter.finish().map_err(ExchangeError::from)?.0);
    Ok(([(header::CONTENT_TYPE, media(kind))], bytes).into_response())
}

/// The kind of file that a request asks for by name; the first it names.
pub(super) fn named(headers: &HeaderMap) -> Option<Kind> {
    accepted(headers, |range| match range {
        CSV => Some(Kind::Csv),
        PARQUET => Some(Kind::Parquet),
        _ => None,
    })
}

/// The same, or CSV for one that takes anything.
fn named_or_any(headers: &HeaderMap) -> Option<Kind> {
    let any = |range: &str| matches!(range, "*/*" | "text/*").then_some(Kind::Csv);
    named(headers).or_else(|| accepted(headers, any))
}

fn accepted(headers: &HeaderMap, kind: impl Fn(&str) -> Option<Kind>) -> Option<Kind> {
    let accepts = headers.get(header::ACCEPT)?.to_str().ok()?;
    accepts.split(',').find_map(|range| kind(range.split(';').next().unwrap_or_default().trim()))
}

fn media(kind: Kind) -> &'static str {
    match kind {
        Kind::Csv => "text/csv; charset=utf-8",
        Kind::Parquet => PARQUET,
    }
}

async fn streamed(api: &Api, asset: &AssetConfig, order: Order) -> Result<Response, Problem> {
    api.hub.store.flush().await?;
    let kind = order.kind;
    let mut export = Export::begin(&api.hub.store.histories(), asset, &order).await?;
    // What is wrong from the start is a problem and no file.
    let first = export.next().await?.unwrap_or_default();
    let rest = futures::stream::try_unfold(export, |mut export| async move {
        let bytes = export.next().await.inspect_err(|e| tracing::error!("an export broke off: {e}"))?;
        Ok::<_, ExchangeError>(bytes.map(|bytes| (Bytes::from(bytes), export)))
    });
    let all = futures::stream::iter([Ok(Bytes::from(first))]).chain(rest);
    Ok(([(header::CONTENT_TYPE, media(kind))], Body::from_stream(all)).into_response())
}

fn tags(asset: &AssetConfig, wanted: Option<&str>) -> Result<Vec<TagName>, Problem> {
    let all = asset.tags.iter().map(|t| t.tag.name.clone());
    let Some(wanted) = wanted else { return Ok(all.collect()) };
    let names: Vec<&str> = wanted.split(',').map(str::trim).collect();
    if let Some(unknown) = names.iter().find(|name| !asset.tags.iter().any(|t| t.tag.name.as_str() == **name)) {
        return Err(Problem::not_found(format!("asset `{}` has no tag `{unknown}`", asset.name)));
    }
    Ok(all.filter(|tag| names.contains(&tag.as_str())).collect())
}

/// How a body is to be read.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Reading {
    /// `long` or `wide`, where the columns leave it open.
    #[param(value_type = Option<String>)]
    shape: Option<Shape>,
    /// Skips columns and tags that the asset has not, instead of refusing the body.
    #[serde(default)]
    skip_unknown: bool,
}

/// Stores history from a body: CSV, gzip or not, or Parquet, as its first bytes say, up to 1 GiB. All of it is checked before
/// anything is stored, and it is on the disk when the answer comes. It is not judged; a training may use it.
#[utoipa::path(post, path = "/assets/{asset}/import", tag = "assets", params(("asset" = String, Path), Reading),
    request_body(content((String = "text/csv"), ("application/vnd.apache.parquet"))),
    responses((status = 200, description = "`{kind, shape, rows, samples, first, last, absent, skipped, warnings}`"),
        (status = 404, body = Problem), (status = 413, body = Problem),
        (status = 422, description = "What is wrong with it, and where", body = Problem),
        (status = 503, description = "Another import is under way", body = Problem)))]
pub(super) async fn import(
    State(api): State<Api>,
    Path(asset): Path<String>,
    Query(reading): Query<Reading>,
    body: Body,
) -> Result<Json<Value>, Problem> {
    let wanted = wanted(&card(&api, &asset)?.config, reading.shape, reading.skip_unknown);
    let _alone = api
        .importing
        .try_acquire()
        .map_err(|_| Problem::unavailable("another import is under way: send this one when that has been answered"))?;
    let file = spooled(&api.hub.config.data_dir(), body).await?;
    let contents = block_in_place(|| exchange::check(file.path(), &wanted, |_| ())).map_err(of_body)?;
    let warnings = warnings(&contents, &api.hub.config.store.retention, api.hub.clock.now())?;
    let contents: Contents = exchange::store(&api.hub.store, file.path(), &wanted, |_| ()).await?;
    tracing::info!(%asset, samples = contents.samples, "history was imported");
    let mut said = json!(contents);
    said["warnings"] = json!(warnings);
    Ok(Json(said))
}

/// A body as a file, which is gone when it is dropped.
async fn spooled(folder: &FilePath, body: Body) -> Result<NamedTempFile, Problem> {
    let folder = if folder.as_os_str().is_empty() { FilePath::new(".") } else { folder };
    let failed = |e: std::io::Error| {
        let detail = format!("the body could not be written to {}: {e}", folder.display());
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "Disk failed", detail)
    };
    let mut file = tempfile::Builder::new().prefix(".andon-import-").tempfile_in(folder).map_err(failed)?;
    let (mut body, mut size) = (body.into_data_stream(), 0);
    while let Some(bytes) = body.next().await {
        let bytes = bytes.map_err(|e| Problem::bad_request(format!("the body broke off: {e}")))?;
        size += bytes.len() as u64;
        if size > IMPORT_BYTES {
            let detail =
                format!("the body is larger than {IMPORT_BYTES} bytes: send it in parts, or use `andon import`");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "Too large", detail));
        }
        block_in_place(|| file.write_all(&bytes)).map_err(failed)?;
    }
    Ok(file)
}

/// What is wrong with a body, without the file it was written to.
fn of_body(e: ImportError) -> Problem {
    Problem::unprocessable(ImportError { path: "the body".into(), ..e }.to_string())
}

impl From<ExchangeError> for Problem {
    fn from(e: ExchangeError) -> Self {
        match e {
            ExchangeError::Store(e) => e.into(),
            ExchangeError::Import(e) => of_body(e),
            ExchangeError::TooOld { .. } => Self::unprocessable(format!("the body can't be kept: {e}")),
            ExchangeError::Export(ExportError::Reserved(_)) => Self::bad_request(e.to_string()),
            ExchangeError::Export(_) => {
                tracing::error!("an export failed: {e}");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Export failed", e.to_string())
            }
        }
    }
}
