//! A request as it came and an answer as it goes.

use alibaba_signature::parse_query;
use axum::body::Body;
use axum::response::Response;
use serde_json::Value;

use crate::parameters::Parameters;

/// A request, read whole.
pub struct Wire {
    pub method: String,
    /// As it came, percent-encoded.
    pub path: String,
    pub query: Vec<(String, String)>,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub source_ip: String,
}

impl Wire {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    pub fn body_text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The parameters of query and form together.
    pub fn pairs(&self) -> Vec<(String, String)> {
        let mut pairs = self.query.clone();
        if self.header("content-type").is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded")) {
            pairs.extend(parse_query(&self.body_text()));
        }
        pairs
    }

    pub fn parameters(&self) -> Parameters {
        Parameters::new(self.pairs())
    }

    /// The body as JSON; `Null` when there is none or it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// An answer.
pub struct Answer {
    pub status: u16,
    pub content_type: &'static str,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub fn json(status: u16, body: &Value) -> Self {
        let content_type = "application/json;charset=utf-8";
        Self { status, content_type, headers: Vec::new(), body: body.to_string() }
    }

    pub fn xml(status: u16, body: String) -> Self {
        let body = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{body}");
        Self { status, content_type: "application/xml", headers: Vec::new(), body }
    }

    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub fn into_response(self) -> Response {
        let mut response = Response::builder().status(self.status).header("content-type", self.content_type);
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        response.body(Body::from(self.body)).expect("names and values of our own")
    }
}

/// A text as it stands in XML.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The text of the first element of this name, entities and CDATA read; `None` when it is not there.
pub fn element(xml: &str, name: &str) -> Option<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let start = xml.find(&open)? + open.len();
    let inner = &xml[start..start + xml[start..].find(&close)?];
    if let Some(plain) = inner.trim().strip_prefix("<![CDATA[").and_then(|rest| rest.strip_suffix("]]>")) {
        return Some(plain.to_owned());
    }
    let mut parts = inner.split('&');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (entity, rest) = part.split_once(';')?;
        let number = entity.strip_prefix('#').map(|digits| match digits.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16),
            None => digits.parse(),
        });
        text.push(match (entity, number) {
            ("lt", _) => '<',
            ("gt", _) => '>',
            ("quot", _) => '"',
            ("apos", _) => '\'',
            ("amp", _) => '&',
            (_, Some(Ok(number))) => char::from_u32(number)?,
            _ => return None,
        });
        text.push_str(rest);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_read_as_clients_write_them() {
        let read = |inner: &str| element(&format!("<A><Query>{inner}</Query></A>"), "Query");
        assert_eq!(read("a &lt;b&gt; &amp;amp; &#39;&#x41;").unwrap(), "a <b> &amp; 'A");
        assert_eq!(read("<![CDATA[a < b]]>").unwrap(), "a < b");
        assert_eq!(read("a & b"), None);
        assert_eq!(element("<A/>", "Query"), None);
        assert_eq!(read(&escape("<\"&>")).unwrap(), "<\"&>");
    }
}
