//! Logs and metrics.

use std::io::IsTerminal;

use anyhow::Context;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

/// Logs to standard error: plain lines, or JSON where `ANDON_LOG_FORMAT=json`. `ANDON_LOG` chooses what is logged.
pub fn log() {
    let filter = EnvFilter::try_from_env("ANDON_LOG").unwrap_or_else(|_| {
        EnvFilter::new("info,opcua_client=off,opcua_core=off,opcua_crypto=off,opcua_server=error,sqlx=warn")
    });
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    let logs = logs.with_ansi(std::io::stderr().is_terminal());
    // A second start in one process, as tests make it, keeps the first one's.
    if std::env::var("ANDON_LOG_FORMAT").is_ok_and(|format| format == "json") {
        drop(logs.json().try_init());
    } else {
        drop(logs.try_init());
    }
}

/// Starts the collection of metrics.
///
/// # Errors
/// If the process collects metrics already.
pub fn metrics() -> anyhow::Result<PrometheusHandle> {
    PrometheusBuilder::new().install_recorder().context("metrics could not be set up")
}
