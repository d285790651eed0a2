//! What a cloud would refuse in a document, told before it is sent and in words that help.

use std::fmt;

use super::evaluate::{Network, SEGMENTS, boolean, date, number, segments};
use super::model::{AWS_OLD_VERSION, AWS_VERSION, Dialect, Document, Element, Place, RAM_VERSION, Statement};
use super::operator::{Comparison, Operator};
use super::pai;

/// Something in a document that its cloud would refuse, or that could never have the meaning it seems to have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A version that neither cloud has.
    #[error("version {version:?} is unknown: AWS's is {AWS_VERSION}, RAM's is {RAM_VERSION}")]
    Version {
        /// The version as written.
        version: String,
    },
    /// A document without statements.
    #[error("there are no statements: write at least one, or leave the policy out")]
    NoStatements,
    /// A statement whose list of actions is empty.
    #[error("statement {statement}: there are no actions: name at least one, such as s3:GetObject")]
    NoActions {
        /// The statement, counted from 1.
        statement: usize,
    },
    /// A statement of permissions that names no resources.
    #[error("statement {statement}: there are no resources: name at least one ARN, or \"*\"")]
    NoResources {
        /// The statement, counted from 1.
        statement: usize,
    },
    /// Not an action.
    #[error("{place}: {value:?} is not an action: write service:Name, such as s3:GetObject, with * and ? in the name")]
    Action {
        /// Where it stands.
        place: Place,
        /// The action as written.
        value: String,
    },
    /// Not a resource.
    #[error("{place}: {value:?} is not a resource: {help}")]
    Resource {
        /// Where it stands.
        place: Place,
        /// The resource as written.
        value: String,
        /// What would be one.
        help: &'static str,
    },
    /// A condition operator that the cloud does not have.
    #[error("{place}: {operator} is not a condition operator{}", Suggestion(*.closest))]
    Operator {
        /// Where it stands.
        place: Place,
        /// The operator as written.
        operator: String,
        /// The one that is spelled most like it.
        closest: Option<&'static str>,
    },
    /// A condition key without its service's prefix.
    #[error("{place}: {key:?} is not a condition key: write prefix:name, such as aws:SourceIp or s3:prefix")]
    Key {
        /// Where it stands.
        place: Place,
        /// The key as written.
        key: String,
    },
    /// A condition key of the other cloud's.
    #[error("{place}: {key} is a condition key of {theirs}: {own}")]
    OthersKey {
        /// Where it stands.
        place: Place,
        /// The key as written.
        key: String,
        /// The cloud that has it.
        theirs: &'static str,
        /// How the keys of the document's own cloud begin.
        own: &'static str,
    },
    /// A condition that nothing can meet because it lists no values.
    #[error("{place}: there are no values: list at least one, or take the condition out")]
    NoValues {
        /// Where it stands.
        place: Place,
    },
    /// A value that the operator cannot read.
    #[error("{place}: {value:?} is not {expected}")]
    Value {
        /// Where it stands.
        place: Place,
        /// The value as written.
        value: String,
        /// What the operator reads.
        expected: &'static str,
    },
}

struct Suggestion(Option<&'static str>);

impl fmt::Display for Suggestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(name) => write!(f, ": {name} is"),
            None => Ok(()),
        }
    }
}

/// The problems of a document that grants permissions (not of a trust or resource policy, which have no resources or
/// other ones), in the order in which they stand in it. Variables of ours must be replaced before.
#[must_use]
pub fn validate(document: &Document) -> Vec<Problem> {
    let mut problems = Vec::new();
    if ![AWS_VERSION, AWS_OLD_VERSION, RAM_VERSION].contains(&document.version.as_str()) {
        problems.push(Problem::Version { version: document.version.clone() });
    }
    if document.statements.is_empty() {
        problems.push(Problem::NoStatements);
    }
    let dialect = document.dialect();
    for (index, statement) in document.statements.iter().enumerate() {
        check_actions(statement, index + 1, dialect, &mut problems);
        check_resources(statement, index + 1, dialect, &mut problems);
        check_conditions(statement, index + 1, dialect, &mut problems);
    }
    problems
}

fn check_actions(statement: &Statement, number: usize, dialect: Dialect, problems: &mut Vec<Problem>) {
    if statement.actions.patterns().is_empty() {
        problems.push(Problem::NoActions { statement: number });
    }
    let element = statement.actions.actions_element();
    for value in statement.actions.patterns().iter().filter(|value| !is_action(value, dialect)) {
        let place = Place { statement: number, element: element.clone() };
        problems.push(Problem::Action { place, value: value.clone() });
    }
}

/// AWS wants the service in full; RAM's own policies also have wildcards there.
fn is_action(value: &str, dialect: Dialect) -> bool {
    let wildcard = |byte: u8| matches!(byte, b'*' | b'?');
    let word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    value == "*"
        || value.split_once(':').is_some_and(|(service, name)| {
            !service.is_empty()
                && !name.is_empty()
                && service.bytes().all(|byte| word(byte) || (dialect == Dialect::Ram && wildcard(byte)))
                && name.bytes().all(|byte| word(byte) || wildcard(byte))
        })
}

fn check_resources(statement: &Statement, number: usize, dialect: Dialect, problems: &mut Vec<Problem>) {
    let Some(resources) = statement.resources.as_ref().filter(|resources| !resources.patterns().is_empty()) else {
        problems.push(Problem::NoResources { statement: number });
        return;
    };
    for value in resources.patterns() {
        let help = match dialect {
            Dialect::Aws => aws_resource(value),
            Dialect::Ram => ram_resource(value),
        };
        if let Err(help) = help {
            let place = Place { statement: number, element: resources.resources_element() };
            problems.push(Problem::Resource { place, value: value.clone(), help });
        }
    }
}

fn aws_resource(value: &str) -> Result<(), &'static str> {
    if value == "*" {
        return Ok(());
    }
    let parts = segments(value);
    if parts[0] != "arn" {
        return Err("write \"*\" or an ARN, such as arn:aws:s3:::bucket/*");
    }
    // A `*` at the end also covers the segments that are not written.
    if parts.len() < SEGMENTS && !(parts.len() > 3 && value.ends_with('*')) {
        return Err("an ARN has six parts, arn:partition:service:region:account:resource; the ones without meaning \
                    stay empty, as in arn:aws:s3:::bucket");
    }
    if parts[1].is_empty() || parts[2].is_empty() || parts[2].contains(['*', '?']) {
        return Err("the ARN's partition and service must be there, the service without wildcards");
    }
    Ok(())
}

/// RAM's ARNs have five parts, those of MaxCompute's own policies four.
fn ram_resource(value: &str) -> Result<(), &'static str> {
    if value == "*" {
        return Ok(());
    }
    if value.starts_with("acs:") && value.split(':').count() >= 4 {
        return pai::resource(value);
    }
    Err("write \"*\" or an ARN, acs:service:region:account:resource, such as acs:oss:*:*:bucket/*")
}

fn check_conditions(statement: &Statement, number: usize, dialect: Dialect, problems: &mut Vec<Problem>) {
    for (operator, keys) in &statement.conditions {
        let parsed = Operator::parse(operator, dialect);
        for (key, values) in keys {
            let element = Element::Condition { operator: operator.clone(), key: key.clone() };
            let place = Place { statement: number, element };
            let Some(parsed) = parsed else {
                let closest = Operator::closest(operator, dialect);
                problems.push(Problem::Operator { place, operator: operator.clone(), closest });
                continue;
            };
            if !key.contains(':') {
                problems.push(Problem::Key { place: place.clone(), key: key.clone() });
            }
            if let Some((theirs, own)) = others_key(key, dialect) {
                problems.push(Problem::OthersKey { place: place.clone(), key: key.clone(), theirs, own });
            }
            if values.is_empty() {
                problems.push(Problem::NoValues { place: place.clone() });
            }
            // A wildcard may stand for several of them.
            let known =
                pai::values(key).filter(|_| dialect == Dialect::Ram && parsed.comparison != Comparison::StringLike);
            for value in values {
                let expected =
                    known.filter(|(known, _)| !known.contains(&value.as_str())).map(|(_, expected)| expected);
                let readable = readable(parsed.comparison, value);
                if let Err(expected) = expected.map_or(readable, Err) {
                    problems.push(Problem::Value { place: place.clone(), value: value.clone(), expected });
                }
            }
        }
    }
}

/// Whose global condition key it is where it is the other cloud's, and what to write instead. Neither cloud refuses such a
/// key; it is just never met, or always.
fn others_key(key: &str, dialect: Dialect) -> Option<(&'static str, &'static str)> {
    let prefix = key.split_once(':')?.0.to_ascii_lowercase();
    match (dialect, prefix.as_str()) {
        (Dialect::Ram, "aws") => Some(("AWS's", "RAM's begin with acs:, such as acs:CurrentTime or acs:SourceIp")),
        (Dialect::Aws, "acs") => Some(("RAM's", "AWS's begin with aws:, such as aws:CurrentTime or aws:SourceIp")),
        _ => None,
    }
}

/// Whether an operator can read a value; the error is what it reads.
fn readable(comparison: Comparison, value: &str) -> Result<(), &'static str> {
    let (readable, expected) = match comparison {
        Comparison::StringEquals | Comparison::StringEqualsIgnoreCase | Comparison::StringLike => return Ok(()),
        Comparison::Binary => return Ok(()),
        Comparison::Bool | Comparison::Null => (boolean(value).is_some(), "true or false"),
        Comparison::Numeric(_) => (number(value).is_some(), "a number"),
        Comparison::Date(_) => (date(value).is_some(), "a date with its time zone, such as 2026-12-01T00:00:00Z"),
        Comparison::Ip => (Network::parse(value).is_some(), "an address or a CIDR block, such as 203.0.113.0/24"),
        Comparison::Arn => {
            let whole = segments(value).len() == SEGMENTS || value.ends_with('*');
            (whole, "an ARN of six parts, such as arn:aws:iam::123456789012:role/*")
        }
    };
    if readable { Ok(()) } else { Err(expected) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::super::model::{Effect, Scope};
    use super::*;

    fn statement(action: &str, resource: &str) -> Statement {
        Statement::new(Effect::Allow, Scope::These(vec![action.into()]), Scope::These(vec![resource.into()]))
    }

    fn messages(statement: Statement) -> Vec<String> {
        let fine = self::statement("s3:GetObject", "*");
        validate(&Document::aws(vec![fine, statement])).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_aws_takes_has_no_problems() {
        for action in ["*", "s3:*", "S3:Get?bject*", "execute-api:Invoke", "access-analyzer:*"] {
            assert_eq!(messages(statement(action, "*")), Vec::<String>::new(), "{action}");
        }
        for resource in [
            "arn:aws:s3:::bucket/${aws:PrincipalTag/tenant}/*",
            "arn:aws-cn:iam::${aws:PrincipalAccount}:user/x",
            "arn:*:s3:::b",
            "arn:aws:sagemaker:*",
            "arn:aws:logs:*:*:log-group:/a:*",
        ] {
            assert_eq!(messages(statement("s3:*", resource)), Vec::<String>::new(), "{resource}");
        }
        let conditional = statement("s3:*", "*")
            .when("ForAnyValue:StringLikeIfExists", "aws:TagKeys", &["*"])
            .when("Bool", "aws:SecureTransport", &["True"])
            .when("NumericLessThan", "s3:max-keys", &["10"])
            .when("DateLessThan", "aws:CurrentTime", &["2026-12-01T00:00:00Z"])
            .when("NotIpAddress", "aws:SourceIp", &["203.0.113.0/24", "2001:db8::/32"])
            .when("ArnLike", "aws:PrincipalArn", &["arn:aws:iam::123456789012:role/*"])
            .when("StringEquals", "oidc.eks.eu-west-1.amazonaws.com/id/X:sub", &["system:serviceaccount:a:b"]);
        assert_eq!(messages(conditional), Vec::<String>::new());
    }

    #[test]
    fn each_problem_says_where_what_and_what_would_help() {
        for (statement, part) in [
            (statement("GetObject", "*"), "statement 2, actions: \"GetObject\" is not an action: write service:Name"),
            (statement("s3:Get Object", "*"), "\"s3:Get Object\" is not an action"),
            (statement("s*:Get", "*"), "\"s*:Get\" is not an action"),
            (statement(":Get", "*"), "\":Get\" is not an action"),
            (
                statement("s3:*", "bucket/*"),
                "statement 2, resources: \"bucket/*\" is not a resource: write \"*\" or an ARN",
            ),
            (statement("s3:*", "arn:aws:s3"), "has six parts"),
            (statement("s3:*", "arn:aws:*"), "has six parts"),
            (statement("s3:*", "arn:aws:*:::x"), "the service without wildcards"),
            (
                statement("s3:*", "*").when("StringEqual", "a:b", &["x"]),
                "StringEqual is not a condition operator: StringEquals is",
            ),
            (statement("s3:*", "*").when("Matches", "a:b", &["x"]), "Matches is not a condition operator"),
            (statement("s3:*", "*").when("StringLike", "prefix", &["x"]), "\"prefix\" is not a condition key"),
            (
                statement("s3:*", "*").when("StringLike", "s3:prefix", &[]),
                "statement 2, conditions StringLike s3:prefix: there are no values",
            ),
            (
                statement("s3:*", "*").when("DateLessThan", "acs:CurrentTime", &["2026-12-01T00:00:00Z"]),
                "acs:CurrentTime is a condition key of RAM's: AWS's begin with aws:",
            ),
            (statement("s3:*", "*").when("Bool", "a:b", &["yes"]), "\"yes\" is not true or false"),
            (statement("s3:*", "*").when("NumericEquals", "a:b", &["x"]), "\"x\" is not a number"),
            (statement("s3:*", "*").when("DateEquals", "a:b", &["x"]), "\"x\" is not a date"),
            (statement("s3:*", "*").when("IpAddress", "a:b", &["10.0.0.0/40"]), "is not an address or a CIDR block"),
            (statement("s3:*", "*").when("ArnLike", "a:b", &["role/x"]), "is not an ARN of six parts"),
        ] {
            let found = messages(statement);
            assert!(found.len() == 1 && found[0].contains(part), "{part}: {found:?}");
        }
        let mut empty = statement("s3:*", "*");
        empty.actions = Scope::AllBut(vec![]);
        empty.resources = None;
        assert_eq!(
            messages(empty),
            [
                "statement 2: there are no actions: name at least one, such as s3:GetObject",
                "statement 2: there are no resources: name at least one ARN, or \"*\"",
            ]
        );
        assert_eq!(validate(&Document::aws(vec![])), [Problem::NoStatements]);
        let odd = Document { version: "2020-01-01".into(), ..Document::aws(vec![statement("s3:*", "*")]) };
        assert!(matches!(&validate(&odd)[..], [Problem::Version { .. }]));
    }

    #[test]
    fn ram_has_its_own_arns_and_fewer_operators() {
        let document = |statement| Document::ram(vec![statement]);
        assert_eq!(validate(&document(statement("pai:*", "acs:paidsw:*:*:*"))), []);
        assert_eq!(validate(&document(statement("odps:*", "acs:odps:*:projects/a"))), []);
        let arn = statement("oss:*", "arn:aws:s3:::b").when("Null", "acs:SourceIp", &["true"]);
        assert!(matches!(&validate(&document(arn))[..], [Problem::Resource { .. }, Problem::Operator { .. }]));
        let key = statement("oss:*", "*").when("StringEquals", "AWS:username", &["alice"]);
        assert!(matches!(&validate(&document(key))[..], [Problem::OthersKey { theirs: "AWS's", .. }]));
    }
}
