#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::json;

use super::super::{Rank, Step};
use super::*;
use crate::model::{
    Group, KubeObject, MaxComputeAction, MaxComputeDeed, MaxComputePlace, ObjectId, Policy, Workspace, WorkspaceAction,
    WorkspaceState,
};
use crate::names::{ClusterId, ManifestKind, ManifestRef, max_compute_user, workspace_in};
use crate::policy::Document;

const ARN: &str = "arn:aws:iam::123456789012:policy/tenants/c1/acme/acme.reader";

fn document(action: &str) -> Document {
    let text = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"{action}","Resource":"arn:aws:s3:::data/${{aws:PrincipalTag/user}}/*"}}]}}"#
    );
    Document::parse(&text).unwrap()
}

fn policy(action: &str) -> Policy {
    Policy {
        name: CloudName::new("acme.reader"),
        path: "/tenants/c1/acme/".to_owned(),
        arn: ARN.to_owned(),
        description: String::new(),
        tags: None,
        default_version: "v1".to_owned(),
        old_versions: Vec::new(),
        document: Some(document(action)),
    }
}

fn user(name: &str) -> User {
    User {
        name: CloudName::new(format!("acme.{name}")),
        path: "/tenants/c1/acme/".to_owned(),
        arn: format!("arn:aws:iam::123456789012:user/tenants/c1/acme/acme.{name}"),
        id: None,
        tags: BTreeMap::from([(TAG_PRINCIPAL_USER.to_owned(), name.to_owned())]),
        profile: Default::default(),
        boundary: None,
        groups: BTreeSet::from([CloudName::new("acme")]),
        attached: BTreeSet::new(),
        inline: BTreeMap::new(),
        keys: None,
        login: None,
    }
}

/// A tenant whose group carries ReadOnlyAccess, and whose users carry the policy by themselves.
fn inventory(users: &[&str]) -> Inventory {
    let mut inventory = Inventory::new(ClusterId::new("c1"), "123456789012", "aws");
    inventory.policies.insert(CloudName::new("acme.reader"), policy("s3:GetObject"));
    let group = Group {
        name: CloudName::new("acme"),
        path: "/tenants/c1/acme/".to_owned(),
        attached: BTreeSet::from(["arn:aws:iam::aws:policy/ReadOnlyAccess".to_owned()]),
        inline: BTreeMap::new(),
    };
    inventory.groups.insert(group.name.clone(), group);
    for name in users {
        let mut user = user(name);
        user.attached.insert(ARN.to_owned());
        inventory.users.insert(user.name.clone(), user);
    }
    inventory
}

fn lines_of(users: &[&str], actions: Vec<CloudAction>, more: Vec<Action>, cluster: &ClusterState) -> Vec<String> {
    let account = AccountName::new("aws");
    let cloud = actions.into_iter().map(|action| Action::Cloud { account: account.clone(), action });
    let step = |action| Step {
        subject: ManifestRef::cluster_scoped(ManifestKind::Tenant, "acme"),
        action,
        rank: Rank::Change,
        needs: BTreeSet::new(),
        detail: Vec::new(),
    };
    let plan = Plan {
        tenant: TenantName::new("acme"),
        steps: cloud.chain(more).map(step).collect(),
        reads: BTreeMap::new(),
        refusals: Vec::new(),
        withheld: Vec::new(),
        lookups: BTreeSet::new(),
        in_use: BTreeSet::new(),
        stuck: BTreeSet::new(),
        due: None,
        orphans: Vec::new(),
    };
    let accounts = BTreeMap::from([(account, inventory(users))]);
    let told = people(&plan, &accounts, &BTreeMap::new(), cluster, Timestamp::UNIX_EPOCH);
    told.iter().flat_map(People::lines).collect()
}

fn lines(users: &[&str], actions: Vec<CloudAction>) -> Vec<String> {
    lines_of(users, actions, Vec::new(), &ClusterState::default())
}

fn name(user: &str) -> CloudName {
    CloudName::new(format!("acme.{user}"))
}

#[test]
fn an_edited_policy_is_told_to_each_who_carries_it() {
    let edit = CloudAction::SetDocument { policy: CloudName::new("acme.reader"), document: document("s3:PutObject") };
    assert_eq!(
        lines(&["dave", "eve"], vec![edit]),
        [
            "dave gains s3:PutObject on arn:aws:s3:::data/dave/*",
            "dave loses s3:GetObject on arn:aws:s3:::data/dave/*",
            "eve gains s3:PutObject on arn:aws:s3:::data/eve/*",
            "eve loses s3:GetObject on arn:aws:s3:::data/eve/*",
        ]
    );
}

#[test]
fn one_who_comes_gains_all_and_one_who_goes_loses_all() {
    let mut dave = user("dave");
    dave.groups.clear();
    let come = vec![
        CloudAction::CreateUser(dave),
        CloudAction::AddMember { group: CloudName::new("acme"), user: name("dave") },
        CloudAction::Attach {
            to: ObjectId::user(&name("dave")),
            policy: PolicyRef::Own(CloudName::new("acme.reader")),
        },
        CloudAction::DeleteUser(name("eve")),
    ];
    assert_eq!(
        lines(&["eve"], come),
        [
            "dave gains policy ReadOnlyAccess",
            "dave gains s3:GetObject on arn:aws:s3:::data/dave/*",
            "eve loses everything",
        ]
    );
}

#[test]
fn vendors_policies_are_told_by_name_and_equals_together() {
    let attach = CloudAction::Attach {
        to: ObjectId::group(&CloudName::new("acme")),
        policy: PolicyRef::Vendor("AmazonSageMakerFullAccess".to_owned()),
    };
    let detach = CloudAction::Detach {
        from: ObjectId::group(&CloudName::new("acme")),
        arn: "arn:aws:iam::aws:policy/ReadOnlyAccess".to_owned(),
    };
    let users = ["a", "b", "c", "d", "e", "f", "g"];
    assert_eq!(
        lines(&users, vec![attach, detach]),
        [
            "a, b, c, d and 3 others gain policy AmazonSageMakerFullAccess",
            "a, b, c, d and 3 others lose policy ReadOnlyAccess",
        ]
    );
}

#[test]
fn suspension_is_the_loss_of_everything() {
    let text = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}"#;
    let document = Document::parse(text).unwrap();
    let put = CloudAction::PutInline { of: ObjectId::user(&name("dave")), name: "x".to_owned(), document };
    assert_eq!(lines(&["dave", "eve"], vec![put]), ["dave loses everything"]);
}

#[test]
fn what_changes_nothing_for_anyone_is_not_told() {
    let rename = CloudAction::SetTags {
        of: ObjectId::user(&name("dave")),
        set: BTreeMap::from([("note".to_owned(), "x".to_owned())]),
        unset: BTreeSet::new(),
    };
    assert_eq!(lines(&["dave"], vec![rename]), [""; 0]);
}

#[test]
fn bindings_in_the_cluster_are_told_by_subject() {
    let at = ObjRef::namespaced(KubeKind::RoleBinding, "acme", "tenantry:role:reader:view");
    let body = |names: &[&str]| {
        let subjects: Vec<Value> = names.iter().map(|name| json!({"kind": "User", "name": name})).collect();
        json!({"roleRef": {"kind": "ClusterRole", "name": "view"}, "subjects": subjects})
    };
    let mut cluster = ClusterState::default();
    cluster.objects.insert(at.clone(), body(&["eve@x"]));
    let apply = Action::Cluster(ClusterAction::Apply(KubeObject { at, body: body(&["dave@x"]) }));
    assert_eq!(
        lines_of(&[], Vec::new(), vec![apply], &cluster),
        ["dave@x gains ClusterRole view in namespace acme", "eve@x loses ClusterRole view in namespace acme",]
    );
}

#[test]
fn what_roles_of_max_compute_say_and_roles_of_workspaces_are_called_is_told() {
    let place = MaxComputePlace { region: "cn-shanghai".to_owned(), project: "ops".to_owned() };
    let odps = |deed| CloudAction::MaxCompute(MaxComputeAction { place: place.clone(), deed });
    let role = CloudName::new("acme_dev_abcdefgh");
    let says = |action: &str| {
        let text = format!(
            r#"{{"Version":"1","Statement":[{{"Effect":"Allow","Action":["{action}"],"Resource":["acs:odps:*:projects/data/*"]}}]}}"#
        );
        MaxComputeDeed::SetPolicy { role: role.clone(), document: Document::parse(&text).unwrap() }
    };
    let principal = max_compute_user("123456789012", &name("dave"));
    let grant = MaxComputeDeed::Grant { role: role.clone(), user: principal.clone() };
    let revoke = MaxComputeDeed::Revoke { role: role.clone(), user: principal, still: false };
    let made = || vec![odps(MaxComputeDeed::CreateRole(role.clone())), odps(says("odps:List")), odps(grant.clone())];
    let gained = "dave gains odps:List on acs:odps:*:projects/data/*";
    assert_eq!(lines(&["dave", "eve"], made()), [gained]);
    let undone = [made(), vec![odps(revoke)]].concat();
    assert!(lines(&["dave"], undone).is_empty(), "what is given and taken is nothing");
    let workspace = Workspace {
        name: workspace_in("cn-shanghai", "acme_lab"),
        id: "7".to_owned(),
        display_name: String::new(),
        description: "tenantry:c1/acme".to_owned(),
        env: BTreeSet::new(),
        state: WorkspaceState::Enabled,
        created: Timestamp::UNIX_EPOCH,
        members: Some(BTreeMap::new()),
    };
    let roles = BTreeSet::from(["PAI.AlgoDeveloper".to_owned()]);
    let member = WorkspaceAction::AddMember { workspace: workspace.name.clone(), user: name("dave"), roles };
    let steps = [WorkspaceAction::Create(workspace), member].map(CloudAction::Workspace).to_vec();
    assert_eq!(lines(&["dave"], steps.clone()), ["dave gains PAI.AlgoDeveloper in workspace acme_lab"]);
    // Who goes loses all that there is.
    let going = [made(), steps, vec![CloudAction::DeleteUser(name("dave"))]].concat();
    assert_eq!(lines(&["dave"], going), ["dave loses everything"]);
}
