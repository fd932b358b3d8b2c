//! A tag's value as OPC UA carries it.

use andon_plant::{TagKind, Timestamp};
use opcua::types::{DataTypeId, DataValue, DateTime, StatusCode, TimestampsToReturn, Variant};

/// Microseconds from 1601, where OPC UA's time begins, to 1970.
const EPOCH_US: i64 = 11_644_473_600_000_000;

/// The present value of a tag; a missing one is BadNoData, not a number.
pub(super) fn live(kind: TagKind, value: f64, time: Timestamp, now: Timestamp) -> DataValue {
    DataValue {
        value: Some(variant(kind, value)),
        status: Some(status(value)),
        source_timestamp: Some(date_time(time)),
        server_timestamp: Some(date_time(now)),
        ..DataValue::default()
    }
}

/// A past value of a tag. The server had it when the source did.
pub(super) fn past(kind: TagKind, value: f64, time: Timestamp, stamps: TimestampsToReturn) -> DataValue {
    let mut past = live(kind, value, time, time);
    choose_stamps(&mut past, stamps);
    past
}

/// That there is no value before or after `time` to bound an interval with (OPC 10000-11, 4.4).
pub(super) fn no_bound(time: Timestamp, stamps: TimestampsToReturn) -> DataValue {
    let mut none = live(TagKind::Analog, f64::NAN, time, time);
    none.status = Some(StatusCode::BadBoundNotFound);
    choose_stamps(&mut none, stamps);
    none
}

fn choose_stamps(value: &mut DataValue, stamps: TimestampsToReturn) {
    match stamps {
        TimestampsToReturn::Source => value.server_timestamp = None,
        TimestampsToReturn::Server => value.source_timestamp = None,
        _ => {}
    }
}

/// The type of a tag's values.
pub(super) fn data_type(kind: TagKind) -> DataTypeId {
    match kind {
        TagKind::Analog | TagKind::Counter => DataTypeId::Double,
        TagKind::Boolean => DataTypeId::Boolean,
        TagKind::Enum => DataTypeId::Int32,
    }
}

fn variant(kind: TagKind, value: f64) -> Variant {
    if value.is_nan() {
        return Variant::Empty;
    }
    match kind {
        TagKind::Analog | TagKind::Counter => Variant::Double(value),
        TagKind::Boolean => Variant::Boolean(value != 0.0),
        TagKind::Enum => Variant::Int32(value as i32),
    }
}

fn status(value: f64) -> StatusCode {
    if value.is_nan() { StatusCode::BadNoData } else { StatusCode::Good }
}

/// An instant in OPC UA's time, ticks of 100 ns since 1601.
pub(super) fn date_time(time: Timestamp) -> DateTime {
    DateTime::from(time.as_micros().saturating_add(EPOCH_US).max(0).saturating_mul(10))
}

/// The instant of a DateTime; none for the null one.
pub(super) fn timestamp(time: &DateTime) -> Option<Timestamp> {
    if time.is_null() { None } else { Some(Timestamp::from_micros(time.ticks() / 10 - EPOCH_US)) }
}
