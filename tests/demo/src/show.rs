//! What the demo says: headings, commands with what they answer, and facts with the seconds that they took.

use std::time::{Duration, Instant};

use anstream::{eprintln, println};
use anstyle::{AnsiColor, Style};

const BOLD: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const COMMAND: Style = AnsiColor::Cyan.on_default();
/// Where the seconds stand.
const WIDTH: usize = 88;

/// The first line.
pub fn title(text: &str) {
    println!("\n{BOLD}{text}{BOLD:#}");
}

/// A part of the story.
pub fn heading(number: u32, text: &str) {
    println!("\n{BOLD}{number}. {text}{BOLD:#}");
}

/// Something that holds, and how long it took if that is of interest.
pub fn fact(text: &str, took: Option<Duration>) {
    let seconds = took.map(|took| format!("{:>5.1} s", took.as_secs_f64())).unwrap_or_default();
    let gap = WIDTH.saturating_sub(text.chars().count()).max(1);
    let gap = if seconds.is_empty() { 0 } else { gap };
    println!("   {GOOD}✓{GOOD:#} {text}{:gap$}{FAINT}{seconds}{FAINT:#}", "");
}

/// [`fact`] with the seconds since then.
pub fn since(text: &str, then: Instant) {
    fact(text, Some(then.elapsed()));
}

/// A command that is run, as one would type it.
pub fn command(text: &str) {
    println!("\n   {COMMAND}$ {text}{COMMAND:#}");
}

/// What it answered.
pub fn answer(text: &str) {
    for line in text.trim_end().lines() {
        println!("{}", format!("   {line}").trim_end());
    }
}

/// A sentence beside the story.
pub fn note(text: &str) {
    println!("   {FAINT}{text}{FAINT:#}");
}

/// Left and right, in a column.
pub fn pair(left: &str, right: &str) {
    println!("   {left:<14} {right}");
}

/// The end of a story that went well.
pub fn end(text: &str, took: Duration) {
    println!("\n{GOOD}{text}{GOOD:#} {FAINT}{:.0} s in all.{FAINT:#}", took.as_secs_f64());
}

/// The end of one that did not.
pub fn failed(text: &str) {
    eprintln!("\n{BAD}The demo failed:{BAD:#} {text}");
}
