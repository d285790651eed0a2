//! The one form of all documents that mean the same, so that what a cloud returns compares equal to what was sent.

use std::collections::BTreeMap;

use super::model::{Conditions, Dialect, Document, PrincipalSet, Principals, Scope, Statement};
use super::operator::{Comparison, Operator};

impl Document {
    /// The document in the form in which meaning decides equality: statements and lists sorted and without
    /// duplicates, actions and context keys in lower case, operators as documented, no `Sid`, no `Id`, no empty
    /// condition block. It is for comparing; what is sent is the document itself.
    ///
    /// Patterns that cover each other (`s3:*` and `s3:GetObject`) are kept, except that `*` stands for its whole list.
    #[must_use]
    pub fn canonical(&self) -> Self {
        let dialect = self.dialect();
        let mut statements: Vec<_> = self.statements.iter().map(|statement| statement.canonical(dialect)).collect();
        statements.sort();
        statements.dedup();
        Self { version: self.version.clone(), id: None, statements }
    }

    /// Whether both grant and refuse the same, as far as [`Document::canonical`] sees.
    #[must_use]
    pub fn same_meaning(&self, other: &Self) -> bool {
        self.canonical() == other.canonical()
    }
}

impl Statement {
    pub(super) fn canonical(&self, dialect: Dialect) -> Self {
        let actions = self.actions.patterns().iter().map(|action| action.to_lowercase()).collect();
        let resources = self.resources.as_ref().map(|scope| scope.with(patterns(scope.patterns().to_vec())));
        Self {
            sid: None,
            effect: self.effect,
            principals: self.principals.as_ref().map(canonical_principals),
            actions: self.actions.with(patterns(actions)),
            resources,
            conditions: canonical_conditions(&self.conditions, dialect),
        }
    }
}

/// A list of patterns, any of which may match: `*` makes the others superfluous.
fn patterns(list: Vec<String>) -> Vec<String> {
    if list.iter().any(|pattern| pattern == "*") { vec!["*".to_owned()] } else { sorted(list) }
}

fn sorted(mut list: Vec<String>) -> Vec<String> {
    list.sort();
    list.dedup();
    list
}

/// `{"AWS": "*"}` is AWS's other way to write `"*"`, and an account's root ARN its other way to write the account's
/// id: it stores the one and returns the other.
fn canonical_principals(principals: &Principals) -> Principals {
    let set = match principals.set() {
        PrincipalSet::Anyone => PrincipalSet::Anyone,
        PrincipalSet::Of(kinds) => {
            let kinds: BTreeMap<_, _> = kinds
                .iter()
                .map(|(kind, names)| {
                    let names = names.iter().map(|name| account_of_root(name).unwrap_or(name).to_owned()).collect();
                    (kind.clone(), if kind == "AWS" { patterns(names) } else { sorted(names) })
                })
                .collect();
            let anyone = kinds.len() == 1 && kinds.get("AWS").is_some_and(|names| *names == ["*"]);
            if anyone { PrincipalSet::Anyone } else { PrincipalSet::Of(kinds) }
        }
    };
    match principals {
        Principals::These(_) => Principals::These(set),
        Principals::AllBut(_) => Principals::AllBut(set),
    }
}

/// The account id of `arn:aws:iam::<account>:root`, in any partition.
pub(super) fn account_of_root(arn: &str) -> Option<&str> {
    let (_, account) = arn.strip_suffix(":root")?.strip_prefix("arn:")?.split_once(":iam::")?;
    (account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit())).then_some(account)
}

fn canonical_conditions(conditions: &Conditions, dialect: Dialect) -> Conditions {
    let entries = || conditions.iter().flat_map(|(operator, keys)| keys.iter().map(move |(key, v)| (operator, key, v)));
    let mut spellings = BTreeMap::<(String, String), usize>::new();
    for (operator, key, _) in entries() {
        *spellings.entry(canonical_names(operator, key, dialect)).or_default() += 1;
    }
    let mut canonical = Conditions::new();
    for (operator, key, values) in entries() {
        let names = canonical_names(operator, key, dialect);
        // The same condition twice in different case is an AND of two lists; merging them would make it an OR.
        let alone = spellings.get(&names) == Some(&1);
        let (name, key) = if alone { names } else { (operator.clone(), key.clone()) };
        canonical.entry(name).or_default().insert(key, canonical_values(operator, values, dialect));
    }
    canonical
}

/// An operator and a context key in the spelling in which they are compared.
pub(super) fn canonical_names(operator: &str, key: &str, dialect: Dialect) -> (String, String) {
    let name = Operator::parse(operator, dialect).map_or_else(|| operator.to_owned(), Operator::canonical_name);
    (name, key.to_lowercase())
}

fn canonical_values(operator: &str, values: &[String], dialect: Dialect) -> Vec<String> {
    use Comparison::{Bool, Null, StringEqualsIgnoreCase};
    let any_case = Operator::parse(operator, dialect)
        .is_some_and(|operator| matches!(operator.comparison, Bool | Null | StringEqualsIgnoreCase));
    sorted(values.iter().map(|value| if any_case { value.to_lowercase() } else { value.clone() }).collect())
}

impl Scope {
    /// Whether both scopes share a pattern; for finding out which statement was changed into which.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        self.patterns().iter().any(|pattern| other.patterns().contains(pattern))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn document(statements: &str) -> Document {
        Document::parse(&format!(r#"{{"Version":"2012-10-17","Statement":{statements}}}"#)).unwrap()
    }

    #[test]
    fn what_has_no_meaning_does_not_count() {
        let written = document(
            r#"[{"Sid":"One","Effect":"Allow","Action":["s3:GetObject","S3:getobject","s3:PutObject"],"Resource":["arn:b","arn:a"],
                "Condition":{"stringlike":{"S3:Prefix":["b","a","b"]},"Null":{}}},
               {"Effect":"Deny","Action":"iam:*","Resource":["*","arn:a"],"Condition":{"bool":{"aws:securetransport":"False"}}},
               {"Effect":"Deny","Action":"IAM:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":[false]}}}]"#,
        );
        let returned = document(
            r#"[{"Effect":"Deny","Action":["iam:*"],"Resource":["*"],"Condition":{"Bool":{"aws:SecureTransport":["false"]}}},
               {"Effect":"Allow","Action":["s3:PutObject","s3:GetObject"],"Resource":["arn:a","arn:b"],"Condition":{"StringLike":{"s3:prefix":["a","b"]}}}]"#,
        );
        assert!(written.same_meaning(&returned));
    }

    #[test]
    fn what_has_meaning_counts() {
        let base =
            r#"{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:a","Condition":{"StringEquals":{"k:a":"x"}}}"#;
        for other in [
            r#"{"Effect":"Deny","Action":"s3:GetObject","Resource":"arn:a","Condition":{"StringEquals":{"k:a":"x"}}}"#,
            r#"{"Effect":"Allow","NotAction":"s3:GetObject","Resource":"arn:a","Condition":{"StringEquals":{"k:a":"x"}}}"#,
            r#"{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:A","Condition":{"StringEquals":{"k:a":"x"}}}"#,
            r#"{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:a","Condition":{"StringEquals":{"k:a":"X"}}}"#,
            r#"{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:a","Condition":{"StringLike":{"k:a":"x"}}}"#,
            r#"{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:a"}"#,
        ] {
            assert!(!document(base).same_meaning(&document(other)), "{other}");
        }
        let old = Document { version: "2008-10-17".to_owned(), ..document(base) };
        assert!(!document(base).same_meaning(&old), "in the old version ${{…}} is text");
    }

    #[test]
    fn a_condition_written_twice_in_different_case_stays_two() {
        let twice = r#"{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"k:a":"x"},"stringequals":{"K:A":"y"}}}"#;
        let merged = r#"{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"k:a":["x","y"]}}}"#;
        assert!(!document(twice).same_meaning(&document(merged)));
        assert_eq!(document(twice).canonical().statements[0].conditions.len(), 2);
    }

    #[test]
    fn an_account_and_its_root_are_one_principal() {
        let trust = |principal: &str| {
            document(&format!(r#"{{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{principal}}}"#))
        };
        assert!(
            trust(r#"{"AWS":"123456789012"}"#).same_meaning(&trust(r#"{"AWS":["arn:aws:iam::123456789012:root"]}"#))
        );
        assert!(trust(r#"{"AWS":"*"}"#).same_meaning(&trust(r#""*""#)));
        assert!(
            !trust(r#"{"AWS":"123456789012"}"#).same_meaning(&trust(r#"{"AWS":"arn:aws:iam::123456789012:user/a"}"#))
        );
    }
}
