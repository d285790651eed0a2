//! What the operator does to an AWS account, call by call, against moto.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use aws_sdk_iam::types::StatusType;
use parking_lot::Mutex;
use secrecy::{ExposeSecret, SecretString};
use tenantry::cloud::aws::{AssumeRole, Aws, Credentials, Settings};
use tenantry::cloud::{Calls, Cloud, Rates};
use tenantry::model::{
    Class, CloudAction, Effect, Fault, Finding, Group, Inventory, NewKey, ObjectId, Policy, PolicyRef, Read, User,
};
use tenantry::names::{
    CloudName, ClusterId, DESCRIPTION_PREFIX, ManifestKind, ManifestRef, TAG_CLUSTER, TAG_OWNER, TAG_TENANT,
};
use tenantry::policy::Document;
use testbed::Moto;
use testbed::moto::ACCOUNT_ID;

const PATH: &str = "/tenants/c1/acme/";

/// An account and what is known of it, as the engine holds them.
struct Account {
    moto: Moto,
    aws: Aws,
    inventory: Mutex<Inventory>,
}

fn settings(url: &str, id: &str, secret: &str) -> Settings {
    Settings {
        region: "eu-west-1".to_owned(),
        endpoint_url: Some(url.to_owned()),
        credentials: Credentials::Static { id: id.to_owned(), secret: SecretString::from(secret), token: None },
        assume_roles: Vec::new(),
        rates: Rates { write: 1000.0, read: 1000.0 },
    }
}

fn root() -> (String, String) {
    let root = testbed::aws::Credentials::root();
    (root.access_key_id, root.secret_access_key)
}

impl Account {
    async fn open() -> Self {
        let moto = Moto::start().await;
        let (id, secret) = root();
        let aws = Aws::connect(settings(moto.url(), &id, &secret), Arc::new(Calls::default())).await.unwrap();
        let inventory = Mutex::new(Inventory::new(ClusterId::new("c1"), ACCOUNT_ID, "aws"));
        Self { moto, aws, inventory }
    }

    async fn act(&self, action: CloudAction) -> Result<Effect, Fault> {
        let effect = self.aws.execute(&action, &self.inventory).await?;
        self.inventory.lock().record(&action, &effect, Instant::now());
        Ok(effect)
    }

    async fn done(&self, action: CloudAction) -> Effect {
        self.act(action).await.unwrap()
    }

    async fn read(&self, what: Read) -> Finding {
        self.aws.read(&what, &self.inventory).await.unwrap()
    }

    /// What a fresh process would know.
    async fn swept(&self) -> Inventory {
        let mut fresh = Inventory::new(ClusterId::new("c1"), ACCOUNT_ID, "aws");
        fresh.absorb(self.aws.sweep().await.unwrap(), Instant::now());
        fresh
    }

    async fn calls(&self) -> BTreeMap<String, u64> {
        self.moto.calls().await
    }
}

fn tags(owner: &ManifestRef) -> BTreeMap<String, String> {
    let tags = [(TAG_CLUSTER, "c1"), (TAG_TENANT, "acme"), (TAG_OWNER, &owner.mark_text())];
    tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

fn user(name: &str, boundary: Option<&str>) -> User {
    let owner = ManifestRef::namespaced(ManifestKind::TenantUser, "acme", name);
    User {
        name: CloudName::new(format!("acme.{name}")),
        path: PATH.to_owned(),
        arn: format!("arn:aws:iam::{ACCOUNT_ID}:user{PATH}acme.{name}"),
        tags: tags(&owner),
        boundary: boundary.map(str::to_owned),
        groups: BTreeSet::new(),
        attached: BTreeSet::new(),
        inline: BTreeMap::new(),
        keys: Some(Vec::new()),
    }
}

fn group() -> Group {
    Group { name: CloudName::new("acme"), path: PATH.to_owned(), attached: BTreeSet::new(), inline: BTreeMap::new() }
}

fn document(action: &str) -> Document {
    Document::parse(&format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"{action}","Resource":"*"}}]}}"#
    ))
    .unwrap()
}

fn policy(name: &str) -> Policy {
    let owner = ManifestRef::namespaced(ManifestKind::TenantRole, "acme", name);
    Policy {
        name: CloudName::new(format!("acme.{name}")),
        path: PATH.to_owned(),
        arn: format!("arn:aws:iam::{ACCOUNT_ID}:policy{PATH}acme.{name}"),
        description: format!("{DESCRIPTION_PREFIX}{}", owner.mark_text()),
        tags: Some(tags(&owner)),
        default_version: "v1".to_owned(),
        old_versions: Vec::new(),
        document: Some(document("s3:GetObject")),
    }
}

fn attach(to: &ObjectId, policy: PolicyRef) -> CloudAction {
    CloudAction::Attach { to: to.clone(), policy }
}

#[tokio::test]
async fn what_is_made_is_what_a_sweep_finds() {
    let account = Account::open().await;
    let boundary =
        account.moto.iam().create_policy().policy_name("boundary").policy_document(document("s3:*").to_json());
    let boundary = boundary.send().await.unwrap().policy.unwrap().arn.unwrap();
    let alice = user("alice", Some(&boundary));
    let of_alice = ObjectId::user(&alice.name);
    let dev = policy("dev");
    for action in [
        CloudAction::CreateGroup(group()),
        CloudAction::CreatePolicy(dev.clone()),
        CloudAction::CreateUser(alice.clone()),
        CloudAction::AddMember { group: group().name, user: alice.name.clone() },
        attach(&ObjectId::group(&group().name), PolicyRef::Own(dev.name.clone())),
        attach(&of_alice, PolicyRef::Vendor("ReadOnlyAccess".to_owned())),
        attach(&of_alice, PolicyRef::Vendor("Billing".to_owned())),
        attach(&of_alice, PolicyRef::Arn(dev.arn.clone())),
        CloudAction::SetTags {
            of: of_alice.clone(),
            set: BTreeMap::from([("team".to_owned(), "vision".to_owned())]),
            unset: BTreeSet::new(),
        },
    ] {
        account.done(action).await;
    }
    let known = account.inventory.lock().clone();
    let mut swept = account.swept().await;
    let found = swept.users.get_mut(&alice.name).unwrap();
    assert_eq!(found.boundary.as_deref(), Some(boundary.as_str()));
    assert!(found.attached.contains("arn:aws:iam::aws:policy/job-function/Billing"), "{:?}", found.attached);
    found.keys = Some(Vec::new());
    assert_eq!(swept.users, known.users);
    assert_eq!(swept.groups, known.groups);
    let found = swept.policies.get_mut(&dev.name).unwrap();
    assert!(found.document.as_ref().unwrap().same_meaning(dev.document.as_ref().unwrap()));
    found.tags = dev.tags.clone();
    assert_eq!(swept.policies, known.policies);
    assert_eq!(swept.others.len(), 1, "the boundary is there and is not ours");

    let Finding::User(live) = account.read(Read::Object(of_alice.clone())).await else { panic!("no user") };
    assert_eq!(User { keys: Some(Vec::new()), ..live }, known.users[&alice.name]);
    let live = account.read(Read::Object(ObjectId::policy(&dev.name))).await;
    assert_eq!(live, Finding::Policy(known.policies[&dev.name].clone()));
    let live = account.read(Read::Object(ObjectId::group(&group().name))).await;
    assert_eq!(live, Finding::Group(known.groups[&group().name].clone()));

    account.moto.reset_calls().await;
    let mark = account.read(Read::Mark(ObjectId::policy(&dev.name))).await;
    assert_eq!(mark, Finding::Mark { mark: dev.mark(&ClusterId::new("c1")), default_version: Some("v1".to_owned()) });
    let mark = account.read(Read::Mark(ObjectId::group(&group().name))).await;
    assert!(matches!(mark, Finding::Mark { mark: Some(mark), .. } if mark.owner == "tenant/acme"));
    assert_eq!(account.calls().await.values().sum::<u64>(), 2);
    assert_eq!(account.read(Read::Mark(ObjectId::user(&CloudName::new("nobody")))).await, Finding::Absent);

    let clear = CloudAction::SetBoundary { user: alice.name.clone(), boundary: None };
    account.done(clear).await;
    let quotas = account.aws.quotas().await.unwrap();
    assert_eq!((quotas["Users"].used, quotas["Users"].limit), (1, 5000));
    assert_eq!(quotas["Policies"].limit, 1500);
}

#[tokio::test]
async fn a_policy_never_has_more_than_five_versions() {
    let account = Account::open().await;
    let dev = policy("dev");
    account.done(CloudAction::CreatePolicy(dev.clone())).await;
    let set =
        |n: usize| CloudAction::SetDocument { policy: dev.name.clone(), document: document(&format!("s3:Get{n}")) };
    for n in 0..6 {
        account.done(set(n)).await;
    }
    let known = account.inventory.lock().policies[&dev.name].clone();
    assert_eq!((known.default_version.as_str(), known.old_versions.len()), ("v7", 4));
    assert_eq!(account.read(Read::Object(ObjectId::policy(&dev.name))).await, Finding::Policy(known));

    // As after answers that were lost: the inventory does not know the old ones.
    account.inventory.lock().policies.get_mut(&dev.name).unwrap().old_versions.clear();
    account.done(set(7)).await;
    let known = account.inventory.lock().policies[&dev.name].clone();
    assert_eq!(known.old_versions, ["v4", "v5", "v6", "v7"]);
    account.done(CloudAction::DeletePolicy(dev.name.clone())).await;
    assert!(account.swept().await.policies.is_empty());
}

#[tokio::test]
async fn deletion_takes_what_people_added_by_hand() {
    let account = Account::open().await;
    let iam = account.moto.iam();
    let (alice, dev) = (user("alice", None), policy("dev"));
    account.done(CloudAction::CreateGroup(group())).await;
    account.done(CloudAction::CreatePolicy(dev.clone())).await;
    account.done(CloudAction::CreateUser(alice.clone())).await;
    let name = alice.name.as_str();
    iam.create_access_key().user_name(name).send().await.unwrap();
    iam.create_login_profile().user_name(name).password("A-long-one-1!").send().await.unwrap();
    iam.add_user_to_group().user_name(name).group_name("acme").send().await.unwrap();
    iam.attach_user_policy().user_name(name).policy_arn(&dev.arn).send().await.unwrap();
    let text = document("s3:*").to_json();
    iam.put_user_policy().user_name(name).policy_name("by-hand").policy_document(&text).send().await.unwrap();
    iam.put_group_policy().group_name("acme").policy_name("by-hand").policy_document(&text).send().await.unwrap();
    iam.create_user().user_name("guest").send().await.unwrap();
    iam.add_user_to_group().user_name("guest").group_name("acme").send().await.unwrap();
    iam.attach_user_policy().user_name("guest").policy_arn(&dev.arn).send().await.unwrap();
    iam.create_policy_version().policy_arn(&dev.arn).policy_document(&text).send().await.unwrap();

    account.done(CloudAction::DeleteUser(alice.name.clone())).await;
    account.done(CloudAction::DeleteGroup(group().name)).await;
    account.done(CloudAction::DeletePolicy(dev.name.clone())).await;
    let left = account.swept().await;
    assert!(left.users.is_empty() && left.groups.is_empty() && left.policies.is_empty(), "{left:?}");
    assert_eq!(left.others.keys().map(|object| object.name.as_str()).collect::<Vec<_>>(), ["guest"]);
    for gone in [CloudAction::DeleteUser(alice.name), CloudAction::DeleteGroup(group().name)] {
        account.done(gone).await;
    }
}

#[tokio::test]
async fn a_policy_that_bounds_someone_waits_and_says_whom() {
    let account = Account::open().await;
    let dev = policy("dev");
    account.done(CloudAction::CreatePolicy(dev.clone())).await;
    let guest = account.moto.iam().create_user().user_name("guest").permissions_boundary(&dev.arn);
    guest.send().await.unwrap();
    let refused = account.act(CloudAction::DeletePolicy(dev.name)).await.unwrap_err();
    assert_eq!(refused.class, Class::Waiting);
    assert!(refused.message.contains("user guest"), "{refused}");
}

#[tokio::test]
async fn a_name_that_is_taken_is_ours_or_refused() {
    let account = Account::open().await;
    let iam = account.moto.iam();
    iam.create_user().user_name("acme.carol").send().await.unwrap();
    let refused = account.act(CloudAction::CreateUser(user("carol", None))).await.unwrap_err();
    assert_eq!(refused.class, Class::NotOwned);
    assert!(refused.message.contains("no mark of an owner"), "{refused}");
    iam.create_group().group_name("acme").send().await.unwrap();
    assert_eq!(account.act(CloudAction::CreateGroup(group())).await.unwrap_err().class, Class::NotOwned);
    iam.create_policy().policy_name("acme.dev").policy_document(document("s3:*").to_json()).send().await.unwrap();
    assert_eq!(account.act(CloudAction::CreatePolicy(policy("dev"))).await.unwrap_err().class, Class::NotOwned);

    let (dave, ops) = (user("dave", None), policy("ops"));
    account.done(CloudAction::CreateUser(dave.clone())).await;
    account.done(CloudAction::CreatePolicy(ops.clone())).await;
    account.inventory.lock().users.clear();
    account.inventory.lock().policies.clear();
    account.done(CloudAction::CreateUser(dave.clone())).await;
    account.done(CloudAction::CreatePolicy(ops.clone())).await;
    let known = account.inventory.lock().clone();
    assert!(known.users.contains_key(&dave.name));
    assert_eq!(known.policies[&ops.name].arn, ops.arn);
}

async fn key_of(account: &Account, user: &User) -> NewKey {
    match account.done(CloudAction::CreateKey(user.name.clone())).await {
        Effect::Key(key) => key,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn keys_work_until_they_are_made_inactive_and_are_never_made_twice() {
    let account = Account::open().await;
    let alice = user("alice", None);
    account.done(CloudAction::CreateUser(alice.clone())).await;
    let key = key_of(&account, &alice).await;
    account.moto.enforce(true).await;
    assert!(account.aws.answers(&key).await.unwrap());
    let wrong = NewKey { id: key.id.clone(), secret: SecretString::from("wrong"), created: key.created };
    assert!(!account.aws.answers(&wrong).await.unwrap());
    let unknown = NewKey { id: "AKIAUNKNOWNUNKNOWN00".to_owned(), ..wrong };
    assert!(!account.aws.answers(&unknown).await.unwrap());
    let (user, id) = (alice.name.clone(), key.id.clone());
    account.done(CloudAction::SetKeyActive { user: user.clone(), id: id.clone(), active: false }).await;
    let Finding::Keys(keys) = account.read(Read::Keys(user.clone())).await else { panic!("no keys") };
    assert!(keys.len() == 1 && keys[0].id == id && !keys[0].active);
    account.done(CloudAction::DeleteKey { user: user.clone(), id: id.clone() }).await;
    account.done(CloudAction::DeleteKey { user: user.clone(), id }).await;
    account.moto.enforce(false).await;

    account.moto.reset_calls().await;
    account.moto.faults(&[testbed::Fault::lost_answer("CreateAccessKey", 1)]).await;
    let lost = account.act(CloudAction::CreateKey(user.clone())).await.unwrap_err();
    assert_eq!(lost.class, Class::Transient);
    assert_eq!(account.calls().await["CreateAccessKey"], 1, "a retry would leave a second key");
    key_of(&account, &alice).await;
    let third = account.act(CloudAction::CreateKey(user.clone())).await.unwrap_err();
    assert_eq!(third.class, Class::QuotaExceeded);
    assert!(third.message.contains("two access keys"), "{third}");
    assert_eq!(account.read(Read::Keys(CloudName::new("nobody"))).await, Finding::Absent);
    let listed = account.moto.iam().list_access_keys().user_name(user.as_str()).send().await.unwrap();
    assert!(listed.access_key_metadata.iter().all(|key| key.status == Some(StatusType::Active)));
}

#[tokio::test]
async fn a_policy_that_does_not_exist_is_said_to_and_asked_for_once() {
    let account = Account::open().await;
    let alice = user("alice", None);
    account.done(CloudAction::CreateUser(alice.clone())).await;
    let to = ObjectId::user(&alice.name);
    let vendor = || attach(&to, PolicyRef::Vendor("ReadOnlyAcces".to_owned()));
    let refused = account.act(vendor()).await.unwrap_err();
    assert_eq!(refused.class, Class::Invalid);
    assert!(refused.message.contains("ReadOnlyAcces"), "{refused}");
    account.moto.reset_calls().await;
    assert_eq!(account.act(vendor()).await.unwrap_err().class, Class::Invalid);
    assert_eq!(account.calls().await.values().sum::<u64>(), 0);
    let arn = format!("arn:aws:iam::{ACCOUNT_ID}:policy/nothing");
    let refused = account.act(attach(&to, PolicyRef::Arn(arn.clone()))).await.unwrap_err();
    assert!(refused.class == Class::Invalid && refused.message.contains(&arn), "{refused}");
    let refused = account.act(CloudAction::CreateUser(user("bob", Some(&arn)))).await.unwrap_err();
    assert!(refused.class == Class::Invalid && refused.message.contains("boundary"), "{refused}");
    let waits = account.act(attach(&to, PolicyRef::Own(CloudName::new("acme.later")))).await.unwrap_err();
    assert_eq!(waits.class, Class::Waiting);
    let nobody = ObjectId::user(&CloudName::new("acme.nobody"));
    let waits = account.act(attach(&nobody, PolicyRef::Vendor("ReadOnlyAccess".to_owned()))).await.unwrap_err();
    assert_eq!(waits.class, Class::Transient);
}

#[tokio::test]
async fn refusals_say_who_what_and_where() {
    let account = Account::open().await;
    let url = account.moto.url().to_owned();
    account.moto.enforce(true).await;
    let connect = |url: &str, id: &str, secret: &str| Aws::connect(settings(url, id, secret), Arc::default());
    let refused = connect(&url, "AKIAUNKNOWNUNKNOWN00", "wrong").await.unwrap_err();
    assert_eq!(refused.class, Class::AccessDenied);
    assert!(refused.message.contains("operator's credentials"), "{refused}");

    let down = connect("http://127.0.0.1:9", "AKIAUNKNOWNUNKNOWN00", "wrong").await.unwrap_err();
    assert_eq!(down.class, Class::Transient);
    assert!(down.message.contains("cannot reach http://127.0.0.1:9"), "{down}");

    let weak = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:Get*","Resource":"*"}]}"#;
    let weak = account.moto.user_with_key("weak-operator", weak).await;
    let weak = connect(&url, &weak.access_key_id, &weak.secret_access_key).await.unwrap();
    let denied = weak.execute(&CloudAction::CreateUser(user("alice", None)), &account.inventory).await.unwrap_err();
    assert_eq!(denied.class, Class::AccessDenied);
    for part in ["iam:CreateUser", "user/weak-operator", "docs/aws.md#permissions"] {
        assert!(denied.message.contains(part), "{denied}");
    }

    account.moto.faults(&[testbed::Fault::new("CreateUser", 400, "Throttling", 3)]).await;
    let throttled = account.act(CloudAction::CreateUser(user("alice", None))).await.unwrap_err();
    assert_eq!(throttled.class, Class::Throttled);
    account.moto.faults(&[testbed::Fault::new("CreateUser", 409, "LimitExceeded", 1)]).await;
    let full = account.act(CloudAction::CreateUser(user("alice", None))).await.unwrap_err();
    assert_eq!(full.class, Class::QuotaExceeded);
    account.moto.faults(&[testbed::Fault::lost_answer("CreateUser", 1)]).await;
    account.done(CloudAction::CreateUser(user("alice", None))).await;
}

#[tokio::test]
async fn a_chain_of_roles_leads_into_another_account() {
    let account = Account::open().await;
    let (id, secret) = root();
    let role = |arn: &str| AssumeRole { arn: arn.to_owned(), external_id: Some("shared-word".to_owned()) };
    let mut settings = settings(account.moto.url(), &id, &secret);
    settings.assume_roles =
        vec![role("arn:aws:iam::123456789012:role/hub"), role("arn:aws:iam::210987654321:role/spoke")];
    let there = Aws::connect(settings, Arc::default()).await.unwrap();
    assert_eq!(there.identity().account, "210987654321");
    assert_eq!(there.identity().arn, "arn:aws:sts::210987654321:assumed-role/spoke");
    there.execute(&CloudAction::CreateUser(user("alice", None)), &account.inventory).await.unwrap();
    assert!(account.swept().await.users.is_empty(), "made over there, not here");
}

/// Everything that is logged while it lives, on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_secret_is_logged_at_any_level() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone()).finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let account = Account::open().await;
    let alice = user("alice", None);
    account.done(CloudAction::CreateUser(alice.clone())).await;
    let key = key_of(&account, &alice).await;
    assert!(account.aws.answers(&key).await.unwrap());
    let logged = String::from_utf8_lossy(&log.0.lock()).into_owned();
    assert!(logged.contains("CreateAccessKey"), "nothing was logged");
    assert!(!logged.contains(key.secret.expose_secret()), "the new key's secret was logged");
    assert!(!logged.contains(&root().1), "the operator's secret was logged");
}
