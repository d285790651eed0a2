#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Instant;

use super::*;
use crate::model::{ObjectId, PolicyRef, User};
use crate::names::{CloudName, ManifestKind, ManifestRef, TAG_CLUSTER, TAG_OWNER, TAG_TENANT};

fn setup() -> (MemoryCloud, Mutex<Inventory>) {
    let cluster = ClusterId::new("c1");
    (MemoryCloud::new(cluster.clone(), "1"), Mutex::new(Inventory::new(cluster, "1", "aws")))
}

fn user(name: &str) -> User {
    let owner = ManifestRef::namespaced(ManifestKind::TenantUser, "acme", name).mark_text();
    let tags = [(TAG_CLUSTER, "c1"), (TAG_TENANT, "acme"), (TAG_OWNER, &owner)];
    User {
        name: CloudName::new(format!("acme.{name}")),
        path: "/tenants/c1/acme/".to_owned(),
        arn: String::new(),
        id: None,
        tags: tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        profile: Default::default(),
        boundary: None,
        groups: Default::default(),
        attached: Default::default(),
        inline: Default::default(),
        keys: None,
        login: None,
    }
}

#[tokio::test]
async fn a_lost_answer_is_found_again_and_a_foreign_name_is_refused() {
    let (cloud, inventory) = setup();
    let create = CloudAction::CreateUser(user("alice"));
    cloud.disturb(At::Write(1), Disturbance::LoseAnswer);
    assert_eq!(cloud.execute(&create, &inventory).await.unwrap_err().class, Class::Transient);
    let effect = cloud.execute(&create, &inventory).await.unwrap();
    inventory.lock().record(&create, &effect, Instant::now());
    assert!(inventory.lock().users.contains_key(&CloudName::new("acme.alice")));

    cloud.with(|world| world.add_user("acme.bob", "/").tags.clear());
    let refused = cloud.execute(&CloudAction::CreateUser(user("bob")), &inventory).await.unwrap_err();
    assert_eq!(refused.class, Class::NotOwned);
    assert!(cloud.violations().is_empty());
    let _ = cloud.execute(&CloudAction::DeleteUser(CloudName::new("acme.bob")), &inventory).await;
    assert_eq!(cloud.violations().len(), 1);
}

#[tokio::test]
async fn after_a_crash_nothing_answers_until_the_restart() {
    let (cloud, inventory) = setup();
    cloud.disturb(At::Call(1), Disturbance::CrashAfter);
    let create = CloudAction::CreateUser(user("alice"));
    assert!(is_crash(&cloud.execute(&create, &inventory).await.unwrap_err()));
    assert!(cloud.crashed());
    assert!(is_crash(&cloud.sweep().await.unwrap_err()));
    cloud.restart();
    assert_eq!(cloud.sweep().await.unwrap().found.len(), 1);
    assert_eq!((cloud.calls(), cloud.writes()), (2, 1));
}

#[tokio::test]
async fn keys_are_limited_to_two_and_die_with_deactivation() {
    let (cloud, inventory) = setup();
    let alice = user("alice");
    cloud.execute(&CloudAction::CreateUser(alice.clone()), &inventory).await.unwrap();
    let create = CloudAction::CreateKey(alice.name.clone());
    let Effect::Key(key) = cloud.execute(&create, &inventory).await.unwrap() else { panic!("no key") };
    cloud.execute(&create, &inventory).await.unwrap();
    assert_eq!(cloud.execute(&create, &inventory).await.unwrap_err().class, Class::QuotaExceeded);
    assert!(cloud.answers(&key).await.unwrap());
    let off = CloudAction::SetKeyActive { user: alice.name.clone(), id: key.id.clone(), active: false };
    cloud.execute(&off, &inventory).await.unwrap();
    assert!(!cloud.answers(&key).await.unwrap());
}

#[tokio::test]
async fn a_vendors_policy_is_found_on_its_path() {
    let (cloud, inventory) = setup();
    let alice = user("alice");
    cloud.execute(&CloudAction::CreateUser(alice.clone()), &inventory).await.unwrap();
    let attach = |name: &str| CloudAction::Attach {
        to: ObjectId::user(&alice.name),
        policy: PolicyRef::Vendor(name.to_owned()),
    };
    let Effect::Arn(arn) = cloud.execute(&attach("Billing"), &inventory).await.unwrap() else { panic!("no ARN") };
    assert_eq!(arn, "arn:aws:iam::aws:policy/job-function/Billing");
    assert_eq!(cloud.execute(&attach("Nothing"), &inventory).await.unwrap_err().class, Class::Invalid);
}
