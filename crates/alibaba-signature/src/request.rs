//! A request as the older signatures of REST services see it: without its body, which they do not sign.

/// A request as it is signed.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The HTTP method.
    pub method: &'a str,
    /// The path as it is on the wire; MaxCompute's is the one after the endpoint's own (without `/api`).
    pub path: &'a str,
    /// The query, decoded.
    pub query: &'a [(String, String)],
    /// The headers, names in lower case; MaxCompute wants `date` among them.
    pub headers: &'a [(String, String)],
}

impl Request<'_> {
    /// A header's value without the white space around it; empty where there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.trim()).unwrap_or_default()
    }
}
