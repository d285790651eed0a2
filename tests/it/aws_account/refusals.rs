//! What AWS refuses, in words that say what would help; and the way into another account.

use std::sync::Arc;

use tenantry::cloud::Cloud;
use tenantry::cloud::aws::{AssumeRole, Aws};
use tenantry::model::{Class, CloudAction, ObjectId, PolicyRef};
use tenantry::names::CloudName;
use testbed::moto::ACCOUNT_ID;

use super::{Account, attach, budgets, root, settings, user};

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
    let plenty = budgets();
    let connect = |url: &str, id: &str, secret: &str| Aws::connect(settings(url, id, secret), &plenty, Arc::default());
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
    // moto lets anyone assume roles that nobody made, and does not know whose sessions they are.
    account.moto.enforce(false).await;
    let (id, secret) = root();
    let role = |arn: &str| AssumeRole { arn: arn.to_owned(), external_id: Some("shared-word".to_owned()) };
    let mut settings = settings(account.moto.url(), &id, &secret);
    settings.assume_roles =
        vec![role("arn:aws:iam::123456789012:role/hub"), role("arn:aws:iam::210987654321:role/spoke")];
    let there = Aws::connect(settings, &budgets(), Arc::default()).await.unwrap();
    assert_eq!(there.identity().account, "210987654321");
    assert_eq!(there.identity().arn, "arn:aws:sts::210987654321:assumed-role/spoke");
    there.execute(&CloudAction::CreateUser(user("alice", None)), &account.inventory).await.unwrap();
    assert!(account.swept().await.users.is_empty(), "made over there, not here");
}
