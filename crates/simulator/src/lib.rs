//! A plant that behaves like one, faults to put into it, and recordings played as if they were a PLC.
//!
//! The simulated plant, the fault library and the OPC UA server are three separate things: tests and the laboratory use
//! the first two without a socket, `andon replay` uses the last without the plant. In reading order:
//!
//! * [`process`]: the physics, one file a machine.
//! * [`modes`] and [`sensors`]: which operating mode a machine is in, and what its instruments make of the truth.
//! * [`plant`]: all machines stepped together, one row a second, from a seed.
//! * [`faults`]: the seven kinds of fault, labelled exactly, for the plant and for any other series.
//! * [`recording`]: rows with labels and modes, read from and written to CSV.
//! * [`serve`]: the OPC UA server, with history; [`simulate`] and [`replay`] are its two users.

pub mod faults;
pub mod modes;
pub mod plant;
pub mod process;
pub mod recording;
pub mod replay;
pub mod sensors;
pub mod serve;
pub mod simulate;

pub use faults::{ActiveFault, FaultError, FaultKind, FaultRequest, ScheduledFault};
pub use plant::{AssetRow, PlantRow, SimAsset, SimulatedPlant, record};
pub use recording::{Recording, RecordingError};
pub use replay::{ReplayHandle, ReplaySettings, serve_recording};
pub use serve::{NAMESPACE, SimError};
pub use simulate::{PlantHandle, PlantSettings, serve_plant};
