//! One call as data, and how it is put on the wire: parameters in the query, what is secret in a signed body. Calls of
//! REST services have a method, a path and a JSON body besides.

use alibaba_signature::{Credentials, acs3, canonical_query};
use jiff::Timestamp;
use serde_json::Value;

use super::endpoints::{Endpoints, Service};
use super::http::Request;
use super::odps::Odps;
use crate::model::Tags;

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json; charset=utf-8";

/// What a call of a REST service has beside its parameters.
struct Rest {
    method: &'static str,
    path: String,
    region: String,
    body: Option<Value>,
}

/// A call. It may hold secrets, so it has no `Debug`.
pub(super) struct Call {
    pub(super) service: Service,
    /// The service's name of the operation.
    pub(super) action: &'static str,
    query: Vec<(String, String)>,
    /// Parameters that no log on the way may show.
    form: Vec<(String, String)>,
    /// Of MaxCompute's data plane, which has its own ways.
    odps: Option<Odps>,
    /// Of a REST service.
    rest: Option<Rest>,
    /// Whether it may be sent again when no answer came.
    pub(super) repeatable: bool,
}

impl Call {
    pub(super) fn ram(action: &'static str) -> Self {
        Self::of(Service::Ram, action)
    }

    pub(super) fn ims(action: &'static str) -> Self {
        Self::of(Service::Ims, action)
    }

    pub(super) fn sts(action: &'static str) -> Self {
        Self::of(Service::Sts, action)
    }

    /// A call of MaxCompute's data plane.
    pub(super) fn odps(action: &'static str, request: Odps) -> Self {
        Self { odps: Some(request), ..Self::of(Service::Odps, action) }
    }

    /// A call of PAI's workspaces in a region. The path begins behind the version, its segments need no encoding.
    pub(super) fn pai(region: &str, action: &'static str, method: &'static str, path: &str) -> Self {
        let (path, region) = (format!("/api/v1/{path}"), region.to_owned());
        Self { rest: Some(Rest { method, path, region, body: None }), ..Self::of(Service::Pai, action) }
    }

    /// A call of PAI's notebooks in a region, the same.
    pub(super) fn dsw(region: &str, action: &'static str, method: &'static str, path: &str) -> Self {
        let (path, region) = (format!("/api/v2/{path}"), region.to_owned());
        Self { rest: Some(Rest { method, path, region, body: None }), ..Self::of(Service::Dsw, action) }
    }

    fn of(service: Service, action: &'static str) -> Self {
        Self { service, action, query: Vec::new(), form: Vec::new(), odps: None, rest: None, repeatable: true }
    }

    /// The JSON body of a call of a REST service.
    pub(super) fn body(mut self, body: Value) -> Self {
        self.rest.iter_mut().for_each(|rest| rest.body = Some(body.clone()));
        self
    }

    /// The region that the call goes to, where that is not the account's own.
    pub(super) fn region(&self) -> Option<&str> {
        self.rest.as_ref().map(|rest| rest.region.as_str())
    }

    /// A parameter.
    pub(super) fn with(mut self, name: impl Into<String>, value: impl ToString) -> Self {
        self.query.push((name.into(), value.to_string()));
        self
    }

    /// A parameter that is left out where there is none.
    pub(super) fn with_some(self, name: &str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// A parameter that goes into the body, out of sight of logs. RPC services take parameters in either place.
    pub(super) fn secret(mut self, name: impl Into<String>, value: &str) -> Self {
        self.form.push((name.into(), value.to_owned()));
        self
    }

    /// Tags as IMS takes them: `Tag.1.Key`, `Tag.1.Value`.
    pub(super) fn flat_tags(mut self, tags: &Tags) -> Self {
        for (index, (key, value)) in tags.iter().enumerate() {
            let number = index + 1;
            self = self.with(format!("Tag.{number}.Key"), key).with(format!("Tag.{number}.Value"), value);
        }
        self
    }

    /// Never sent twice, whatever comes back.
    pub(super) fn once(mut self) -> Self {
        self.repeatable = false;
        self
    }

    /// As policies name it, such as `ram:CreateUser`.
    pub(super) fn permission(&self) -> String {
        // DSW asks for some by the way in which the instance is paid (PAI, "Workspace roles and permissions").
        let action = match (self.service, self.action) {
            (Service::Dsw, "CreateInstance") => "CreatePostPaidInstance",
            (Service::Dsw, "UpdateInstance") => "UpdatePostPaidInstance",
            (Service::Dsw, "DeleteInstance") => "DeletePostPaidInstance",
            (_, action) => action,
        };
        format!("{}:{action}", self.service.code())
    }

    /// Whether what came as a success says itself that it is none, as DSW's answers may.
    pub(super) fn is_refused(&self, body: &[u8]) -> bool {
        self.service == Service::Dsw && self.read(body).is_some_and(|answer| answer["Success"] == false)
    }

    /// What an answer says; none where it is not what this service answers with.
    pub(super) fn read(&self, body: &[u8]) -> Option<Value> {
        match &self.odps {
            Some(_) => Some(super::odps::read(body)),
            None => serde_json::from_slice(body).ok(),
        }
    }

    /// The request, signed; without credentials it is anonymous, as `AssumeRoleWithOIDC` must be.
    pub(super) fn request(
        &self,
        endpoints: &Endpoints,
        credentials: Option<&Credentials>,
        at: Timestamp,
        nonce: &str,
    ) -> Request {
        if let Some(odps) = &self.odps {
            return odps.request(endpoints, credentials, at);
        }
        let (url, host) = endpoints.of(self.service, self.region());
        let (action, version) = (self.action, self.service.version());
        let json = self.rest.as_ref().and_then(|rest| rest.body.as_ref());
        let (body, content_type) = match json {
            Some(json) => (json.to_string().into_bytes(), Some(JSON)),
            None => (canonical_query(&self.form).into_bytes(), (!self.form.is_empty()).then_some(FORM)),
        };
        let (method, path) = self.rest.as_ref().map_or(("POST", "/"), |rest| (rest.method, rest.path.as_str()));
        let mut query = self.query.clone();
        let mut headers = match credentials {
            Some(credentials) => {
                let call =
                    acs3::Call { method, host: &host, path, query: &query, content_type, body: &body, action, version };
                acs3::sign(&call, credentials, at, nonce)
            }
            None => {
                let pairs = [
                    ("Action", action.to_owned()),
                    ("Format", "json".to_owned()),
                    ("SignatureNonce", nonce.to_owned()),
                    ("Timestamp", at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
                    ("Version", version.to_owned()),
                ];
                query.extend(pairs.map(|(name, value)| (name.to_owned(), value)));
                let pairs = [("host", host.as_str()), ("x-acs-action", action), ("x-acs-version", version)];
                let pairs = pairs.into_iter().chain(content_type.map(|kind| ("content-type", kind)));
                pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
            }
        };
        headers.push(("accept".to_owned(), "application/json".to_owned()));
        headers.push(("user-agent".to_owned(), concat!("tenantry/", env!("CARGO_PKG_VERSION")).to_owned()));
        let query = canonical_query(&query);
        let url = if self.rest.is_some() && query.is_empty() {
            format!("{url}{path}")
        } else {
            format!("{url}{path}?{query}")
        };
        Request { method, url, headers, body }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_password_is_in_the_body_and_nowhere_else() {
        let call = Call::ram("CreateLoginProfile").with("UserName", "acme.alice").secret("Password", "Tr0ub4dor&3");
        let endpoints = Endpoints::new("cn-shanghai", None);
        let credentials = Credentials::new("LTAI", "hush").with_security_token("token");
        let request = call.request(&endpoints, Some(&credentials), Timestamp::UNIX_EPOCH, "n");
        assert_eq!(request.url, "https://ram.aliyuncs.com/?UserName=acme.alice");
        assert_eq!(String::from_utf8(request.body).unwrap(), "Password=Tr0ub4dor%263");
        assert!(request.headers.iter().any(|(name, value)| name == "content-type" && value == FORM));
        assert!(request.headers.iter().all(|(_, value)| !value.contains("hush") && !value.contains("Tr0ub4dor")));
    }

    #[test]
    fn a_call_of_a_rest_service_has_method_path_and_json() {
        let call = Call::pai("cn-beijing", "CreateMember", "POST", "workspaces/42/members");
        let call = call.body(serde_json::json!({"Members": []}));
        let endpoints = Endpoints::new("cn-shanghai", None);
        let request = call.request(&endpoints, Some(&Credentials::new("LTAI", "hush")), Timestamp::UNIX_EPOCH, "n");
        assert_eq!(request.url, "https://aiworkspace.cn-beijing.aliyuncs.com/api/v1/workspaces/42/members");
        assert_eq!((request.method, request.body.as_slice()), ("POST", br#"{"Members":[]}"#.as_slice()));
        assert!(request.headers.iter().any(|(name, value)| name == "content-type" && value == JSON));
        assert_eq!(call.permission(), "paiworkspace:CreateMember");
    }
}
