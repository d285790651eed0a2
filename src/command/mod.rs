//! The commands of the binary, one file each.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub mod crds;
pub mod plan;
pub mod run;

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
    /// Show what lies between the manifests in the cluster and the clouds; changes nothing.
    Plan(plan::Args),
    /// Run the operator.
    Run(Box<crate::config::RunArgs>),
}

impl Cli {
    /// Runs the command that was asked for; an error goes to stderr and is exit code 1.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let result: Result<(), String> = match self.command {
            Command::Crds(args) => crds::run(&args).map_err(|error| error.to_string()),
            Command::Plan(args) => block_on(plan::run(&args)),
            Command::Run(args) => block_on(run::run(*args)),
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

fn block_on(work: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.map_err(|error| format!("no runtime: {error}"))?.block_on(work)
}
