//! Andon watches a plant floor: PLC tags in, anomaly alarms out.
//!
//! * [`cli`]: the command line, one file a command.
//! * [`config`]: `andon.toml`, parsed and then proved.
//! * [`exchange`]: stored histories as files and back.
//! * [`store`]: which engine a store's URL means.
//! * [`sharing`]: which assets this process owns, where several share a database.
//! * [`lifecycle`] and [`telemetry`]: starting, stopping, logs and metrics.
//! * [`pipeline`]: from tags to verdicts to alarms, and out again.
//! * [`api`]: REST, the live feed and the dashboard's files.

pub mod api;
pub mod cli;
pub mod config;
pub mod exchange;
pub mod lifecycle;
pub mod pipeline;
pub mod sharing;
pub mod store;
pub mod telemetry;
