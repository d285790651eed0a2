//! `tenantry show`: what is there, asked of the cloud and printed for people. Reads only.

pub mod grants;

use std::process::ExitCode;

/// What to show.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// What.
    #[command(subcommand)]
    pub what: What,
}

/// What can be shown.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum What {
    /// Who has which roles at tenant level in MaxCompute, what they allow and in which projects they are, as MaxCompute
    /// itself says.
    Grants(grants::Args),
}

/// Shows it.
///
/// # Errors
/// What keeps it from being read, in words.
pub async fn run(args: &Args) -> Result<ExitCode, String> {
    match &args.what {
        What::Grants(args) => grants::run(args).await.map(|()| ExitCode::SUCCESS),
    }
}
