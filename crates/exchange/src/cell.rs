//! Times, values and status codes as text, and back.

use std::{fmt::Write, ops::RangeInclusive};

use andon_plant::{Quality, StatusCode, Timestamp};

/// The times that are taken: those of OPC UA (OPC 10000-6, 5.2.2.5). Milliseconds taken for seconds lie far outside.
pub(crate) const TIMES: RangeInclusive<Timestamp> =
    Timestamp::from_secs(-11_644_473_600)..=Timestamp::from_micros(253_402_300_799_999_999);

/// The time in a cell; also with a zone of hours alone, as some databases write it.
pub(crate) fn time(text: &str) -> Option<Timestamp> {
    let hours = text.rfind(['+', '-']).filter(|at| text.contains(':') && text.len() - at == 3);
    let time: Timestamp = if hours.is_some() { format!("{text}:00").parse() } else { text.parse() }.ok()?;
    TIMES.contains(&time).then_some(time)
}

/// Adds a value in the fewest digits that bring it back to the bit; one that is not finite is left empty.
pub(crate) fn put_value(out: &mut String, value: f64) {
    if !value.is_finite() {
        return;
    }
    let start = out.len();
    // Debug writes 1e300 with an exponent and 3 as 3.0, Display 1e300 with 300 zeros and 3 as 3.
    write!(out, "{value:?}").ok();
    if out[start..].ends_with(".0") {
        out.truncate(out.len() - 2);
    }
}

/// The value in a cell: NaN where it is missing, none where there is something else.
pub(crate) fn value(text: &str) -> Option<f64> {
    if text.is_empty() || text.eq_ignore_ascii_case("nan") || text.eq_ignore_ascii_case("na") {
        return Some(f64::NAN);
    }
    text.parse().ok().filter(|v: &f64| v.is_finite())
}

/// The status code in a cell, hexadecimal after `0x` or decimal.
pub(crate) fn status(text: &str) -> Option<StatusCode> {
    let code = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => text.parse(),
    };
    code.ok().map(StatusCode)
}

/// The plain status code of a quality's name.
pub(crate) fn quality(text: &str) -> Option<StatusCode> {
    let codes = [StatusCode::GOOD, StatusCode::UNCERTAIN, StatusCode::BAD];
    codes.into_iter().find(|code| text.eq_ignore_ascii_case(code.quality().as_str()))
}

/// The qualities in the order of their numbers in files.
pub(crate) const QUALITIES: [Quality; 3] = [Quality::Good, Quality::Uncertain, Quality::Bad];

/// A name as it stands in a line.
pub(crate) fn quoted(name: &str) -> String {
    if name.contains([',', '"']) { format!("\"{}\"", name.replace('"', "\"\"")) } else { name.to_owned() }
}
