//! The operator's documented policy: every action in it is needed, none is missing, and one that is taken out is named
//! with the line to add. All other tests run with the same policy, in the form for accounts without a boundary.

use aws_sdk_iam::error::ProvideErrorMetadata;
use aws_sdk_iam::types::AssignmentStatusType;
use k8s_openapi::api::core::v1::Secret;
use kube::api::Api;
use tenantry::api::{CloudAccount, Tenant, TenantNotebook, TenantRole, TenantUser};
use testbed::aws::{Credentials, REGION};
use testbed::moto::ACCOUNT_ID;
use testbed::rights::BOUNDARY;
use testbed::{OperatorPolicy, World, certificates, layout};

use crate::keyless::{assumed, role_arn};
use crate::support::{
    annotate, definitions, delete, eventually, message, namespace, of, ready, reconcile, role, says, tenant, text, user,
};
use crate::tenant::launch;

const ANYTHING: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

/// The role as one that users may assume as well.
fn assumable(role: &str) -> String {
    role.replacen("  tenant: lp\n", "  tenant: lp\n  assumableBy: {users: true}\n", 1)
}

/// A tenant in an account with a boundary, and the operator's rights there.
struct Story {
    world: World,
    operator: Credentials,
    rights: OperatorPolicy,
    defs: String,
    users: Api<TenantUser>,
    roles: Api<TenantRole>,
    tenants: Api<Tenant>,
    accounts: Api<CloudAccount>,
}

impl Story {
    async fn begin() -> Self {
        let world = World::start(launch().argument("--fresh-write=0").argument("--notebook-poll=0.5")).await;
        let cluster = world.control_plane.cluster_id().await;
        let boundary = std::fs::read_to_string(layout::root().join("docs/aws/tenant-boundary.json")).unwrap();
        let boundary = boundary.replace("c1a2b3c4", &cluster);
        let put = world.moto.iam().create_policy().path("/boundaries/").policy_name("tenant-boundary");
        put.policy_document(boundary).send().await.unwrap();
        let rights = OperatorPolicy::bounded(&cluster);
        let operator = world.moto.operator(&rights).await;
        world.credentials_secret("aws", &operator).await;
        let (client, defs) = (world.client(), definitions("lp"));
        let it = Self {
            users: of(&world, &defs),
            roles: of(&world, &defs),
            tenants: Api::all(client.clone()),
            accounts: Api::all(client),
            operator,
            rights,
            defs,
            world,
        };
        it.account(&format!(", permissionsBoundary: '{BOUNDARY}'")).await;
        ready(&it.world, &it.accounts, "aws").await;
        it
    }

    /// Read whole only when asked to, so that what people do in between is news.
    async fn account(&self, more: &str) {
        let url = self.world.moto.url();
        let manifest = format!(
            "---\napiVersion: tenantry.dev/v1alpha1\nkind: CloudAccount\nmetadata: {{name: aws}}\nspec:\n  \
             passwordPolicy: {{minimumLength: 12}}\n  driftCheckInterval: 1h\n  aws: {{region: {REGION}, endpointUrl: '{url}', credentialsSecret: aws{more}}}\n"
        );
        self.world.apply(&manifest).await;
    }

    async fn tenant(&self, more: &str) {
        self.world.apply(&tenant("lp", more)).await;
        ready(&self.world, &self.tenants, "lp").await;
    }

    async fn alice(&self, more: &str) {
        self.world.apply(&user("lp", &self.defs, "alice", more)).await;
    }

    /// With fresh reads.
    async fn look(&self, value: &str) {
        reconcile(&self.world, &self.users, "alice", value).await;
        ready(&self.world, &self.users, "alice").await;
    }

    /// Names that are taken since the account was read: the operator looks whose they are.
    async fn names_are_taken(&self) {
        let (world, iam) = (&self.world, self.world.moto.iam());
        iam.create_user().user_name("lp.alice").send().await.unwrap();
        iam.put_user_policy().user_name("lp.alice").policy_name("x").policy_document(ANYTHING).send().await.unwrap();
        iam.create_group().group_name("lp").send().await.unwrap();
        iam.put_group_policy().group_name("lp").policy_name("x").policy_document(ANYTHING).send().await.unwrap();
        iam.create_role().role_name("lp.reader").assume_role_policy_document(TRUST).send().await.unwrap();
        iam.put_role_policy().role_name("lp.reader").policy_name("x").policy_document(ANYTHING).send().await.unwrap();
        let taken = iam.create_policy().policy_name("lp.reader").policy_document(ANYTHING).send().await.unwrap();
        world.apply(&namespace(&self.defs)).await;
        world.apply(&(tenant("lp", "") + &assumable(&role("lp", &self.defs, "reader")))).await;
        self.alice("  roles: [reader]\n  accessKey: {}").await;
        says(world, &self.users, "alice", "False", "NotOwned").await;
        says(world, &self.roles, "reader", "False", "NotOwned").await;
        says(world, &self.tenants, "lp", "False", "NotOwned").await;
        iam.delete_user_policy().user_name("lp.alice").policy_name("x").send().await.unwrap();
        iam.delete_user().user_name("lp.alice").send().await.unwrap();
        iam.delete_group_policy().group_name("lp").policy_name("x").send().await.unwrap();
        iam.delete_group().group_name("lp").send().await.unwrap();
        iam.delete_role_policy().role_name("lp.reader").policy_name("x").send().await.unwrap();
        iam.delete_role().role_name("lp.reader").send().await.unwrap();
        iam.delete_policy().policy_arn(taken.policy.unwrap().arn.unwrap()).send().await.unwrap();
        self.look("names are free").await;
        ready(world, &self.tenants, "lp").await;
    }

    /// What manifests ask for, and then no more.
    async fn a_life(&self) {
        let world = &self.world;
        let typed = assumable(&role("lp", &self.defs, "reader"));
        let more = typed.replace("  aws:\n", "  aws:\n    managedPolicies: [PowerUserAccess]\n");
        world.apply(&more.replace("s3:ListBucket", "s3:GetBucketTagging")).await;
        ready(world, &self.roles, "reader").await;
        self.tenant("  tags: {project: x}\n  accounts: [{name: aws, managedPolicies: [Billing]}]").await;
        self.alice("  roles: [reader]\n  accessKey: {}\n  suspended: true").await;
        says(world, &self.users, "alice", "True", "Suspended").await;
        world.apply(&typed).await;
        ready(world, &self.roles, "reader").await;
        self.alice("  roles: [reader]\n  accessKey: {}").await;
        ready(world, &self.users, "alice").await;
        // The documented boundary lets users assume their own tenant's roles.
        let secret = of::<Secret>(world, &self.defs).get("alice-aws").await.unwrap();
        let key = Credentials::new(&text(&secret, "AWS_ACCESS_KEY_ID"), &text(&secret, "AWS_SECRET_ACCESS_KEY"));
        let reader = role_arn(world, "lp.reader").await;
        assumed(world, &key, &reader, &[("user", "alice")]).await.unwrap();
        self.tenant("  accounts: [{name: aws, grouping: None}]").await;
        ready(world, &self.users, "alice").await;
        self.tenant("").await;
        // A key that is replaced, and a login with two passwords.
        self.alice("  roles: [reader]\n  accessKey:\n    rotation: {every: 4s, overlap: 1s}\n  console: {}").await;
        ready(world, &self.users, "alice").await;
        annotate(&self.users, "alice", "tenantry.dev/reset-password", "again").await;
        let asked = ["GetAccessKeyLastUsed", "UpdateLoginProfile"];
        eventually(world, "all of that", || async {
            let calls = world.moto.calls().await;
            asked.iter().all(|call| calls.contains_key(*call))
        })
        .await;
        self.alice("  roles: [reader]").await;
        ready(world, &self.users, "alice").await;
    }

    /// Keys are rotated, a login comes, gets another password, and goes.
    async fn credentials_come_and_go(&self) {
        let (world, secrets) = (&self.world, of::<Secret>(&self.world, &self.defs));
        let id = |it: &Secret| text(it, "AWS_ACCESS_KEY_ID");
        let more = "  roles: [reader]\n  accessKey: {rotation: {every: 8s, overlap: 2s}}\n  console: {}";
        self.alice(more).await;
        ready(world, &self.users, "alice").await;
        let first = secrets.get("alice-aws").await.unwrap();
        let password = text(&secrets.get("alice-aws-console").await.unwrap(), "password");
        annotate(&self.users, "alice", "tenantry.dev/reset-password", "now").await;
        let another = |it: &Secret| text(it, "password") != password;
        world.until(secrets.clone(), "alice-aws-console", "another password", another).await;
        world.until(secrets, "alice-aws", "another key", |it| id(it) != id(&first)).await;
        eventually(world, "the first key is gone", || async {
            let keys = world.moto.iam().list_access_keys().user_name("lp.alice").send().await.unwrap();
            !keys.access_key_metadata().iter().any(|key| key.access_key_id == Some(id(&first)))
        })
        .await;
        self.alice("  roles: [reader]").await;
        ready(world, &self.users, "alice").await;
    }

    /// What people do to the operator's objects.
    async fn by_hand(&self) {
        let iam = self.world.moto.iam();
        let alice = "lp.alice";
        iam.put_group_policy().group_name("lp").policy_name("x").policy_document(ANYTHING).send().await.unwrap();
        iam.delete_user_permissions_boundary().user_name(alice).send().await.unwrap();
        let role = "lp.reader";
        iam.delete_role_permissions_boundary().role_name(role).send().await.unwrap();
        iam.put_role_policy().role_name(role).policy_name("x").policy_document(ANYTHING).send().await.unwrap();
        iam.update_assume_role_policy().role_name(role).policy_document(TRUST).send().await.unwrap();
        iam.update_role().role_name(role).max_session_duration(7200).send().await.unwrap();
        let note = aws_sdk_iam::types::Tag::builder().key("note").value("x").build().unwrap();
        iam.tag_role().role_name(role).tags(note).send().await.unwrap();
        self.look("drift").await;
        let user = iam.get_user().user_name(alice).send().await.unwrap().user.unwrap();
        assert_eq!(user.permissions_boundary.unwrap().permissions_boundary_arn.as_deref(), Some(BOUNDARY));
        // Policies of a role may be changed only once it has its boundary again, which is tried in the same pass.
        eventually(&self.world, "the role is as it was", || async {
            let seen = iam.get_role().role_name(role).send().await.unwrap().role.unwrap();
            let inline = iam.list_role_policies().role_name(role).send().await.unwrap().policy_names;
            let bounded = seen.permissions_boundary.is_some() && seen.max_session_duration == Some(3600);
            bounded && inline.is_empty() && seen.tags().iter().all(|tag| tag.key != "note")
        })
        .await;

        iam.create_login_profile().user_name(alice).password("A-long-one-1!").send().await.unwrap();
        let device = iam.create_virtual_mfa_device().virtual_mfa_device_name("phone").send().await.unwrap();
        let enable = iam.enable_mfa_device().user_name(alice).authentication_code1("123456");
        let serial = device.virtual_mfa_device.unwrap().serial_number;
        enable.authentication_code2("654321").serial_number(serial).send().await.unwrap();
        iam.upload_ssh_public_key().user_name(alice).ssh_public_key_body("ssh-rsa AAAA").send().await.unwrap();
        let certificate = certificates::somebodys();
        iam.upload_signing_certificate().user_name(alice).certificate_body(certificate).send().await.unwrap();
        let service = iam.create_service_specific_credential().user_name(alice);
        service.service_name("codecommit.amazonaws.com").send().await.unwrap();
        iam.create_group().group_name("guests").send().await.unwrap();
        iam.add_user_to_group().group_name("guests").user_name(alice).send().await.unwrap();

        let policies = iam.list_policies().path_prefix("/tenants/").send().await.unwrap().policies.unwrap();
        let arn = policies[0].arn().unwrap();
        iam.create_user().user_name("guest").send().await.unwrap();
        iam.create_role().role_name("guest").assume_role_policy_document(TRUST).send().await.unwrap();
        iam.attach_user_policy().user_name("guest").policy_arn(arn).send().await.unwrap();
        iam.attach_role_policy().role_name("guest").policy_arn(arn).send().await.unwrap();
        iam.attach_group_policy().group_name("guests").policy_arn(arn).send().await.unwrap();
    }

    /// A notebook is made, changed, marked anew and deleted, with the script that stops it when it is idle.
    async fn a_notebook(&self) {
        let world = &self.world;
        let notebooks = of::<TenantNotebook>(world, &self.defs);
        let lab = |more: &str| {
            let (defs, head) = (&self.defs, "---\napiVersion: tenantry.dev/v1alpha1\nkind: TenantNotebook\n");
            format!(
                "{head}metadata: {{name: lab, namespace: {defs}}}\nspec: {{tenant: lp, user: alice, account: aws, {more}}}\n"
            )
        };
        world.apply(&lab("instanceType: ml.t3.medium, stopAfterIdle: 2h")).await;
        ready(world, &notebooks, "lab").await;
        world.apply(&lab("instanceType: ml.t3.large, stopAfterIdle: 2h")).await;
        ready(world, &notebooks, "lab").await;
        delete(world, &notebooks, "lab").await;
    }

    /// Everything goes, with what people added.
    async fn the_end(&self) {
        delete(&self.world, &self.users, "alice").await;
        delete(&self.world, &self.roles, "reader").await;
        let iam = self.world.moto.iam();
        let devices = iam.list_virtual_mfa_devices().assignment_status(AssignmentStatusType::Any).send().await.unwrap();
        assert!(devices.virtual_mfa_devices().is_empty());
        assert!(iam.get_user().user_name("guest").send().await.is_ok(), "strangers stay");
        delete(&self.world, &self.tenants, "lp").await;
        // A group that is retained is moved.
        self.world.apply(&namespace(&definitions("lr"))).await;
        self.world.apply(&tenant("lr", "  deletionPolicy: Retain")).await;
        ready(&self.world, &self.tenants, "lr").await;
        delete(&self.world, &self.tenants, "lr").await;
    }

    /// What is to stay is let go.
    async fn retained(&self) {
        self.tenant("  deletionPolicy: Retain").await;
        delete(&self.world, &self.tenants, "lp").await;
        let iam = self.world.moto.iam();
        assert!(iam.get_group().group_name("lp").send().await.is_ok());
        iam.delete_group().group_name("lp").send().await.unwrap();
    }

    /// Takes one action out, and shows what is said; then gives it back.
    async fn without(&self, action: &str) {
        self.world.moto.operator_may(&self.rights.clone().without(action)).await;
    }

    async fn all_given_back(&self) {
        self.world.moto.operator_may(&self.rights).await;
    }
}

fn code<E: ProvideErrorMetadata>(refused: E) -> String {
    refused.code().unwrap_or_default().to_owned()
}

// proves: CloudAccount.spec.aws.permissionsBoundary AccessDenied
#[tokio::test]
async fn the_operator_needs_every_action_of_its_policy_and_no_other() {
    let story = Story::begin().await;
    story.names_are_taken().await;
    story.a_life().await;
    story.credentials_come_and_go().await;
    story.a_notebook().await;
    story.by_hand().await;
    story.the_end().await;
    story.retained().await;
    let needed = story.world.moto.granted(&story.operator.access_key_id).await;
    let idle: Vec<_> = story.rights.allowed().difference(&needed).cloned().collect();
    assert!(
        idle.is_empty(),
        "docs/aws/operator-policy.json allows what this story never needed: {idle:?}. Take it out, or tell here what \
         needs it."
    );

    // What is missing is said with the line to add: on the manifest that needed it, on the account.
    let (world, defs) = (&story.world, &story.defs);
    world.apply(&(tenant("lp", "") + &assumable(&role("lp", defs, "reader")))).await;
    story.without("iam:CreateAccessKey").await;
    story.alice("  accessKey: {}").await;
    let denied = says(world, &story.users, "alice", "False", "AccessDenied").await;
    let line = r#"Add "iam:CreateAccessKey" to statement Users of the operator's policy: docs/aws.md#permissions"#;
    for part in [line, "lp.alice", "user/platform/operator"] {
        assert!(message(&denied).contains(part), "{}", message(&denied));
    }
    story.all_given_back().await;
    story.look("a key may be made").await;

    story.without("iam:TagUser").await;
    world.apply(&user("lp", defs, "bob", "")).await;
    let denied = says(world, &story.users, "bob", "False", "AccessDenied").await;
    assert!(message(&denied).contains(r#"Add "iam:TagUser" to statement Users"#), "{}", message(&denied));
    story.all_given_back().await;
    reconcile(world, &story.users, "bob", "tags may be set").await;
    ready(world, &story.users, "bob").await;

    story.without("iam:GetAccountAuthorizationDetails").await;
    story.account(&format!(", permissionsBoundary: '{BOUNDARY}', assumeRoles: []")).await;
    let denied = says(world, &story.accounts, "aws", "False", "AccessDenied").await;
    let line = r#"Add "iam:GetAccountAuthorizationDetails" to statement Read"#;
    assert!(message(&denied).contains(line), "{}", message(&denied));
    story.all_given_back().await;
    annotate(&story.accounts, "aws", "tenantry.dev/reconcile", "now").await;
    ready(world, &story.accounts, "aws").await;

    // Whatever else somebody gives the operator one day, it stays on its paths, under the boundary, and out of its own rights.
    let iam = world.moto.iam();
    let admin = "arn:aws:iam::aws:policy/AdministratorAccess";
    iam.attach_user_policy().user_name("operator").policy_arn(admin).send().await.unwrap();
    let operator = world.moto.iam_as(&story.operator);
    let denied = [
        operator.create_user().user_name("mallory").send().await.map_err(code).err(),
        operator.create_access_key().user_name("operator").send().await.map_err(code).err(),
        operator.delete_user_permissions_boundary().user_name("lp.alice").send().await.map_err(code).err(),
        operator
            .create_policy_version()
            .policy_arn(format!("arn:aws:iam::{ACCOUNT_ID}:policy/platform/tenantry"))
            .policy_document(ANYTHING)
            .send()
            .await
            .map_err(code)
            .err(),
    ];
    assert!(denied.iter().all(|it| it.as_deref() == Some("AccessDenied")), "{denied:?}");
    iam.detach_user_policy().user_name("operator").policy_arn(admin).send().await.unwrap();

    // A boundary is not dropped by who may only set it. The policy for accounts without one may.
    story.account("").await;
    let denied = says(world, &story.users, "alice", "False", "AccessDenied").await;
    assert!(message(&denied).contains("an explicit Deny forbids it"), "{}", message(&denied));
    assert!(message(&denied).contains("iam:DeleteUserPermissionsBoundary"), "{}", message(&denied));
    let unbounded = OperatorPolicy::unbounded(&world.control_plane.cluster_id().await);
    world.moto.operator_may(&unbounded).await;
    story.look("boundaries may go").await;
    eventually(world, "no boundary", || async {
        let user = world.moto.iam().get_user().user_name("lp.alice").send().await.unwrap().user.unwrap();
        let role = world.moto.iam().get_role().role_name("lp.reader").send().await.unwrap().role.unwrap();
        user.permissions_boundary.is_none() && role.permissions_boundary.is_none()
    })
    .await;
    let needed = world.moto.granted(&story.operator.access_key_id).await;
    let idle: Vec<_> = unbounded.allowed().difference(&needed).cloned().collect();
    assert!(idle.is_empty(), "docs/aws/operator-policy-without-boundary.json: {idle:?}");
    delete(world, &story.tenants, "lp").await;
}
