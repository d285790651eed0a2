//! `tenantry plan` against Alibaba Cloud, by one who may only read there.

use std::fs;

use kube::api::Api;
use tenantry::api::{Tenant, TenantUser};
use testbed::layout::root;

use super::{account, another_who_may, policy, role, tenant, user};
use crate::plan_command::{Files, Planner, contains, reads_the_cluster};
use crate::support::{definitions, of, own_alibaba, ready};
use crate::tenant::launch;

#[tokio::test]
async fn files_are_planned_against_what_is_live_by_one_who_may_only_read() {
    let mut world = own_alibaba(launch(), "").await;
    let (acme, reader) = (tenant("pl", ""), role("pl", "reader"));
    let alice = user("pl", "alice", "  roles: [reader]\n  accessKey: {}\n  console: {}\n  displayName: Alice");
    world.apply(&[&*acme, &reader, &alice].concat()).await;
    ready(&world, &of::<TenantUser>(&world, &definitions("pl")), "alice").await;
    ready(&world, &Api::<Tenant>::all(world.client()), "pl").await;
    world.operator.kill();
    let made = account(&world).await;
    let text = fs::read_to_string(root().join("docs/alibaba/plan-policy.json")).unwrap();
    let key = another_who_may(&world, "planner", &text).await;
    let kubeconfig = reads_the_cluster(&world).await;
    let planner = Planner { kubeconfig, alibaba: Some(key.clone()), key: None };
    world.alibaba.reset_calls().await;

    let files = Files::new();
    let folder = files.path().to_str().unwrap().to_owned();
    files.write("acme.yaml", &[&*acme, &reader, &alice].concat());
    let (code, out, err) = planner.run(&["-f", &folder, "--detailed-exitcode"]).await;
    assert_eq!(code, 0, "{err}{out}");
    contains(
        &out,
        &[
            "ali (1234567890123456, cn-shanghai)\n  nothing to do\n",
            "Note: CloudAccount ali was read with your own Alibaba Cloud credentials: you may not read Secret tenantry-system/ali.",
        ],
    );

    let wider = reader.replace("'ram:GetGroup'", "'ram:GetGroup', 'ram:ListUsersForGroup'");
    let alice = alice.replace("displayName: Alice", "displayName: Dr. Alice");
    let dave = user("pl", "dave", "  roles: [reader]\n  accessKey: {}");
    files.write("acme.yaml", &[&*acme, &wider, &alice, &dave].concat());
    let out = planner.plan(&["-f", &folder]).await;
    let reader = policy(&world, "pl-reader").await;
    contains(
        &out,
        &[
            &format!("~ policy   {reader}"),
            "actions  + ram:ListUsersForGroup",
            "~ profile  pl.alice",
            "displayName \"Alice\" → \"Dr. Alice\"",
            "+ user     pl.dave\n",
            "+ member   pl.dave → pl",
            &format!("+ attach   {reader} → pl.dave"),
            "+ key      pl.dave → Secret pl-defs/dave-ali",
            "alice gains ram:ListUsersForGroup on acs:ram:*:*:group/pl",
        ],
    );
    let calls = world.alibaba.requests().await.into_iter().filter(|it| it.access_key_id == key.access_key_id);
    let written: Vec<String> =
        calls.map(|it| it.action).filter(|it| !it.starts_with("Get") && !it.starts_with("List")).collect();
    assert!(written.is_empty(), "{written:?}");
    let now = account(&world).await;
    assert_eq!(now.difference(&made).collect::<Vec<_>>(), ["policy planner", "user planner"]);
}
