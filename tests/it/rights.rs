//! What a tenant's people may do: a user gets exactly its Secrets, an owner its own Tenant by name, a developer no Secret.

use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, ListParams};
use tenantry::api::{Tenant, TenantUser};

use crate::chart_rights::can;
use crate::support::{definitions, delete, namespace, of, ready, shared, tenant, text, user};

const OWNER: &str = "  owners: [{kind: User, name: olga@ri.example}]";

// proves: TenantUser.spec.kubernetes Tenant.spec.owners[]
#[tokio::test]
async fn everyone_sees_their_own_and_nothing_else() {
    let world = shared().await;
    let defs = definitions("ri");
    world.apply(&namespace(&defs)).await;
    world.apply(&tenant("ri", OWNER)).await;
    let develops = "---\napiVersion: tenantry.dev/v1alpha1\nkind: TenantRole\nmetadata: {name: dev, namespace: ri-defs}\n\
        spec:\n  tenant: ri\n  kubernetes: {clusterRole: tenantry-developer}\n";
    world.apply(develops).await;
    let subject = |name: &str| format!("  accessKey: {{}}\n  kubernetes: {{kind: User, name: {name}@ri.example}}");
    world.apply(&user("ri", &defs, "alice", &subject("alice"))).await;
    world.apply(&user("ri", &defs, "bob", &subject("bob"))).await;
    world.apply(&user("ri", &defs, "dora", "  roles: [dev]\n  kubernetes: {kind: User, name: dora@ri.example}")).await;
    let tenants: Api<Tenant> = Api::all(world.client());
    for name in ["alice", "bob", "dora"] {
        ready(world, &of::<TenantUser>(world, &defs), name).await;
    }
    ready(world, &tenants, "ri").await;
    world.apply(&user("ri", "ri", "eve", "  accessKey: {}")).await;
    ready(world, &of::<TenantUser>(world, "ri"), "eve").await;
    let people = |name: &str| world.control_plane.impersonate(&format!("{name}@ri.example"), &["system:authenticated"]);

    let alice = people("alice");
    let secrets: Api<Secret> = Api::namespaced(alice.clone(), &defs);
    assert!(!text(&secrets.get("alice-aws").await.expect("her own"), "AWS_SECRET_ACCESS_KEY").is_empty());
    assert!(secrets.get("bob-aws").await.is_err(), "not another's");
    assert!(secrets.list(&ListParams::default()).await.is_err(), "and no list");
    for question in [
        "update secrets:alice-aws ri-defs",
        "delete secrets:alice-aws ri-defs",
        "watch secrets ri-defs",
        "list pods ri",
    ] {
        assert!(!can(&alice, question).await, "alice may {question}");
    }

    let olga = people("olga");
    let hers: Api<Tenant> = Api::all(olga.clone());
    assert_eq!(hers.get("ri").await.expect("her own").metadata.name.as_deref(), Some("ri"));
    assert!(hers.list(&ListParams::default()).await.is_err(), "an owner does not see who else is here");
    let by_name = hers.list(&ListParams::default().fields("metadata.name=ri")).await.expect("her own by name");
    assert_eq!(by_name.items.len(), 1);
    assert!(can(&olga, "watch tenants.tenantry.dev:ri").await && !can(&olga, "watch tenants.tenantry.dev").await);
    for question in [
        "patch tenants.tenantry.dev:ri",
        "get tenants.tenantry.dev:dc",
        "get secrets ri-defs",
        "get secrets kube-system",
    ] {
        assert!(!can(&olga, question).await, "olga may {question}");
    }
    assert!(can(&olga, "create tenantusers.tenantry.dev ri").await, "in her own namespace she writes manifests");

    let dora = people("dora");
    assert!(can(&dora, "create pods ri").await && can(&dora, "create deployments.apps ri").await);
    for question in [
        "get secrets ri",
        "list secrets ri",
        "get secrets:eve-aws ri",
        "create networkpolicies.networking.k8s.io ri",
        "delete networkpolicies.networking.k8s.io ri",
        "create tenantusers.tenantry.dev ri",
        "patch rolebindings.rbac.authorization.k8s.io ri",
    ] {
        assert!(!can(&dora, question).await, "dora may {question}");
    }

    // Nobody is left with a right to what is gone.
    delete(world, &of::<TenantUser>(world, &defs), "alice").await;
    assert!(!can(&alice, "get secrets:alice-aws ri-defs").await);
    delete(world, &tenants, "ri").await;
    assert!(!can(&olga, "get tenants.tenantry.dev:ri").await);
}
