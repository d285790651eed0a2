//! The two clouds as the benchmark works with them: what is written into manifests for each, what people do in the
//! account, and what it counted.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};
use testbed::aws::Credentials;
use testbed::{Clouds, Launch, World};

use super::DEFINITIONS;

/// Whose cloud the tenants are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cloud {
    Aws,
    Alibaba,
}

impl Cloud {
    /// The CloudAccount.
    pub fn account(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::Alibaba => "ali",
        }
    }

    /// Users of each tenant.
    pub fn users(self) -> usize {
        match self {
            Self::Aws => 3,
            Self::Alibaba => 1,
        }
    }

    /// A control plane, the cloud's emulator with an account that is looked at when the bench asks for it, so that every
    /// call has one cause, and the operator.
    pub async fn start(self, launch: Launch) -> World {
        let quiet = "  driftCheckInterval: 24h";
        match self {
            Self::Aws => {
                let world = World::start(launch).await;
                world.credentials_secret("aws", &Credentials::root()).await;
                world.apply(&world.cloud_account("aws", quiet)).await;
                world
            }
            Self::Alibaba => {
                let world = World::start_with(launch, Clouds::Alibaba).await;
                world.alibaba_secret("ali", &testbed::alibaba::root_key()).await;
                world.apply(&world.alibaba_account("ali", quiet)).await;
                world
            }
        }
    }

    /// A tenant: on AWS a role for all and three users, the work of the peer that was measured; on Alibaba Cloud a role
    /// and a user who has it.
    pub fn manifests(self, index: usize, keys: bool) -> String {
        let (account, default) = (self.account(), self == Self::Aws);
        let what = match self {
            Self::Aws => {
                "aws: {statements: [{effect: Allow, actions: ['s3:GetObject'], resources: ['arn:aws:s3:::ai-model-data/$(tenant)/*']}]}"
            }
            Self::Alibaba => {
                "alibaba: {statements: [{effect: Allow, actions: ['oss:GetObject'], resources: ['acs:oss:*:*:ai-model-data/$(tenant)/*']}]}"
            }
        };
        let mut yaml = format!(
            "apiVersion: tenantry.dev/v1alpha1\nkind: Tenant\nmetadata: {{name: t{index}}}\n\
             spec: {{accounts: [{{name: {account}}}], definitionNamespaces: [{DEFINITIONS}]}}\n---\n\
             apiVersion: tenantry.dev/v1alpha1\nkind: TenantRole\nmetadata: {{name: t{index}-reader, namespace: {DEFINITIONS}}}\n\
             spec:\n  tenant: t{index}\n  default: {default}\n  {what}\n"
        );
        let roles = if default { String::new() } else { format!(", roles: [t{index}-reader]") };
        let key = if keys { ", accessKey: {}" } else { "" };
        for user in 0..self.users() {
            let _ = write!(
                yaml,
                "---\napiVersion: tenantry.dev/v1alpha1\nkind: TenantUser\n\
                 metadata: {{name: t{index}-u{user}, namespace: {DEFINITIONS}}}\nspec: {{tenant: t{index}{roles}{key}}}\n"
            );
        }
        yaml
    }

    /// Another statement for a role.
    pub fn edited_role(self) -> Value {
        let statement = |actions: [&str; 2], resource: &str| json!([{"effect": "Allow", "actions": actions, "resources": [resource]}]);
        match self {
            Self::Aws => {
                json!({"spec": {"aws": {"statements": statement(["s3:GetObject", "s3:PutObject"], "arn:aws:s3:::ai-model-data/$(tenant)/*")}}})
            }
            Self::Alibaba => {
                json!({"spec": {"alibaba": {"statements": statement(["oss:GetObject", "oss:PutObject"], "acs:oss:*:*:ai-model-data/$(tenant)/*")}}})
            }
        }
    }

    /// Takes something away by hand that lists or their counts show, and says which call puts it back.
    pub async fn take_away(self, world: &World) -> &'static str {
        match self {
            Self::Aws => {
                let iam = world.moto.iam();
                iam.remove_user_from_group().user_name("t0.t0-u0").group_name("t0").send().await.unwrap();
                "AddUserToGroup"
            }
            Self::Alibaba => {
                let root = world.alibaba.root();
                let user = ("UserName", "t0.t0-u0");
                let attached = root.done("ListPoliciesForUser", &[user]).await;
                let policy = attached["Policies"]["Policy"][0]["PolicyName"].as_str().unwrap().to_owned();
                let detach = [("PolicyName", policy.as_str()), ("PolicyType", "Custom"), user];
                root.done("DetachPolicyFromUser", &detach).await;
                "AttachPolicyToUser"
            }
        }
    }

    pub async fn latency(self, world: &World, milliseconds: u32) {
        match self {
            Self::Aws => world.moto.latency(milliseconds).await,
            Self::Alibaba => world.alibaba.latency(milliseconds).await,
        }
    }

    pub async fn calls(self, world: &World) -> BTreeMap<String, u64> {
        match self {
            Self::Aws => world.moto.calls().await,
            Self::Alibaba => world.alibaba.calls().await,
        }
    }

    pub async fn reset_calls(self, world: &World) {
        match self {
            Self::Aws => world.moto.reset_calls().await,
            Self::Alibaba => world.alibaba.reset_calls().await,
        }
    }

    /// The users of tenants that are left.
    pub async fn left(self, world: &World) -> usize {
        match self {
            Self::Aws => world.moto.iam().list_users().path_prefix("/tenants/").send().await.unwrap().users().len(),
            Self::Alibaba => world.alibaba.root().all("ListUsers", &[], ("Users", "User")).await.len(),
        }
    }

    /// Of the APIs that came nearest to what is documented, the most calls in any second, and how many are allowed.
    pub async fn nearest(self, world: &World) -> Vec<(String, u64, u64)> {
        if self == Self::Aws {
            return Vec::new();
        }
        let rates = world.alibaba.rates().await;
        let mut all: Vec<_> =
            rates.into_iter().filter_map(|(api, (most, documented))| Some((api, most, documented?))).collect();
        all.sort_by_key(|(_, most, documented)| std::cmp::Reverse(most * 1000 / documented));
        all.truncate(4);
        all
    }
}
