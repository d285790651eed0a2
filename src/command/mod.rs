//! The commands of the binary, one file each.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub mod crds;

/// Gives teams their place in the cloud: identities, permissions, keys and namespaces.
#[derive(Debug, Parser)]
#[command(name = "tenantry", version, about)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the binary can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print the CustomResourceDefinitions, or write them to a directory.
    Crds(crds::Args),
}

impl Cli {
    /// Runs the command that was asked for; an error goes to stderr and is exit code 1.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let result = match self.command {
            Command::Crds(args) => crds::run(&args),
        };
        match result {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                anstream::eprintln!("tenantry: {error}");
                ExitCode::FAILURE
            }
        }
    }
}
