//! Where things are: the project's own files, the tools that `make tools` builds, and the directories of running worlds.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::{Pid, test_kill_process};

/// The project's top directory.
#[must_use]
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("the testbed is two directories below the project").to_path_buf()
}

/// A program that `make tools` puts under `target/`, by its path there, for example `tools/bin/etcd`.
///
/// # Panics
/// When it is not there, saying how to get it.
#[must_use]
pub fn tool(path: &str) -> PathBuf {
    let tool = root().join("target").join(path);
    assert!(tool.exists(), "target/{path} is missing: `make tools` builds what the tests need");
    tool
}

/// A new directory for one world, removed when dropped.
///
/// A world that lives until its process ends is never dropped, so directories of processes that are gone are swept
/// when the next one is made.
#[derive(Debug)]
pub struct RunDirectory(PathBuf);

impl RunDirectory {
    /// Makes `target/run/<name>-<pid>-<n>`.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn new(name: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let parent = root().join("target/run");
        fs::create_dir_all(&parent).expect("target/run can be made");
        sweep(&parent);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = parent.join(format!("{name}-{}-{n}", std::process::id()));
        fs::create_dir_all(&path).expect("a directory under target/run can be made");
        Self(path)
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file in it and gives its path.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap_or_else(|e| panic!("{} cannot be written: {e}", path.display()));
        path
    }
}

impl Drop for RunDirectory {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("kept for a look: {}", self.0.display());
        } else {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

fn sweep(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|n| n.rsplit('-').nth(1)).and_then(|pid| pid.parse().ok());
        if let Some(pid) = owner.and_then(Pid::from_raw)
            && test_kill_process(pid).is_err()
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
