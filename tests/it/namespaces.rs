//! Whose a namespace is: the cluster's own are refused, others' are left alone, and what is lent is given back.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{ConfigMap, LimitRange, Namespace, ResourceQuota};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::ResourceExt;
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams};
use serde_json::json;
use tenantry::api::{Tenant, TenantRole, TenantUser};
use testbed::World;

use crate::support::{
    annotate, definitions, delete, eventually, message, namespace, of, ready, says, shared, tenant, user,
};

#[tokio::test]
async fn the_cluster_s_own_namespaces_are_refused() {
    let world = shared().await;
    for name in ["kube-system", "kube-mine", "default"] {
        let wish = tenant("ns-cluster", &format!("  namespaces: [{{name: {name}}}]"));
        let why = testbed::apply::apply(&world.client(), &wish).await.expect_err("refused").to_string();
        assert!(why.contains("the cluster's"), "{why}");
    }
    world.apply(&namespace(&definitions("ns-operator"))).await;
    world.apply(&tenant("ns-operator", "  namespaces: [{name: tenantry-system}, {name: ns-operator}]")).await;
    let tenants: Api<Tenant> = Api::all(world.client());
    let refused = says(world, &tenants, "ns-operator", "False", "Invalid").await;
    assert!(message(&refused).contains("tenantry-system"), "{}", message(&refused));
    let namespaces: Api<Namespace> = Api::all(world.client());
    assert!(!namespaces.get("tenantry-system").await.unwrap().labels().contains_key("tenantry.dev/tenant"));
    world.until(namespaces.clone(), "ns-operator", "the other one is made", |_| true).await;
    delete(world, &tenants, "ns-operator").await;
    assert!(namespaces.get("tenantry-system").await.unwrap().metadata.deletion_timestamp.is_none());
}

// proves: tenantry.dev/adopt Tenant.spec.namespaces[].name
#[tokio::test]
async fn a_namespace_that_was_there_is_adopted_when_it_says_so_and_given_back() {
    let world = shared().await;
    let namespaces: Api<Namespace> = Api::all(world.client());
    let theirs = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: ns-there, labels: {team: old}}\n";
    world.apply(theirs).await;
    let mut note = ConfigMap::default();
    note.metadata.name = Some("note".to_owned());
    let notes = of::<ConfigMap>(world, "ns-there");
    notes.create(&PostParams::default(), &note).await.unwrap();
    world.apply(&namespace(&definitions("ns-adopt"))).await;
    world.apply(&tenant("ns-adopt", "  namespaces: [{name: ns-there, labels: {team: new}}]")).await;
    let tenants: Api<Tenant> = Api::all(world.client());
    let refused = says(world, &tenants, "ns-adopt", "False", "NotOwned").await;
    assert!(message(&refused).contains("kubectl annotate namespace ns-there"), "{}", message(&refused));
    let seen = namespaces.get("ns-there").await.unwrap();
    assert_eq!(seen.labels().get("team").map(String::as_str), Some("old"), "untouched");
    assert!(of::<RoleBinding>(world, "ns-there").list(&ListParams::default()).await.unwrap().items.is_empty());

    annotate(&namespaces, "ns-there", "tenantry.dev/adopt", "ns-adopt").await;
    ready(world, &tenants, "ns-adopt").await;
    let adopted = namespaces.get("ns-there").await.unwrap();
    assert_eq!(adopted.labels()["tenantry.dev/tenant"], "ns-adopt");
    // Nobody else gets it meanwhile.
    world.apply(&namespace(&definitions("ns-rival"))).await;
    world.apply(&tenant("ns-rival", "  namespaces: [{name: ns-there}]")).await;
    let rival = says(world, &tenants, "ns-rival", "False", "NotOwned").await;
    assert!(message(&rival).contains("ns-adopt"), "{}", message(&rival));
    delete(world, &tenants, "ns-rival").await;

    delete(world, &tenants, "ns-adopt").await;
    let released = namespaces.get("ns-there").await.unwrap();
    assert!(released.metadata.deletion_timestamp.is_none(), "given back, not deleted");
    assert!(!released.labels().contains_key("tenantry.dev/tenant"));
    notes.get("note").await.expect("with what was in it");
    assert!(of::<RoleBinding>(world, "ns-there").list(&ListParams::default()).await.unwrap().items.is_empty());
    assert!(!released.managed_fields().iter().any(|it| it.manager.as_deref() == Some("tenantry")));
}

const OWNERS: &str = "  owners:
  - {kind: User, name: olga@nm.example}
  - {kind: Group, name: nm-owners}
  - {kind: ServiceAccount, name: argocd, namespace: gitops}
";

const TWO: &str = "  namespaces:
  - name: nm
    containerDefaults: {requests: {cpu: 100m}, limits: {memory: 1Gi}}
    labels: {team: vision, stage: dev}
  - {name: nm-open, network: Open, podSecurity: restricted, quota: {pods: '3'}}
";

// proves: Tenant.spec.namespaces[] Tenant.spec.namespaces[].{name,quota,network,podSecurity,labels}
// proves: Tenant.spec.namespaces[].containerDefaults Tenant.spec.namespaces[].containerDefaults.{requests,limits}
// proves: Tenant.spec.owners[] Tenant.spec.owners[].{kind,name,namespace}
#[tokio::test]
async fn each_of_several_namespaces_is_as_it_says_and_follows() {
    let world = shared().await;
    let (tenants, namespaces) = (Api::<Tenant>::all(world.client()), Api::<Namespace>::all(world.client()));
    world.apply(&namespace(&definitions("nm"))).await;
    world.apply(&tenant("nm", &format!("{OWNERS}{TWO}"))).await;
    let made = ready(world, &tenants, "nm").await;
    assert_eq!(made.status.unwrap().namespaces, ["nm", "nm-open"]);

    let label = async |name: &str, key: &str| namespaces.get(name).await.unwrap().labels().get(key).cloned();
    let security = async |name: &str| {
        let all = ["enforce", "warn", "audit"].map(|mode| format!("pod-security.kubernetes.io/{mode}"));
        let labels = namespaces.get(name).await.unwrap().labels().clone();
        all.iter().map(|key| labels.get(key).cloned().unwrap_or_default()).collect::<BTreeSet<_>>()
    };
    assert_eq!(security("nm").await, BTreeSet::from(["baseline".to_owned()]));
    assert_eq!(security("nm-open").await, BTreeSet::from(["restricted".to_owned()]));
    assert_eq!(label("nm", "team").await.as_deref(), Some("vision"));
    let limits = of::<LimitRange>(world, "nm").get("tenantry").await.unwrap().spec.unwrap();
    assert_eq!(
        json!(limits),
        json!({"limits": [{"type": "Container", "default": {"memory": "1Gi"}, "defaultRequest": {"cpu": "100m", "memory": "1Gi"}}]}),
        "what has a limit and no request asks for its limit: the API server says so"
    );
    assert!(of::<LimitRange>(world, "nm-open").get_opt("tenantry").await.unwrap().is_none());
    assert!(of::<ResourceQuota>(world, "nm").get_opt("tenantry").await.unwrap().is_none());
    let quota = of::<ResourceQuota>(world, "nm-open").get("tenantry").await.unwrap();
    assert_eq!(json!(quota.spec), json!({"hard": {"pods": "3"}}));

    // Isolated: DNS, and traffic of the tenant's own namespaces by the name that nobody can forge.
    let isolation = of::<NetworkPolicy>(world, "nm").get("tenantry-isolation").await.unwrap().spec.unwrap();
    let own = json!({"namespaceSelector": {"matchExpressions": [
        {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["nm", "nm-open"]}]}});
    assert_eq!(json!(isolation.ingress), json!([{"from": [own]}]));
    assert_eq!(json!(isolation.policy_types), json!(["Ingress", "Egress"]));
    let egress = json!(isolation.egress);
    assert_eq!(egress[1], json!({"to": [own]}));
    assert_eq!((egress.as_array().unwrap().len(), &egress[0]["ports"][0]["port"]), (2, &json!(53)));
    assert!(of::<NetworkPolicy>(world, "nm-open").get_opt("tenantry-isolation").await.unwrap().is_none());

    for name in ["nm", "nm-open"] {
        let owners = of::<RoleBinding>(world, name).get("tenantry:owners").await.unwrap();
        assert_eq!(owners.role_ref.name, "tenantry-owner");
        let subjects: Vec<_> =
            owners.subjects.unwrap().into_iter().map(|it| (it.kind, it.name, it.namespace)).collect();
        let wanted = [
            ("User", "olga@nm.example", None),
            ("Group", "nm-owners", None),
            ("ServiceAccount", "argocd", Some("gitops".to_owned())),
        ];
        assert_eq!(subjects, wanted.map(|(kind, name, of)| (kind.to_owned(), name.to_owned(), of)));
    }

    // What people change in labels is put back; what is theirs stays.
    let theirs = json!({"metadata": {"labels": {"team": "other", "stage": null, "cost": "42"}}});
    namespaces.patch("nm", &PatchParams::default(), &Patch::Merge(theirs)).await.unwrap();
    eventually(world, "labels are put back", || async {
        label("nm", "team").await.as_deref() == Some("vision") && label("nm", "stage").await.as_deref() == Some("dev")
    })
    .await;
    assert_eq!(label("nm", "cost").await.as_deref(), Some("42"));

    // The other way round.
    let turned = "  namespaces:
  - {name: nm, network: Open, podSecurity: privileged, labels: {team: vision}}
  - {name: nm-open, containerDefaults: {limits: {cpu: '2'}}}
";
    world.apply(&tenant("nm", turned)).await;
    ready(world, &tenants, "nm").await;
    world.gone(of::<NetworkPolicy>(world, "nm"), "tenantry-isolation").await;
    world.gone(of::<LimitRange>(world, "nm"), "tenantry").await;
    world.gone(of::<ResourceQuota>(world, "nm-open"), "tenantry").await;
    world.gone(of::<RoleBinding>(world, "nm"), "tenantry:owners").await;
    of::<NetworkPolicy>(world, "nm-open").get("tenantry-isolation").await.unwrap();
    of::<LimitRange>(world, "nm-open").get("tenantry").await.unwrap();
    assert_eq!(security("nm").await, BTreeSet::from(["privileged".to_owned()]));
    assert_eq!(security("nm-open").await, BTreeSet::from(["baseline".to_owned()]));
    assert_eq!(label("nm", "stage").await, None);
    delete(world, &tenants, "nm").await;
    for name in ["nm", "nm-open"] {
        world.gone(namespaces.clone(), name).await;
    }
}

/// Who a role's ClusterRole is bound to in a namespace.
async fn bound(world: &World, namespace: &str, role: &str, cluster_role: &str) -> Vec<String> {
    let name = format!("tenantry:role:{role}:{cluster_role}");
    let binding = of::<RoleBinding>(world, namespace).get_opt(&name).await.unwrap();
    let Some(binding) = binding else { return Vec::new() };
    assert_eq!(binding.role_ref.name, cluster_role);
    binding.subjects.unwrap_or_default().into_iter().map(|it| format!("{}/{}", it.kind, it.name)).collect()
}

// proves: TenantRole.spec.kubernetes TenantRole.spec.kubernetes.clusterRole Tenant.spec.allowedClusterRoles
// proves: TenantUser.spec.kubernetes TenantUser.spec.kubernetes.{kind,name,namespace} NotAllowed
#[tokio::test]
async fn a_role_binds_what_its_tenant_allows_to_who_has_it() {
    let world = shared().await;
    let defs = definitions("nb");
    let (tenants, roles) = (Api::<Tenant>::all(world.client()), of::<TenantRole>(world, &defs));
    let both = "  namespaces: [{name: nb}, {name: nb-second}]\n";
    let role = |name: &str, cluster_role: &str, more: &str| {
        format!(
            "---\napiVersion: tenantry.dev/v1alpha1\nkind: TenantRole\nmetadata: {{name: {name}, namespace: {defs}}}\n\
             spec: {{tenant: nb, kubernetes: {{clusterRole: {cluster_role}}}{more}}}\n"
        )
    };
    world.apply(&(namespace(&defs) + &tenant("nb", both))).await;
    world.apply(&(role("dev", "tenantry-developer", "") + &role("all", "view", ", default: true"))).await;
    world.apply(&role("boss", "cluster-admin", "")).await;
    let subjects = [
        "{kind: User, name: alice@nb}",
        "{kind: Group, name: nb-team}",
        "{kind: ServiceAccount, name: robot, namespace: nb}",
    ];
    for (name, subject) in ["alice", "team", "robot"].into_iter().zip(subjects) {
        let has = if name == "alice" { "dev, boss" } else { "" };
        world.apply(&user("nb", &defs, name, &format!("  roles: [{has}]\n  kubernetes: {subject}"))).await;
    }
    world.apply(&user("nb", &defs, "nobody", "  roles: [dev]")).await;
    for name in ["alice", "team", "robot", "nobody"] {
        ready(world, &of::<TenantUser>(world, &defs), name).await;
    }
    for name in ["nb", "nb-second"] {
        assert_eq!(bound(world, name, "dev", "tenantry-developer").await, ["User/alice@nb"]);
        let all = ["Group/nb-team", "ServiceAccount/robot", "User/alice@nb"].map(str::to_owned);
        assert_eq!(bound(world, name, "all", "view").await.into_iter().collect::<BTreeSet<_>>(), BTreeSet::from(all));
        assert!(bound(world, name, "boss", "cluster-admin").await.is_empty());
    }
    assert!(bound(world, &defs, "dev", "tenantry-developer").await.is_empty(), "not where definitions are");
    let refused = says(world, &roles, "boss", "False", "NotAllowed").await;
    for part in ["cluster-admin", "allowedClusterRoles", "view, tenantry-developer"] {
        assert!(message(&refused).contains(part), "{}", message(&refused));
    }
    // Allowed no longer, another ClusterRole, and nobody has it any more.
    world.apply(&tenant("nb", &format!("{both}  allowedClusterRoles: [tenantry-developer]"))).await;
    says(world, &roles, "all", "False", "NotAllowed").await;
    eventually(world, "not bound", || async { bound(world, "nb", "all", "view").await.is_empty() }).await;
    world.apply(&role("all", "tenantry-developer", ", default: true")).await;
    ready(world, &roles, "all").await;
    assert_eq!(bound(world, "nb", "all", "tenantry-developer").await.len(), 3);
    world.apply(&user("nb", &defs, "alice", "  kubernetes: {kind: User, name: alice@nb}")).await;
    eventually(world, "nobody has it", || async {
        bound(world, "nb-second", "dev", "tenantry-developer").await.is_empty()
    })
    .await;
    delete(world, &tenants, "nb").await;
}
