//! The official Python clients, pinned in `tests/alibaba/requirements.txt`, drive the emulator: `clients/` has them.

#![allow(missing_docs)]

mod support;

use std::path::Path;

use support::{ACCOUNT, Cloud};
use tokio::process::Command;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_official_clients_are_satisfied() {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = crate_folder.join("../../target/venv-alibaba/bin/python");
    assert!(python.exists(), "{} is not there: run 'make tools'", python.display());
    let cloud = Cloud::start().await;
    let output = Command::new(python)
        .arg(crate_folder.join("clients/main.py"))
        .args(["--address", &cloud.host, "--account", ACCOUNT, "--root-key", "LTAIroot:rootsecret"])
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    println!("{said}");
}
