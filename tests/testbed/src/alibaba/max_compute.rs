//! MaxCompute on the emulator: projects, the operator's rights in them, and commands at tenant level.

use alibaba_signature::{canonical_query, odps};
use http::Request;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{ACCOUNT_ID, Alibaba, Client, OPERATOR};
use crate::http as plain;

/// The version of MaxCompute's OpenAPI.
pub const MAX_COMPUTE: &str = "2022-01-04";

/// A RAM user as MaxCompute's commands write it.
#[must_use]
pub fn max_compute_user(name: &str) -> String {
    format!("RAM${ACCOUNT_ID}:{name}")
}

impl Alibaba {
    /// Makes projects.
    ///
    /// # Panics
    /// When MaxCompute refuses.
    pub async fn projects(&self, names: &[&str]) {
        for name in names {
            let body = json!({"name": name});
            let answer = self.root().rest(MAX_COMPUTE, "POST", "/api/v1/projects", &[], Some(body)).await;
            assert_eq!(answer.status, 200, "{}", answer.body);
        }
    }

    /// Gives the operator of [`Alibaba::operator`] the tenant-level role that docs/alibaba.md asks for, by a command that is
    /// sent through a project.
    ///
    /// # Panics
    /// When MaxCompute refuses.
    pub async fn administers_max_compute(&self, through: &str) {
        let (root, operator) = (self.root(), max_compute_user(OPERATOR));
        root.said(through, &format!("add tenant user {operator}")).await;
        root.said(through, &format!("grant tenant role admin to user {operator}")).await;
    }

    /// Makes the operator an administrator of a project, or takes that from it.
    ///
    /// # Panics
    /// When MaxCompute refuses.
    pub async fn administers_project(&self, project: &str, administers: bool) {
        let path = format!("/api/v1/projects/{project}/roles/admin/users");
        let verb = if administers { "add" } else { "remove" };
        let body = json!({verb: [max_compute_user(OPERATOR)]});
        let answer = self.root().rest(MAX_COMPUTE, "PUT", &path, &[], Some(body)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
}

impl Client<'_> {
    /// A command at tenant level, sent through a project: its result, or the error's text.
    ///
    /// # Errors
    /// What MaxCompute answered, with the number of its error.
    ///
    /// # Panics
    /// When the emulator does not answer.
    pub async fn say(&self, project: &str, command: &str) -> Result<String, String> {
        let query = command.replace('&', "&amp;").replace('<', "&lt;");
        let body = format!(
            "<Authorization><Query>{query}</Query><ResponseInJsonFormat>true</ResponseInJsonFormat></Authorization>"
        );
        let path = format!("/projects/{project}/authorization");
        let (status, text) = self.data_plane("POST", &path, &[], &body).await;
        let result = text.split_once("<Result>").and_then(|(_, rest)| rest.split_once("</Result>"));
        match result.filter(|_| status == 200) {
            Some((text, _)) => Ok(text.replace("&quot;", "\"").replace("&#39;", "'").replace("&amp;", "&")),
            None => Err(text),
        }
    }

    /// A command that must not fail, and its result.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn said(&self, project: &str, command: &str) -> String {
        self.say(project, command).await.unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    /// The policy of a role; none where there is no such role.
    ///
    /// # Panics
    /// When the emulator does not answer.
    pub async fn role_policy(&self, role: &str) -> Option<Value> {
        let path = format!("/tenants/_empty_tenant_/authorization/roles/{role}");
        let (status, text) = self.data_plane("GET", &path, &[("policy", "")], "").await;
        let answer: Value = serde_json::from_str(&text).unwrap_or_default();
        (status == 200).then(|| serde_json::from_str(answer["Policy"].as_str().unwrap_or_default()).unwrap_or_default())
    }

    /// Puts a policy on a role.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn put_role_policy(&self, role: &str, policy: &Value) {
        let path = format!("/tenants/_empty_tenant_/authorization/roles/{role}");
        let (status, text) = self.data_plane("PUT", &path, &[("policy", "")], &policy.to_string()).await;
        assert_eq!(status, 200, "{text}");
    }

    /// The roles in a project.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn project_roles(&self, project: &str) -> Vec<String> {
        let (status, text) = self.data_plane("GET", &format!("/projects/{project}/roles"), &[], "").await;
        assert_eq!(status, 200, "{text}");
        let names = text.split("<Name>").skip(1).filter_map(|part| part.split_once("</Name>"));
        names.map(|(name, _)| name.to_owned()).collect()
    }

    async fn data_plane(&self, method: &str, path: &str, query: &[(&str, &str)], body: &str) -> (u16, String) {
        let query: Vec<_> = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let at = Timestamp::now();
        let mut headers = vec![("date".to_owned(), odps::date(at))];
        if method == "POST" {
            headers.push(("content-type".to_owned(), "application/xml".to_owned()));
        }
        let signed = odps::Request { method, path, query: &query, headers: &headers };
        headers.push(("authorization".to_owned(), odps::authorize(&signed, &self.credentials, None, at)));
        let target = format!("{}/api{path}?{}", self.emulator.url, canonical_query(&query));
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in &headers {
            request = request.header(name, value);
        }
        let answer =
            plain::send(request.body(body.to_owned()).expect("a request")).await.expect("the emulator answers");
        (answer.status().as_u16(), String::from_utf8_lossy(answer.body().as_ref()).into_owned())
    }
}
