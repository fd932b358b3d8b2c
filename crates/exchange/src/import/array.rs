//! The types a Parquet column may have, and what they are read as.

use andon_plant::{StatusCode, Timestamp};
use arrow_array::{
    Array, ArrowPrimitiveType,
    cast::AsArray,
    types,
    types::{Decimal128Type, Float64Type, TimestampMicrosecondType},
};
use arrow_schema::{DataType, TimeUnit};

use crate::{cell, error::Fault};

/// The time of each row, or what stands there instead: timestamps of any unit (without a zone they are UTC), seconds since the
/// epoch, or text.
pub(super) fn times(array: &dyn Array) -> Result<Vec<Result<Timestamp, String>>, Fault> {
    let none = || "null".to_owned();
    if let DataType::Timestamp(unit, _) = array.data_type() {
        let micros = |n: i64| match unit {
            TimeUnit::Second => n.checked_mul(1_000_000),
            TimeUnit::Millisecond => n.checked_mul(1_000),
            TimeUnit::Microsecond => Some(n),
            TimeUnit::Nanosecond => Some(n.div_euclid(1_000)),
        };
        let time = |n: Option<i64>| {
            let n = n.ok_or_else(none)?;
            micros(n).map(Timestamp::from_micros).ok_or_else(|| n.to_string())
        };
        return Ok(ticks(array, *unit).into_iter().map(time).collect());
    }
    if is_text(array.data_type()) {
        let parsed = named(array, &mut |text| cell::time(text).ok_or_else(|| text.to_owned()))?;
        return Ok(parsed.into_iter().map(|time| time.unwrap_or_else(|| Err(none()))).collect());
    }
    let wanted = "a time";
    let mend = "a timestamp, or as seconds since the epoch";
    if matches!(array.data_type(), DataType::Boolean | DataType::Null) {
        return Err(of_type(array, wanted, mend));
    }
    let seconds = numbers(array).ok_or_else(|| of_type(array, wanted, mend))?;
    let time = |s: Option<f64>| {
        let s = s.ok_or_else(none)?;
        // What is far outside of i64 is cut off at its ends, and refused as no time a plant can have had.
        if s.is_nan() { Err(s.to_string()) } else { Ok(Timestamp::from_micros((s * 1e6).round() as i64)) }
    };
    Ok(seconds.into_iter().map(time).collect())
}

fn ticks(array: &dyn Array, unit: TimeUnit) -> Vec<Option<i64>> {
    match unit {
        TimeUnit::Second => array.as_primitive::<types::TimestampSecondType>().iter().collect(),
        TimeUnit::Millisecond => array.as_primitive::<types::TimestampMillisecondType>().iter().collect(),
        TimeUnit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().iter().collect(),
        TimeUnit::Nanosecond => array.as_primitive::<types::TimestampNanosecondType>().iter().collect(),
    }
}

/// The value of each row, NaN where it is null.
pub(super) fn values(array: &dyn Array) -> Result<Vec<f64>, Fault> {
    let numbers = numbers(array).ok_or_else(|| of_type(array, "values", "floats, integers or booleans"))?;
    Ok(numbers.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect())
}

/// The status code of each row; none where it is none.
pub(super) fn statuses(array: &dyn Array) -> Result<Vec<Option<StatusCode>>, Fault> {
    if is_text(array.data_type()) {
        return Ok(named(array, &mut cell::status)?.into_iter().map(Option::flatten).collect());
    }
    // Every u32 is a f64. A signed one is the same bits.
    let code = |n: f64| match n {
        _ if n.fract() != 0.0 => None,
        _ if (0.0..=f64::from(u32::MAX)).contains(&n) => Some(StatusCode(n as u32)),
        _ if (f64::from(i32::MIN)..0.0).contains(&n) => Some(StatusCode(n as i32 as u32)),
        _ => None,
    };
    let numbers = numbers(array).ok_or_else(|| of_type(array, "status codes", "integers or text"))?;
    Ok(numbers.into_iter().map(|n| n.and_then(code)).collect())
}

/// What each row's text stands for, asked once for each entry of a dictionary; none where it is null.
pub(super) fn named<T: Clone>(array: &dyn Array, meaning: &mut dyn FnMut(&str) -> T) -> Result<Vec<Option<T>>, Fault> {
    let mut each = |text: Option<&str>| text.map(&mut *meaning);
    match array.data_type() {
        DataType::Utf8 => Ok(array.as_string::<i32>().iter().map(&mut each).collect()),
        DataType::LargeUtf8 => Ok(array.as_string::<i64>().iter().map(&mut each).collect()),
        DataType::Utf8View => Ok(array.as_string_view().iter().map(&mut each).collect()),
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let entries = named(dictionary.values().as_ref(), meaning)?;
            Ok(spread(array, &entries))
        }
        _ => Err(of_type(array, "names", "text")),
    }
}

/// A row's text, for a message.
pub(super) fn text(array: &dyn Array, row: usize) -> String {
    let one = array.slice(row, 1);
    if is_text(array.data_type()) {
        let text = named(one.as_ref(), &mut str::to_owned).unwrap_or_default();
        return text.into_iter().flatten().next().unwrap_or_else(|| "null".to_owned());
    }
    let number = numbers(one.as_ref()).unwrap_or_default();
    number.into_iter().flatten().next().map_or("null".to_owned(), |n| n.to_string())
}

fn is_text(of: &DataType) -> bool {
    match of {
        DataType::Dictionary(_, entries) => is_text(entries),
        other => matches!(other, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View),
    }
}

/// Numbers of any type; none where it is no type of numbers.
fn numbers(array: &dyn Array) -> Option<Vec<Option<f64>>> {
    use DataType as D;
    Some(match array.data_type() {
        D::Float64 => array.as_primitive::<Float64Type>().iter().collect(),
        D::Float32 => lossless::<types::Float32Type>(array),
        D::Float16 => primitive::<types::Float16Type>(array, |v| v.to_f64()),
        D::Int8 => lossless::<types::Int8Type>(array),
        D::Int16 => lossless::<types::Int16Type>(array),
        D::Int32 => lossless::<types::Int32Type>(array),
        D::Int64 => primitive::<types::Int64Type>(array, |v| v as f64),
        D::UInt8 => lossless::<types::UInt8Type>(array),
        D::UInt16 => lossless::<types::UInt16Type>(array),
        D::UInt32 => lossless::<types::UInt32Type>(array),
        D::UInt64 => primitive::<types::UInt64Type>(array, |v| v as f64),
        D::Decimal128(_, scale) => {
            let unit = 10f64.powi(i32::from(*scale));
            primitive::<Decimal128Type>(array, |v| v as f64 / unit)
        }
        D::Boolean => array.as_boolean().iter().map(|v| v.map(|v| f64::from(u8::from(v)))).collect(),
        D::Null => vec![None; array.len()],
        D::Dictionary(..) => spread(array, &numbers(array.as_any_dictionary().values().as_ref())?),
        _ => return None,
    })
}

fn primitive<T: ArrowPrimitiveType>(array: &dyn Array, number: impl Fn(T::Native) -> f64) -> Vec<Option<f64>> {
    array.as_primitive::<T>().iter().map(|v| v.map(&number)).collect()
}

fn lossless<T: ArrowPrimitiveType<Native: Into<f64>>>(array: &dyn Array) -> Vec<Option<f64>> {
    primitive::<T>(array, Into::into)
}

/// The entry of each row of a dictionary.
fn spread<T: Clone>(array: &dyn Array, entries: &[Option<T>]) -> Vec<Option<T>> {
    let keys = array.as_any_dictionary().normalized_keys();
    let entry = |(row, key): (usize, usize)| if array.is_null(row) { None } else { entries.get(key)?.clone() };
    keys.into_iter().enumerate().map(entry).collect()
}

fn of_type(array: &dyn Array, wanted: &'static str, mend: &'static str) -> Fault {
    Fault::Type { found: array.data_type().to_string(), wanted, mend }
}
