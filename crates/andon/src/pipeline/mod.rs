//! From tags to verdicts to alarms, and out again.
//!
//! ```text
//! source (ua-client) -> ingest -> store
//!                          |---> detection (its own thread) -> publish -> store, OPC UA, live feed
//!                          |                                      |-----> alarms -> store, OPC UA, live feed
//!                          `---> board: what is true right now
//! ```
//! Every arrow is a bounded queue; each module says what happens when its queue is full.

pub mod alarms;
pub mod board;
pub mod detection;
pub mod history;
pub mod hub;
pub mod ingest;
pub mod live;
pub mod publish;
pub mod start;
pub mod training;
