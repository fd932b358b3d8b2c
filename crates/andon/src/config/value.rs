//! Single values: what a key may hold, and the reason where it may not. A reason begins after `key = value: `.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    ops::RangeInclusive,
    str::FromStr,
    time::Duration,
};

use toml::de::DeValue;

/// The most of a value that is shown in a message.
const SHOWN: usize = 80;

/// A string.
pub(super) fn text(value: &DeValue<'_>) -> Result<String, String> {
    value.as_str().map(str::to_owned).ok_or_else(|| expected("a string in quotes", value))
}

/// A string that parses as a `T`, whose error is the reason.
pub(super) fn parsed<T>(value: &DeValue<'_>) -> Result<T, String>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    text(value)?.parse().map_err(|e: T::Err| e.to_string())
}

/// A whole number within `range`.
pub(super) fn whole(range: RangeInclusive<usize>) -> impl FnOnce(&DeValue<'_>) -> Result<usize, String> {
    move |value| {
        let number = integer(value)?;
        match usize::try_from(number).ok().filter(|n| range.contains(n)) {
            Some(n) => Ok(n),
            None => Err(format!("must be from {} to {}", range.start(), range.end())),
        }
    }
}

/// A finite number.
pub(super) fn number(value: &DeValue<'_>) -> Result<f64, String> {
    let number = match value {
        DeValue::Float(f) => f.as_str().parse().map_err(|_| "is too large".to_owned())?,
        DeValue::Integer(_) => integer(value)? as f64,
        other => return Err(expected("a number", other)),
    };
    if f64::is_finite(number) { Ok(number) } else { Err("must be a finite number".to_owned()) }
}

/// A time span such as `"100ms"`, within `range`.
pub(super) fn duration(range: RangeInclusive<Duration>) -> impl FnOnce(&DeValue<'_>) -> Result<Duration, String> {
    move |value| {
        let text = value.as_str().ok_or_else(|| expected("a time span in quotes, such as \"5s\"", value))?;
        let span = humantime::parse_duration(text)
            .map_err(|_| "is not a time span: write a number and a unit, such as \"100ms\", \"5s\" or \"90d\"")?;
        if range.contains(&span) {
            Ok(span)
        } else {
            let (least, most) = (humantime::format_duration(*range.start()), humantime::format_duration(*range.end()));
            Err(format!("must be from {least} to {most}"))
        }
    }
}

/// An address and port to listen at; `localhost` is 127.0.0.1.
pub(super) fn address(value: &DeValue<'_>) -> Result<SocketAddr, String> {
    let text = text(value)?;
    if let Some(port) = text.strip_prefix("localhost:").and_then(|p| p.parse().ok()) {
        return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    }
    text.parse().map_err(|_| "is not an address and port, such as \"127.0.0.1:8080\"".to_owned())
}

/// The value as it would be written, shortened.
pub(super) fn shown(value: &DeValue<'_>) -> String {
    let full = match value {
        DeValue::String(s) => format!("\"{}\"", redacted(s)),
        DeValue::Integer(i) => i.to_string(),
        DeValue::Float(f) => f.to_string(),
        DeValue::Boolean(b) => b.to_string(),
        DeValue::Datetime(d) => d.to_string(),
        DeValue::Array(items) => {
            format!("[{}]", items.iter().map(|i| shown(i.get_ref())).collect::<Vec<_>>().join(", "))
        }
        DeValue::Table(_) => "{ ... }".to_owned(),
    };
    match full.char_indices().nth(SHOWN) {
        Some((cut, _)) => format!("{}...", &full[..cut]),
        None => full,
    }
}

/// A URL without the user and password before its host: messages go to logs.
fn redacted(text: &str) -> String {
    match (text.split_once("://"), text.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://...@{host}"),
        _ => text.to_owned(),
    }
}

fn integer(value: &DeValue<'_>) -> Result<i64, String> {
    let whole = value.as_integer().ok_or_else(|| expected("a whole number", value))?;
    i64::from_str_radix(whole.as_str(), whole.radix()).map_err(|_| "is too large".to_owned())
}

fn expected(what: &str, found: &DeValue<'_>) -> String {
    let kind = match found {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a point",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    format!("expected {what}, found {kind}")
}
