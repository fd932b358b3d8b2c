//! The health of an instrument in the five words of NAMUR NE 107.

use serde::{Deserialize, Serialize};

use crate::status::StatusCode;

/// What NAMUR NE 107 says of an instrument, for people who see to it rather than to the process.
///
/// The numbers are those of DeviceHealthEnumeration (OPC 10000-100, 4.5.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ne107 {
    /// It works as it should.
    #[default]
    Good = 0,
    /// Its value is not valid because it, or the way to it, failed.
    Failure = 1,
    /// Its value is not valid for now because someone works on it.
    CheckFunction = 2,
    /// It, or the process it is in, is outside of what it is meant for.
    OutOfSpecification = 3,
    /// Its value is still valid, but it will soon need maintenance.
    MaintenanceRequired = 4,
}

impl Ne107 {
    /// What a sample's status code says of its instrument.
    pub fn of(status: StatusCode) -> Self {
        match status {
            StatusCode::BAD_OUT_OF_SERVICE => Ne107::CheckFunction,
            _ if status.is_bad() => Ne107::Failure,
            _ if status.is_good() => Ne107::Good,
            _ => Ne107::OutOfSpecification,
        }
    }

    /// The number of DeviceHealthEnumeration.
    pub fn code(self) -> i32 {
        self as i32
    }

    /// The word for JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Ne107::Good => "good",
            Ne107::Failure => "failure",
            Ne107::CheckFunction => "check_function",
            Ne107::OutOfSpecification => "out_of_specification",
            Ne107::MaintenanceRequired => "maintenance_required",
        }
    }

    /// The letter shown beside the recommendation's symbol; none where there is nothing to show.
    pub fn letter(self) -> Option<char> {
        match self {
            Ne107::Good => None,
            Ne107::Failure => Some('F'),
            Ne107::CheckFunction => Some('C'),
            Ne107::OutOfSpecification => Some('S'),
            Ne107::MaintenanceRequired => Some('M'),
        }
    }
}

/// What a tag's fault looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultClass {
    /// It shows what its instrument can't measure: a broken wire, a short circuit.
    OutOfRange,
    /// It shows one and the same value for longer than it ever did.
    Stuck,
    /// It, and no other tag, jumps about: a loose contact, a failing shield.
    #[serde(rename = "noise")]
    NoiseBurst,
    /// It, and no other tag, jumped and is coming back: a knock, interference.
    Spike,
    /// It, and no other tag, is away from expected: the sensor has drifted or has an offset.
    Deviation,
    /// It and others are away from expected: the process has changed.
    JointDeviation,
}

impl FaultClass {
    /// The word for JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            FaultClass::OutOfRange => "out_of_range",
            FaultClass::Stuck => "stuck",
            FaultClass::NoiseBurst => "noise",
            FaultClass::Spike => "spike",
            FaultClass::Deviation => "deviation",
            FaultClass::JointDeviation => "joint_deviation",
        }
    }

    /// Whether it is the sensor rather than the process.
    pub fn is_sensor(self) -> bool {
        self != FaultClass::JointDeviation
    }

    /// What NAMUR NE 107 says of a tag with this fault: failed where the value is worthless, in need of maintenance where
    /// it is doubtful, out of specification where it is sound but the process is not, or where it will pass.
    pub fn health(self) -> Ne107 {
        match self {
            FaultClass::OutOfRange | FaultClass::Stuck => Ne107::Failure,
            FaultClass::NoiseBurst | FaultClass::Deviation => Ne107::MaintenanceRequired,
            FaultClass::Spike | FaultClass::JointDeviation => Ne107::OutOfSpecification,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_is_the_one_in_json_and_the_number_the_one_of_opc_ua() {
        let all =
            [Ne107::Good, Ne107::Failure, Ne107::CheckFunction, Ne107::OutOfSpecification, Ne107::MaintenanceRequired];
        for (code, health) in all.into_iter().enumerate() {
            assert_eq!(health.code(), code as i32);
            assert_eq!(serde_json::to_string(&health).unwrap(), format!("\"{}\"", health.as_str()));
        }
    }
}
