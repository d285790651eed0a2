//! Rights as people read them.

use std::fmt;

use super::rules::CURRENT_TIME;
use super::{Atom, Right};
use crate::policy::model::{Conditions, Scope};

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.actions == ["*"] && self.resources == ["*"] {
            f.write_str("everything")?;
        } else {
            f.write_str(&scope(&self.actions, &self.not_actions))?;
            write!(f, " on {}", scope(&self.resources, &self.not_resources))?;
        }
        f.write_str(&when(&self.conditions))
    }
}

fn scope(these: &[String], but: &[String]) -> String {
    match (these.is_empty(), but.is_empty()) {
        (true, true) => "*".to_owned(),
        (true, false) => format!("all but {}", but.join(", ")),
        (false, _) => these.join(", "),
    }
}

/// ` until …`, ` from … on`, ` when … and …`; nothing without conditions.
fn when(conditions: &Conditions) -> String {
    let (mut times, mut others) = (String::new(), Vec::new());
    for (operator, keys) in conditions {
        for (key, values) in keys {
            let values = values.join(", ");
            match operator.as_str() {
                "DateLessThan" | "DateLessThanEquals" if key.eq_ignore_ascii_case(CURRENT_TIME) => {
                    times += &format!(" until {values}");
                }
                "DateGreaterThan" | "DateGreaterThanEquals" if key.eq_ignore_ascii_case(CURRENT_TIME) => {
                    times += &format!(" from {values} on");
                }
                _ => others.push(format!("{operator} {key} = {values}")),
            }
        }
    }
    if others.is_empty() { times } else { format!("{times} when {}", others.join(" and ")) }
}

/// A part of a right, as briefly as it can be told beside it.
pub(super) fn part(part: &Atom, of: &Atom) -> String {
    let words = |scope: &Scope| match scope {
        Scope::These(patterns) => patterns.join(", "),
        Scope::AllBut(patterns) => format!("all but {}", patterns.join(", ")),
    };
    let place = match (part.resources == of.resources, part.actions == of.actions) {
        (true, _) => words(&part.actions),
        (false, true) => format!("that on {}", words(&part.resources)),
        (false, false) => format!("{} on {}", words(&part.actions), words(&part.resources)),
    };
    if part.conditions == of.conditions { place } else { format!("{place}{}", when(&part.conditions)) }
}
