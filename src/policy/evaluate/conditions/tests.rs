#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::*;

const AWS: Rules = Rules { dialect: Dialect::Aws, variables: true };

fn context() -> Context {
    Context::new()
        .with("k:text", "Acme")
        .with("k:empty", "")
        .with("k:number", "10")
        .with("k:date", "2026-06-01T00:00:00Z")
        .with("k:true", "true")
        .with("k:ip", "203.0.113.7")
        .with("k:service", "sagemaker.amazonaws.com")
        .with("k:arn", "arn:aws:iam::123456789012:role/team/a")
        .with("k:bytes", "aGk=")
        .with("k:list", ["a", "b"])
        .with("k:none", [])
        .with("k:star", "*")
}

fn check(operator: &str, key: &str, values: &[&str]) -> Truth {
    let values: Vec<String> = values.iter().map(|&value| value.to_owned()).collect();
    holds(operator, key, &values, &context(), AWS)
}

/// Operator, key, values; the condition holds.
const HOLD: &[(&str, &str, &[&str])] = &[
    ("StringEquals", "K:Text", &["x", "Acme"]),
    ("stringequals", "k:text", &["Acme"]),
    ("StringEquals", "k:empty", &[""]),
    ("StringNotEquals", "k:text", &["acme"]),
    ("StringEqualsIgnoreCase", "k:text", &["aCME"]),
    ("StringNotEqualsIgnoreCase", "k:text", &["other"]),
    ("StringLike", "k:text", &["A*"]),
    ("StringNotLike", "k:text", &["a*", "B*"]),
    ("StringEquals", "k:text", &["${k:text}"]),
    ("StringEquals", "k:star", &["${k:star}"]),
    ("StringEquals", "k:text", &["${k:absent, 'Acme'}"]),
    ("ArnLike", "k:arn", &["arn:aws:iam::*:role/*"]),
    ("ArnEquals", "k:arn", &["arn:aws:iam::123456789012:role/team/?"]),
    ("ArnEquals", "k:arn", &["arn:aws:iam::123456789012:role/*"]),
    ("ArnNotEquals", "k:arn", &["arn:aws:iam::123456789012:role/team/b"]),
    ("ArnNotLike", "k:arn", &["arn:aws:*:role/team/a"]),
    ("ArnNotLike", "k:text", &["arn:aws:iam::*:role/*"]),
    ("Bool", "k:true", &["TRUE"]),
    ("Bool", "k:true", &["false", "true"]),
    ("Null", "k:absent", &["true"]),
    ("Null", "k:text", &["False"]),
    ("Null", "k:empty", &["false"]),
    ("Null", "k:none", &["true"]),
    ("NumericEquals", "k:number", &["10.0"]),
    ("NumericNotEquals", "k:number", &["11"]),
    ("NumericLessThan", "k:number", &["10.5"]),
    ("NumericLessThanEquals", "k:number", &["10"]),
    ("NumericGreaterThan", "k:number", &["9"]),
    ("NumericGreaterThanEquals", "k:number", &["10"]),
    ("DateEquals", "k:date", &["2026-06-01"]),
    ("DateNotEquals", "k:date", &["2026-06-02"]),
    ("DateLessThan", "k:date", &["2026-06-01T00:00:01Z"]),
    ("DateLessThanEquals", "k:date", &["2026-06-01T02:00:00+02:00"]),
    ("DateGreaterThan", "k:date", &["1700000000"]),
    ("DateGreaterThanEquals", "k:date", &["2026-06-01T00:00:00Z"]),
    ("BinaryEquals", "k:bytes", &["aGk"]),
    ("IpAddress", "k:ip", &["203.0.113.0/24"]),
    ("NotIpAddress", "k:ip", &["198.51.100.0/24", "10.0.0.0/8"]),
    ("NotIpAddress", "k:service", &["203.0.113.0/24"]),
    // Absent keys.
    ("StringNotEquals", "k:absent", &["x"]),
    ("NotIpAddress", "k:absent", &["10.0.0.0/8"]),
    ("StringEqualsIfExists", "k:absent", &["x"]),
    ("BoolIfExists", "k:absent", &["true"]),
    ("StringNotEqualsIfExists", "k:absent", &["x"]),
    ("ForAllValues:StringEquals", "k:absent", &["x"]),
    ("ForAllValues:StringEquals", "k:none", &["x"]),
    ("ForAllValues:StringNotEquals", "k:absent", &["x"]),
    // Several values.
    ("ForAllValues:StringEquals", "k:list", &["a", "b", "c"]),
    ("ForAllValues:StringNotEquals", "k:list", &["c", "d"]),
    ("ForAnyValue:StringEquals", "k:list", &["b"]),
    ("ForAnyValue:StringNotEquals", "k:list", &["a"]),
    ("ForAnyValue:StringEqualsIgnoreCase", "k:list", &["B"]),
    ("ForAllValues:StringLike", "k:text", &["A*"]),
    // What matches nothing is different from everything.
    ("StringNotEquals", "k:text", &["${k:absent}"]),
    ("StringNotLike", "k:text", &["${k:list}*"]),
    ("ForAllValues:StringNotEquals", "k:list", &["${k:absent}"]),
    ("StringEquals", "k:text", &["${k:absent}", "Acme"]),
];

/// Operator, key, values; the condition does not hold.
const FAIL: &[(&str, &str, &[&str])] = &[
    ("StringEquals", "k:text", &["acme"]),
    ("StringEquals", "k:text", &["A*"]),
    ("StringEquals", "k:text", &[]),
    ("StringNotEquals", "k:text", &["x", "Acme"]),
    ("StringEqualsIgnoreCase", "k:text", &["acm*"]),
    ("StringNotEqualsIgnoreCase", "k:text", &["ACME"]),
    ("StringLike", "k:text", &["a*"]),
    ("StringLike", "k:text", &["${k:star}"]),
    ("StringNotLike", "k:text", &["x", "A*"]),
    ("ArnLike", "k:arn", &["arn:aws:*:role/team/a"]),
    ("ArnEquals", "k:arn", &["arn:aws:iam:*"]),
    ("ArnNotEquals", "k:arn", &["arn:aws:iam::*:role/*"]),
    ("Bool", "k:true", &["false"]),
    ("Bool", "k:text", &["true", "false"]),
    ("Null", "k:absent", &["false"]),
    ("Null", "k:text", &["true"]),
    ("NumericEquals", "k:number", &["1"]),
    ("NumericLessThan", "k:number", &["10"]),
    ("NumericNotEquals", "k:number", &["10", "11"]),
    ("DateGreaterThan", "k:date", &["2026-06-01"]),
    ("DateLessThan", "k:date", &["2026-01-01T00:00:00Z"]),
    ("BinaryEquals", "k:bytes", &["aGo="]),
    ("IpAddress", "k:ip", &["198.51.100.0/24"]),
    ("IpAddress", "k:service", &["0.0.0.0/0"]),
    ("NotIpAddress", "k:ip", &["10.0.0.0/8", "203.0.113.7"]),
    // Absent keys.
    ("StringEquals", "k:absent", &["x"]),
    ("Bool", "k:absent", &["false"]),
    ("IpAddress", "k:absent", &["0.0.0.0/0"]),
    ("ForAnyValue:StringEquals", "k:absent", &["x"]),
    ("ForAnyValue:StringNotEquals", "k:absent", &["x"]),
    ("ForAnyValue:StringLikeIfExists", "k:absent", &["x"]),
    // Several values.
    ("ForAllValues:StringEquals", "k:list", &["a"]),
    ("ForAllValues:StringNotEquals", "k:list", &["b"]),
    ("ForAnyValue:StringEquals", "k:list", &["c"]),
    ("ForAnyValue:StringNotEquals", "k:list", &["a", "b"]),
    // A variable without value matches nothing.
    ("StringEquals", "k:text", &["${k:absent}"]),
    ("StringEquals", "k:empty", &["${k:absent}"]),
    ("StringNotEquals", "k:text", &["${k:absent}", "Acme"]),
];

#[test]
fn conditions_that_hold() {
    for (operator, key, values) in HOLD {
        assert_eq!(check(operator, key, values), Truth::True, "{operator} {key} {values:?}");
    }
}

#[test]
fn conditions_that_do_not_hold() {
    for (operator, key, values) in FAIL {
        assert_eq!(check(operator, key, values), Truth::False, "{operator} {key} {values:?}");
    }
}

#[test]
fn what_cannot_be_told_is_neither() {
    for (operator, key, values, part) in [
        ("StringMatches", "k:text", &["x"][..], "StringMatches is not a condition operator"),
        ("NullIfExists", "k:text", &["true"], "is not a condition operator"),
        ("Bool", "k:true", &["yes"], "\"yes\" is neither true nor false"),
        ("Null", "k:true", &["maybe"], "neither true nor false"),
        ("NumericEquals", "k:number", &["ten"], "is not a number"),
        ("NumericNotEquals", "k:text", &["1"], "is not a number"),
        ("DateLessThan", "k:date", &["tomorrow"], "\"tomorrow\" is not a date"),
        ("DateLessThan", "k:text", &["2026-06-01"], "\"Acme\" is not a date"),
        ("IpAddress", "k:ip", &["10.0.0.0/99"], "is not an address or a CIDR block"),
        ("ForAllValues:NumericEquals", "k:list", &["1"], "is not a number"),
    ] {
        let Truth::Unknown(reason) = check(operator, key, values) else { panic!("{operator} {values:?}") };
        assert!(reason.contains(part), "{reason}");
    }
}

#[test]
fn the_order_of_values_does_not_matter() {
    for (operator, values) in [
        ("StringEquals", ["${k:absent}", "Acme"]),
        ("StringNotEquals", ["${k:absent}", "Acme"]),
        ("StringNotEquals", ["${k:absent}", "x"]),
        ("Null", ["true", "false"]),
        ("IpAddress", ["0.0.0.0/0", "nowhere"]),
    ] {
        let key = if operator == "IpAddress" { "k:ip" } else { "k:text" };
        assert_eq!(
            check(operator, key, &values),
            check(operator, key, &[values[1], values[0]]),
            "{operator} {values:?}"
        );
    }
    assert_eq!(check("StringEquals", "k:text", &["${k:absent}", "Acme"]), Truth::True);
    assert_eq!(check("IpAddress", "k:ip", &["nowhere", "0.0.0.0/0"]), Truth::True);
}

#[test]
fn where_the_language_has_no_variables_they_are_text() {
    let values = ["${k:text}".to_owned()];
    let old = Rules { dialect: Dialect::Aws, variables: false };
    assert_eq!(holds("StringEquals", "k:text", &values, &context(), old), Truth::False);
    let ram = Rules { dialect: Dialect::Ram, variables: false };
    assert!(matches!(holds("Null", "k:text", &values, &context(), ram), Truth::Unknown(_)));
}
