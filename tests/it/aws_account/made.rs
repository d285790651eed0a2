//! What is made is found again, whole; a name that is taken is ours or refused.

use std::collections::{BTreeMap, BTreeSet};

use tenantry::cloud::Cloud;
use tenantry::model::{Class, CloudAction, Finding, ObjectId, PolicyRef, Read, User};
use tenantry::names::{CloudName, ClusterId};

use super::{Account, attach, document, group, policy, user};

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
    assert_eq!(swept.others.len(), 3, "the boundary and the operator's own are there and are not ours");

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

    let clear = CloudAction::SetBoundary { of: ObjectId::user(&alice.name), boundary: None };
    account.done(clear).await;
    let quotas = account.aws.quotas().await.unwrap();
    assert_eq!((quotas["Users"].used, quotas["Users"].limit), (2, 5000));
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
async fn a_name_that_is_taken_is_ours_or_refused() {
    let account = Account::open().await;
    let iam = account.moto.iam();
    iam.create_user().user_name("acme.carol").send().await.unwrap();
    let refused = account.act(CloudAction::CreateUser(user("carol", None))).await.unwrap_err();
    assert_eq!(refused.class, Class::NotOwned);
    assert!(refused.message.contains("no mark of ours"), "{refused}");
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
