//! The commands of the binary, one file each.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod connect;
pub mod crds;
pub mod notebook;
pub mod plan;
pub mod run;
pub mod show;

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
    /// Open a notebook.
    Notebook(notebook::Args),
    /// Show what lies between manifests, in the cluster or in files, and the clouds; changes nothing.
    Plan(Box<plan::Args>),
    /// Run the operator.
    Run(Box<crate::config::RunArgs>),
    /// Show what is there, as the cloud says; changes nothing.
    Show(Box<show::Args>),
}

impl Cli {
    /// Runs the command that was asked for; an error goes to stderr and is exit code 1.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let result: Result<ExitCode, String> = match self.command {
            Command::Crds(args) => crds::run(&args).map(|()| ExitCode::SUCCESS).map_err(|error| error.to_string()),
            Command::Notebook(args) => block_on(notebook::run(&args)).map(|()| ExitCode::SUCCESS),
            Command::Plan(args) => block_on(plan::run(&args)),
            Command::Run(args) => block_on(run::run(*args)).map(|()| ExitCode::SUCCESS),
            Command::Show(args) => block_on(show::run(&args)),
        };
        match result {
            Ok(code) => code,
            Err(error) => {
                anstream::eprintln!("tenantry: {error}");
                ExitCode::FAILURE
            }
        }
    }
}

fn block_on<T>(work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.map_err(|error| format!("no runtime: {error}"))?.block_on(work)
}
