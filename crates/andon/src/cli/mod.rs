//! The command line: one file a command.

mod backup;
mod browse;
mod check;
mod demo;
mod doctor;
mod export;
mod fit;
mod import;
mod migrate;
mod progress;
mod replay;
mod restore;
mod run;
mod score;
mod simulate;
mod vacuum;
mod which;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::Warning;

/// Watches a plant floor: PLC tags in over OPC UA, anomaly alarms out.
#[derive(Debug, Parser)]
#[command(version, about, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Args),
    Run(run::Args),
    Check(check::Args),
    Browse(browse::Args),
    Fit(fit::Args),
    Score(score::Args),
    Replay(replay::Args),
    Export(export::Args),
    Import(import::Args),
    Simulate(simulate::Args),
    Backup(backup::Args),
    Restore(restore::Args),
    Doctor(doctor::Args),
    Vacuum(vacuum::Args),
    Migrate(migrate::Args),
}

impl Cli {
    /// Runs the command: 0 where it did what it was asked, 1 where the doctor found something lost or a move something
    /// that differs, 2 with one message where it could not.
    pub fn run(self) -> ExitCode {
        crate::telemetry::log();
        // The networks are small: handing their products from thread to thread takes longer than doing them.
        if let Err(e) = rayon::ThreadPoolBuilder::new().num_threads(1).build_global() {
            tracing::debug!("the thread pool was set up before: {e}");
        }
        let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(e) => {
                eprintln!("error: the async runtime could not be started: {e}");
                return ExitCode::from(2);
            }
        };
        let done = runtime.block_on(async {
            let done = match self.command {
                Command::Doctor(args) => return doctor::run(args).await,
                Command::Migrate(args) => return migrate::run(args).await,
                Command::Backup(args) => backup::run(args).await,
                Command::Restore(args) => restore::run(args).await,
                Command::Vacuum(args) => vacuum::run(args).await,
                Command::Demo(args) => demo::run(args).await,
                Command::Run(args) => run::run(args).await,
                Command::Check(args) => check::run(args).await,
                Command::Browse(args) => browse::run(args).await,
                Command::Fit(args) => fit::run(args),
                Command::Score(args) => score::run(args),
                Command::Replay(args) => replay::run(args).await,
                Command::Export(args) => export::run(args).await,
                Command::Import(args) => import::run(args).await,
                Command::Simulate(args) => simulate::run(args).await,
            };
            done.map(|()| ExitCode::SUCCESS)
        });
        // A thread that still trains must not keep the process.
        runtime.shutdown_timeout(std::time::Duration::from_millis(200));
        match done {
            Ok(code) => code,
            Err(e) => {
                eprintln!("error: {}", said(&e));
                ExitCode::from(2)
            }
        }
    }
}

/// What a configuration that is read all the same is warned of.
fn warn(warnings: Vec<Warning>) {
    for warning in warnings {
        tracing::warn!("{warning}");
    }
}

/// An error and its causes as one message; a cause that is told already is not told again.
fn said(e: &anyhow::Error) -> String {
    e.chain().map(ToString::to_string).fold(String::new(), |said, cause| match said.as_str() {
        "" => cause,
        told if told.contains(&cause) => said,
        told => format!("{told}: {cause}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_that_is_told_already_is_not_told_again() {
        let e = anyhow::anyhow!("no such file").context("/nope.csv: no such file").context("--begin-with");
        assert_eq!(said(&e), "--begin-with: /nope.csv: no such file");
    }
}
