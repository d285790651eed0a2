//! The nouns that both clouds and the cluster share: what exists, what may be done to it, and what can go wrong.

mod action;
mod arns;
mod cloud;
mod confirmed;
mod fault;
mod inventory;
mod kube;
mod login;
mod marked;
mod max_compute;
mod notebook;
mod profile;
mod record;
mod role;
mod rules;
mod sweep;
mod unread;
mod wanted;
mod workspace;

pub use action::{CloudAction, Effect, Finding, KeyWish, NewKey, Provider, Read, SecretTarget};
pub use cloud::{AccessKey, Group, LastUse, ObjectId, ObjectKind, Policy, PolicyRef, Stub, Tags, User, mark_of_tags};
pub use fault::{Class, Fault};
pub use inventory::{Inventory, Quota};
pub use kube::{
    ClusterAction, ClusterState, KubeKind, KubeObject, LoginNote, NamespaceSeen, ObjRef, SecretSeen, WorkloadSeen,
    covers, label_of_tenant,
};
pub use login::{Login, LoginWish, Password};
pub use max_compute::{
    MaxComputeAction, MaxComputeDeed, MaxComputeFinding, MaxComputeFound, MaxComputeKnown, MaxComputePlace,
    MaxComputeQuery, MaxComputeRead, MaxComputeRegion, MaxComputeRole, ToldMaxCompute, WantedGrants, WantedMaxCompute,
    WantedMaxComputeRole,
};
pub use notebook::{
    Build, Hours, Mount, Notebook, NotebookAction, NotebookList, Notebooks, Phase, Place, Rest, WantedNotebook,
};
pub use profile::Profile;
pub use role::{Role, RoleAction, SESSION_SECONDS, WantedRole};
pub use rules::{PasswordRules, WantedRules};
pub use sweep::{FRESH_WRITE, Sweep};
pub use wanted::{
    Conduct, Life, ManifestLife, Refusal, Ripe, Wanted, WantedAccount, WantedCluster, WantedGroup, WantedNamespace,
    WantedPolicy, WantedUser,
};
pub use workspace::{
    Member, WantedMember, WantedWorkspace, Workspace, WorkspaceAction, WorkspaceFinding, WorkspaceRead, WorkspaceState,
    Workspaces,
};
