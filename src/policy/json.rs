//! Documents as text: read as the clouds return them, written as they are sent.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use percent_encoding::percent_decode_str;
use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::ser::Error as _;
use serde::{Deserialize, Serialize, Serializer, de::value::MapAccessDeserializer};

use super::model::{AWS_OLD_VERSION, Conditions, Document, Effect, PrincipalSet, Principals, Scope, Statement};

/// A text that is not a policy document.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// Percent-encoded text that is not UTF-8 once decoded.
    #[error("the policy document's percent-encoding is broken: {0}")]
    Encoding(#[from] std::str::Utf8Error),
    /// Not JSON, or not the JSON of a policy; the message names the statement or the line and column.
    #[error("not a policy document: {0}")]
    Json(#[from] serde_json::Error),
}

impl Document {
    /// Reads a document as the clouds return it. Single values and lists, booleans, numbers and texts are equal.
    /// Percent-encoded text (as `GetAccountAuthorizationDetails`, `GetPolicyVersion` and `GetUserPolicy` return it)
    /// is decoded first.
    ///
    /// # Errors
    /// [`ParseError`] for text that is not a policy: also for elements that are unknown, given twice, or given with
    /// their opposite (`Action` with `NotAction`), because guessing what such a document grants is not safe.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let text = text.trim();
        if text.starts_with('%') {
            return Ok(serde_json::from_str(&percent_decode_str(text).decode_utf8()?)?);
        }
        Ok(serde_json::from_str(text)?)
    }

    /// The document as compact JSON; the same document always gives the same bytes. Lists of one are written as that
    /// one value, which both clouds accept and which counts less against their size limits.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut out = String::from("{");
        member(&mut out, "Version", |out| string(out, &self.version));
        if let Some(id) = &self.id {
            member(&mut out, "Id", |out| string(out, id));
        }
        member(&mut out, "Statement", |out| {
            out.push('[');
            for (index, statement) in self.statements.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                out.push_str(&statement.to_json());
            }
            out.push(']');
        });
        out.push('}');
        out
    }
}

/// In plans a document stands as the JSON that the cloud is sent.
impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value: serde_json::Value = serde_json::from_str(&self.to_json()).map_err(S::Error::custom)?;
        value.serialize(serializer)
    }
}

impl Statement {
    /// The statement as compact JSON, as it stands in [`Document::to_json`].
    pub(super) fn to_json(&self) -> String {
        let mut out = String::from("{");
        if let Some(sid) = &self.sid {
            member(&mut out, "Sid", |out| string(out, sid));
        }
        member(&mut out, "Effect", |out| string(out, self.effect.as_str()));
        if let Some(principals) = &self.principals {
            let name = match principals {
                Principals::These(_) => "Principal",
                Principals::AllBut(_) => "NotPrincipal",
            };
            member(&mut out, name, |out| match principals.set() {
                PrincipalSet::Anyone => string(out, "*"),
                PrincipalSet::Of(kinds) => block(out, kinds),
            });
        }
        let name = if matches!(self.actions, Scope::These(_)) { "Action" } else { "NotAction" };
        member(&mut out, name, |out| values(out, self.actions.patterns()));
        if let Some(resources) = &self.resources {
            let name = if matches!(resources, Scope::These(_)) { "Resource" } else { "NotResource" };
            member(&mut out, name, |out| values(out, resources.patterns()));
        }
        if !self.conditions.is_empty() {
            member(&mut out, "Condition", |out| {
                out.push('{');
                for (operator, keys) in &self.conditions {
                    member(out, operator, |out| block(out, keys));
                }
                out.push('}');
            });
        }
        out.push('}');
        out
    }
}

fn member(out: &mut String, name: &str, value: impl FnOnce(&mut String)) {
    if !out.ends_with('{') {
        out.push(',');
    }
    string(out, name);
    out.push(':');
    value(out);
}

fn block(out: &mut String, entries: &BTreeMap<String, Vec<String>>) {
    out.push('{');
    for (name, list) in entries {
        member(out, name, |out| values(out, list));
    }
    out.push('}');
}

fn values(out: &mut String, list: &[String]) {
    if let [only] = list {
        return string(out, only);
    }
    out.push('[');
    for (index, value) in list.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        string(out, value);
    }
    out.push(']');
}

fn string(out: &mut String, text: &str) {
    // Writing to a String does not fail.
    let _ = write!(out, "{}", serde_json::Value::from(text));
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = RawDocument::deserialize(deserializer)?;
        let mut statements = Vec::with_capacity(raw.statement.0.len());
        for (index, statement) in raw.statement.0.into_iter().enumerate() {
            let statement = Statement::try_from(statement)
                .map_err(|reason| D::Error::custom(format!("statement {}: {reason}", index + 1)))?;
            statements.push(statement);
        }
        Ok(Self { version: raw.version.unwrap_or_else(|| AWS_OLD_VERSION.to_owned()), id: raw.id, statements })
    }
}

impl TryFrom<RawStatement> for Statement {
    type Error = String;

    fn try_from(raw: RawStatement) -> Result<Self, String> {
        let effect = match raw.effect.as_str() {
            "Allow" => Effect::Allow,
            "Deny" => Effect::Deny,
            other => return Err(format!("Effect is {other:?}: it must be Allow or Deny")),
        };
        let actions = scope("Action", raw.action, raw.not_action)?.ok_or("neither Action nor NotAction")?;
        let resources = scope("Resource", raw.resource, raw.not_resource)?;
        let principals = match (raw.principal, raw.not_principal) {
            (Some(_), Some(_)) => return Err("both Principal and NotPrincipal".to_owned()),
            (Some(set), None) => Some(Principals::These(set.0)),
            (None, Some(set)) => Some(Principals::AllBut(set.0)),
            (None, None) => None,
        };
        let conditions: Conditions = raw
            .condition
            .map(|operators| operators.0.into_iter().map(|(operator, keys)| (operator, keys.lists())).collect())
            .unwrap_or_default();
        Ok(Self { sid: raw.sid, effect, principals, actions, resources, conditions })
    }
}

fn scope(name: &str, these: Option<Values>, all_but: Option<Values>) -> Result<Option<Scope>, String> {
    match (these, all_but) {
        (Some(_), Some(_)) => Err(format!("both {name} and Not{name}")),
        (Some(values), None) => Ok(Some(Scope::These(values.0))),
        (None, Some(values)) => Ok(Some(Scope::AllBut(values.0))),
        (None, None) => Ok(None),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RawDocument {
    version: Option<String>,
    id: Option<String>,
    statement: RawStatements,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RawStatement {
    sid: Option<String>,
    effect: String,
    principal: Option<RawPrincipals>,
    not_principal: Option<RawPrincipals>,
    action: Option<Values>,
    not_action: Option<Values>,
    resource: Option<Values>,
    not_resource: Option<Values>,
    condition: Option<Distinct<Distinct<Values>>>,
}

/// One statement or a list of them.
struct RawStatements(Vec<RawStatement>);

impl<'de> Deserialize<'de> for RawStatements {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Statements;
        impl<'de> Visitor<'de> for Statements {
            type Value = RawStatements;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a statement or a list of statements")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RawStatements, A::Error> {
                Ok(RawStatements(vec![RawStatement::deserialize(MapAccessDeserializer::new(map))?]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<RawStatements, A::Error> {
                let mut statements = Vec::new();
                while let Some(statement) = seq.next_element()? {
                    statements.push(statement);
                }
                Ok(RawStatements(statements))
            }
        }
        deserializer.deserialize_any(Statements)
    }
}

/// One scalar or a list of them, each as text.
struct Values(Vec<String>);

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let items = match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::Array(items) => items,
            single => vec![single],
        };
        items.into_iter().map(|item| scalar(item).map_err(D::Error::custom)).collect::<Result<_, _>>().map(Values)
    }
}

/// A JSON scalar as the text that the clouds compare.
pub(super) fn scalar(value: serde_json::Value) -> Result<String, String> {
    match value {
        serde_json::Value::String(text) => Ok(text),
        serde_json::Value::Bool(value) => Ok(value.to_string()),
        serde_json::Value::Number(value) => Ok(value.to_string()),
        other => Err(format!("{other} stands where a text is expected")),
    }
}

struct RawPrincipals(PrincipalSet);

impl<'de> Deserialize<'de> for RawPrincipals {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Set;
        impl<'de> Visitor<'de> for Set {
            type Value = RawPrincipals;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"*\" or principals by type")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<RawPrincipals, E> {
                if text == "*" {
                    return Ok(RawPrincipals(PrincipalSet::Anyone));
                }
                Err(E::custom(format!("the principal {text:?} has no type: only \"*\" may stand alone")))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RawPrincipals, A::Error> {
                let kinds = Distinct::<Values>::deserialize(MapAccessDeserializer::new(map))?;
                Ok(RawPrincipals(PrincipalSet::Of(kinds.lists())))
            }
        }
        deserializer.deserialize_any(Set)
    }
}

/// A JSON object that is refused when it has a key twice: keeping one of the two would change what it grants.
struct Distinct<V>(BTreeMap<String, V>);

impl Distinct<Values> {
    fn lists(self) -> BTreeMap<String, Vec<String>> {
        self.0.into_iter().map(|(key, values)| (key, values.0)).collect()
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Distinct<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<V>(std::marker::PhantomData<V>);
        impl<'de, V: Deserialize<'de>> Visitor<'de> for Entries<V> {
            type Value = Distinct<V>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Distinct<V>, A::Error> {
                let mut entries = BTreeMap::new();
                while let Some((key, value)) = map.next_entry::<String, V>()? {
                    if entries.contains_key(&key) {
                        return Err(A::Error::custom(format!("{key:?} stands twice")));
                    }
                    entries.insert(key, value);
                }
                Ok(Distinct(entries))
            }
        }
        deserializer.deserialize_map(Entries(std::marker::PhantomData))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn single_values_lists_booleans_and_numbers_are_read_as_lists_of_text() {
        let document = Document::parse(
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":["*"],
                "Condition":{"Bool":{"aws:SecureTransport":true},"NumericLessThan":{"s3:max-keys":[10,2.5]}}}}"#,
        )
        .unwrap();
        let statement = &document.statements[0];
        assert_eq!(statement.actions, Scope::These(vec!["s3:GetObject".into()]));
        assert_eq!(statement.conditions["Bool"]["aws:SecureTransport"], ["true"]);
        assert_eq!(statement.conditions["NumericLessThan"]["s3:max-keys"], ["10", "2.5"]);
    }

    #[test]
    fn percent_encoded_text_is_decoded_and_plus_signs_stay() {
        let text = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Deny%22%2C%22NotAction%22%3A%22iam%3A%2A%22%2C%22Resource%22%3A%22arn%3Aaws%3As3%3A%3A%3Aa+b%2F%C3%A9%22%7D%5D%7D";
        let document = Document::parse(text).unwrap();
        assert_eq!(document.statements[0].actions, Scope::AllBut(vec!["iam:*".into()]));
        assert_eq!(document.statements[0].resources, Some(Scope::These(vec!["arn:aws:s3:::a+b/é".into()])));
    }

    #[test]
    fn printing_is_compact_ordered_and_reads_back() {
        let text = concat!(
            r#"{"Version":"2012-10-17","Id":"x","Statement":[{"Sid":"A","Effect":"Allow","Principal":{"AWS":["1","2"],"Service":"ec2.amazonaws.com"},"#,
            r#""NotAction":["a:B","c:D"],"NotResource":"arn:aws:s3:::\"q\"","Condition":{"Bool":{"k:a":"true"},"Null":{"k:b":["true","false"]}}},"#,
            r#"{"Effect":"Deny","Principal":"*","Action":"*"},{"Effect":"Deny","NotPrincipal":{"AWS":"1"},"Action":"*"}]}"#
        );
        assert_eq!(Document::parse(text).unwrap().to_json(), text);
    }

    #[test]
    fn a_document_without_a_version_has_the_old_one() {
        let document = Document::parse(r#"{"Statement":[]}"#).unwrap();
        assert_eq!(document.version, "2008-10-17");
    }

    #[test]
    fn what_cannot_be_read_safely_is_refused_and_says_where() {
        let refused = |statement: &str| {
            let text = format!(r#"{{"Statement":[{{"Effect":"Deny","Action":"a:B","Resource":"*"}},{statement}]}}"#);
            Document::parse(&text).unwrap_err().to_string()
        };
        for (statement, part) in [
            (r#"{"Effect":"allow","Action":"*","Resource":"*"}"#, r#"statement 2: Effect is "allow""#),
            (r#"{"Effect":"Allow","Action":"*","NotAction":"a:B"}"#, "statement 2: both Action and NotAction"),
            (r#"{"Effect":"Allow","Resource":"*"}"#, "statement 2: neither Action nor NotAction"),
            (r#"{"Effect":"Allow","Action":"*","Ressource":"*"}"#, "unknown field `Ressource`"),
            (r#"{"Effect":"Allow","Action":"*","Action":"a:B"}"#, "duplicate field `Action`"),
            (
                r#"{"Effect":"Allow","Action":"*","Condition":{"Bool":{"a:b":true,"a:b":false}}}"#,
                "\"a:b\" stands twice",
            ),
            (r#"{"Effect":"Allow","Action":{"a":1}}"#, "stands where a text is expected"),
            (r#"{"Effect":"Allow","Action":"*","Principal":"arn:aws:iam::1:root"}"#, "has no type"),
        ] {
            let message = refused(statement);
            assert!(message.contains(part), "{message}");
        }
        assert!(Document::parse("%7B%FF%7D").is_err());
        assert!(Document::parse("").is_err());
    }
}
