//! The `andon` command.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    andon::cli::Cli::parse().run()
}
