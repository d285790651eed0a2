//! Notebook instances as they are kept, and the states that time takes them through.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

pub struct Instance {
    pub id: String,
    pub name: String,
    pub workspace: String,
    /// The user that it is for.
    pub owner: String,
    /// `PUBLIC` or `PRIVATE`.
    pub accessibility: String,
    /// What else was asked for, by wire name.
    pub fields: Map<String, Value>,
    pub labels: BTreeMap<String, String>,
    pub created: Timestamp,
    pub modified: Timestamp,
    pub course: Course,
    /// Since when.
    pub since: Timestamp,
    /// Milliseconds of running until `since`.
    pub ran: i64,
    pub shutdown: Option<Timer>,
    pub culler: Option<Value>,
    pub snapshots: Vec<Snapshot>,
}

pub struct Timer {
    pub due: Timestamp,
    pub created: Timestamp,
}

pub struct Snapshot {
    pub id: String,
    pub fields: Map<String, Value>,
    pub created: Timestamp,
}

/// Where an instance is going.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// Made, and started at once.
    Creating,
    Starting,
    Stopping {
        saving: bool,
    },
    Deleting,
    /// It could not be started.
    Failed,
}

impl Course {
    /// The states on its way, the last of which it keeps.
    pub fn states(self) -> &'static [&'static str] {
        match self {
            Self::Creating => &["Creating", "ResourceAllocating", "EnvPreparing", "Starting", "Running"],
            Self::Starting => &["ResourceAllocating", "EnvPreparing", "Starting", "Running"],
            Self::Stopping { saving: false } => &["Stopping", "Stopped"],
            Self::Stopping { saving: true } => &["Saving", "Saved", "Stopping", "Stopped"],
            Self::Deleting => &["Deleting", ""],
            Self::Failed => &["Creating", "Failed"],
        }
    }
}

impl Instance {
    /// The state at an instant, each on the way lasting `step`; empty once it is gone.
    pub fn status(&self, now: Timestamp, step: SignedDuration) -> &'static str {
        let states = self.course.states();
        let passed = now.duration_since(self.since).as_millis().max(0);
        let at = match step.as_millis() {
            0 => states.len() - 1,
            step => usize::try_from(passed / step).unwrap_or(usize::MAX).min(states.len() - 1),
        };
        states[at]
    }

    /// How long it has been running in all.
    pub fn ran(&self, now: Timestamp, step: SignedDuration) -> i64 {
        match self.status(now, step) {
            "Running" => self.ran + i64::try_from(now.duration_since(self.since).as_millis()).unwrap_or(0),
            _ => self.ran,
        }
    }

    pub fn sets_out(&mut self, course: Course, now: Timestamp, step: SignedDuration) {
        self.ran = self.ran(now, step);
        self.course = course;
        self.since = now;
        self.modified = now;
    }
}

#[derive(Default)]
pub struct Dsw {
    pub instances: BTreeMap<String, Instance>,
}
