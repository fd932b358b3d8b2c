//! From tags to verdicts to alarms, and out again.
//!
//! ```text
//! source (ua-client) -> ingest -> store
//!                          |---> detection (its own thread) -> publish -> store, OPC UA, live feed
//!                          |                                      |-----> alarms -> store, OPC UA, live feed
//!                          `---> board: what is true right now
//! people -> alarms (acknowledge, assess), instructions (maintenance, normal, revert) -> detection
//! ```
//! Every arrow is a bounded queue; each module says what happens when its queue is full.

pub mod alarms;
pub mod board;
pub mod detection;
pub mod history;
pub mod hub;
pub mod ingest;
pub mod instructions;
mod keeping;
pub mod live;
pub mod maintenance;
pub mod publish;
pub mod start;
#[cfg(test)]
mod support;
pub mod training;
