//! Errors as RFC 9457 problem details (`application/problem+json`).

use andon_store::StoreError;
use axum::{
    Json,
    body::Bytes,
    extract::{
        FromRequest, FromRequestParts, Request,
        rejection::{JsonRejection, PathRejection, QueryRejection},
    },
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Serialize, de::DeserializeOwned};
use utoipa::ToSchema;

use crate::pipeline::hub::{AlarmError, InstructionError};

/// What went wrong with a request.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// The kind of problem in a few words.
    pub title: &'static str,
    /// What is wrong with this request, and what helps.
    pub detail: String,
}

impl Problem {
    pub(super) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not found", detail)
    }

    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Bad request", detail)
    }

    pub(super) fn unprocessable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Unprocessable", detail)
    }

    pub(super) fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "Unavailable", detail)
    }

    /// Another process on the same store is to be asked.
    pub(super) fn misdirected(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::MISDIRECTED_REQUEST, "Misdirected", detail)
    }

    pub(super) fn new(status: StatusCode, title: &'static str, detail: impl Into<String>) -> Self {
        Self { status: status.as_u16(), title, detail: detail.into() }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self)).into_response();
        let kind = header::HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }
}

impl From<StoreError> for Problem {
    fn from(e: StoreError) -> Self {
        tracing::error!("the store failed: {e}");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Store failed", e.to_string())
    }
}

impl From<AlarmError> for Problem {
    fn from(e: AlarmError) -> Self {
        match e {
            AlarmError::NotFound(_) => Self::not_found(e.to_string()),
            AlarmError::Elsewhere { .. } => Self::misdirected(e.to_string()),
            AlarmError::Stopping => Self::unavailable(e.to_string()),
            AlarmError::Store(e) => e.into(),
        }
    }
}

impl From<InstructionError> for Problem {
    fn from(e: InstructionError) -> Self {
        match e {
            InstructionError::NoModel(_) => Self::not_found(e.to_string()),
            InstructionError::Stopping => Self::unavailable(e.to_string()),
            InstructionError::Store(e) => e.into(),
        }
    }
}

impl From<JsonRejection> for Problem {
    fn from(e: JsonRejection) -> Self {
        let text = e.body_text();
        let why = text.split_once(": ").map_or(text.as_str(), |(_, why)| why);
        let detail = match &e {
            JsonRejection::JsonDataError(_) => of_key(why),
            JsonRejection::JsonSyntaxError(_) => {
                format!("the body is not JSON ({why}): send one object, its keys and texts in double quotes")
            }
            JsonRejection::MissingJsonContentType(_) => {
                "the body is not said to be JSON: send the header `content-type: application/json`".to_owned()
            }
            _ => text,
        };
        Self::new(e.status(), "Bad body", detail)
    }
}

/// What serde says of a body, as a sentence that names the key and the mend.
fn of_key(said: &str) -> String {
    let said = said.rsplit_once(" at line ").map_or(said, |(said, _)| said);
    if let Some(key) = said.strip_prefix("missing field ") {
        return format!("{key} is missing: add it to the body");
    }
    let Some((what, wanted)) = said.split_once(", expected ") else { return said.to_owned() };
    if let Some((_, key)) = what.split_once(": unknown field ") {
        return format!("{key} is no key of this body: write {wanted}, or leave it out");
    }
    let wrong = [": invalid type: ", ": invalid value: ", ": unknown variant "];
    match wrong.iter().find_map(|wrong| what.split_once(wrong)) {
        Some((key, got)) => format!("`{key}` is {got}: write {wanted}"),
        None => format!("the body is {}: write one JSON object", what.trim_start_matches("invalid type: ")),
    }
}

impl From<QueryRejection> for Problem {
    fn from(e: QueryRejection) -> Self {
        Self::new(e.status(), "Bad query", e.body_text())
    }
}

impl From<PathRejection> for Problem {
    fn from(e: PathRejection) -> Self {
        Self::new(e.status(), "Bad path", e.body_text())
    }
}

/// Query parameters whose faults are problem details.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(Problem))]
pub(super) struct Query<T>(pub(super) T);

/// Path parameters whose faults are problem details.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(Problem))]
pub(super) struct Path<T>(pub(super) T);

/// A JSON body whose faults are problem details.
#[derive(FromRequest)]
#[from_request(via(axum::Json), rejection(Problem))]
pub(super) struct Body<T>(pub(super) T);

/// A JSON body that may be left out.
pub(super) struct OptionalBody<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for OptionalBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = Bytes::from_request(request, state).await.map_err(|e| Problem::bad_request(e.body_text()))?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        Ok(Self(Json::from_bytes(&bytes)?.0))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    /// As bodies are.
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only what is wrong with it is looked at")]
    struct Order {
        kind: Kind,
        #[serde(default)]
        reason: Option<String>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        Belt,
        Motor,
    }

    fn refused(body: &str) -> String {
        let problem = Problem::from(Json::<Order>::from_bytes(body.as_bytes()).unwrap_err());
        format!("{}: {}", problem.status, problem.detail)
    }

    #[test]
    fn a_refused_body_names_the_key_and_the_mend() {
        let bodies = [
            r#"{"kind": "belt", "resaon": "worn"}"#,
            r#"{"kind": "belt", "reason": 5}"#,
            r#"{"kind": "bolt"}"#,
            r#"{"reason": "worn"}"#,
            r#""belt""#,
            r#"{"kind": "belt""#,
        ];
        insta::assert_snapshot!(bodies.map(refused).join("\n"), @r##"
        422: `resaon` is no key of this body: write `kind` or `reason`, or leave it out
        422: `reason` is integer `5`: write a string
        422: `kind` is `bolt`: write `belt` or `motor`
        422: `kind` is missing: add it to the body
        422: the body is string "belt": write one JSON object
        400: the body is not JSON (EOF while parsing an object at line 1 column 15): send one object, its keys and texts in double quotes
        "##);
    }
}
