//! Between `plant`'s plain values and the stack's.

use andon_plant::{StatusCode, Timestamp};
use opcua::types::{DateTime, StatusCode as UaStatus};

/// Microseconds from the OPC UA epoch (1601) to the Unix epoch.
const UNIX_EPOCH_US: i64 = 11_644_473_600_000_000;

/// Ticks of 100 ns in a microsecond.
const TICKS_PER_US: i64 = 10;

/// The instant as the wire knows it; before 1601 it is the null time.
pub(crate) fn date_time(time: Timestamp) -> DateTime {
    DateTime::from(time.as_micros().saturating_add(UNIX_EPOCH_US).saturating_mul(TICKS_PER_US).max(0))
}

/// The instant a client named; none for the null time (OPC 10000-11, 6.5.3: "not specified").
pub(crate) fn timestamp(time: &DateTime) -> Option<Timestamp> {
    let ticks = time.ticks();
    (ticks > 0).then(|| Timestamp::from_micros(ticks / TICKS_PER_US - UNIX_EPOCH_US))
}

/// The status code as the stack's type.
pub(crate) fn status(code: StatusCode) -> UaStatus {
    UaStatus::from(code.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_survives_the_wire() {
        for us in [0, 1, 1_795_466_340_250_001] {
            let time = Timestamp::from_micros(us);
            assert_eq!(timestamp(&date_time(time)), Some(time));
        }
        assert_eq!(timestamp(&DateTime::null()), None);
    }

    #[test]
    fn status_codes_are_the_stacks() {
        assert_eq!(status(StatusCode::BAD_NO_COMMUNICATION), UaStatus::BadNoCommunication);
        assert_eq!(status(StatusCode::BAD_WAITING_FOR_INITIAL_DATA), UaStatus::BadWaitingForInitialData);
        assert_eq!(status(StatusCode::BAD_OUT_OF_SERVICE), UaStatus::BadOutOfService);
        assert_eq!(status(StatusCode::BAD_NO_DATA), UaStatus::BadNoData);
        assert_eq!(status(StatusCode::UNCERTAIN_SUBSTITUTE_VALUE), UaStatus::UncertainSubstituteValue);
    }
}
