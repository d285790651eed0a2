//! The operator's documented policy on Alibaba Cloud: every action in it is needed, none is missing, and one that is taken
//! out is named. All other tests run with the same policy.
//!
//! What is new in the policy is needed by something: tell it in [`Story`], and the test at the end notices.

use std::time::Duration;

use kube::api::Api;
use tenantry::api::{CloudAccount, Tenant, TenantNotebook, TenantRole, TenantUser};
use testbed::alibaba::{ACCOUNT_ID, OPERATOR};
use testbed::{OperatorPolicy, World};

use super::notebooks::notebook;
use super::{POWER, policy, role, role_of, tenant, user};
use crate::support::{
    ALIBABA, annotate, definitions, delete, eventually, message, of, own_alibaba, ready, reconcile, says,
};
use crate::tenant::launch;

const ANYTHING: &str = r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
const TRUST: &str = r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"RAM":["acs:ram::1234567890123456:root"]}}]}"#;

/// The role as one that users may assume as well.
fn assumable(role: &str) -> String {
    role.replacen("  tenant: lp\n", "  tenant: lp\n  assumableBy: {users: true}\n", 1)
}

struct Story {
    world: World,
    users: Api<TenantUser>,
    roles: Api<TenantRole>,
    tenants: Api<Tenant>,
}

impl Story {
    async fn begin() -> Self {
        let rules = "  driftCheckInterval: 1h\n  passwordPolicy: {minimumLength: 12}";
        let launch = launch().argument("--fresh-write=0").argument("--notebook-poll=0.5");
        let world = own_alibaba(launch, rules).await;
        ready(&world, &Api::<CloudAccount>::all(world.client()), ALIBABA).await;
        let (users, roles) = (of(&world, &definitions("lp")), of(&world, &definitions("lp")));
        let it = Self { users, roles, tenants: Api::all(world.client()), world };
        it.recycle_bin("Empty").await;
        it
    }

    /// Read whole only when asked to, so that what people do in between is news.
    async fn recycle_bin(&self, bin: &str) {
        let account =
            self.world.alibaba_account(ALIBABA, "  driftCheckInterval: 1h\n  passwordPolicy: {minimumLength: 12}");
        let provider = format!("acs:ram::{ACCOUNT_ID}:oidc-provider/here");
        let more = format!("alibaba: {{recycleBin: {bin}, oidcProvider: '{provider}', ");
        let account = account.replacen("alibaba: {", &more, 1);
        self.world.apply(&account).await;
        ready(&self.world, &Api::<CloudAccount>::all(self.world.client()), ALIBABA).await;
    }

    async fn tenant(&self, more: &str) {
        self.world.apply(&tenant("lp", more)).await;
        ready(&self.world, &self.tenants, "lp").await;
    }

    async fn alice(&self, more: &str) {
        self.world.apply(&user("lp", "alice", more)).await;
        ready(&self.world, &self.users, "alice").await;
    }

    /// Names that are taken since the account was read: the operator looks whose they are.
    async fn names_are_taken(&self) {
        let (world, root) = (&self.world, self.world.alibaba.root());
        root.done("CreateUser", &[("UserName", "lp.alice")]).await;
        root.done("CreateGroup", &[("GroupName", "lp")]).await;
        root.done("CreateRole", &[("RoleName", "lp.reader"), ("AssumeRolePolicyDocument", TRUST)]).await;
        world.apply(&(tenant("lp", "") + &assumable(&role("lp", "reader")))).await;
        world.apply(&user("lp", "alice", "  roles: [reader]\n  accessKey: {}")).await;
        says(world, &self.users, "alice", "False", "NotOwned").await;
        says(world, &self.tenants, "lp", "False", "NotOwned").await;
        root.done("DeleteUser", &[("UserName", "lp.alice")]).await;
        root.done("DeleteGroup", &[("GroupName", "lp")]).await;
        says(world, &self.roles, "reader", "False", "NotOwned").await;
        root.done("DeleteRole", &[("RoleName", "lp.reader")]).await;
        reconcile(world, &self.users, "alice", "names are free").await;
        ready(world, &self.users, "alice").await;
        ready(world, &self.tenants, "lp").await;
    }

    /// What manifests ask for, and then no more.
    async fn a_life(&self) {
        let world = &self.world;
        let reads = |action: &str| format!("effect: Allow, actions: ['{action}'], resources: ['*']");
        let typed = assumable(&role_of("lp", "reader", "", &[&reads("oss:GetObject")]));
        world.apply(&typed.replace("  tenant: lp\n", "  tenant: lp\n  default: true\n")).await;
        ready(world, &self.roles, "reader").await;
        self.tenant("  tags: {project: x}").await;
        world.apply(&(typed + "  default: false\n")).await;
        ready(world, &self.roles, "reader").await;
        self.tenant("").await;
        self.world.apply(&user("lp", "alice", "  roles: [reader]\n  accessKey: {}\n  suspended: true")).await;
        says(world, &self.users, "alice", "True", "Suspended").await;
        // A key that is replaced, and a login with two passwords.
        let rotated = "  roles: [reader]\n  accessKey: {rotation: {every: 4s, overlap: 1s}}\n  console: {}";
        self.alice(&format!("{rotated}\n  displayName: Alice")).await;
        annotate(&self.users, "alice", "tenantry.dev/reset-password", "again").await;
        let asked = ["GetAccessKeyLastUsed", "UpdateLoginProfile", "DeleteAccessKeyInRecycleBin"];
        eventually(world, "all of that", || async {
            let calls = world.alibaba.calls().await;
            asked.iter().all(|call| calls.contains_key(*call))
        })
        .await;
        self.alice("  roles: [reader]").await;
        let longer = [("RoleName", "lp.reader"), ("NewMaxSessionDuration", "7200")];
        world.alibaba.root().done("UpdateRole", &longer).await;
        reconcile(world, &self.users, "alice", "all of it is read").await;
        ready(world, &self.users, "alice").await;
        eventually(world, "sessions of an hour", || async {
            let role = world.alibaba.root().done("GetRole", &[("RoleName", "lp.reader")]).await;
            role["Role"]["MaxSessionDuration"] == 3600
        })
        .await;
    }

    /// Everything goes, with what people added.
    async fn the_end(&self) {
        let (world, root) = (&self.world, self.world.alibaba.root());
        let of_alice = ("UserName", "lp.alice");
        let device = root.done("CreateVirtualMFADevice", &[("VirtualMFADeviceName", "phone")]).await;
        let serial = device["VirtualMFADevice"]["SerialNumber"].as_str().unwrap().to_owned();
        let codes = [("AuthenticationCode1", "123456"), ("AuthenticationCode2", "654321")];
        root.done("BindMFADevice", &[&[of_alice, ("SerialNumber", serial.as_str())][..], &codes].concat()).await;
        root.done("AttachPolicyToUser", &[&POWER[..], &[of_alice]].concat()).await;
        root.done("CreateUser", &[("UserName", "guest")]).await;
        root.done("AddUserToGroup", &[("UserName", "guest"), ("GroupName", "lp")]).await;
        let reader = policy(world, "lp-reader").await;
        let attach = [("PolicyName", reader.as_str()), ("PolicyType", "Custom")];
        root.done("AttachPolicyToUser", &[&attach[..], &[("UserName", "guest")]].concat()).await;
        root.done("CreateRole", &[("RoleName", "theirs"), ("AssumeRolePolicyDocument", TRUST)]).await;
        root.done("AttachPolicyToRole", &[&attach[..], &[("RoleName", "theirs")]].concat()).await;
        delete(world, &self.tenants, "lp").await;
        delete(world, &self.users, "alice").await;
        delete(world, &self.roles, "reader").await;
    }

    /// A workspace with a member whose roles change.
    async fn a_workspace(&self) {
        let world = &self.world;
        let lab = |shown: &str| {
            format!("  accounts: [{{name: {ALIBABA}, workspace: {{name: lw_lab, displayName: {shown}}}}}]")
        };
        let role = |name: &str, given: &str| role_of("lw", name, &format!("    workspaceRoles: [{given}]\n"), &[]);
        world.apply(&tenant("lw", &lab("Lab"))).await;
        world.apply(&(role("developer", "PAI.AlgoDeveloper") + &role("labeller", "PAI.LabelManager"))).await;
        let users = of::<TenantUser>(world, &definitions("lw"));
        for roles in ["developer", "developer, labeller", "developer", ""] {
            world.apply(&user("lw", "ben", &format!("  roles: [{roles}]"))).await;
            ready(world, &users, "ben").await;
        }
        ready(world, &self.tenants, "lw").await;
        world.apply(&tenant("lw", &lab("Laboratory"))).await;
        ready(world, &self.tenants, "lw").await;
        reconcile(world, &self.tenants, "lw", "its members are read").await;
        self.a_notebook().await;
        delete(world, &self.tenants, "lw").await;
    }

    /// A notebook that is changed, stopped and started.
    async fn a_notebook(&self) {
        let world = &self.world;
        world.alibaba.delays(Duration::from_millis(200), Duration::from_millis(50)).await;
        let notebooks = of::<TenantNotebook>(world, &definitions("lw"));
        for more in [
            "  instanceType: ecs.g6.large\n  stopAfterIdle: 2h",
            "  instanceType: ecs.g7.large\n  stopAfterIdle: 1h",
            "  instanceType: ecs.g7.large\n  state: Stopped",
            "  instanceType: ecs.g7.large",
        ] {
            world.apply(&notebook("lw", "lab", "ben", more)).await;
            ready(world, &notebooks, "lab").await;
        }
        delete(world, &notebooks, "lab").await;
    }

    /// A group that is retained is told so in its comment.
    async fn retained(&self) {
        self.world.apply(&tenant("lr", "  deletionPolicy: Retain")).await;
        ready(&self.world, &self.tenants, "lr").await;
        delete(&self.world, &self.tenants, "lr").await;
    }
}

// proves: AccessDenied
#[tokio::test]
async fn the_operator_needs_every_action_of_its_policy_on_alibaba_cloud_and_no_other() {
    let story = Story::begin().await;
    story.names_are_taken().await;
    story.a_life().await;
    story.the_end().await;
    story.retained().await;
    story.a_workspace().await;
    let (world, rights) = (&story.world, OperatorPolicy::alibaba());
    let granted = world.alibaba.granted(OPERATOR).await;
    let needed = granted.into_iter().map(|(_, statement, action)| (statement, action)).collect();
    let idle: Vec<_> = rights.numbered().difference(&needed).cloned().collect();
    assert!(
        idle.is_empty(),
        "docs/alibaba/operator-policy.json allows what this story never needed: {idle:?}. Take it out, or tell here what \
         needs it."
    );

    // What is missing is named: on the manifest that needed it, on the account.
    world.apply(&tenant("lp", "")).await;
    world.alibaba.operator_may(&rights.clone().without("ram:CreateAccessKey")).await;
    world.apply(&user("lp", "alice", "  accessKey: {}")).await;
    let denied = says(world, &story.users, "alice", "False", "AccessDenied").await;
    for part in
        [r#"Add "ram:CreateAccessKey" to the operator's policy: docs/alibaba.md#permissions"#, "lp.alice", OPERATOR]
    {
        assert!(message(&denied).contains(part), "{}", message(&denied));
    }
    world.alibaba.operator_may(&rights).await;
    reconcile(world, &story.users, "alice", "a key may be made").await;
    ready(world, &story.users, "alice").await;

    world.alibaba.operator_may(&rights.clone().without("ram:ListGroups")).await;
    let accounts: Api<CloudAccount> = Api::all(world.client());
    annotate(&accounts, ALIBABA, "tenantry.dev/reconcile", "now").await;
    let denied = says(world, &accounts, ALIBABA, "False", "AccessDenied").await;
    assert!(message(&denied).contains(r#"Add "ram:ListGroups""#), "{}", message(&denied));
    world.alibaba.operator_may(&rights).await;
    annotate(&accounts, ALIBABA, "tenantry.dev/reconcile", "again").await;
    ready(world, &accounts, ALIBABA).await;

    // An explicit Deny is told as such: no line added would help.
    let deny = ANYTHING.replace("Allow", "Deny").replace(r#""Action":"*""#, r#""Action":"ram:CreateUser""#);
    let root = world.alibaba.root();
    root.done("CreatePolicy", &[("PolicyName", "no-users"), ("PolicyDocument", &deny)]).await;
    let attach = [("PolicyName", "no-users"), ("PolicyType", "Custom"), ("UserName", OPERATOR)];
    root.done("AttachPolicyToUser", &attach).await;
    world.apply(&user("lp", "bob", "")).await;
    let denied = says(world, &story.users, "bob", "False", "AccessDenied").await;
    assert!(message(&denied).contains("an explicit Deny forbids it"), "{}", message(&denied));
}
