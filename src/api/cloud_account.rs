//! `CloudAccount`: one AWS or Alibaba Cloud account, its credentials and its account-wide rules.

use std::{borrow::Cow, collections::BTreeMap};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::{Duration, Usage, schema};

/// One AWS or Alibaba Cloud account. Exactly one of aws and alibaba.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "tenantry.dev",
    version = "v1alpha1",
    kind = "CloudAccount",
    doc = "One AWS or Alibaba Cloud account: credentials, region, account-wide rules.",
    status = "CloudAccountStatus",
    derive = "PartialEq",
    derive = "Default",
    category = "tenantry",
    shortname = "ca",
    printcolumn(name = "Account", type_ = "string", json_path = ".status.accountId", description = "The account's id, as its credentials say."),
    printcolumn(name = "AWS", type_ = "string", json_path = ".spec.aws.region", description = "The AWS region; empty for Alibaba Cloud."),
    printcolumn(name = "Alibaba", type_ = "string", json_path = ".spec.alibaba.region", description = "The Alibaba Cloud region; empty for AWS."),
    printcolumn(name = "Management", type_ = "string", json_path = ".spec.management", priority = 1),
    printcolumn(name = "Tenants", type_ = "integer", json_path = ".status.tenants", description = "How many Tenants use it."),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].reason"),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].message", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = schema::name_is_label(),
    validation = (
        "self.metadata.name != 'console' && !self.metadata.name.endsWith('-console')",
        "metadata.name must not be console, nor end in -console: Secrets with console passwords are named so"
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = ("has(self.aws) != has(self.alibaba)", "exactly one of aws and alibaba must be given"),
    validation = (
        "has(self.aws) == has(oldSelf.aws)",
        "immutable: an account cannot move to the other cloud; make a new CloudAccount and delete this one"
    ),
    validation = Rule::new("!has(self.accountId) || has(self.alibaba) || self.accountId.size() == 12")
        .message("an AWS account id has 12 digits").field_path(".accountId"),
    validation = Rule::new("!has(self.aws) || !has(self.passwordPolicy) || !has(self.passwordPolicy.maxLoginAttempts)")
        .message("maxLoginAttempts is for Alibaba Cloud only: AWS has no such setting").field_path(".passwordPolicy.maxLoginAttempts"),
    validation = Rule::new("!has(self.alibaba) || !has(self.passwordPolicy) || !has(self.passwordPolicy.allowUsersToChange)")
        .message("allowUsersToChange is for AWS only: on Alibaba Cloud it is not part of the password policy").field_path(".passwordPolicy.allowUsersToChange"),
    validation = Rule::new("!has(self.alibaba) || !has(self.passwordPolicy) || !has(self.passwordPolicy.minimumLength) || (self.passwordPolicy.minimumLength >= 8 && self.passwordPolicy.minimumLength <= 32)")
        .message("Alibaba Cloud accepts a minimumLength of 8 to 32").field_path(".passwordPolicy.minimumLength")
)]
pub struct CloudAccountSpec {
    /// Pin: the id of the account that these credentials must belong to. With credentials of another account nothing is
    /// written. AWS: 12 digits; Alibaba Cloud: usually 16. Left out: whatever account the credentials belong to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 20), regex(pattern = r"^[0-9]{12,20}$"))]
    pub account_id: Option<String>,
    /// An AWS account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aws: Option<AwsAccount>,
    /// An Alibaba Cloud account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alibaba: Option<AlibabaAccount>,
    /// Actions that are explicitly denied to every user and role that is made here, such as `iam:*`; at most 100. RAM has
    /// no permissions boundary: there this is the fence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::denied_action_set")]
    pub denied_actions: Vec<String>,
    /// Put before every cloud name in this account; at most 16 letters, digits, `.`, `_` and `-`. Default empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 16), regex(pattern = r"^([A-Za-z][A-Za-z0-9._-]*)?$"))]
    pub name_prefix: String,
    /// Tags on every object that can carry tags; at most 40. A Tenant's and a TenantUser's tags go before these.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::tags")]
    pub tags: BTreeMap<String, String>,
    /// The account-wide rules for console passwords. Left out: not managed; taking it out later leaves the rules as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_policy: Option<PasswordPolicy>,
    /// How often the whole account is read and compared, such as `5m`. Default 5m.
    #[serde(default = "five_minutes")]
    pub drift_check_interval: Duration,
    /// Manage: make the account as the manifests say. Observe: write nothing to the cloud or to Secrets, only tell what
    /// differs; deletion releases. Default Manage.
    #[serde(default)]
    pub management: Management,
    /// What to do with attachments, memberships, inline policies and keys that somebody put by hand on an object of ours.
    /// Remove or Report. Default Remove.
    #[serde(default)]
    pub extras: Extras,
    /// Whether objects that carry our mark and that no manifest wants any more are removed, 24 hours after they were
    /// first seen so, at most ten a day. They are reported in any case. Default false.
    #[serde(default)]
    pub prune_orphans: bool,
}

impl Default for CloudAccountSpec {
    fn default() -> Self {
        Self {
            account_id: None,
            aws: None,
            alibaba: None,
            denied_actions: Vec::new(),
            name_prefix: String::new(),
            tags: BTreeMap::new(),
            password_policy: None,
            drift_check_interval: five_minutes(),
            management: Management::default(),
            extras: Extras::default(),
            prune_orphans: false,
        }
    }
}

impl CloudAccountSpec {
    /// The region, whichever cloud it is.
    #[must_use]
    pub fn region(&self) -> &str {
        let alibaba = || self.alibaba.as_ref().map(|alibaba| alibaba.region.as_str());
        self.aws.as_ref().map(|aws| aws.region.as_str()).or_else(alibaba).unwrap_or_default()
    }

    /// The Secret with the operator's credentials, whichever cloud it is.
    #[must_use]
    pub fn credentials_secret(&self) -> Option<&str> {
        let alibaba = || self.alibaba.as_ref().and_then(|alibaba| alibaba.credentials_secret.as_deref());
        self.aws.as_ref().and_then(|aws| aws.credentials_secret.as_deref()).or_else(alibaba)
    }

    /// The roles to assume, whichever cloud it is.
    #[must_use]
    pub fn assume_roles(&self) -> &[AssumeRole] {
        let alibaba = || self.alibaba.as_ref().map(|alibaba| alibaba.assume_roles.as_slice());
        self.aws.as_ref().map(|aws| aws.assume_roles.as_slice()).or_else(alibaba).unwrap_or_default()
    }
}

fn five_minutes() -> Duration {
    Duration::minutes(5)
}

/// How to reach an AWS account.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.assumeRoles) || self.assumeRoles.all(r, r.roleArn.startsWith('arn:'))")
    .message("an AWS role's ARN starts with arn:").field_path(".assumeRoles"))]
pub struct AwsAccount {
    /// The region for regional services and for `AWS_REGION` in Secrets, such as `eu-west-1`.
    #[schemars(schema_with = "schema::region")]
    pub region: String,
    /// Where all of AWS's services answer, such as a VPC endpoint or an emulator: `http://127.0.0.1:5000`. Left out: AWS's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::endpoint")]
    pub endpoint_url: Option<String>,
    /// A Secret in the operator's own namespace with `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and, if need be,
    /// `AWS_SESSION_TOKEN`. Left out: the SDK's own chain (IRSA, environment).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::subdomain")]
    pub credentials_secret: Option<String>,
    /// Roles to assume one after the other, the last one in this account; at most 5.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5))]
    pub assume_roles: Vec<AssumeRole>,
    /// The permissions boundary on every user and role that is made: a policy's ARN, or `Managed`: the operator makes one.
    /// Left out: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions_boundary: Option<PermissionsBoundary>,
    /// The ARN of the IAM OIDC provider of this cluster, for service accounts without keys (IRSA).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512), regex(pattern = r"^arn:[a-z0-9-]+:iam::[0-9]{12}:oidc-provider/[\x21-\x7e]+$"))]
    pub oidc_provider: Option<String>,
}

/// How to reach an Alibaba Cloud account.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.assumeRoles) || self.assumeRoles.all(r, r.roleArn.startsWith('acs:'))")
    .message("an Alibaba Cloud role's ARN starts with acs:").field_path(".assumeRoles"))]
pub struct AlibabaAccount {
    /// The region for regional services and for `ALIBABA_CLOUD_REGION_ID` in Secrets, such as `cn-shanghai`.
    #[schemars(schema_with = "schema::region")]
    pub region: String,
    /// Where all of Alibaba Cloud's services answer, such as a VPC endpoint or an emulator. Left out: Alibaba Cloud's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::endpoint")]
    pub endpoint_url: Option<String>,
    /// A Secret in the operator's own namespace with `ALIBABA_CLOUD_ACCESS_KEY_ID`, `ALIBABA_CLOUD_ACCESS_KEY_SECRET` and,
    /// if need be, `ALIBABA_CLOUD_SECURITY_TOKEN`. Left out: the SDKs' own chain (RRSA, environment).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::subdomain")]
    pub credentials_secret: Option<String>,
    /// Roles to assume one after the other, the last one in this account; at most 5.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5))]
    pub assume_roles: Vec<AssumeRole>,
    /// The ARN of the RAM OIDC provider of this cluster, for service accounts without keys (RRSA).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512), regex(pattern = r"^acs:ram::[0-9]+:oidc-provider/[\x21-\x7e]+$"))]
    pub oidc_provider: Option<String>,
    /// What becomes of deleted users in RAM's recycle bin. Keep or Empty. Default Keep.
    #[serde(default)]
    pub recycle_bin: RecycleBin,
}

/// A role to assume on the way to the account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AssumeRole {
    /// The role's ARN.
    #[schemars(
        length(max = 512),
        regex(pattern = r"^(arn:[a-z0-9-]+:iam::[0-9]{12}:role/|acs:ram::[0-9]+:role/)[\x21-\x7e]+$")
    )]
    pub role_arn: String,
    /// The external id that the role's trust asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1224), regex(pattern = r"^[A-Za-z0-9_+=,.@:/-]+$"))]
    pub external_id: Option<String>,
}

/// The permissions boundary on every user and role that is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum PermissionsBoundary {
    /// A policy that the operator makes and keeps.
    Managed,
    /// A policy that exists, by its ARN.
    Arn(String),
}

impl From<String> for PermissionsBoundary {
    fn from(text: String) -> Self {
        if text == "Managed" { Self::Managed } else { Self::Arn(text) }
    }
}

impl From<PermissionsBoundary> for String {
    fn from(boundary: PermissionsBoundary) -> Self {
        match boundary {
            PermissionsBoundary::Managed => "Managed".to_owned(),
            PermissionsBoundary::Arn(arn) => arn,
        }
    }
}

impl JsonSchema for PermissionsBoundary {
    fn schema_name() -> Cow<'static, str> {
        "PermissionsBoundary".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "maxLength": 700,
            "pattern": r"^(Managed|arn:[a-z0-9-]+:iam::(aws|[0-9]{12}):policy/[\x21-\x7e]+)$",
        })
    }
}

/// Rules for console passwords in the whole account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PasswordPolicy {
    /// Fewest characters: 6 to 128 on AWS, 8 to 32 on Alibaba Cloud. Left out: the cloud's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 6, max = 128))]
    pub minimum_length: Option<i32>,
    /// At least one lower case letter. Default false.
    #[serde(default)]
    pub require_lowercase: bool,
    /// At least one upper case letter. Default false.
    #[serde(default)]
    pub require_uppercase: bool,
    /// At least one digit. Default false.
    #[serde(default)]
    pub require_numbers: bool,
    /// At least one other character. Default false.
    #[serde(default)]
    pub require_symbols: bool,
    /// Days until a password must be changed, 1 to 1095. Left out: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1095))]
    pub max_age_days: Option<i32>,
    /// How many earlier passwords may not come back, 1 to 24. Left out: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 24))]
    pub reuse_prevention: Option<i32>,
    /// Whether only an administrator can set a new password once the old one is too old. Default false.
    #[serde(default)]
    pub hard_expiry: bool,
    /// Failed logins within an hour before a user is locked out, 1 to 32. Alibaba Cloud only. Left out: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 32))]
    pub max_login_attempts: Option<i32>,
    /// Whether users may change their own password. AWS only. Left out: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_users_to_change: Option<bool>,
}

/// Manage: make the account as the manifests say. Observe: write nothing, only tell what differs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Management {
    /// Make the account as the manifests say.
    #[default]
    Manage,
    /// Write nothing to the cloud or to Secrets.
    Observe,
}

/// Remove: what somebody put by hand on an object of ours goes. Report: it is only told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Extras {
    /// It goes.
    #[default]
    Remove,
    /// It stays and is told.
    Report,
}

/// Keep: deleted users stay in RAM's recycle bin until it drops them. Empty: the operator deletes its own users there too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RecycleBin {
    /// Leave deleted users in the bin.
    #[default]
    Keep,
    /// Delete them there as well.
    Empty,
}

/// What the operator found out about the account.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CloudAccountStatus {
    /// The generation that this status speaks of; -1 before the first pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::observed_generation")]
    pub observed_generation: Option<i64>,
    /// Ready, Reconciling, Stalled, Drifted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
    /// The value of the last reconcile annotation that was handled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::text::<262144>")]
    pub last_handled_reconcile_at: Option<String>,
    /// The account's id, as its credentials say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::text::<64>")]
    pub account_id: Option<String>,
    /// The account's quotas that tenants use up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub quotas: Vec<Usage>,
    /// How many Tenants use the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::count")]
    pub tenants: Option<i32>,
}
