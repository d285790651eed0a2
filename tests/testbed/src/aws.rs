//! AWS clients for tests: to prepare an account, to change things behind the operator's back, and to look.

use std::fmt;
use std::time::SystemTime;

use aws_config::BehaviorVersion;
use aws_config::retry::RetryConfig;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sigv4::http_request::{PayloadChecksumKind, SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use aws_smithy_runtime_api::client::identity::Identity;
use http::Request;

use crate::http as plain;
use crate::moto::ACCOUNT_ID;
use crate::{Moto, OperatorPolicy};

/// The region of every client here.
pub const REGION: &str = "eu-west-1";
/// Where the operator's own user and policy are: not below what it may change.
const OPERATOR_PATH: &str = "/platform/";

/// An access key.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Its id.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: String,
    /// The token of a session.
    pub session_token: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

impl Credentials {
    /// The account's root, whom enforcement lets do everything.
    #[must_use]
    pub fn root() -> Self {
        Self::new("AKIAROOTROOTROOTROOT", "the-secret-of-the-root-user-in-tests-abc")
    }

    /// A key by its parts, for example from a Secret.
    #[must_use]
    pub fn new(access_key_id: &str, secret_access_key: &str) -> Self {
        let (access_key_id, secret_access_key) = (access_key_id.to_owned(), secret_access_key.to_owned());
        Self { access_key_id, secret_access_key, session_token: None }
    }

    /// A session, as STS answers.
    #[must_use]
    pub fn session(answer: &aws_sdk_sts::types::Credentials) -> Self {
        let key = Self::new(&answer.access_key_id, &answer.secret_access_key);
        Self { session_token: Some(answer.session_token.clone()), ..key }
    }

    fn sdk(&self) -> aws_credential_types::Credentials {
        let token = self.session_token.clone();
        aws_credential_types::Credentials::new(&self.access_key_id, &self.secret_access_key, token, None, "tests")
    }
}

impl Moto {
    /// The SDK's configuration for these credentials, without retries, so that a test sees what happens.
    #[must_use]
    pub fn sdk_config(&self, credentials: &Credentials) -> aws_config::SdkConfig {
        aws_config::SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(self.url())
            .region(aws_config::Region::from_static(REGION))
            .retry_config(RetryConfig::disabled())
            .credentials_provider(SharedCredentialsProvider::new(credentials.sdk()))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build()
    }

    /// IAM as the account's root.
    #[must_use]
    pub fn iam(&self) -> aws_sdk_iam::Client {
        self.iam_as(&Credentials::root())
    }

    /// IAM with these credentials.
    #[must_use]
    pub fn iam_as(&self, credentials: &Credentials) -> aws_sdk_iam::Client {
        aws_sdk_iam::Client::new(&self.sdk_config(credentials))
    }

    /// STS with these credentials.
    #[must_use]
    pub fn sts_as(&self, credentials: &Credentials) -> aws_sdk_sts::Client {
        aws_sdk_sts::Client::new(&self.sdk_config(credentials))
    }

    /// Makes the operator's identity as docs/aws.md says, with these rights and no others, and gives its key. From now on
    /// every call is checked against the policies of who makes it.
    ///
    /// # Panics
    /// When IAM refuses.
    pub async fn operator(&self, policy: &OperatorPolicy) -> Credentials {
        let iam = self.iam();
        let made = iam.create_policy().path(OPERATOR_PATH).policy_name("tenantry").policy_document(policy.text());
        let arn = made.send().await.expect("CreatePolicy").policy.and_then(|it| it.arn).expect("an ARN");
        iam.create_user().path(OPERATOR_PATH).user_name("operator").send().await.expect("CreateUser");
        iam.attach_user_policy().user_name("operator").policy_arn(arn).send().await.expect("AttachUserPolicy");
        self.enforce(true).await;
        self.another_key("operator").await
    }

    /// Gives the operator of [`Moto::operator`] other rights.
    ///
    /// # Panics
    /// When IAM refuses.
    pub async fn operator_may(&self, policy: &OperatorPolicy) {
        let (iam, arn) = (self.iam(), format!("arn:aws:iam::{ACCOUNT_ID}:policy{OPERATOR_PATH}tenantry"));
        let versions = iam.list_policy_versions().policy_arn(&arn).send().await.expect("ListPolicyVersions");
        for old in versions.versions.into_iter().flatten().filter(|it| !it.is_default_version) {
            let delete = iam.delete_policy_version().policy_arn(&arn).set_version_id(old.version_id);
            delete.send().await.expect("DeletePolicyVersion");
        }
        let put = iam.create_policy_version().policy_arn(&arn).policy_document(policy.text()).set_as_default(true);
        put.send().await.expect("CreatePolicyVersion");
    }

    /// Makes an IAM user with one inline policy and gives its access key.
    ///
    /// # Panics
    /// When IAM refuses.
    pub async fn user_with_key(&self, name: &str, policy: &str) -> Credentials {
        let iam = self.iam();
        iam.create_user().user_name(name).send().await.expect("CreateUser");
        let put = iam.put_user_policy().user_name(name).policy_name("rights").policy_document(policy);
        put.send().await.expect("PutUserPolicy");
        self.another_key(name).await
    }

    /// Makes an access key for a user that is there.
    ///
    /// # Panics
    /// When IAM refuses.
    pub async fn another_key(&self, user: &str) -> Credentials {
        let answer = self.iam().create_access_key().user_name(user).send().await.expect("CreateAccessKey");
        let key = answer.access_key.expect("CreateAccessKey answers with a key");
        Credentials::new(&key.access_key_id, &key.secret_access_key)
    }

    /// One S3 request, signed: `PUT`, `/bucket` makes a bucket; `PUT` and `GET`, `/bucket/key` write and read an
    /// object; `GET`, `/bucket?list-type=2&prefix=x` lists. Gives the status and the body.
    ///
    /// # Panics
    /// When moto does not answer.
    pub async fn s3(&self, credentials: &Credentials, method: &str, path: &str, body: &str) -> (u16, String) {
        // Elsewhere a bucket cannot be made without saying again where.
        self.signed(credentials, ("s3", "us-east-1"), Request::builder().method(method).uri(path), body).await
    }

    /// One request, signed for a service in a region; its URI is a path. Gives the status and the body.
    pub(crate) async fn signed(
        &self,
        credentials: &Credentials,
        (service, region): (&str, &str),
        request: http::request::Builder,
        body: &str,
    ) -> (u16, String) {
        let identity: Identity = credentials.sdk().into();
        let mut settings = SigningSettings::default();
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let parameters = SigningParams::builder()
            .identity(&identity)
            .region(region)
            .name(service)
            .time(SystemTime::now())
            .settings(settings)
            .build()
            .expect("signing parameters")
            .into();
        let mut request = request.body(body.to_owned()).expect("a request");
        let url = format!("{}{}", self.url(), request.uri());
        *request.uri_mut() = url.parse().expect("a URL");
        let headers: Vec<(String, String)> = request
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()))
            .collect();
        let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let method = request.method().to_string();
        let signable =
            SignableRequest::new(&method, &url, headers, SignableBody::Bytes(body.as_bytes())).expect("a URL");
        let (instructions, _) = sign(signable, &parameters).expect("a signature").into_parts();
        instructions.apply_to_request_http1x(&mut request);
        let answer = plain::send(request).await.expect("moto answers");
        let (parts, body) = answer.into_parts();
        (parts.status.as_u16(), String::from_utf8_lossy(&body).into_owned())
    }
}
