//! Requests to MaxCompute's data plane and its answers: another signature than other services', XML beside JSON, and
//! numbers in messages that say more than its codes.

use alibaba_signature::{Credentials, canonical_query, odps, percent_encode};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::endpoints::{Endpoints, Service};
use super::http::Request;

/// The endpoint's own path, which is not signed.
const BASE: &str = "/api";
/// Stands for the caller's own tenant in paths.
const OWN_TENANT: &str = "_empty_tenant_";

/// One request. It holds no secrets.
pub(super) struct Odps {
    method: &'static str,
    path: String,
    query: Vec<(String, String)>,
    content_type: Option<&'static str>,
    body: String,
    region: String,
    /// Signed as regions want it that do not know the newer signature.
    older: bool,
}

impl Odps {
    /// A command at tenant level, sent through a project.
    pub(super) fn command(region: &str, project: &str, command: &str) -> Self {
        let query = command.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        Self {
            method: "POST",
            path: format!("/projects/{project}/authorization"),
            query: vec![("curr_project".to_owned(), project.to_owned())],
            content_type: Some("application/xml"),
            body: format!(
                "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<Authorization><Query>{query}</Query>\
                 <ResponseInJsonFormat>true</ResponseInJsonFormat></Authorization>"
            ),
            region: region.to_owned(),
            older: false,
        }
    }

    /// A read of a project's roles.
    pub(super) fn roles(region: &str, project: &str) -> Self {
        Self::plain("GET", format!("/projects/{project}/roles"), region, project)
    }

    /// A read of the policy of a role, or with a text its replacement.
    pub(super) fn policy(region: &str, project: &str, role: &str, text: Option<String>) -> Self {
        let method = if text.is_some() { "PUT" } else { "GET" };
        let path = format!("/tenants/{OWN_TENANT}/authorization/roles/{role}");
        let mut call = Self::plain(method, path, region, project);
        call.query.push(("policy".to_owned(), String::new()));
        call.body = text.unwrap_or_default();
        call
    }

    fn plain(method: &'static str, path: String, region: &str, project: &str) -> Self {
        Self {
            method,
            path,
            query: vec![("curr_project".to_owned(), project.to_owned())],
            content_type: None,
            body: String::new(),
            region: region.to_owned(),
            older: false,
        }
    }

    /// The same, signed the older way.
    pub(super) fn older(mut self) -> Self {
        self.older = true;
        self
    }

    /// The request, signed.
    pub(super) fn request(&self, endpoints: &Endpoints, credentials: Option<&Credentials>, at: Timestamp) -> Request {
        let (url, _) = endpoints.of(Service::Odps, Some(&self.region));
        let agent = concat!("tenantry/", env!("CARGO_PKG_VERSION"));
        let mut headers = vec![
            ("date".to_owned(), odps::date(at)),
            ("user-agent".to_owned(), agent.to_owned()),
            ("x-odps-user-agent".to_owned(), agent.to_owned()),
        ];
        headers.extend(self.content_type.map(|kind| ("content-type".to_owned(), kind.to_owned())));
        let path: String = self.path.split('/').map(percent_encode).collect::<Vec<_>>().join("/");
        if let Some(credentials) = credentials {
            let request = odps::Request { method: self.method, path: &path, query: &self.query, headers: &headers };
            let region = (!self.older).then_some(self.region.as_str());
            let authorization = odps::authorize(&request, credentials, region, at);
            headers.push(("authorization".to_owned(), authorization));
            let token = credentials.security_token();
            headers.extend(token.map(|token| (odps::TOKEN_HEADER.to_owned(), token.to_owned())));
        }
        let url = format!("{url}{BASE}{path}?{}", canonical_query(&self.query));
        Request { method: self.method, url, headers, body: self.body.clone().into_bytes() }
    }
}

/// An answer: its JSON, or its text where it is none.
pub(super) fn read(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()))
}

/// An error in XML as other services write theirs in JSON.
pub(super) fn error(body: &[u8]) -> Value {
    let text = String::from_utf8_lossy(body);
    let part = |name: &str| elements(&text, name).into_iter().next().unwrap_or_default();
    json!({"Code": part("Code"), "Message": part("Message")})
}

/// A code with the number that its message begins with: `NoSuchObject.ODPS-0420111`. Other services' messages have none.
pub(super) fn numbered(code: String, message: &str) -> String {
    let number: String = message.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    if number.starts_with("ODPS-") { format!("{code}.{number}") } else { code }
}

/// The texts of all elements of that name, which have no attributes and no elements in them; an empty one's is empty.
pub(super) fn elements(xml: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let xml = xml.replace(&format!("<{name}/>"), &format!("{open}{close}"));
    let xml = xml.replace(&format!("<{name} />"), &format!("{open}{close}"));
    let parts = xml.split(&open).skip(1).filter_map(|part| part.split_once(&close));
    parts.map(|(text, _)| unescape(text)).collect()
}

fn unescape(text: &str) -> String {
    let text = text.trim().strip_prefix("<![CDATA[").and_then(|text| text.strip_suffix("]]>")).unwrap_or(text);
    let marks = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&#10;", "\n"), ("&amp;", "&")];
    marks.into_iter().fold(text.to_owned(), |text, (mark, plain)| text.replace(mark, plain))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_command_is_signed_for_its_region_and_carries_the_token_beside_it() {
        let call = Odps::command("cn-shanghai", "acme_ops", "list tenant roles");
        let credentials = Credentials::new("LTAI", "hush").with_security_token("token");
        let endpoints = Endpoints::new("cn-beijing", None);
        let request = call.request(&endpoints, Some(&credentials), Timestamp::UNIX_EPOCH);
        let start = "https://service.cn-shanghai.maxcompute.aliyun.com/api/projects/acme_ops/authorization";
        assert_eq!(request.url, format!("{start}?curr_project=acme_ops"));
        let header = |name: &str| request.headers.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str());
        let signed = header("authorization").unwrap();
        assert!(signed.starts_with("ODPS LTAI/19700101/cn-shanghai/odps/aliyun_v4_request:"), "{signed}");
        assert_eq!(header("authorization-sts-token"), Some("token"));
        assert!(request.headers.iter().all(|(_, value)| !value.contains("hush")));
        let older = call.older().request(&endpoints, Some(&credentials), Timestamp::UNIX_EPOCH);
        assert!(older.headers.iter().any(|(name, value)| name == "authorization" && value.starts_with("ODPS LTAI:")));
    }

    #[test]
    fn errors_are_read_in_xml_and_have_the_number_of_their_message() {
        let body =
            b"<Error><Code>NoSuchObject</Code><Message>ODPS-0420111:Project not found - 'x &amp; y'</Message></Error>";
        let error = error(body);
        assert_eq!(error["Message"], "ODPS-0420111:Project not found - 'x & y'");
        let code = numbered("NoSuchObject".to_owned(), error["Message"].as_str().unwrap());
        assert_eq!(code, "NoSuchObject.ODPS-0420111");
        assert_eq!(numbered("LimitExceeded.User".to_owned(), "too many"), "LimitExceeded.User");
        assert_eq!(elements("<Authorization><Result/></Authorization>", "Result"), [""]);
        assert_eq!(elements("<Role><Name>a</Name></Role><Role><Name>b</Name></Role>", "Name"), ["a", "b"]);
    }
}
