//! The main job on Alibaba Cloud: manifests become RAM users, groups and policies and Secrets with keys that work, and
//! go again.

use k8s_openapi::api::core::v1::Secret;
use kube::api::Api;
use tenantry::api::{CloudAccount, Tenant, TenantRole, TenantUser};
use testbed::alibaba::ACCOUNT_ID;

use super::{account, attached, groups, key, may, names};
use crate::support::{ALIBABA, definitions, delete, namespace, of, own_alibaba, ready, text};
use crate::tenant::launch;

const ACME: &str = r"
apiVersion: tenantry.dev/v1alpha1
kind: Tenant
metadata: {name: acme}
spec:
  accounts: [{name: ali, systemPolicies: [AliyunPAIReadOnlyAccess]}]
  definitionNamespaces: [acme-defs]
---
apiVersion: tenantry.dev/v1alpha1
kind: TenantRole
metadata: {name: reader, namespace: acme-defs}
spec:
  tenant: acme
  alibaba:
    statements:
      - {effect: Allow, actions: ['ram:GetUser'], resources: ['acs:ram:*:$(account):user/$(tenant).*']}
---
apiVersion: tenantry.dev/v1alpha1
kind: TenantUser
metadata: {name: alice, namespace: acme-defs}
spec:
  tenant: acme
  roles: [reader]
  accessKey: {}
  kubernetes: {kind: User, name: alice@acme.example}
";

// proves: CloudAccount.spec.alibaba CloudAccount.spec.alibaba.{region,endpointUrl,credentialsSecret}
// proves: TenantRole.spec.alibaba TenantRole.spec.alibaba.statements[]
// proves: TenantRole.spec.alibaba.statements[].{effect,actions,resources}
#[tokio::test]
async fn manifests_become_ram_identities_and_go_again() {
    let world = &own_alibaba(launch(), "").await;
    let before = account(world).await;
    let defs = definitions("acme");
    world.apply(&(namespace(&defs) + "---" + ACME)).await;
    let (tenants, users) = (Api::<Tenant>::all(world.client()), of::<TenantUser>(world, &defs));
    let alice = ready(world, &users, "alice").await;
    ready(world, &tenants, "acme").await;
    let reader = ready(world, &of::<TenantRole>(world, &defs), "reader").await;
    let policy = reader.status.unwrap().accounts[0].policy.clone().unwrap();
    let policy = policy.strip_prefix(&format!("acs:ram::{ACCOUNT_ID}:policy/")).unwrap().to_owned();
    assert!(policy.starts_with("acme-reader-"), "{policy}");
    assert_eq!(attached(world, "acme.alice").await, names(["acme-reader"]));
    assert_eq!(groups(world, "acme.alice").await, names(["acme"]));

    let secret = of::<Secret>(world, &defs).get(&format!("alice-{ALIBABA}")).await.unwrap();
    assert_eq!(text(&secret, "ALIBABA_CLOUD_REGION_ID"), testbed::alibaba::REGION);
    let key = key(world, "acme", "alice").await;
    let alices = world.alibaba.client(key.clone());
    let who = alice.status.unwrap().accounts[0].principal.clone().unwrap();
    assert_eq!(who, format!("acs:ram::{ACCOUNT_ID}:user/acme.alice"));
    assert_eq!(alices.who().await, Ok(who));
    assert!(may(&alices, "GetUser", &[("UserName", "acme.alice")]).await);
    assert!(!may(&alices, "GetUser", &[("UserName", testbed::alibaba::OPERATOR)]).await);

    delete(world, &tenants, "acme").await;
    assert_eq!(account(world).await, before);
    assert!(alices.who().await.is_err());
    assert!(of::<Secret>(world, &defs).get_opt("alice-ali").await.unwrap().is_none());
    delete(world, &users, "alice").await;
    delete(world, &Api::<CloudAccount>::all(world.client()), ALIBABA).await;
}
