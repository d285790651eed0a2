//! What should exist for one tenant, in the same nouns as what does: the output of `desired`, the input of `plan`.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;

use super::action::KeyWish;
use super::cloud::{ObjectId, ObjectKind, PolicyRef, Tags};
use super::fault::Class;
use super::inventory::Inventory;
use super::kube::{KubeObject, ObjRef};
use super::login::LoginWish;
use super::max_compute::{ToldMaxCompute, WantedMaxCompute};
use super::notebook::WantedNotebook;
use super::profile::Profile;
use super::role::WantedRole;
use super::workspace::WantedWorkspace;
use crate::names::{AccountName, CloudName, ManifestRef, TenantName};
use crate::policy::Document;

/// Whether there is a Tenant of that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Life {
    /// It is wanted.
    Alive,
    /// It is being deleted: everything of it goes.
    Deleting,
    /// There is none: only what belongs to manifests that are being deleted goes.
    Absent,
}

/// What the plan must know of a manifest whatever it asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ManifestLife {
    /// Its UID.
    pub uid: String,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// Whether it may take over an object of the right name that carries no mark.
    pub adopt: bool,
    /// Whether nothing is made or changed for it; deletion, suspension and expiry go on.
    pub paused: bool,
    /// Whether its status already says that it has what it asks for, so that less must be read anew.
    pub told: bool,
    /// What it asks for is not known (it is not allowed, or its Tenant is gone): what it has stays as it is.
    pub held: bool,
}

/// How a cloud account is handled, as its CloudAccount and the Tenant say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Conduct {
    /// The Tenant is in it.
    pub named: bool,
    /// Nothing is written to the cloud or to Secrets with its keys; what would be done is told.
    pub observe: bool,
    /// What people attach by hand to objects of ours is told, not removed.
    pub report_extras: bool,
    /// What no manifest wants and whose manifest is gone is removed in time.
    pub prune_orphans: bool,
    /// The Tenant gives it up: nothing in it is waited for.
    pub abandoned: bool,
    /// The region in which the tenant may have a PAI workspace, as its manifest or its status says: what is there must be
    /// known before anything can be said of it.
    pub workspace_in: Option<String>,
    /// The workspace that the Tenant's spec names.
    pub workspace_name: Option<CloudName>,
    /// The id of the workspace that the Tenant's status tells of.
    pub workspace_id: Option<String>,
    /// What is put on everybody and every role of the tenant while it is suspended, of those too whose manifests are not read.
    pub suspension: Option<Document>,
    /// Orphans whose time has come. Filled in by who keeps their time, the controller.
    pub ripe: BTreeMap<ObjectId, Ripe>,
    /// Where something of the tenant may be in MaxCompute.
    pub max_compute: ToldMaxCompute,
}

/// What may be done to an orphan whose time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Ripe {
    /// Its keys are made inactive.
    DisableKeys,
    /// It goes.
    Remove,
}

/// Something that a manifest asks for and does not get.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Refusal {
    /// Whose condition says so.
    pub subject: ManifestRef,
    /// In which account, if in one.
    pub account: Option<AccountName>,
    /// Why, as a class.
    pub class: Class,
    /// Why, in words, and what would help.
    pub message: String,
}

/// A group that should exist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WantedGroup {
    /// The Tenant.
    pub owner: ManifestRef,
    /// Its path.
    pub path: String,
    /// What is attached to it.
    pub attached: BTreeSet<PolicyRef>,
}

/// A policy that should exist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WantedPolicy {
    /// The TenantRole.
    pub owner: ManifestRef,
    /// Its path.
    pub path: String,
    /// Its description, set once.
    pub description: String,
    /// Its tags.
    pub tags: Tags,
    /// What it says.
    pub document: Document,
}

/// A user that should exist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WantedUser {
    /// The TenantUser.
    pub owner: ManifestRef,
    /// Its path.
    pub path: String,
    /// Its tags.
    pub tags: Tags,
    /// How it is shown to people.
    pub profile: Profile,
    /// The ARN of its boundary.
    pub boundary: Option<String>,
    /// The groups it is a member of.
    pub groups: BTreeSet<CloudName>,
    /// What is attached to it.
    pub attached: BTreeSet<PolicyRef>,
    /// Its inline policies by name.
    pub inline: BTreeMap<String, Document>,
    /// Names of inline policies that stay as they are: what they should say is not known now.
    pub kept_inline: BTreeSet<String>,
    /// Whether only what takes access away, and undoes that, is done: the manifest is refused, and what it has stays.
    pub only_still: bool,
    /// Whether it can do nothing for now: it, or its tenant, is suspended, or its time is over.
    pub still: bool,
    /// Its key; none: it has no keys.
    pub key: Option<KeyWish>,
    /// Its console login; none: it has none.
    pub login: Option<LoginWish>,
}

/// What should exist in one account. Claims on one name are sorted oldest manifest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WantedAccount {
    /// Groups.
    pub groups: BTreeMap<CloudName, Vec<WantedGroup>>,
    /// Policies.
    pub policies: BTreeMap<CloudName, Vec<WantedPolicy>>,
    /// Users.
    pub users: BTreeMap<CloudName, Vec<WantedUser>>,
    /// Notebooks.
    pub notebooks: BTreeMap<CloudName, Vec<WantedNotebook>>,
    /// Roles.
    pub roles: BTreeMap<CloudName, Vec<WantedRole>>,
    /// The one of the roles under which SageMaker or PAI works, where the tenant needs one.
    pub execution_role: Option<CloudName>,
    /// In MaxCompute; none: nothing.
    pub max_compute: Option<WantedMaxCompute>,
    /// The tenant's PAI workspace.
    pub workspace: Option<WantedWorkspace>,
}

impl WantedAccount {
    /// Whether the manifest wants this object.
    #[must_use]
    pub fn is_claimed_by(&self, object: &ObjectId, owner: &ManifestRef) -> bool {
        fn any<W>(claims: Option<&Vec<W>>, is: impl FnMut(&W) -> bool) -> bool {
            claims.is_some_and(|claims| claims.iter().any(is))
        }
        match object.kind {
            ObjectKind::User => any(self.users.get(&object.name), |claim| claim.owner == *owner),
            ObjectKind::Group => any(self.groups.get(&object.name), |claim| claim.owner == *owner),
            ObjectKind::Notebook => any(self.notebooks.get(&object.name), |claim| claim.owner == *owner),
            ObjectKind::Policy => any(self.policies.get(&object.name), |claim| claim.owner == *owner),
            ObjectKind::Role => any(self.roles.get(&object.name), |claim| claim.owner == *owner),
            ObjectKind::MaxCompute => self.max_compute.as_ref().is_some_and(|wanted| wanted.waits_for(object, owner)),
            ObjectKind::Workspace => self.workspace.as_ref().is_some_and(|it| it.concerns(object, owner)),
        }
    }
}

/// A namespace that should be the tenant's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WantedNamespace {
    /// Labels that we keep on it.
    pub labels: BTreeMap<String, String>,
}

/// What should exist in the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WantedCluster {
    /// The tenant's namespaces.
    pub namespaces: BTreeMap<String, WantedNamespace>,
    /// Labels on namespaces that are not the tenant's but hold its definitions.
    pub definitions: BTreeMap<String, BTreeMap<String, String>>,
    /// Everything else, by the manifest that it stands for.
    pub objects: BTreeMap<ObjRef, (ManifestRef, KubeObject)>,
    /// What stays as it is, if it is there: what it should be is refused.
    pub kept: BTreeSet<ObjRef>,
}

/// Everything that should exist for one tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Wanted {
    /// The tenant.
    pub tenant: TenantName,
    /// Whether there is such a Tenant.
    pub life: Life,
    /// The Tenant and every manifest that names it.
    pub manifests: BTreeMap<ManifestRef, ManifestLife>,
    /// Whether what a deleted manifest made stays and only loses our marks (`deletionPolicy: Retain`).
    pub retain: bool,
    /// Whether every status of the tenant and of its accounts speaks of what its manifest says now, and says that it is
    /// so: what nobody has read since the start is then taken to be so.
    pub settled: bool,
    /// How each account is handled: of every known CloudAccount, the tenant's or not.
    pub conduct: BTreeMap<AccountName, Conduct>,
    /// The regions in which the tenant's notebooks are, or may be, by CloudAccount: what manifests that go have too.
    pub notebook_regions: BTreeMap<AccountName, BTreeSet<String>>,
    /// By CloudAccount.
    pub accounts: BTreeMap<AccountName, WantedAccount>,
    /// In the cluster.
    pub cluster: WantedCluster,
    /// What is refused without looking at a cloud.
    pub refusals: Vec<Refusal>,
    /// When the same manifests will mean something else: a user expires, a role's time is over.
    pub next_change: Option<Timestamp>,
}

impl Wanted {
    /// The Tenant, as a manifest.
    #[must_use]
    pub fn tenant_ref(&self) -> ManifestRef {
        ManifestRef::cluster_scoped(crate::names::ManifestKind::Tenant, self.tenant.as_str())
    }

    /// Whether nothing may be written to an account.
    #[must_use]
    pub fn observes(&self, account: &AccountName) -> bool {
        self.conduct.get(account).is_some_and(|conduct| conduct.observe)
    }

    /// Whether Secrets may have to outlive the manifests that own them.
    #[must_use]
    pub fn keeps_secrets(&self) -> bool {
        self.retain || self.conduct.values().any(|conduct| conduct.observe && conduct.named)
    }

    /// Whether an account is given up.
    #[must_use]
    pub fn abandons(&self, account: &AccountName) -> bool {
        self.conduct.get(account).is_some_and(|conduct| conduct.abandoned)
    }

    /// Whether the Tenant itself, by its spec or its status, knows a workspace that carries its mark: whoever may edit a
    /// workspace may write any mark into it.
    #[must_use]
    pub fn knows_workspace(&self, account: &AccountName, inventory: &Inventory, name: &CloudName) -> bool {
        let Some(conduct) = self.conduct.get(account) else { return false };
        let id = inventory.workspaces.known.get(name).map(|workspace| &workspace.id).filter(|id| !id.is_empty());
        conduct.workspace_name.as_ref() == Some(name) || (id.is_some() && conduct.workspace_id.as_ref() == id)
    }

    /// The manifest that an owner mark names, with its life.
    #[must_use]
    pub fn owner(&self, mark: &str) -> Option<(&ManifestRef, &ManifestLife)> {
        self.manifests.iter().find(|(manifest, _)| manifest.mark_text() == mark)
    }
}
