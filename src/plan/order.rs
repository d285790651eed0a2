//! Which step must wait for which, derived from what each step needs and brings about.

use std::collections::{BTreeMap, BTreeSet};

use super::account::last_part;
use super::{Action, Step};
use crate::model::{
    CloudAction, ClusterAction, KubeKind, NotebookAction, ObjRef, ObjectId, PolicyRef, RoleAction, SecretTarget,
    WorkspaceAction,
};
use crate::names::{AccountName, CloudName, TenantName, operator_binding};

/// Something that a step brings about and another may wait for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// The cloud object exists.
    Exists(AccountName, ObjectId),
    /// Something that hung on the cloud object is gone.
    Freed(AccountName, ObjectId),
    /// The cluster object exists.
    Applied(ObjRef),
    /// A notebook that nobody may use any more is being stopped.
    Quiet(AccountName),
    /// Something in the namespace is gone.
    Emptied(String),
}

/// Puts steps in an order that respects what they need: what suspends, then revocations, then the rest. Completes
/// [`Step::needs`]: a step may come with needs of its own, as indices into `steps`.
pub(super) fn sorted(tenant: &TenantName, mut steps: Vec<Step>) -> Vec<Step> {
    let mut bringers: BTreeMap<Event, Vec<usize>> = BTreeMap::new();
    for (index, step) in steps.iter().enumerate() {
        for event in brings(&step.action) {
            bringers.entry(event).or_default().push(index);
        }
    }
    let needs: Vec<BTreeSet<usize>> = steps
        .iter()
        .enumerate()
        .map(|(index, step)| {
            let awaited = awaits(tenant, &step.action);
            let before = awaited.iter().filter_map(|event| bringers.get(event)).flatten();
            let all = before.chain(&step.needs).copied();
            all.filter(|before| *before != index && *before < steps.len()).collect()
        })
        .collect();

    let mut placed: Vec<usize> = Vec::with_capacity(steps.len());
    let mut position = vec![usize::MAX; steps.len()];
    let place = |(index, step): (usize, &Step)| (!super::takes_access_away(&step.action), step.rank, index);
    let mut left: BTreeSet<(bool, super::Rank, usize)> = steps.iter().enumerate().map(place).collect();
    while let Some(next) = left
        .iter()
        .find(|(_, _, index)| needs[*index].iter().all(|before| position[*before] != usize::MAX))
        .or_else(|| left.first())
        .copied()
    {
        left.remove(&next);
        position[next.2] = placed.len();
        placed.push(next.2);
    }
    for (index, step) in steps.iter_mut().enumerate() {
        step.needs = needs[index].iter().map(|before| position[*before]).filter(|at| *at < position[index]).collect();
    }
    let mut slots: Vec<Option<Step>> = steps.into_iter().map(Some).collect();
    placed.into_iter().filter_map(|index| slots[index].take()).collect()
}

fn brings(action: &Action) -> Vec<Event> {
    match action {
        Action::Cloud { account, action } => cloud_brings(action).into_iter().map(|event| event(account)).collect(),
        Action::IssueKey { .. } | Action::IssueLogin { .. } => Vec::new(),
        Action::Cluster(ClusterAction::Create(object) | ClusterAction::Apply(object)) => {
            vec![Event::Applied(object.at.clone())]
        }
        Action::Cluster(ClusterAction::Delete(at)) => at.namespace.iter().cloned().map(Event::Emptied).collect(),
        Action::Cluster(ClusterAction::DeleteSecret { secret, .. } | ClusterAction::ReleaseSecret { secret, .. }) => {
            vec![Event::Emptied(secret.namespace.clone())]
        }
        Action::Cluster(ClusterAction::DeleteManifest(manifest)) => {
            manifest.namespace.iter().cloned().map(Event::Emptied).collect()
        }
        Action::Cluster(
            ClusterAction::Release(_) | ClusterAction::NoteLogin { .. } | ClusterAction::Restart { .. },
        ) => Vec::new(),
    }
}

type EventOf = Box<dyn Fn(&AccountName) -> Event>;

fn exists(object: ObjectId) -> EventOf {
    Box::new(move |account| Event::Exists(account.clone(), object.clone()))
}

fn freed(object: ObjectId) -> EventOf {
    Box::new(move |account| Event::Freed(account.clone(), object.clone()))
}

fn cloud_brings(action: &CloudAction) -> Vec<EventOf> {
    let object = action.object();
    match action {
        CloudAction::CreateGroup(_)
        | CloudAction::Role(RoleAction::Create(_))
        | CloudAction::CreateUser(_)
        | CloudAction::CreatePolicy(_)
        | CloudAction::MoveGroup { .. }
        | CloudAction::SetTags { .. } => vec![exists(object)],
        CloudAction::RemoveMember { group, .. } => vec![freed(object), freed(ObjectId::group(group))],
        CloudAction::Detach { arn, .. } => {
            let policy = arn.rsplit('/').next().unwrap_or(arn);
            vec![freed(object), freed(ObjectId::policy(&CloudName::new(policy)))]
        }
        CloudAction::DeleteKey { .. } | CloudAction::DeleteLogin(_) | CloudAction::DeleteInline { .. } => {
            vec![freed(object)]
        }
        CloudAction::Notebook(NotebookAction::Stop { urgent: true, .. }) => {
            vec![Box::new(|account| Event::Quiet(account.clone()))]
        }
        CloudAction::Workspace(WorkspaceAction::Create(_)) => vec![exists(object)],
        CloudAction::Workspace(WorkspaceAction::RemoveMember { name, .. }) => {
            vec![freed(ObjectId::user(&CloudName::new(name)))]
        }
        _ => Vec::new(),
    }
}

fn awaits(tenant: &TenantName, action: &Action) -> Vec<Event> {
    match action {
        Action::Cloud { account, action } => cloud_awaits(action).into_iter().map(|event| event(account)).collect(),
        Action::IssueKey { account, user, wish, .. } => credential_awaits(tenant, account, user, &wish.secret),
        Action::IssueLogin { account, user, wish, .. } => credential_awaits(tenant, account, user, &wish.secret),
        Action::Cluster(ClusterAction::Create(object) | ClusterAction::Apply(object)) => {
            let namespace = object.at.namespace.iter();
            let mut events: Vec<Event> =
                namespace.map(|name| Event::Applied(ObjRef::cluster_scoped(KubeKind::Namespace, name))).collect();
            events.extend(role_of_binding(&object.at).map(Event::Applied));
            if object.at.kind == KubeKind::Role
                && let Some(namespace) = &object.at.namespace
            {
                // RBAC lets a subject grant only what it has: our right to Secrets there comes first.
                let binding = ObjRef::namespaced(KubeKind::RoleBinding, namespace, operator_binding(tenant));
                events.push(Event::Applied(binding));
            }
            events
        }
        Action::Cluster(ClusterAction::Release(namespace)) => vec![Event::Emptied(namespace.clone())],
        Action::Cluster(ClusterAction::Delete(at)) if at.kind == KubeKind::Namespace => {
            vec![Event::Emptied(at.name.clone())]
        }
        Action::Cluster(_) => Vec::new(),
    }
}

/// The user, and a namespace in which we may write its Secret.
fn credential_awaits(
    tenant: &TenantName,
    account: &AccountName,
    user: &CloudName,
    secret: &SecretTarget,
) -> Vec<Event> {
    let namespace = &secret.namespace;
    vec![
        Event::Exists(account.clone(), ObjectId::user(user)),
        Event::Applied(ObjRef::cluster_scoped(KubeKind::Namespace, namespace)),
        Event::Applied(ObjRef::namespaced(KubeKind::RoleBinding, namespace, operator_binding(tenant))),
    ]
}

/// A binding of ours is called like the role that it binds; the role comes first.
fn role_of_binding(at: &ObjRef) -> Option<ObjRef> {
    let kind = match at.kind {
        KubeKind::RoleBinding => KubeKind::Role,
        KubeKind::ClusterRoleBinding => KubeKind::ClusterRole,
        _ => return None,
    };
    Some(ObjRef { kind, namespace: at.namespace.clone(), name: at.name.clone() })
}

fn cloud_awaits(action: &CloudAction) -> Vec<EventOf> {
    let object = action.object();
    match action {
        // A notebook is open to who has it open until it stops.
        CloudAction::DeleteUser(_) => vec![freed(object), Box::new(|account| Event::Quiet(account.clone()))],
        CloudAction::DeleteGroup(_) | CloudAction::DeletePolicy(_) | CloudAction::Role(RoleAction::Delete(_)) => {
            vec![freed(object)]
        }
        CloudAction::AddMember { group, .. } => vec![exists(object), exists(ObjectId::group(group))],
        CloudAction::Workspace(WorkspaceAction::AddMember { user, .. }) => {
            vec![exists(object), exists(ObjectId::user(user))]
        }
        CloudAction::Attach { policy: PolicyRef::Own(policy), .. } => {
            vec![exists(object), exists(ObjectId::policy(policy))]
        }
        CloudAction::Attach { .. }
        | CloudAction::PutInline { .. }
        | CloudAction::Role(RoleAction::SetTrust { .. })
        | CloudAction::SetProfile { .. }
        | CloudAction::SetBoundary { .. }
        | CloudAction::SetDocument { .. } => {
            vec![exists(object)]
        }
        CloudAction::Notebook(NotebookAction::Create(notebook)) => {
            let role = notebook.build.as_ref().and_then(|build| build.role.as_deref()).map(last_part);
            role.map(|role| exists(ObjectId::role(&CloudName::new(role)))).into_iter().collect()
        }
        _ => Vec::new(),
    }
}
