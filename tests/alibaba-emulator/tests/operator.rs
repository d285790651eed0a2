//! The operator's own client of RAM: what it makes, reads, changes and takes away, signed and judged for real, with the
//! documented policy and no other right.

#![allow(missing_docs)]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde_json::json;
use support::{ACCOUNT, Cloud as Emulator};
use tenantry::cloud::alibaba::{Alibaba, AssumeRole, Credentials, Settings};
use tenantry::cloud::{Budgets, Cloud, Rates};
use tenantry::model::{
    Class, CloudAction, Effect, Finding, Group, Inventory, Login, NewKey, ObjectId, Password, PasswordRules, Policy,
    PolicyRef, Profile, Read, Tags, User,
};
use tenantry::names::{CloudName, ClusterId, RAM_PARTITION, TAG_CLUSTER, TAG_OWNER, TAG_TENANT, system_policy_arn};
use tenantry::policy::{Document, Effect as Says, Scope, Statement};

const PATH: &str = "/tenants/c1/acme/";

fn settings(emulator: &Emulator) -> Settings {
    Settings {
        region: "cn-shanghai".to_owned(),
        endpoint_url: Some(format!("http://{}", emulator.host)),
        credentials: Credentials::Static {
            id: emulator.credentials.access_key_id.clone(),
            secret: emulator.credentials.secret().into(),
            token: None,
        },
        assume_roles: Vec::new(),
        empty_recycle_bin: false,
    }
}

fn budgets() -> Budgets {
    Budgets::new(Rates { write: 1000.0, read: 1000.0 })
}

/// A user of the account's own that has the documented policy.
async fn with_rights(emulator: &Emulator) -> Emulator {
    let name = format!("op-{}", support::nonce());
    let (_, op) = emulator.person(&name).await;
    let text = include_str!("../../../docs/alibaba/operator-policy.json");
    emulator.ram("CreatePolicy", &[("PolicyName", &name), ("PolicyDocument", text)]).await.fine();
    let attach = [("PolicyName", name.as_str()), ("PolicyType", "Custom"), ("UserName", name.as_str())];
    emulator.ram("AttachPolicyToUser", &attach).await.fine();
    op
}

/// The account as the operator holds it: what it does is noted as the operator notes it.
struct Operator {
    cloud: Alibaba,
    inventory: Mutex<Inventory>,
}

impl Operator {
    async fn of(emulator: &Emulator) -> Self {
        let op = with_rights(emulator).await;
        let cloud = Alibaba::connect(settings(&op), &budgets(), Arc::default()).await.unwrap();
        assert_eq!(cloud.identity().account, ACCOUNT);
        Self { cloud, inventory: Mutex::new(Inventory::new(ClusterId::new("c1"), ACCOUNT, RAM_PARTITION)) }
    }

    async fn act(&self, action: CloudAction) -> Effect {
        let effect = self.cloud.execute(&action, &self.inventory).await.unwrap();
        self.inventory.lock().record(&action, &effect, Instant::now());
        effect
    }

    async fn read(&self, read: Read) -> Finding {
        self.cloud.read(&read, &self.inventory).await.unwrap()
    }

    async fn sweep(&self) {
        let sweep = self.cloud.sweep().await.unwrap();
        self.inventory.lock().absorb(sweep, Instant::now(), Duration::ZERO);
    }
}

fn marks(owner: &str) -> Tags {
    let marks = [(TAG_CLUSTER, "c1"), (TAG_TENANT, "acme"), (TAG_OWNER, owner)];
    marks.map(|(key, value)| (key.to_owned(), value.to_owned())).into_iter().collect()
}

fn document(effect: Says, action: &str) -> Document {
    let all = |text: &str| Scope::These(vec![text.to_owned()]);
    Document::ram(vec![Statement::new(effect, all(action), all("*"))])
}

fn user(name: &str) -> User {
    User {
        name: CloudName::new(name),
        path: PATH.to_owned(),
        arn: format!("acs:ram::{ACCOUNT}:user/{name}"),
        id: None,
        tags: marks(&format!("tenantuser/acme/{name}")),
        profile: Profile { display_name: name.to_owned(), email: String::new() },
        boundary: None,
        groups: Default::default(),
        attached: Default::default(),
        inline: Default::default(),
        keys: Some(Vec::new()),
        login: Some(Login::Off),
    }
}

fn group() -> Group {
    Group {
        name: CloudName::new("acme"),
        path: PATH.to_owned(),
        attached: Default::default(),
        inline: Default::default(),
    }
}

fn policy() -> Policy {
    Policy {
        name: CloudName::new("acme-dev-abcdefgh"),
        path: PATH.to_owned(),
        arn: format!("acs:ram::{ACCOUNT}:policy/acme-dev-abcdefgh"),
        description: "tenantry: tenantrole/acme/dev".to_owned(),
        tags: Some(marks("tenantrole/acme/dev")),
        default_version: "v1".to_owned(),
        old_versions: Vec::new(),
        document: Some(document(Says::Allow, "oss:GetObject")),
    }
}

#[tokio::test]
async fn what_is_made_is_found_again_as_it_was_made() {
    let emulator = Emulator::start().await;
    let operator = Operator::of(&emulator).await;
    let (alice, acme, dev) = (user("acme.alice").name, group().name, policy().name);
    operator.act(CloudAction::CreateGroup(group())).await;
    operator.act(CloudAction::CreatePolicy(policy())).await;
    operator.act(CloudAction::CreateUser(user("acme.alice"))).await;
    operator.act(CloudAction::Attach { to: ObjectId::group(&acme), policy: PolicyRef::Own(dev.clone()) }).await;
    let system = PolicyRef::Vendor("ReadOnlyAccess".to_owned());
    operator.act(CloudAction::Attach { to: ObjectId::user(&alice), policy: system }).await;
    operator.act(CloudAction::AddMember { group: acme.clone(), user: alice.clone() }).await;
    // What was done already is done again without harm, and found to be ours.
    operator.act(CloudAction::AddMember { group: acme.clone(), user: alice.clone() }).await;
    for action in [
        CloudAction::CreateGroup(group()),
        CloudAction::CreatePolicy(policy()),
        CloudAction::CreateUser(user("acme.alice")),
    ] {
        assert!(
            matches!(operator.cloud.execute(&action, &operator.inventory).await, Ok(Effect::Found(_))),
            "{action:?}"
        );
    }
    let known = operator.inventory.lock().clone();
    operator.sweep().await;
    assert_eq!(operator.inventory.lock().users, known.users);
    assert_eq!(operator.inventory.lock().groups, known.groups);
    assert_eq!(operator.inventory.lock().policies, known.policies);

    // Another process, which knows nothing, comes to know the same.
    let other = Operator::of(&emulator).await;
    other.sweep().await;
    for object in [ObjectId::user(&alice), ObjectId::group(&acme), ObjectId::policy(&dev)] {
        assert!(other.inventory.lock().is_unread(&object), "{object}");
        let finding = other.read(Read::Object(object.clone())).await;
        other.inventory.lock().learn(&object, finding);
    }
    let alone = |users: &std::collections::BTreeMap<CloudName, User>| {
        users.values().map(|user| User { keys: None, login: None, ..user.clone() }).collect::<Vec<_>>()
    };
    assert_eq!(alone(&other.inventory.lock().users), alone(&known.users));
    assert_eq!(other.inventory.lock().groups, known.groups);
    assert!(other.inventory.lock().users[&alice].attached.contains(&system_policy_arn("ReadOnlyAccess")));
    let inventory = other.inventory.lock();
    assert!(inventory.policies[&dev].document.as_ref().unwrap().same_meaning(&document(Says::Allow, "oss:GetObject")));
}

#[tokio::test]
async fn a_policy_is_changed_more_often_than_it_has_versions() {
    let emulator = Emulator::start().await;
    let operator = Operator::of(&emulator).await;
    operator.act(CloudAction::CreatePolicy(policy())).await;
    for number in 0..7 {
        let document = document(Says::Allow, &format!("oss:Get{number}"));
        operator.act(CloudAction::SetDocument { policy: policy().name, document }).await;
    }
    let Finding::Policy(found) = operator.read(Read::Object(ObjectId::policy(&policy().name))).await else { panic!() };
    assert_eq!(found.default_version, operator.inventory.lock().policies[&policy().name].default_version);
    assert!(found.document.unwrap().same_meaning(&document(Says::Allow, "oss:Get6")));
    let of = ObjectId::policy(&policy().name);
    let set = Tags::from([("project".to_owned(), "vision".to_owned())]);
    operator.act(CloudAction::SetTags { of: of.clone(), set, unset: [TAG_OWNER.to_owned()].into() }).await;
    let Finding::Tags(tags) = operator.read(Read::Tags(of.name)).await else { panic!() };
    assert!(tags.contains_key("project") && !tags.contains_key(TAG_OWNER));
}

#[tokio::test]
async fn a_key_works_until_it_is_made_inactive() {
    let emulator = Emulator::start().await;
    let operator = Operator::of(&emulator).await;
    let alice = user("acme.alice").name;
    operator.act(CloudAction::CreateUser(user("acme.alice"))).await;
    let Effect::Key(key) = operator.act(CloudAction::CreateKey(alice.clone())).await else { panic!() };
    assert!(operator.cloud.answers(&key).await.unwrap());
    let Finding::LastUse { last_use, .. } =
        operator.read(Read::LastUse { user: alice.clone(), id: key.id.clone() }).await
    else {
        panic!()
    };
    assert!(last_use.at.is_some());
    operator.act(CloudAction::SetKeyActive { user: alice.clone(), id: key.id.clone(), active: false }).await;
    assert!(!operator.cloud.answers(&key).await.unwrap());
    let wrong = NewKey { id: key.id.clone(), secret: "another".into(), created: key.created };
    assert!(!operator.cloud.answers(&wrong).await.unwrap());
    let Finding::Keys(keys) = operator.read(Read::Keys(alice.clone())).await else { panic!() };
    assert_eq!(keys.iter().map(|key| key.active).collect::<Vec<_>>(), [false]);
    operator.act(CloudAction::CreateKey(alice.clone())).await;
    let third = CloudAction::CreateKey(alice.clone());
    let fault = operator.cloud.execute(&third, &operator.inventory).await.unwrap_err();
    assert_eq!(fault.class, Class::QuotaExceeded);
    operator.act(CloudAction::DeleteKey { user: alice.clone(), id: key.id }).await;

    assert_eq!(operator.read(Read::Login(alice.clone())).await, Finding::Login(Login::Off));
    for password in ["Tr0ub4dor&3-one", "Tr0ub4dor&3-two"] {
        let password = Password::new(password.to_owned());
        operator.act(CloudAction::SetLogin { user: alice.clone(), password, reset_required: true }).await;
    }
    assert_eq!(operator.read(Read::Login(alice.clone())).await, Finding::Login(Login::On));
    operator.act(CloudAction::DeleteLogin(alice)).await;
}

#[tokio::test]
async fn inline_policies_are_shared_and_go_with_the_last_who_has_one() {
    let emulator = Emulator::start().await;
    let operator = Operator::of(&emulator).await;
    let put = |of: &ObjectId, document: Document| CloudAction::PutInline {
        of: of.clone(),
        name: "tenantry-denied".to_owned(),
        document,
    };
    let count = || async {
        let all = emulator.ram("ListPolicies", &[("PolicyType", "Custom")]).await.fine();
        let all = all["Policies"]["Policy"].as_array().unwrap().clone();
        all.iter().filter(|policy| policy["PolicyName"].as_str().unwrap().starts_with("tenantry-")).count()
    };
    let both = [user("acme.alice"), user("acme.bob")].map(|user| (ObjectId::user(&user.name), user));
    for (object, user) in &both {
        operator.act(CloudAction::CreateUser(user.clone())).await;
        operator.act(put(object, document(Says::Deny, "ram:*"))).await;
    }
    assert_eq!(count().await, 1);
    operator.sweep().await;
    assert!(operator.inventory.lock().policies.is_empty(), "what stands for an inline policy is no object of its own");
    let (first, second) = (&both[0].0, &both[1].0);
    operator.act(put(first, document(Says::Deny, "ecs:*"))).await;
    assert_eq!(count().await, 2);
    let Finding::User(seen) = operator.read(Read::Object(first.clone())).await else { panic!() };
    assert!(seen.inline["tenantry-denied"].same_meaning(&document(Says::Deny, "ecs:*")) && seen.attached.is_empty());
    operator.act(CloudAction::DeleteInline { of: first.clone(), name: "tenantry-denied".to_owned() }).await;
    assert_eq!(count().await, 1);
    operator.act(CloudAction::DeleteUser(second.name.clone())).await;
    assert_eq!(count().await, 0);
}

#[tokio::test]
async fn everything_that_people_hung_on_it_goes_with_an_object() {
    let emulator = Emulator::start().await;
    let operator = Operator::of(&emulator).await;
    let (alice, acme, dev) = (user("acme.alice").name, group().name, policy().name);
    operator.act(CloudAction::CreateGroup(group())).await;
    operator.act(CloudAction::CreatePolicy(policy())).await;
    operator.act(CloudAction::CreateUser(user("acme.alice"))).await;
    let of_alice = [("UserName", "acme.alice")];
    emulator.ram("CreateAccessKey", &of_alice).await.fine();
    emulator.ram("CreateLoginProfile", &[of_alice[0], ("Password", "Tr0ub4dor&3-one")]).await.fine();
    emulator.ram("AddUserToGroup", &[of_alice[0], ("GroupName", "acme")]).await.fine();
    let read_only = [("PolicyName", "ReadOnlyAccess"), ("PolicyType", "System")];
    emulator.ram("AttachPolicyToUser", &[&of_alice[..], &read_only].concat()).await.fine();
    let own = [("PolicyName", dev.as_str()), ("PolicyType", "Custom")];
    emulator.ram("AttachPolicyToUser", &[&of_alice[..], &own].concat()).await.fine();
    emulator.ram("AttachPolicyToGroup", &[&[("GroupName", "acme")][..], &own].concat()).await.fine();
    operator.act(CloudAction::DeletePolicy(dev)).await;
    operator.act(CloudAction::DeleteUser(alice.clone())).await;
    operator.act(CloudAction::DeleteGroup(acme)).await;
    operator.sweep().await;
    assert!(operator.inventory.lock().of_tenant(&tenantry::names::TenantName::new("acme")).is_empty());
    assert_eq!(operator.read(Read::Mark(ObjectId::user(&alice))).await, Finding::Absent);
}

#[tokio::test]
async fn the_accounts_rules_and_quotas_are_read_as_they_are() {
    let emulator = Emulator::start().await;
    let operator = Operator::of(&emulator).await;
    let rules = PasswordRules {
        minimum_length: 10,
        lowercase: true,
        uppercase: true,
        numbers: true,
        symbols: true,
        max_age_days: Some(90),
        reuse_prevention: Some(5),
        hard_expiry: false,
        max_login_attempts: Some(5),
        users_may_change: false,
    };
    operator.cloud.set_password_rules(&rules).await.unwrap();
    assert_eq!(operator.cloud.password_rules().await.unwrap(), Some(rules));
    operator.act(CloudAction::CreateUser(user("acme.alice"))).await;
    let quotas = operator.cloud.quotas().await.unwrap();
    assert_eq!((quotas["Users"].used, quotas["Users"].limit), (2, 5000));
}

#[tokio::test]
async fn others_objects_are_not_touched_and_groups_are_marked_by_their_comment() {
    let emulator = Emulator::start().await;
    let operator = Operator::of(&emulator).await;
    emulator.ram("CreateUser", &[("UserName", "acme.alice")]).await.fine();
    emulator.ram("CreateGroup", &[("GroupName", "acme"), ("Comments", "people's own")]).await.fine();
    for action in [CloudAction::CreateUser(user("acme.alice")), CloudAction::CreateGroup(group())] {
        let fault = operator.cloud.execute(&action, &operator.inventory).await.unwrap_err();
        assert_eq!(fault.class, Class::NotOwned, "{fault}");
    }
    operator.sweep().await;
    let others = operator.inventory.lock().others.len();
    operator.act(CloudAction::MoveGroup { group: group().name, path: PATH.to_owned() }).await;
    let set = user("acme.alice").tags;
    let of = ObjectId::user(&CloudName::new("acme.alice"));
    operator.act(CloudAction::SetTags { of, set, unset: Default::default() }).await;
    operator.sweep().await;
    let inventory = operator.inventory.lock();
    assert_eq!((inventory.others.len(), inventory.users.len(), inventory.groups.len()), (others - 2, 1, 1));
}

#[tokio::test]
async fn a_role_on_the_way_is_assumed_and_a_wrong_key_is_said_so() {
    let emulator = Emulator::start().await;
    let (_, op) = emulator.person("op").await;
    let trust = json!({"Version": "1", "Statement": [{
        "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"RAM": [format!("acs:ram::{ACCOUNT}:root")]},
    }]});
    emulator.ram("CreateRole", &[("RoleName", "op"), ("AssumeRolePolicyDocument", &trust.to_string())]).await.fine();
    let sts = [("PolicyName", "AliyunSTSAssumeRoleAccess"), ("PolicyType", "System"), ("UserName", "op")];
    emulator.ram("AttachPolicyToUser", &sts).await.fine();
    let ram = [("PolicyName", "AliyunRAMFullAccess"), ("PolicyType", "System"), ("RoleName", "op")];
    emulator.ram("AttachPolicyToRole", &ram).await.fine();
    let role = AssumeRole { arn: format!("acs:ram::{ACCOUNT}:role/op"), external_id: None };
    let settings = Settings { assume_roles: vec![role], ..settings(&op) };
    let cloud = Alibaba::connect(settings.clone(), &budgets(), Arc::default()).await.unwrap();
    assert_eq!(cloud.identity().arn, format!("acs:ram::{ACCOUNT}:role/op"));
    cloud.sweep().await.unwrap();

    let credentials = Credentials::Static { id: "LTAIroot".to_owned(), secret: "another".into(), token: None };
    let wrong = Settings { credentials, assume_roles: Vec::new(), ..settings };
    let fault = Alibaba::connect(wrong, &budgets(), Arc::default()).await.unwrap_err();
    assert_eq!(fault.class, Class::AccessDenied);
    assert!(fault.message.contains("SignatureDoesNotMatch"), "{fault}");
}
