//! What an alarm is about: the first three things an operator asks.
//!
//! * [`habits`]: how a tag behaves in normal operation.
//! * [`fault`]: is it the sensor or the process?
//! * [`mod@reason`]: which tag, how far, which way, for how long.
//! * [`mod@alike`]: when did it look like this before?
//!
//! A further class of fault is one more variant of [`FaultClass`] and what the compiler then asks for.

pub mod alike;
pub mod fault;
pub mod habits;
pub mod reason;

pub use alike::{Alike, PastAlarm, SignedShare, alike};
pub use fault::{Finding, TagRows, diagnose, others_deviate};
pub use habits::TagHabits;
pub use reason::{Reason, reason};
