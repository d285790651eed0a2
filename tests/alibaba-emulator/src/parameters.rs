//! The parameters of a call, whichever way its client wrote them.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::refusal::Refusal;

/// Parameters by name; given twice, the first counts.
#[derive(Debug, Clone, Default)]
pub struct Parameters(BTreeMap<String, String>);

impl Parameters {
    pub fn new(pairs: Vec<(String, String)>) -> Self {
        let mut parameters = BTreeMap::new();
        for (name, value) in pairs {
            parameters.entry(name).or_insert(value);
        }
        Self(parameters)
    }

    pub fn insert(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), value.to_owned());
    }

    pub fn all(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    /// A parameter that was sent, even when empty.
    pub fn sent(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A parameter that says something.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.sent(name).filter(|value| !value.is_empty())
    }

    pub fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.text(name).ok_or_else(|| Refusal::missing(name))
    }

    /// Python's clients write `True`, others `true`.
    pub fn boolean(&self, name: &str) -> Result<Option<bool>, Refusal> {
        match self.text(name).map(str::to_lowercase).as_deref() {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(Refusal::invalid(name)),
        }
    }

    pub fn number(&self, name: &str) -> Result<Option<i64>, Refusal> {
        self.text(name).map(|text| text.parse().map_err(|_| Refusal::invalid(name))).transpose()
    }

    /// A list, as `Name.1=…&Name.2=…`, as JSON text, or with commas.
    pub fn list(&self, name: &str) -> Vec<String> {
        if let Some(text) = self.text(name) {
            return match serde_json::from_str(text) {
                Ok(Value::Array(items)) => items.iter().map(plain).collect(),
                _ => text.split(',').map(|item| item.trim().to_owned()).collect(),
            };
        }
        (1..).map_while(|index| self.sent(&format!("{name}.{index}"))).map(str::to_owned).collect()
    }

    /// Tags, as `Tag=[{"Key","Value"}]` or as `Tag.1.Key=…&Tag.1.Value=…`.
    pub fn tags(&self) -> Result<BTreeMap<String, String>, Refusal> {
        if let Some(text) = self.text("Tag") {
            let Ok(Value::Array(items)) = serde_json::from_str(text) else { return Err(Refusal::invalid("Tag")) };
            return Ok(items.iter().map(|item| (plain(&item["Key"]), plain(&item["Value"]))).collect());
        }
        let name = |index: usize, part: &str| self.sent(&format!("Tag.{index}.{part}")).map(str::to_owned);
        Ok((1..).map_while(|index| Some((name(index, "Key")?, name(index, "Value").unwrap_or_default()))).collect())
    }
}

/// A scalar as text.
pub fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
