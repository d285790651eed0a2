//! One child process: its log file, its end, and what it used.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use rand::RngExt;
use rustix::process::{Pid, Signal, kill_process};

/// A running child; dropped, it is killed.
#[derive(Debug)]
pub struct Child {
    name: String,
    process: std::process::Child,
    log: PathBuf,
}

impl Child {
    /// Starts `command` with stdout and stderr going to `log`. The child learns our process id in `EXIT_WITH_PARENT`,
    /// and where the system has `setpriv` the kernel kills it when we end, however we end.
    ///
    /// # Panics
    /// When the program cannot be started.
    #[must_use]
    pub fn spawn(name: &str, command: Command, log: &Path) -> Self {
        let mut command = dying_with_us(command);
        let file = File::options().create(true).append(true).open(log);
        let file = file.unwrap_or_else(|e| panic!("{} cannot be opened: {e}", log.display()));
        command.env("EXIT_WITH_PARENT", std::process::id().to_string());
        command.stdin(Stdio::null()).stdout(file.try_clone().expect("a file can be shared")).stderr(file);
        let process = spawn_from_lasting_thread(command);
        let process = process.unwrap_or_else(|e| panic!("{name} cannot be started: {e}"));
        Self { name: name.to_owned(), process, log: log.to_path_buf() }
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Its log file.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// The exit status if it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.process.try_wait().ok().flatten()
    }

    /// The panic message for a child that did not do what was awaited: why, and the end of its log.
    #[must_use]
    pub fn complaint(&self, why: &str) -> String {
        format!("{} {why}; the end of {}:\n{}", self.name, self.log.display(), tail(&self.log, 40))
    }

    /// SIGKILL, and waits until the process is gone.
    pub fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// SIGTERM; the process ends in its own time.
    pub fn terminate(&self) {
        if let Some(pid) = i32::try_from(self.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
    }

    /// Memory and processor time used until now; zeros where the system has no `/proc`.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let read = |file: &str| fs::read_to_string(format!("/proc/{}/{file}", self.id())).unwrap_or_default();
        let status = read("status");
        let kib = |key: &str| {
            let line = status.lines().find_map(|l| l.strip_prefix(key));
            line.and_then(|l| l.split_whitespace().next()).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0)
        };
        let stat = read("stat");
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
        let ticks = |i: usize| fields.get(i).and_then(|f| f.parse::<u64>().ok()).unwrap_or(0);
        #[allow(clippy::cast_precision_loss)]
        let cpu_seconds = (ticks(11) + ticks(12)) as f64 / 100.0;
        Usage { rss_bytes: kib("VmRSS:") * 1024, peak_rss_bytes: kib("VmHWM:") * 1024, cpu_seconds }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What a process used.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// Resident memory now.
    pub rss_bytes: u64,
    /// The most resident memory it ever had.
    pub peak_rss_bytes: u64,
    /// User and system time together.
    pub cpu_seconds: f64,
}

/// The last `lines` lines of a file; empty when it cannot be read.
#[must_use]
pub fn tail(file: &Path, lines: usize) -> String {
    const ENOUGH: u64 = 64 * 1024;
    let mut bytes = Vec::new();
    if let Ok(mut file) = File::open(file) {
        let length = file.metadata().map_or(0, |m| m.len());
        let _ = file.seek(SeekFrom::Start(length.saturating_sub(ENOUGH)));
        let _ = file.read_to_end(&mut bytes);
    }
    let text = String::from_utf8_lossy(&bytes);
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

/// A port of 127.0.0.1 that is free now, outside the range from which the system gives ports to outgoing connections,
/// so that it is still free when a child opens it.
///
/// # Panics
/// When no free port is found.
#[must_use]
pub fn free_port() -> u16 {
    let mut random = rand::rng();
    let mut ports = (0..200).map(|_| random.random_range(20_000..32_000));
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).expect("a free port on 127.0.0.1")
}

type Spawned = std::io::Result<std::process::Child>;

/// The kernel's parent-death signal follows the *thread* that forked, and a test's thread ends with the test; so
/// children are started by one thread that stays until the process ends.
fn spawn_from_lasting_thread(command: Command) -> Spawned {
    static SPAWNER: OnceLock<Sender<(Command, Sender<Spawned>)>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (sender, commands) = channel::<(Command, Sender<Spawned>)>();
        thread::spawn(move || {
            for (mut command, answer) in commands {
                let _ = answer.send(command.spawn());
            }
        });
        sender
    });
    let (sender, answer) = channel();
    spawner.send((command, sender)).expect("the spawning thread lives as long as the process");
    answer.recv().expect("the spawning thread answers")
}

/// The same command (its streams are set later) behind `setpriv --pdeathsig KILL`, which keeps the process id. For programs that do not look at
/// `EXIT_WITH_PARENT`, such as the operator.
fn dying_with_us(command: Command) -> Command {
    static SETPRIV: OnceLock<bool> = OnceLock::new();
    let there = *SETPRIV.get_or_init(|| {
        let probe = Command::new("setpriv").args(["--pdeathsig", "KILL", "true"]).stderr(Stdio::null()).status();
        probe.is_ok_and(|status| status.success())
    });
    if !there {
        return command;
    }
    let mut wrapped = Command::new("setpriv");
    wrapped.args(["--pdeathsig", "KILL", "--"]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => wrapped.env(name, value),
            None => wrapped.env_remove(name),
        };
    }
    if let Some(directory) = command.get_current_dir() {
        wrapped.current_dir(directory);
    }
    wrapped
}
