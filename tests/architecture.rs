//! The house has rooms, and arrows between them go one way: this reads every `use crate::` line under `src/` and fails on
//! an edge that the table below does not name. `docs/architecture.md` says what each room is for.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each room and the rooms that it may use, in the order in which data flows.
const MAY_USE: [(&str, &[&str]); 18] = [
    ("names", &[]),
    ("policy", &[]),
    ("api", &["names"]),
    ("model", &["names", "policy"]),
    ("desired", &["api", "model", "names", "policy"]),
    ("plan", &["model", "names", "policy"]),
    ("status", &["api", "desired", "model", "names", "plan"]),
    ("cloud", &["model", "names", "policy"]),
    ("cluster", &["api", "model", "names"]),
    ("apply", &["cloud", "cluster", "model", "names", "plan"]),
    ("telemetry", &[]),
    ("lease", &[]),
    ("config", &["telemetry"]),
    ("metrics", &["cluster", "lease"]),
    ("server", &["cluster", "lease"]),
    (
        "controller",
        &[
            "api", "apply", "cloud", "cluster", "desired", "lease", "metrics", "model", "names", "plan", "policy",
            "status",
        ],
    ),
    (
        "command",
        &[
            "api",
            "apply",
            "cloud",
            "cluster",
            "config",
            "controller",
            "desired",
            "lease",
            "metrics",
            "model",
            "names",
            "plan",
            "server",
            "telemetry",
        ],
    ),
    ("main", &["command"]),
];

/// The longest that a file may be, tests in it included.
const LINES_MAX: usize = 450;

fn sources() -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|it| it == "rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    found.sort();
    found
}

fn room_of(path: &Path) -> String {
    let inside = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap();
    inside.iter().next().unwrap().to_string_lossy().trim_end_matches(".rs").to_owned()
}

/// The rooms that a file names behind `crate::`, its test module aside: tests may look anywhere.
fn used(text: &str) -> BTreeSet<String> {
    let code = text.split("\n#[cfg(test)]\nmod tests").next().unwrap_or(text);
    let mut rooms = BTreeSet::new();
    for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
        for part in line.split("crate::").skip(1) {
            let room: String = part.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            rooms.insert(room);
        }
    }
    rooms
}

#[test]
fn arrows_between_rooms_go_one_way() {
    let table: BTreeMap<&str, &[&str]> = MAY_USE.into_iter().collect();
    let mut wrong = Vec::new();
    for path in sources().iter().filter(|path| !path.ends_with("lib.rs") && !path.ends_with("tests.rs")) {
        let room = room_of(path);
        let allowed =
            table.get(room.as_str()).unwrap_or_else(|| panic!("{} is in no room of the table", path.display()));
        for other in used(&fs::read_to_string(path).unwrap()) {
            let known = table.contains_key(other.as_str());
            if known && other != room && !allowed.contains(&other.as_str()) {
                wrong.push(format!("{}: {room} may not use {other}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_has_no_circle() {
    let order: Vec<&str> = MAY_USE.iter().map(|(room, _)| *room).collect();
    for (index, (room, uses)) in MAY_USE.iter().enumerate() {
        for used in *uses {
            let at = order.iter().position(|it| it == used).unwrap();
            assert!(at < index, "{room} uses {used}, which comes later");
        }
    }
}

#[test]
fn files_hold_one_thing() {
    let long: Vec<String> = sources()
        .iter()
        .map(|path| (path, fs::read_to_string(path).unwrap().lines().count()))
        .filter(|(_, lines)| *lines > LINES_MAX)
        .map(|(path, lines)| format!("{} has {lines} lines", path.display()))
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}
