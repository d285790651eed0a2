//! In what a cluster object differs from what is wanted of it, in lines for the plan.

use serde_json::Value;

use crate::model::covers;

/// Lines that one object gets.
const LINES_MAX: usize = 12;

/// The fields of `wanted` that `seen` has otherwise, one a line: `spec.hard.pods  10 → 20`; of lists, what comes and goes.
pub(super) fn differences(wanted: &Value, seen: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    compare(String::new(), wanted, Some(seen), &mut lines);
    if lines.len() > LINES_MAX {
        let more = lines.len() - LINES_MAX + 1;
        lines.truncate(LINES_MAX - 1);
        lines.push(format!("and {more} more"));
    }
    // The first line stands beside the object.
    lines.insert(0, "differs".to_owned());
    lines
}

fn compare(path: String, wanted: &Value, seen: Option<&Value>, lines: &mut Vec<String>) {
    if seen.is_some_and(|seen| covers(wanted, seen)) {
        return;
    }
    let nothing = Vec::new();
    match (wanted, seen) {
        (Value::Object(fields), Some(Value::Object(seen))) => {
            for (key, value) in fields {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                compare(path, value, seen.get(key), lines);
            }
        }
        (Value::Array(wanted), Some(Value::Array(_)) | None) => {
            let seen = seen.and_then(Value::as_array).unwrap_or(&nothing);
            let only = |these: &[Value], those: &[Value], sign: char| -> Vec<String> {
                let alone = these.iter().filter(|it| !those.iter().any(|other| covers(it, other) || covers(other, it)));
                alone.map(|it| format!("{path}  {sign} {}", words(it))).collect()
            };
            let before = lines.len();
            lines.extend(only(wanted, seen, '+'));
            lines.extend(only(seen, wanted, '-'));
            if lines.len() == before {
                lines.push(format!("{path}  in another order"));
            }
        }
        (wanted, Some(seen)) => lines.push(format!("{path}  {} → {}", words(seen), words(wanted))),
        (wanted, None) => lines.push(format!("{path}  + {}", words(wanted))),
    }
}

fn words(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_that_differ_are_named_and_no_others() {
        let wanted =
            json!({"spec": {"hard": {"pods": "20", "cpu": "1", "memory": "1Gi"}}, "metadata": {"labels": {"a": "b"}}});
        let seen =
            json!({"spec": {"hard": {"pods": "10", "cpu": "1000m"}}, "metadata": {"labels": {"a": "b"}, "uid": "x"}});
        assert_eq!(differences(&wanted, &seen), ["differs", "spec.hard.memory  + 1Gi", "spec.hard.pods  10 → 20"]);
    }

    #[test]
    fn of_lists_what_comes_and_goes_is_told() {
        let of = |names: &[&str]| json!({"subjects": names.iter().map(|it| json!({"name": it})).collect::<Vec<_>>()});
        assert_eq!(
            differences(&of(&["a", "b"]), &of(&["b", "c"])),
            ["differs", "subjects  + {\"name\":\"a\"}", "subjects  - {\"name\":\"c\"}"]
        );
        assert_eq!(differences(&of(&["a", "b"]), &of(&["b", "a"])), ["differs", "subjects  in another order"]);
    }
}
