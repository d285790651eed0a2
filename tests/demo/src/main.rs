//! `make demo`: the quickstart on a real Kubernetes control plane and emulators of two clouds that check every call, from
//! manifests to working keys and back to nothing. Exits with 0 only if everything that it says was so.

mod listing;
mod notebooks;
mod show;
mod stage;
mod story;

use std::env;
use std::panic;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use story::Left;

/// What the shell knows an interrupted program by.
const INTERRUPTED: u8 = 130;

/// Shows Tenantry at work, and cleans up.
#[derive(Debug, Parser)]
struct Arguments {
    /// Leave cluster, cloud and operator running until Ctrl-C, to play with.
    #[arg(long)]
    keep: bool,
    /// The operator's program [default: `tenantry` beside this one]
    #[arg(long, env = "TENANTRY_BIN", value_name = "FILE")]
    binary: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // An expectation that does not hold is a panic with a sentence; where in this program is of no interest.
    panic::set_hook(Box::new(|about| {
        show::failed(about.payload_as_str().unwrap_or("for no reason that it could say"))
    }));
    let began = Instant::now();
    let beside = || env::current_exe().ok().map(|it| it.with_file_name("tenantry"));
    let Some(binary) = arguments.binary.or_else(beside).filter(|it| it.is_file()) else {
        show::failed("the operator's program is not there: run `make demo`, which builds it");
        return ExitCode::FAILURE;
    };
    show::title("Tenantry: two teams, from manifests to two clouds and back");
    let story = async {
        // A task of its own, so that its panic comes back as a value and everything it started is stopped first.
        let Ok(left) = tokio::spawn(story::play(binary, arguments.keep)).await else { return ExitCode::FAILURE };
        match left {
            None => show::end("The demo did what it said, and everything is stopped.", began.elapsed()),
            Some(left) => {
                how_to_play(&left);
                std::future::pending::<()>().await;
            }
        }
        ExitCode::SUCCESS
    };
    tokio::select! {
        code = story => code,
        () = told_to_stop() => {
            show::note("stopped; everything that was started is stopped too");
            if arguments.keep { ExitCode::SUCCESS } else { ExitCode::from(INTERRUPTED) }
        }
    }
}

/// Ctrl-C, or the polite way to end a process.
async fn told_to_stop() {
    let mut terminate = signal(SignalKind::terminate()).expect("a handler for SIGTERM");
    let mut interrupt = signal(SignalKind::interrupt()).expect("a handler for SIGINT");
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

fn how_to_play(left: &Left) {
    let stage = &left.stage;
    show::heading(10, "Yours to play with");
    show::pair("Kubernetes", &format!("export KUBECONFIG={}", stage.control_plane.kubeconfig().display()));
    show::pair("kubectl", &testbed::layout::tool("venv/bin/kubectl").display().to_string());
    show::pair("AWS", &format!("{}, for every service; region {}", stage.moto.url(), testbed::aws::REGION));
    let root = testbed::aws::Credentials::root();
    show::pair("its root key", &format!("{} {}", root.access_key_id, root.secret_access_key));
    show::pair(
        "Alibaba Cloud",
        &format!("{}, for every service; region {}", stage.alibaba.url(), testbed::alibaba::REGION),
    );
    let root = testbed::alibaba::root_key();
    show::pair("its root key", &format!("{} {}", root.access_key_id, root.secret()));
    show::pair(
        "users' keys",
        "the Secrets alice-aws-demo, alice-alibaba-demo and so on in the namespaces acme and beta",
    );
    show::pair("manifests", &left.manifests.display().to_string());
    if let Some(operator) = &stage.operator {
        show::pair("operator", &format!("{}/metrics, log {}", operator.url(), operator.log().display()));
    }
    show::pair("to end it", "Ctrl-C: everything is stopped and removed");
}
