//! Everyone's words: tags, samples, windows, verdicts and alarms as plain values.
//!
//! This crate does no I/O and knows no async runtime. In reading order:
//!
//! * [`time`] and [`clock`]: instants are UTC microseconds; the present comes from a passed [`clock::Clock`].
//! * [`name`] and [`tag`]: what an asset, a tag and a source are called, and what a tag measures.
//! * [`status`] and [`sample`]: one value of one tag with the PLC's own time and status code.
//! * [`window`] and [`windower`]: multi-rate samples put on an asset's grid, with a mask of what was filled.
//! * [`reconstruct`]: the seam between models and judgement.
//! * [`verdict`]: what the detector says of one grid row.
//! * [`alarm`]: the alarm as a pure step function.
//! * [`health`]: an instrument's health after NAMUR NE 107.
//! * [`role`]: who may do what.

pub mod alarm;
pub mod clock;
pub mod health;
pub mod name;
pub mod reconstruct;
pub mod role;
pub mod sample;
pub mod status;
pub mod tag;
pub mod time;
pub mod verdict;
pub mod window;
pub mod windower;

pub use alarm::{Alarm, AlarmId, AlarmState, Assessment, Condition, JournalEntry};
pub use clock::{Clock, ManualClock, SystemClock};
pub use health::{FaultClass, Ne107};
pub use name::{AssetName, NameError, SourceName, TagName};
pub use reconstruct::{Reconstruct, Reconstruction};
pub use role::Role;
pub use sample::{Sample, TagKey, TagSample};
pub use status::{Quality, StatusCode};
pub use tag::{Range, Tag, TagKind};
pub use time::Timestamp;
pub use verdict::{AssetState, Mode, TagFinding, TagVerdict, Verdict};
pub use window::{Fill, Window};
pub use windower::{Windower, WindowerSettings};
