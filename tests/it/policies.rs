//! Roles as policies: what a manifest says is what the cloud holds and enforces, in as few policies as fit, on whom it
//! belongs; what cannot be is refused before the first call.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Secret;
use kube::api::Api;
use serde_json::{Value, json};
use tenantry::api::{Tenant, TenantRole, TenantUser};
use testbed::World;
use testbed::aws::{Credentials, REGION};
use testbed::moto::ACCOUNT_ID;

use crate::support::{
    active_keys, annotate, condition, definitions, delete, eventually, exists, message, namespace, of, ready, role,
    says, shared, tenant, text, unescaped, user,
};

fn tenants(world: &World) -> Api<Tenant> {
    Api::all(world.client())
}

/// A TenantRole with these statements, in YAML's flow style.
fn role_of(tenant: &str, name: &str, more: &str, statements: &[&str]) -> String {
    let defs = definitions(tenant);
    let statements: String = statements.iter().map(|it| format!("      - {{{it}}}\n")).collect();
    format!(
        "---\napiVersion: tenantry.dev/v1alpha1\nkind: TenantRole\nmetadata: {{name: {name}, namespace: {defs}}}\n\
         spec:\n  tenant: {tenant}\n{more}  aws:\n    statements:\n{statements}"
    )
}

/// The names of a user's or group's policies.
async fn attached(world: &World, user: &str) -> BTreeSet<String> {
    let answer = world.moto.iam().list_attached_user_policies().user_name(user).send().await;
    let all = answer.ok().and_then(|it| it.attached_policies).unwrap_or_default();
    all.into_iter().filter_map(|it| it.policy_name).collect()
}

async fn of_group(world: &World, group: &str) -> Option<BTreeSet<String>> {
    let answer = world.moto.iam().list_attached_group_policies().group_name(group).send().await.ok()?;
    Some(answer.attached_policies.unwrap_or_default().into_iter().filter_map(|it| it.policy_name).collect())
}

fn names<const N: usize>(all: [&str; N]) -> BTreeSet<String> {
    all.map(str::to_owned).into()
}

/// The document in force of a policy.
pub async fn document(world: &World, policy: &str) -> Option<Value> {
    let iam = world.moto.iam();
    let all = iam.list_policies().path_prefix("/tenants/").send().await.unwrap().policies.unwrap_or_default();
    let found = all.into_iter().find(|it| it.policy_name() == Some(policy))?;
    let version = iam.get_policy_version().policy_arn(found.arn()?).version_id(found.default_version_id()?);
    Some(unescaped(&version.send().await.ok()?.policy_version?.document?))
}

/// What the cloud has of a user's key, out of its Secret.
async fn key(world: &World, tenant: &str, user: &str) -> Credentials {
    let secret = of::<Secret>(world, &definitions(tenant)).get(&format!("{user}-aws")).await.unwrap();
    Credentials::new(&text(&secret, "AWS_ACCESS_KEY_ID"), &text(&secret, "AWS_SECRET_ACCESS_KEY"))
}

// proves: TenantRole.spec.aws TenantRole.spec.aws.statements[]
// proves: TenantRole.spec.aws.statements[].{effect,actions,notActions,resources,notResources,conditions}
// proves: $(tenant) $(user) $(account) $(region) $(cluster)
#[tokio::test]
async fn what_a_role_says_is_what_the_cloud_holds_and_enforces() {
    let world = shared().await;
    let root = Credentials::root();
    for (path, text) in [("", ""), ("/po/alice/x", "hers"), ("/po/bob/x", "his"), ("/other/alice/x", "theirs")] {
        assert_eq!(world.moto.s3(&root, "PUT", &format!("/po-data{path}"), text).await.0, 200, "{path}");
    }
    world.apply(&namespace(&definitions("po"))).await;
    world.apply(&tenant("po", "")).await;
    let statements = [
        "effect: Allow, actions: ['s3:ListBucket'], resources: ['arn:aws:s3:::po-data'], \
         conditions: {StringLike: {'s3:prefix': ['$(tenant)/$(user)/*', 'home/${aws:username}']}}",
        "effect: Allow, notActions: ['iam:*', 's3:*'], resources: ['arn:aws:sagemaker:$(region):$(account):*/$(cluster)-$(tenant)-*']",
        "effect: Deny, actions: ['s3:DeleteObject'], notResources: ['arn:aws:s3:::po-data/$(tenant)/*']",
        "effect: Allow, actions: ['s3:GetObject'], resources: ['arn:aws:s3:::po-data/$(tenant)/$(user)/*']",
    ];
    world.apply(&role_of("po", "said", "", &statements)).await;
    for name in ["alice", "bob"] {
        world.apply(&user("po", &definitions("po"), name, "  roles: [said]\n  accessKey: {}")).await;
        ready(world, &of::<TenantUser>(world, &definitions("po")), name).await;
    }
    let cluster = world.control_plane.cluster_id().await;
    let wanted = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::po-data",
         "Condition": {"StringLike": {"s3:prefix": ["po/${aws:PrincipalTag/user}/*", "home/${aws:username}"]}}},
        {"Effect": "Allow", "NotAction": ["iam:*", "s3:*"],
         "Resource": format!("arn:aws:sagemaker:{REGION}:{ACCOUNT_ID}:*/{cluster}-po-*")},
        {"Effect": "Deny", "Action": "s3:DeleteObject", "NotResource": "arn:aws:s3:::po-data/po/*"},
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::po-data/po/${aws:PrincipalTag/user}/*"},
    ]});
    assert_eq!(lists(document(world, "po.said").await.unwrap()), lists(wanted));
    // One policy for all of them, and each is kept to what is theirs.
    for (name, other) in [("alice", "bob"), ("bob", "alice")] {
        let key = key(world, "po", name).await;
        let get = async |path: &str| world.moto.s3(&key, "GET", path, "").await.0;
        assert_eq!(get(&format!("/po-data/po/{name}/x")).await, 200, "{name}");
        assert_eq!(get(&format!("/po-data/po/{other}/x")).await, 403, "{name}");
        assert_eq!(get(&format!("/po-data/other/{name}/x")).await, 403, "{name}");
        assert_eq!(get(&format!("/po-data?list-type=2&prefix=po%2F{name}%2Fx")).await, 200, "{name}");
        assert_eq!(get(&format!("/po-data?list-type=2&prefix=po%2F{other}%2Fx")).await, 403, "{name}");
    }
    // What is no variable is refused at admission.
    let typo = role_of("po", "said", "", &[&statements[3].replace("$(user)", "$(usr)")]);
    let refused = testbed::apply::apply(&world.client(), &typo).await.expect_err("refused").to_string();
    assert!(refused.contains("$(usr)") && refused.contains("tenant|user|account"), "{refused}");
    delete(world, &tenants(world), "po").await;
}

/// IAM takes a single text for a list of one.
fn lists(value: Value) -> Value {
    match value {
        Value::Array(all) if all.len() == 1 => lists(all[0].clone()),
        Value::Array(all) => all.into_iter().map(lists).collect(),
        Value::Object(all) => all.into_iter().map(|(key, value)| (key, lists(value))).collect(),
        other => other,
    }
}

/// That many resources of 50 characters.
fn resources(field: &str, count: usize) -> String {
    let all: Vec<String> =
        (0..count).map(|n| format!("'arn:aws:s3:::po-long-{n:06}/{}'", "x".repeat(50 - 28))).collect();
    format!("effect: Allow, actions: ['s3:GetObject'], {field}: [{}]", all.join(", "))
}

#[tokio::test]
async fn a_role_that_is_too_long_is_several_policies_and_one_that_cannot_be_is_refused() {
    let world = shared().await;
    let (defs, roles) = (definitions("po-long"), of::<TenantRole>(world, &definitions("po-long")));
    world.apply(&namespace(&defs)).await;
    world.apply(&tenant("po-long", "")).await;
    world.apply(&role_of("po-long", "long", "", &[&resources("resources", 180)])).await;
    world.apply(&user("po-long", &defs, "alice", "  roles: [long]")).await;
    ready(world, &of::<TenantUser>(world, &defs), "alice").await;
    assert_eq!(attached(world, "po-long.alice").await, names(["po-long.long", "po-long.long.2"]));
    let mut granted = BTreeSet::new();
    for part in ["po-long.long", "po-long.long.2"] {
        let text = document(world, part).await.unwrap().to_string();
        assert!(text.len() <= 6144, "{}", text.len());
        granted.extend(text.split('"').filter(|it| it.starts_with("arn:")).map(str::to_owned));
    }
    assert_eq!(granted.len(), 180, "together they say all of it");

    world.apply(&role_of("po-long", "long", "", &[&resources("resources", 3)])).await;
    eventually(world, "the second part goes", || async {
        attached(world, "po-long.alice").await == names(["po-long.long"])
            && document(world, "po-long.long.2").await.is_none()
    })
    .await;
    ready(world, &roles, "long").await;

    // All but these: that cannot be said by two.
    world.apply(&role_of("po-long", "long", "", &[&resources("notResources", 128)])).await;
    let refused = says(world, &roles, "long", "False", "Invalid").await;
    let said = message(&refused);
    let sizes: Vec<usize> = said.split(|c: char| !c.is_ascii_digit()).filter_map(|it| it.parse().ok()).collect();
    assert!(sizes.contains(&6144) && sizes.iter().any(|it| (6800..7400).contains(it)), "{said}");
    assert_eq!(attached(world, "po-long.alice").await, names(["po-long.long"]), "what there was stays");
    delete(world, &tenants(world), "po-long").await;
}

// proves: TenantRole.spec.default Tenant.spec.accounts[].{grouping,managedPolicies}
#[tokio::test]
async fn what_everyone_has_is_on_the_group_or_without_one_on_everyone() {
    let world = shared().await;
    let defs = definitions("po-all");
    let wide = |grouping: &str| {
        let account = format!("{{name: aws, grouping: {grouping}, managedPolicies: [ReadOnlyAccess]}}");
        tenant("po-all", &format!("  accounts: [{account}]"))
    };
    world.apply(&namespace(&defs)).await;
    world.apply(&wide("Group")).await;
    world.apply(&role_of("po-all", "base", "  default: true\n", &[&resources("resources", 1)])).await;
    world.apply(&role("po-all", &defs, "reader")).await;
    world.apply(&user("po-all", &defs, "alice", "  roles: [reader, base]")).await;
    world.apply(&user("po-all", &defs, "bob", "")).await;
    let users = of::<TenantUser>(world, &defs);
    for _ in 0..2 {
        for name in ["alice", "bob"] {
            ready(world, &users, name).await;
        }
        ready(world, &tenants(world), "po-all").await;
        eventually(world, "the group carries what everyone has", || async {
            of_group(world, "po-all").await == Some(names(["ReadOnlyAccess", "po-all.base"]))
                && attached(world, "po-all.alice").await == names(["po-all.reader"])
                && attached(world, "po-all.bob").await.is_empty()
        })
        .await;
        let members = world.moto.iam().get_group().group_name("po-all").send().await.unwrap();
        assert_eq!(members.users().len(), 2);

        world.apply(&wide("None")).await;
        eventually(world, "everyone carries it", || async {
            of_group(world, "po-all").await.is_none()
                && attached(world, "po-all.alice").await == names(["ReadOnlyAccess", "po-all.base", "po-all.reader"])
                && attached(world, "po-all.bob").await == names(["ReadOnlyAccess", "po-all.base"])
        })
        .await;
        ready(world, &users, "alice").await;
        world.apply(&wide("Group")).await;
    }
    delete(world, &tenants(world), "po-all").await;
}

#[tokio::test]
async fn an_eleventh_policy_is_refused_before_the_first_call() {
    let world = shared().await;
    let (defs, users) = (definitions("po-ten"), of::<TenantUser>(world, &definitions("po-ten")));
    world.apply(&namespace(&defs)).await;
    world.apply(&tenant("po-ten", "")).await;
    let all: Vec<String> = (0..11).map(|n| format!("r{n}")).collect();
    for name in &all {
        world.apply(&role("po-ten", &defs, name)).await;
    }
    let ten = format!("  roles: [{}]\n  accessKey: {{}}", all[..10].join(", "));
    let eleven = format!("  roles: [{}]\n  accessKey: {{}}", all.join(", "));
    world.apply(&user("po-ten", &defs, "alice", &ten)).await;
    world.apply(&user("po-ten", &defs, "bob", &eleven)).await;
    ready(world, &users, "alice").await;
    let bob = says(world, &users, "bob", "False", "Invalid").await;
    assert!(message(&bob).contains("11 policies") && message(&bob).contains("IAM allows 10"), "{}", message(&bob));
    world.apply(&user("po-ten", &defs, "alice", &eleven)).await;
    says(world, &users, "alice", "False", "Invalid").await;
    assert_eq!(attached(world, "po-ten.alice").await.len(), 10, "what she had she has");
    assert_eq!(active_keys(world, "po-ten.alice").await.len(), 1);
    let about_bob = world.moto.requests().await.into_iter();
    let about_bob: Vec<_> =
        about_bob.filter(|it| it.parameters.get("UserName").is_some_and(|name| name == "po-ten.bob")).collect();
    assert!(about_bob.is_empty(), "{about_bob:?}");
    let vendors = [
        "ReadOnlyAccess",
        "PowerUserAccess",
        "SecurityAudit",
        "AmazonS3FullAccess",
        "AmazonS3ReadOnlyAccess",
        "AmazonEC2FullAccess",
        "AmazonEC2ReadOnlyAccess",
        "IAMReadOnlyAccess",
        "AmazonSQSFullAccess",
        "AmazonSNSFullAccess",
        "AmazonVPCFullAccess",
    ];
    let account = format!("  accounts: [{{name: aws, managedPolicies: [{}]}}]", vendors.join(", "));
    world.apply(&tenant("po-ten", &account)).await;
    let owner = says(world, &tenants(world), "po-ten", "False", "Invalid").await;
    assert!(message(&owner).contains("group po-ten") && message(&owner).contains("11"), "{}", message(&owner));
    assert_eq!(of_group(world, "po-ten").await, Some(BTreeSet::new()));
    delete(world, &tenants(world), "po-ten").await;
}

// proves: TenantUser.spec.userName
#[tokio::test]
async fn names_that_differ_by_case_only_are_one_name() {
    let world = shared().await;
    let (defs, users) = (definitions("po-case"), of::<TenantUser>(world, &definitions("po-case")));
    world.moto.iam().create_user().user_name("PO-Case.Bob").send().await.unwrap();
    world.apply(&(namespace(&defs) + &namespace(&definitions("po-case2")))).await;
    world.apply(&(tenant("po-case", "") + &tenant("po-case2", ""))).await;
    world.apply(&user("po-case", &defs, "alice", "  userName: Robot.po-case")).await;
    let alice = ready(world, &users, "alice").await;
    assert_eq!(alice.status.unwrap().accounts[0].user_name.as_deref(), Some("Robot.po-case"));
    // Another of this tenant, a stranger, another tenant's.
    world.apply(&user("po-case", &defs, "carol", "  userName: robot.PO-case")).await;
    let carol = says(world, &users, "carol", "False", "NotOwned").await;
    assert!(message(&carol).contains("alice"), "{}", message(&carol));
    // A name that was taken since the account was read is not found by its other spelling; the next reading shows it.
    world.apply(&user("po-case", &defs, "bob", "")).await;
    let differs = |it: &TenantUser| condition(it, "Ready").is_some_and(|(_, why)| why.contains("upper and lower case"));
    world.until(users.clone(), "bob", "says what it may be", differs).await;
    annotate(&users, "bob", "tenantry.dev/reconcile", "now").await;
    let bob = says(world, &users, "bob", "False", "NotOwned").await;
    assert!(message(&bob).contains("po-case.bob"), "{}", message(&bob));
    let others = of::<TenantUser>(world, &definitions("po-case2"));
    world
        .apply(&user("po-case2", &definitions("po-case2"), "dave", "  userName: ROBOT.po-case\n  accessKey: {}"))
        .await;
    let dave = says(world, &others, "dave", "False", "NotOwned").await;
    assert!(message(&dave).contains("tenantuser/po-case-defs/alice"), "{}", message(&dave));
    for tenant in ["po-case", "po-case2"] {
        delete(world, &tenants(world), tenant).await;
    }
    assert!(exists(world, "PO-Case.Bob").await && !exists(world, "Robot.po-case").await);
}
