//! What changes between two documents, in lines for the plan.

use std::collections::BTreeMap;

use super::model::{Conditions, Document, PrincipalSet, Principals, Scope, Statement};

/// The changes from `old` to `new`, one a line, such as `statement 1: actions  + s3:PutObject`; empty exactly when
/// both mean the same. Statements are numbered from 1, changed and added ones as in `new`, removed ones as in `old`.
#[must_use]
pub fn diff(old: &Document, new: &Document) -> Vec<String> {
    let mut lines = Vec::new();
    if old.version != new.version {
        lines.push(format!("version  {} → {}", old.version, new.version));
    }
    let spelling = Spelling::of([new, old]);
    let (mut before, mut after) = (Numbered::all(old), Numbered::all(new));
    after.retain(|statement| match before.iter().position(|other| other.canonical == statement.canonical) {
        Some(same) => {
            before.remove(same);
            false
        }
        None => true,
    });

    let mut changes = BTreeMap::new();
    for (from, to) in pairs(&before, &after) {
        let lines = spelling.changes(to.number, &from.canonical, &to.canonical);
        changes.insert(to.number, lines);
        before.retain(|statement| statement.number != from.number);
    }
    for statement in &after {
        let added = || vec![format!("statement {}: + {}", statement.number, spelling.summary(&statement.canonical))];
        lines.append(changes.entry(statement.number).or_insert_with(added));
    }
    for statement in before {
        lines.push(format!("statement {}: - {}", statement.number, spelling.summary(&statement.canonical)));
    }
    lines
}

/// A statement in canonical form with its place in its document.
#[derive(Clone)]
struct Numbered {
    number: usize,
    canonical: Statement,
    sid: Option<String>,
}

impl Numbered {
    /// The statements of a document without repetitions.
    fn all(document: &Document) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::with_capacity(document.statements.len());
        for (index, statement) in document.statements.iter().enumerate() {
            let canonical = statement.canonical(document.dialect());
            if all.iter().all(|other| other.canonical != canonical) {
                all.push(Self { number: index + 1, canonical, sid: statement.sid.clone() });
            }
        }
        all
    }

    /// How much two statements have in common; 0: one is not a change of the other.
    fn likeness(&self, other: &Self) -> u32 {
        let (left, right) = (&self.canonical, &other.canonical);
        let actions = match () {
            () if left.actions == right.actions => 4,
            () => 2 * u32::from(left.actions.overlaps(&right.actions)),
        };
        let resources = match (&left.resources, &right.resources) {
            (left, right) if left == right => 4,
            (Some(left), Some(right)) => 2 * u32::from(left.overlaps(right)),
            _ => 0,
        };
        let named = 8 * u32::from(self.sid.is_some() && self.sid == other.sid);
        if actions + resources + named == 0 {
            return 0;
        }
        let rest = [
            left.effect == right.effect,
            left.principals == right.principals,
            left.conditions == right.conditions,
            self.number == other.number,
        ];
        actions + resources + named + rest.into_iter().map(u32::from).sum::<u32>()
    }
}

/// Which old statement became which new one: the most alike first, in a fixed order among equals.
fn pairs(before: &[Numbered], after: &[Numbered]) -> Vec<(Numbered, Numbered)> {
    let mut candidates: Vec<(u32, &Numbered, &Numbered)> = before
        .iter()
        .flat_map(|from| after.iter().map(move |to| (from.likeness(to), from, to)))
        .filter(|(likeness, ..)| *likeness > 0)
        .collect();
    candidates.sort_by_key(|(likeness, from, to)| (std::cmp::Reverse(*likeness), to.number, from.number));
    let mut chosen: Vec<(Numbered, Numbered)> = Vec::new();
    for (_, from, to) in candidates {
        if chosen.iter().all(|(a, b)| a.number != from.number && b.number != to.number) {
            chosen.push((from.clone(), to.clone()));
        }
    }
    chosen
}

/// How the documents wrote what the canonical form has in lower case.
struct Spelling(BTreeMap<String, String>);

impl Spelling {
    /// Earlier documents win.
    fn of(documents: [&Document; 2]) -> Self {
        let mut written = BTreeMap::new();
        for document in documents {
            for statement in &document.statements {
                let keys = statement.conditions.values().flat_map(BTreeMap::keys);
                for text in statement.actions.patterns().iter().chain(keys) {
                    written.entry(text.to_lowercase()).or_insert_with(|| text.clone());
                }
            }
        }
        Self(written)
    }

    fn show<'a>(&'a self, canonical: &'a str) -> &'a str {
        self.0.get(canonical).map_or(canonical, String::as_str)
    }

    fn list(&self, values: &[String]) -> String {
        values.iter().map(|value| self.show(value)).collect::<Vec<_>>().join(", ")
    }

    fn changes(&self, number: usize, old: &Statement, new: &Statement) -> Vec<String> {
        let mut lines = Vec::new();
        let mut line = |text: String| lines.push(format!("statement {number}: {text}"));
        if old.effect != new.effect {
            line(format!("effect  {} → {}", old.effect.as_str(), new.effect.as_str()));
        }
        if old.principals != new.principals {
            for (sign, principals) in [("-", &old.principals), ("+", &new.principals)] {
                if let Some(principals) = principals {
                    line(format!("{}  {sign} {}", principals_element(principals), principal_names(principals)));
                }
            }
        }
        let scopes = [
            (Some(&old.actions), Some(&new.actions), Scope::actions_element as fn(&Scope) -> _),
            (old.resources.as_ref(), new.resources.as_ref(), Scope::resources_element),
        ];
        for (old, new, element) in scopes {
            for (sign, these, those) in [("+", new, old), ("-", old, new)] {
                let Some(these) = these else { continue };
                let kept: &[String] = match those {
                    Some(those) if element(those) == element(these) => those.patterns(),
                    _ => &[],
                };
                let changed = these.patterns().iter().filter(|pattern| !kept.contains(pattern));
                changed.for_each(|pattern| line(format!("{}  {sign} {}", element(these), self.show(pattern))));
                if these.patterns().is_empty() && those.is_none_or(|those| element(those) != element(these)) {
                    line(format!("{}  {sign} nothing", element(these)));
                }
            }
        }
        for (sign, these, those) in [("+", new, old), ("-", old, new)] {
            for (operator, key, values) in conditions(&these.conditions) {
                let shown = self.show(key);
                match those.conditions.get(operator).and_then(|keys| keys.get(key)) {
                    None => line(format!("conditions  {sign} {operator} {shown} = {}", values.join(", "))),
                    Some(kept) => values
                        .iter()
                        .filter(|value| !kept.contains(value))
                        .for_each(|value| line(format!("conditions  {operator} {shown}  {sign} {value}"))),
                }
            }
        }
        lines
    }

    fn summary(&self, statement: &Statement) -> String {
        let mut text = statement.effect.as_str().to_owned();
        if matches!(statement.actions, Scope::AllBut(_)) {
            text += " all but";
        }
        text += &format!(" {}", self.list(statement.actions.patterns()));
        if let Some(resources) = &statement.resources {
            text += if matches!(resources, Scope::AllBut(_)) { " on all but " } else { " on " };
            text += &resources.patterns().join(", ");
        }
        if let Some(principals) = &statement.principals {
            text += &format!(" for {} {}", principals_element(principals), principal_names(principals));
        }
        for (index, (operator, key, values)) in conditions(&statement.conditions).enumerate() {
            text += if index == 0 { " when " } else { " and " };
            text += &format!("{operator} {} = {}", self.show(key), values.join(", "));
        }
        text
    }
}

fn conditions(conditions: &Conditions) -> impl Iterator<Item = (&str, &str, &[String])> {
    conditions.iter().flat_map(|(operator, keys)| {
        keys.iter().map(|(key, values)| (operator.as_str(), key.as_str(), values.as_slice()))
    })
}

fn principals_element(principals: &Principals) -> &'static str {
    match principals {
        Principals::These(_) => "principals",
        Principals::AllBut(_) => "notPrincipals",
    }
}

fn principal_names(principals: &Principals) -> String {
    match principals.set() {
        PrincipalSet::Anyone => "*".to_owned(),
        PrincipalSet::Of(kinds) => {
            let names: Vec<_> = kinds.iter().map(|(kind, names)| format!("{kind} {}", names.join(", "))).collect();
            names.join(", ")
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn document(statements: &str) -> Document {
        Document::parse(&format!(r#"{{"Version":"2012-10-17","Statement":{statements}}}"#)).unwrap()
    }

    const OLD: &str = r#"[
        {"Effect":"Allow","Action":["s3:GetObject","s3:DeleteObject"],"Resource":"arn:aws:s3:::a/*","Condition":{"StringLike":{"s3:Prefix":["acme/*"]},"Bool":{"aws:SecureTransport":"true"}}},
        {"Effect":"Deny","Action":"iam:*","Resource":"*"}]"#;

    #[test]
    fn one_line_tells_one_change() {
        let new = r#"[
            {"Effect":"Allow","Action":["S3:getobject","s3:PutObject"],"Resource":"arn:aws:s3:::a/*","Condition":{"StringLike":{"s3:Prefix":["acme/*","beta/*"]},"Null":{"aws:PrincipalTag/user":"false"}}},
            {"Effect":"Deny","Action":"iam:*","NotResource":"*"}]"#;
        assert_eq!(
            diff(&document(OLD), &document(new)),
            [
                "statement 1: actions  + s3:PutObject",
                "statement 1: actions  - s3:DeleteObject",
                "statement 1: conditions  + Null aws:PrincipalTag/user = false",
                "statement 1: conditions  StringLike s3:Prefix  + beta/*",
                "statement 1: conditions  - Bool aws:SecureTransport = true",
                "statement 2: notResources  + *",
                "statement 2: resources  - *",
            ]
        );
    }

    #[test]
    fn statements_come_go_and_move() {
        let new = r#"[
            {"Effect":"Deny","Action":"iam:*","Resource":"*"},
            {"Effect":"Deny","NotAction":["sts:*"],"NotResource":"arn:aws:sts:::x","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"false"}}}]"#;
        assert_eq!(
            diff(&document(OLD), &document(new)),
            [
                "statement 2: + Deny all but sts:* on all but arn:aws:sts:::x when Bool aws:MultiFactorAuthPresent = false",
                "statement 1: - Allow s3:DeleteObject, s3:GetObject on arn:aws:s3:::a/* when Bool aws:SecureTransport = true and StringLike s3:Prefix = acme/*",
            ]
        );
    }

    #[test]
    fn effect_version_and_principals() {
        let old = document(r#"{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole"}"#);
        let mut new = document(
            r#"{"Effect":"Deny","NotPrincipal":{"AWS":"arn:aws:iam::123456789012:root","Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}"#,
        );
        new.version = "2008-10-17".to_owned();
        assert_eq!(
            diff(&old, &new),
            [
                "version  2012-10-17 → 2008-10-17",
                "statement 1: effect  Allow → Deny",
                "statement 1: principals  - AWS 123456789012",
                "statement 1: notPrincipals  + AWS 123456789012, Service ec2.amazonaws.com",
            ]
        );
    }

    #[test]
    fn what_means_the_same_has_no_lines() {
        let shuffled = r#"[{"Sid":"x","Effect":"Deny","Action":["IAM:*"],"Resource":["*","arn:aws:iam:::user/x"]},
            {"Effect":"Allow","Action":["s3:deleteobject","s3:GetObject"],"Resource":"arn:aws:s3:::a/*","Condition":{"bool":{"aws:securetransport":"True"},"stringlike":{"s3:prefix":"acme/*"}}}]"#;
        assert_eq!(diff(&document(OLD), &document(shuffled)), Vec::<String>::new());
    }
}
