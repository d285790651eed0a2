//! The end of a user on whom people hung all that IAM can hang on one: everything goes, and nothing else.

use aws_sdk_iam::Client as Iam;
use kube::api::Api;
use tenantry::api::{Tenant, TenantUser};
use testbed::certificates;

use crate::support::{
    account, definitions, delete, exists, namespace, of, operator_calls, own, ready, restart, tenant, user,
};
use crate::tenant::launch;

const ANYTHING: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
const POWER: &str = "arn:aws:iam::aws:policy/PowerUserAccess";

async fn by_hand(iam: &Iam, user: &str) -> String {
    iam.create_access_key().user_name(user).send().await.unwrap();
    iam.create_login_profile().user_name(user).password("By-hand-12345!").send().await.unwrap();
    iam.add_user_to_group().user_name(user).group_name("friends").send().await.unwrap();
    iam.attach_user_policy().user_name(user).policy_arn(POWER).send().await.unwrap();
    iam.put_user_policy().user_name(user).policy_name("more").policy_document(ANYTHING).send().await.unwrap();
    let device = iam.create_virtual_mfa_device().virtual_mfa_device_name("phone").send().await.unwrap();
    let serial = device.virtual_mfa_device.unwrap().serial_number;
    for device in [serial.as_str(), "GAHT12345678"] {
        let enable = iam.enable_mfa_device().user_name(user).serial_number(device);
        enable.authentication_code1("123456").authentication_code2("654321").send().await.unwrap();
    }
    iam.upload_signing_certificate().user_name(user).certificate_body(certificates::somebodys()).send().await.unwrap();
    iam.upload_ssh_public_key().user_name(user).ssh_public_key_body("ssh-rsa AAAA").send().await.unwrap();
    let service = iam.create_service_specific_credential().user_name(user);
    service.service_name("codecommit.amazonaws.com").send().await.unwrap();
    serial
}

#[tokio::test]
async fn everything_that_people_hung_on_a_user_goes_with_it() {
    let launch = launch();
    let mut world = own(launch.clone(), "  driftCheckInterval: 1h").await;
    let iam = world.moto.iam();
    iam.create_group().group_name("friends").send().await.unwrap();
    iam.create_user().user_name("guest").send().await.unwrap();
    iam.add_user_to_group().user_name("guest").group_name("friends").send().await.unwrap();
    let other = iam.create_virtual_mfa_device().virtual_mfa_device_name("other").send().await.unwrap();
    let other = other.virtual_mfa_device.unwrap().serial_number;
    let before = account(&world).await;
    let defs = definitions("td");
    world.apply(&namespace(&defs)).await;
    world.apply(&tenant("td", "")).await;
    let users = of::<TenantUser>(&world, &defs);
    for name in ["plain", "alice", "known"] {
        world.apply(&user("td", &defs, name, "")).await;
        ready(&world, &users, name).await;
    }

    // Nothing is listed where nothing hangs.
    world.moto.reset_calls().await;
    delete(&world, &users, "plain").await;
    let calls = operator_calls(&world).await;
    assert!(!calls.iter().any(|call| call.starts_with("List")), "{calls:?}");

    // What was added since the account was last read is found when the user does not go.
    let serial = by_hand(&iam, "td.alice").await;
    delete(&world, &users, "alice").await;
    assert!(!exists(&world, "td.alice").await);
    let devices = iam.list_virtual_mfa_devices().send().await.unwrap().virtual_mfa_devices;
    let devices: Vec<&str> = devices.iter().map(|device| device.serial_number()).collect();
    assert_eq!(devices, [other.as_str()], "{serial} is deleted with its user, another's is not");
    let members = iam.get_group().group_name("friends").send().await.unwrap().users;
    assert_eq!(members.iter().map(|user| user.user_name()).collect::<Vec<_>>(), ["guest"]);

    // What a new process read of it before goes as well, with the manifest already being deleted.
    by_hand(&iam, "td.known").await;
    world.operator.kill();
    users.delete("known", &Default::default()).await.unwrap();
    restart(&mut world, &launch).await;
    world.gone(users, "known").await;
    assert!(!exists(&world, "td.known").await);

    delete(&world, &Api::<Tenant>::all(world.client()), "td").await;
    assert_eq!(account(&world).await, before);
}
