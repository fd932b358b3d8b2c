//! OPC UA status codes as plain numbers, and the quality they stand for (OPC 10000-4, 7.39; OPC 10000-6, Annex A.2).

use std::fmt;

use serde::{Deserialize, Serialize};

/// An OPC UA StatusCode. The two top bits are the severity; see [`StatusCode::quality`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StatusCode(pub u32);

/// How far a value can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Quality {
    /// Measured and sound.
    Good,
    /// There is a value, but it is doubtful, held or imputed.
    Uncertain,
    /// There is no usable value.
    Bad,
}

impl Quality {
    /// The word for people and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Quality::Good => "Good",
            Quality::Uncertain => "Uncertain",
            Quality::Bad => "Bad",
        }
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal;)*) => {
        impl StatusCode {
            $($(#[$doc])* pub const $name: StatusCode = StatusCode($code);)*

            /// The standard's name of the code, without its info bits, where it is one this crate knows.
            pub fn name(self) -> Option<&'static str> {
                match self.0 & 0xFFFF_0000 {
                    $($code => Some($text),)*
                    _ => None,
                }
            }
        }
    };
}

codes! {
    /// The value is sound.
    GOOD = 0x0000_0000, "Good";
    /// The value is sound but was set by hand or by an override.
    GOOD_LOCAL_OVERRIDE = 0x0096_0000, "GoodLocalOverride";
    /// Something is wrong with the value, nothing more is known.
    UNCERTAIN = 0x4000_0000, "Uncertain";
    /// Communication failed; this is the last value that was good.
    UNCERTAIN_NO_COMMUNICATION_LAST_USABLE_VALUE = 0x408F_0000, "UncertainNoCommunicationLastUsableValue";
    /// Whatever updates this value has stopped.
    UNCERTAIN_LAST_USABLE_VALUE = 0x4090_0000, "UncertainLastUsableValue";
    /// The value stands in for one that was not measured.
    UNCERTAIN_SUBSTITUTE_VALUE = 0x4091_0000, "UncertainSubstituteValue";
    /// The value is one the source started up with.
    UNCERTAIN_INITIAL_VALUE = 0x4092_0000, "UncertainInitialValue";
    /// The value is derived from fewer good sources than it needs.
    UNCERTAIN_SUB_NORMAL = 0x4095_0000, "UncertainSubNormal";
    /// The value is computed from fewer good values than there should be.
    UNCERTAIN_DATA_SUB_NORMAL = 0x40A4_0000, "UncertainDataSubNormal";
    /// The value is bad, nothing more is known.
    BAD = 0x8000_0000, "Bad";
    /// The server can't reach what it reads from.
    BAD_NO_COMMUNICATION = 0x8031_0000, "BadNoCommunication";
    /// The value has not been initialised by its source.
    BAD_WAITING_FOR_INITIAL_DATA = 0x8032_0000, "BadWaitingForInitialData";
    /// There is no such node.
    BAD_NODE_ID_UNKNOWN = 0x8034_0000, "BadNodeIdUnknown";
    /// The device failed in a way that affects the value.
    BAD_DEVICE_FAILURE = 0x808B_0000, "BadDeviceFailure";
    /// The sensor failed.
    BAD_SENSOR_FAILURE = 0x808C_0000, "BadSensorFailure";
    /// The source is not operational.
    BAD_OUT_OF_SERVICE = 0x808D_0000, "BadOutOfService";
    /// There is no data for the time asked.
    BAD_NO_DATA = 0x809B_0000, "BadNoData";
    /// The value is of a type that can't be used here.
    BAD_TYPE_MISMATCH = 0x8074_0000, "BadTypeMismatch";
    /// The connection is down.
    BAD_NOT_CONNECTED = 0x808A_0000, "BadNotConnected";
}

impl StatusCode {
    /// The quality in the code's two top bits.
    pub fn quality(self) -> Quality {
        match self.0 >> 30 {
            0 => Quality::Good,
            1 => Quality::Uncertain,
            _ => Quality::Bad,
        }
    }

    /// Whether the quality is [`Quality::Good`].
    pub fn is_good(self) -> bool {
        self.quality() == Quality::Good
    }

    /// Whether the quality is [`Quality::Bad`].
    pub fn is_bad(self) -> bool {
        self.quality() == Quality::Bad
    }
}

impl fmt::Display for StatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{} 0x{:08X}", self.quality().as_str(), self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severity_bits_decide_the_quality() {
        assert!(StatusCode::GOOD_LOCAL_OVERRIDE.is_good());
        assert_eq!(StatusCode::UNCERTAIN_SUBSTITUTE_VALUE.quality(), Quality::Uncertain);
        assert!(StatusCode(0xC000_0000).is_bad());
    }

    #[test]
    fn info_bits_do_not_hide_the_name() {
        assert_eq!(StatusCode(0x808C_0480).to_string(), "BadSensorFailure");
        assert_eq!(StatusCode(0x80FF_0000).to_string(), "Bad 0x80FF0000");
    }
}
