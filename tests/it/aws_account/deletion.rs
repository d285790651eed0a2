//! Deletion is complete, and says what blocks it.

use tenantry::model::{Class, CloudAction};

use super::{Account, document, group, policy, user};

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
    let device = iam.create_virtual_mfa_device().virtual_mfa_device_name("phone").send().await.unwrap();
    let serial = device.virtual_mfa_device.unwrap().serial_number;
    let enable = iam.enable_mfa_device().user_name(name).serial_number(&serial);
    enable.authentication_code1("123456").authentication_code2("654321").send().await.unwrap();
    iam.upload_ssh_public_key().user_name(name).ssh_public_key_body("ssh-rsa AAAA").send().await.unwrap();
    iam.put_group_policy().group_name("acme").policy_name("by-hand").policy_document(&text).send().await.unwrap();
    iam.create_user().user_name("guest").send().await.unwrap();
    iam.add_user_to_group().user_name("guest").group_name("acme").send().await.unwrap();
    iam.attach_user_policy().user_name("guest").policy_arn(&dev.arn).send().await.unwrap();
    iam.create_policy_version().policy_arn(&dev.arn).policy_document(&text).send().await.unwrap();

    account.done(CloudAction::DeleteUser(alice.name.clone())).await;
    account.done(CloudAction::DeleteGroup(group().name)).await;
    account.done(CloudAction::DeletePolicy(dev.name.clone())).await;
    let devices = iam.list_virtual_mfa_devices().send().await.unwrap().virtual_mfa_devices;
    assert!(devices.is_empty(), "{devices:?}");
    let left = account.swept().await;
    assert!(left.users.is_empty() && left.groups.is_empty() && left.policies.is_empty(), "{left:?}");
    let others: Vec<_> = left.others.keys().map(|object| object.name.as_str()).collect();
    assert_eq!(others, ["tenantry", "guest", "operator"], "the operator's own and a stranger");
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
