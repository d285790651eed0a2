//! The binary: reads the command line and runs the command it names.

use std::process::ExitCode;

use clap::Parser;
use tenantry::command::Cli;

fn main() -> ExitCode {
    Cli::parse().run()
}
