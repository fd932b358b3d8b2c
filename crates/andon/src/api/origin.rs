//! Who may ask: there is no login in this release, so a page of another site, which the operator's browser would send along
//! with the operator's own rights, is refused.

use std::net::IpAddr;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::problem::Problem;

/// Refuses a change that a page of another origin asks for, and, where we listen on loopback only, a `Host` that is not this
/// machine (DNS rebinding).
pub(super) async fn check(State(loopback): State<bool>, request: Request, next: Next) -> Response {
    match refusal(request.method(), request.headers(), loopback) {
        Some(why) => Problem::new(StatusCode::FORBIDDEN, "Refused", why).into_response(),
        None => next.run(request).await,
    }
}

fn refusal(method: &Method, headers: &HeaderMap, loopback: bool) -> Option<String> {
    let text = |name| headers.get(name).and_then(|value: &header::HeaderValue| value.to_str().ok());
    let host = text(header::HOST).unwrap_or_default();
    if loopback && !is_this_machine(host) {
        return Some(format!("`{host}` is not this machine; open http://127.0.0.1 or http://localhost"));
    }
    let origin = text(header::ORIGIN)?;
    let same = origin.split_once("://").is_some_and(|(_, of)| of.eq_ignore_ascii_case(host));
    let reads = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    (!same && !reads).then(|| format!("a page of {origin} may change nothing here"))
}

fn is_this_machine(host: &str) -> bool {
    let name = host.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(host, |(name, _)| name);
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(method: &Method, headers: &[(header::HeaderName, &str)]) -> bool {
        let all = headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
        refusal(method, &all, true).is_some()
    }

    #[test]
    fn another_sites_page_may_change_nothing() {
        let host = (header::HOST, "127.0.0.1:8080");
        assert!(refused(&Method::POST, &[host.clone(), (header::ORIGIN, "http://evil.example")]));
        assert!(refused(&Method::POST, &[host.clone(), (header::ORIGIN, "null")]));
        assert!(!refused(&Method::POST, &[host.clone(), (header::ORIGIN, "http://127.0.0.1:8080")]));
        assert!(!refused(&Method::POST, &[host]));
    }

    #[test]
    fn a_name_that_was_rebound_to_loopback_is_refused() {
        assert!(refused(&Method::GET, &[(header::HOST, "evil.example:8080")]));
        for host in ["localhost:8080", "127.0.0.1", "[::1]:8080"] {
            assert!(!refused(&Method::GET, &[(header::HOST, host)]), "{host}");
        }
    }
}
