//! A DataValue (OPC 10000-4, 7.11) becomes a sample.

use andon_plant::{Sample, StatusCode, Timestamp};
use opcua::types::{self, DataValue, DateTime, Variant};

/// 100 ns ticks from the beginning of OPC UA time (1601) to the Unix epoch.
const TICKS_TO_UNIX_EPOCH: i64 = 116_444_736_000_000_000;

/// A value that can't become a sample: not this value is wrong, but the tag.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fault {
    /// The server's status code, or BadTypeMismatch.
    pub(crate) status: StatusCode,
    /// What is wrong, as a sentence.
    pub(crate) message: String,
}

impl Fault {
    /// The server has answered for one node with a Bad status.
    pub(crate) fn of(status: types::StatusCode) -> Self {
        let message = match status {
            types::StatusCode::BadNodeIdUnknown => "the server has no such node".to_owned(),
            types::StatusCode::BadNodeIdInvalid => "the server does not take this as a node".to_owned(),
            types::StatusCode::BadAttributeIdInvalid => "the node has no value; name one of its variables".to_owned(),
            other => crate::error::explain_status(other),
        };
        Self { status: StatusCode(status.bits()), message }
    }
}

/// One value as a sample: the source's own time and status, `now` only where the server sends no time at all.
///
/// Numbers of every width and booleans become f64 (a 64-bit integer beyond 2^53 is rounded). Text, arrays and structures
/// are a fault of the tag, and so is a status that says that the node itself can't be read.
pub(crate) fn decode(value: &DataValue, now: Timestamp) -> Result<Sample, Fault> {
    let status = value.status.unwrap_or(types::StatusCode::Good);
    if is_fault(status) {
        return Err(Fault::of(status));
    }
    let time = time_of(value).unwrap_or(now);
    let status = StatusCode(status.bits());
    match &value.value {
        _ if status.is_bad() => Ok(Sample::bad(time, status)),
        None | Some(Variant::Empty) => Ok(Sample::bad(time, StatusCode::BAD_NO_DATA)),
        Some(variant) => match number(variant) {
            Some(number) => Ok(Sample::new(time, number, status)),
            None => Err(Fault {
                status: StatusCode::BAD_TYPE_MISMATCH,
                message: format!("its value is {}, not a number", kind_of(variant)),
            }),
        },
    }
}

fn number(variant: &Variant) -> Option<f64> {
    Some(match variant {
        Variant::Boolean(v) => f64::from(u8::from(*v)),
        Variant::SByte(v) => f64::from(*v),
        Variant::Byte(v) => f64::from(*v),
        Variant::Int16(v) => f64::from(*v),
        Variant::UInt16(v) => f64::from(*v),
        Variant::Int32(v) => f64::from(*v),
        Variant::UInt32(v) => f64::from(*v),
        Variant::Int64(v) => *v as f64,
        Variant::UInt64(v) => *v as f64,
        Variant::Float(v) => f64::from(*v),
        Variant::Double(v) => *v,
        Variant::Variant(inner) => return number(inner),
        _ => return None,
    })
}

fn kind_of(variant: &Variant) -> &'static str {
    match variant {
        Variant::String(_) | Variant::LocalizedText(_) | Variant::XmlElement(_) => "text",
        Variant::Array(_) => "an array",
        Variant::DateTime(_) => "a time",
        Variant::ExtensionObject(_) => "a structure",
        _ => "of a type without a magnitude",
    }
}

/// Whether a status speaks of the node and not of its present value.
fn is_fault(status: types::StatusCode) -> bool {
    use types::StatusCode as S;
    // The info bits do not matter here, so that an overflow does not hide the code.
    matches!(
        S::from(status.bits() & 0xFFFF_0000),
        S::BadNodeIdUnknown
            | S::BadNodeIdInvalid
            | S::BadAttributeIdInvalid
            | S::BadNotReadable
            | S::BadUserAccessDenied
            | S::BadNotSupported
            | S::BadTypeMismatch
            | S::BadDataEncodingInvalid
            | S::BadDataEncodingUnsupported
            | S::BadIndexRangeInvalid
            | S::BadIndexRangeNoData
    )
}

/// The source's time, else the server's.
pub(crate) fn time_of(value: &DataValue) -> Option<Timestamp> {
    let real = |t: &&DateTime| !t.is_null();
    value.source_timestamp.as_ref().filter(real).or(value.server_timestamp.as_ref().filter(real)).map(from_ua)
}

/// An OPC UA time in microseconds since 1970.
pub(crate) fn from_ua(time: &DateTime) -> Timestamp {
    Timestamp::from_micros(time.as_chrono().timestamp_micros())
}

/// The same instant as OPC UA writes it; what lies before 1601 becomes 1601.
pub(crate) fn to_ua(time: Timestamp) -> DateTime {
    DateTime::from(time.as_micros().saturating_mul(10).saturating_add(TICKS_TO_UNIX_EPOCH).max(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(99);

    fn value(variant: impl Into<Variant>) -> DataValue {
        DataValue {
            value: Some(variant.into()),
            source_timestamp: Some(to_ua(Timestamp::from_secs(5))),
            server_timestamp: Some(to_ua(Timestamp::from_secs(6))),
            ..DataValue::default()
        }
    }

    #[test]
    fn times_survive_the_way_there_and_back() {
        for us in [-1, 0, 1, 1_795_466_340_250_001] {
            assert_eq!(from_ua(&to_ua(Timestamp::from_micros(us))).as_micros(), us);
        }
    }

    #[test]
    fn numbers_and_booleans_keep_value_source_time_and_status() {
        let cases = [
            (Variant::from(1.5f64), 1.5),
            (Variant::from(2.5f32), 2.5),
            (Variant::from(-3i8), -3.0),
            (Variant::from(u64::from(u32::MAX)), 4294967295.0),
            (Variant::from(true), 1.0),
        ];
        for (variant, number) in cases {
            assert_eq!(decode(&value(variant), NOW), Ok(Sample::good(Timestamp::from_secs(5), number)));
        }
        let uncertain = DataValue { status: Some(types::StatusCode::UncertainSubNormal), ..value(1.0) };
        assert_eq!(decode(&uncertain, NOW).unwrap().status, StatusCode::UNCERTAIN_SUB_NORMAL);
        let bad = DataValue { status: Some(types::StatusCode::BadSensorFailure), ..value(1.0) };
        let sample = decode(&bad, NOW).unwrap();
        assert!(sample.value.is_nan() && sample.status == StatusCode::BAD_SENSOR_FAILURE);
    }

    #[test]
    fn without_a_source_time_the_servers_is_taken_then_ours() {
        let server = DataValue { source_timestamp: None, ..value(1.0) };
        assert_eq!(decode(&server, NOW).unwrap().time, Timestamp::from_secs(6));
        let null = DataValue { source_timestamp: Some(DateTime::null()), server_timestamp: None, ..value(1.0) };
        assert_eq!(decode(&null, NOW).unwrap().time, NOW);
    }

    #[test]
    fn what_is_no_number_is_a_fault_and_nan_is_bad() {
        let fault = decode(&value("open"), NOW).unwrap_err();
        assert_eq!(
            (fault.status, fault.message.as_str()),
            (StatusCode::BAD_TYPE_MISMATCH, "its value is text, not a number")
        );
        assert_eq!(decode(&value(vec![1.0, 2.0]), NOW).unwrap_err().message, "its value is an array, not a number");
        assert_eq!(decode(&value(f64::NAN), NOW).unwrap().status, StatusCode::BAD_NO_DATA);
        let unknown = DataValue { status: Some(types::StatusCode::BadNodeIdUnknown), ..DataValue::default() };
        assert_eq!(decode(&unknown, NOW).unwrap_err().status, StatusCode::BAD_NODE_ID_UNKNOWN);
    }
}
