//! TenantNotebook → a notebook in its account, for its user.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kube::ResourceExt;

use super::{AccountFacts, Compiler, Context, Manifests, manifest_ref, schedule};
use crate::api::{Duration, NotebookDataset, NotebookState, TenantNotebook, TenantUser};
use crate::model::{Build, Class, Mount, Place, Provider, Rest, WantedNotebook};
use crate::names::{
    AccountName, LABEL_ASKED, LABEL_NAME, ManifestKind, ManifestRef, Naming, TAG_PRINCIPAL_TENANT, TAG_PRINCIPAL_USER,
    idle_script,
};

/// The region that a notebook is in: what its manifest says, else where it was made, else its account's; on PAI DSW always
/// the last.
#[must_use]
pub fn notebook_region(notebook: &TenantNotebook, account: &crate::api::CloudAccount) -> String {
    if account.spec.alibaba.is_some() {
        // An instance is where its workspace is.
        return account.spec.region().to_owned();
    }
    let told = notebook.status.as_ref().and_then(|status| status.instance.as_deref());
    let made_in = || told.filter(|id| id.starts_with("arn:")).and_then(|arn| arn.split(':').nth(3)).map(str::to_owned);
    notebook.spec.region.clone().or_else(made_in).unwrap_or_else(|| account.spec.region().to_owned())
}

/// Where notebooks of the tenant are or may be, those of manifests that go too.
pub(super) fn regions(manifests: &Manifests, context: &Context) -> BTreeMap<AccountName, BTreeSet<String>> {
    let mut regions: BTreeMap<AccountName, BTreeSet<String>> = BTreeMap::new();
    for notebook in &manifests.notebooks {
        let name = AccountName::new(&notebook.spec.account);
        let Some(facts) = context.accounts.get(&name) else { continue };
        let mut listed = manifests.tenant.iter().flat_map(|tenant| &tenant.spec.accounts);
        let made = notebook.status.as_ref().is_some_and(|status| status.instance.is_some());
        if made || listed.any(|account| account.name == name.as_str()) {
            regions.entry(name).or_default().insert(notebook_region(notebook, &facts.manifest));
        }
    }
    regions
}

impl Compiler<'_> {
    /// `notebooks` comes oldest first, `users` are all that may name the tenant.
    pub(super) fn notebooks(&mut self, notebooks: &[Arc<TenantNotebook>], users: &[Arc<TenantUser>]) {
        let mut count = 0;
        for notebook in notebooks {
            let subject = manifest_ref(ManifestKind::TenantNotebook, notebook.as_ref());
            let Some((account, facts)) = self.account_of_notebook(&subject, notebook) else { continue };
            let allowed = self.notebook_is_within_limits(&subject, notebook, &mut count);
            let user = self.user_of_notebook(&subject, notebook, users);
            let rest = match &user {
                None => Some(Rest::Still),
                Some(user) if self.stands_still(user) => Some(Rest::Still),
                Some(_) if notebook.spec.state == NotebookState::Stopped => Some(Rest::Asked),
                Some(_) => None,
            };
            let complete = self.check_notebook(&subject, notebook, &facts);
            let only_still = !allowed || user.is_none() || !complete;
            if only_still {
                self.hold(&subject);
            }
            let naming = self.naming(&facts);
            let mut tags = self.tags(&facts, &subject, &BTreeMap::new());
            tags.insert(TAG_PRINCIPAL_TENANT.to_owned(), self.tenant_name.to_string());
            tags.insert(TAG_PRINCIPAL_USER.to_owned(), notebook.spec.user.clone());
            let (build, place) = match facts.provider() {
                Provider::Aws => (self.on_sagemaker(notebook, &naming, &facts), None),
                Provider::Alibaba => {
                    let workspace = self.accounts.get(&account).and_then(|account| account.workspace.as_ref());
                    let Some(workspace) = workspace.map(|it| it.name.clone()) else { continue };
                    let chosen = user.as_ref().map(|user| user.spec.user_name.as_str());
                    (on_dsw(notebook), Some(Place { workspace, user: naming.user(&notebook.spec.user, chosen) }))
                }
            };
            let name = naming.notebook(&notebook.name_any());
            if place.is_some() {
                tags.insert(LABEL_NAME.to_owned(), name.to_string());
                tags.insert(LABEL_ASKED.to_owned(), build.asked());
            }
            let wanted = WantedNotebook {
                region: notebook_region(notebook, &facts.manifest),
                tags,
                instance_type: notebook.spec.instance_type.clone(),
                build,
                place,
                rest,
                hours: notebook.spec.schedule.as_ref().and_then(|it| schedule::hours(it, self.context.now).ok()),
                only_still,
                owner: subject,
            };
            self.accounts.entry(account).or_default().notebooks.entry(name).or_default().push(wanted);
        }
    }

    /// The account that the notebook is in, if it can be in it now.
    fn account_of_notebook(
        &mut self,
        subject: &ManifestRef,
        notebook: &TenantNotebook,
    ) -> Option<(AccountName, AccountFacts)> {
        let name = AccountName::new(&notebook.spec.account);
        if !self.tenant.spec.accounts.iter().any(|account| account.name == name.as_str()) {
            let message = format!(
                "tenant {} is not in account {name}. Add it to spec.accounts of the Tenant, or make the notebook in an account of the tenant's.",
                self.tenant_name
            );
            self.refuse(subject, Some(&name), Class::Invalid, message);
            return None;
        }
        self.wait_for_accounts(subject, Some(std::slice::from_ref(&notebook.spec.account)));
        let Some(found) = self.tenant_accounts().into_iter().find(|(account, _)| *account == name) else {
            // The account waits, or is the same as another of the Tenant: what is there is nobody else's.
            self.hold(subject);
            return None;
        };
        let wants_workspace = || self.accounts.get(&name).is_some_and(|account| account.workspace.is_some());
        if found.1.provider() == Provider::Aws || wants_workspace() {
            return Some(found);
        }
        if self.has_workspace(&name) {
            // What is wrong with the workspace its Tenant says; until then the notebook stays as it is.
            self.hold(subject);
            self.refuse(subject, Some(&name), Class::Waiting, "waits for the workspace of the Tenant".to_owned());
            return None;
        }
        let message = format!(
            "a notebook of PAI DSW is in a PAI workspace, and tenant {} has none in this account. Add spec.accounts[].workspace to the Tenant.",
            self.tenant_name
        );
        self.refuse(subject, Some(&name), Class::Invalid, message);
        None
    }

    fn on_sagemaker(&self, notebook: &TenantNotebook, naming: &Naming, facts: &AccountFacts) -> Build {
        let id = facts.id.as_deref().unwrap_or_default();
        let aws = notebook.spec.aws.clone().unwrap_or_default();
        Build {
            volume_gb: notebook.spec.volume_size_gb,
            role: Some(naming.role_arn(&facts.partition, id, &naming.execution_role())),
            subnet: aws.subnet_id,
            security_groups: aws.security_group_ids.into_iter().collect(),
            root_access: aws.root_access,
            idle: notebook.spec.stop_after_idle.as_ref().map(|it| idle_script(&self.context.cluster, it.get())),
            ..Build::default()
        }
    }

    fn user_of_notebook(
        &mut self,
        subject: &ManifestRef,
        notebook: &TenantNotebook,
        users: &[Arc<TenantUser>],
    ) -> Option<Arc<TenantUser>> {
        let (name, account) = (&notebook.spec.user, &notebook.spec.account);
        let Some(user) = users.iter().find(|user| user.name_any() == *name) else {
            let message = format!(
                "there is no TenantUser {name} in tenant {}: a notebook is for a user of its own tenant. One that is there was stopped; make the user, or delete the notebook.",
                self.tenant_name
            );
            self.refuse(subject, None, Class::Invalid, message);
            return None;
        };
        if user.spec.accounts.as_ref().is_some_and(|accounts| !accounts.contains(account)) {
            let message = format!(
                "TenantUser {name} is not in account {account}. Add it to spec.accounts of the user, or delete the notebook."
            );
            self.refuse(subject, None, Class::Invalid, message);
            return None;
        }
        Some(user.clone())
    }

    /// Whether all that the manifest says can be done.
    fn check_notebook(&mut self, subject: &ManifestRef, notebook: &TenantNotebook, facts: &AccountFacts) -> bool {
        let before = self.refusals.len();
        let (what, begins, such_as) = match facts.provider() {
            Provider::Aws => ("a SageMaker notebook", "ml.", "ml.t3.medium"),
            Provider::Alibaba => ("a DSW instance", "ecs.", "ecs.g6.large"),
        };
        if !notebook.spec.instance_type.starts_with(begins) {
            let message = format!(
                "\"{}\" is no type of {what}; those begin with {begins}, such as {such_as}",
                notebook.spec.instance_type
            );
            self.refuse(subject, None, Class::Invalid, message);
        }
        match facts.provider() {
            Provider::Aws => self.check_on_sagemaker(subject, notebook),
            Provider::Alibaba => self.check_on_dsw(subject, notebook, facts),
        }
        if let Some(Err(why)) = notebook.spec.schedule.as_ref().map(|it| schedule::hours(it, self.context.now)) {
            self.refuse(subject, None, Class::Invalid, format!("{why}."));
        }
        self.refusals.len() == before
    }

    fn check_on_sagemaker(&mut self, subject: &ManifestRef, notebook: &TenantNotebook) {
        if notebook.spec.alibaba.is_some() {
            let message = "spec.alibaba is for PAI DSW, and this is an AWS account. Take it out.";
            self.refuse(subject, None, Class::Invalid, message.to_owned());
        }
        let aws = notebook.spec.aws.clone().unwrap_or_default();
        if aws.subnet_id.is_some() == aws.security_group_ids.is_empty() {
            let message = "spec.aws.subnetId and spec.aws.securityGroupIds go together: SageMaker takes both or none";
            self.refuse(subject, None, Class::Invalid, message.to_owned());
        }
    }

    fn check_on_dsw(&mut self, subject: &ManifestRef, notebook: &TenantNotebook, facts: &AccountFacts) {
        if notebook.spec.aws.is_some() {
            let message = "spec.aws is for SageMaker, and this is an Alibaba Cloud account. Take it out.";
            self.refuse(subject, None, Class::Invalid, message.to_owned());
        }
        if notebook.spec.alibaba.is_none() {
            let message = "a DSW instance needs an image. Write its id or its address into spec.alibaba.image.";
            self.refuse(subject, None, Class::Invalid, message.to_owned());
        }
        if let Some(region) = notebook.spec.region.as_ref().filter(|region| **region != facts.region()) {
            let message = format!(
                "a DSW instance is in the region of its workspace, which is {}, and not in {region}. Take spec.region out, or use a CloudAccount of that region.",
                facts.region()
            );
            self.refuse(subject, None, Class::Invalid, message);
        }
    }
}

/// What a notebook is made of on PAI DSW; idleness is counted in whole minutes there.
fn on_dsw(notebook: &TenantNotebook) -> Build {
    let told = notebook.spec.alibaba.clone().unwrap_or_default();
    let network = told.network.unwrap_or_default();
    let mount = |it: NotebookDataset| (it.mount_path, Mount { dataset: it.id, read_only: it.read_only });
    let minutes = |it: &Duration| it.get().as_secs().div_ceil(60).max(1).to_string();
    Build {
        volume_gb: notebook.spec.volume_size_gb,
        vpc: Some(network.vpc_id).filter(|id| !id.is_empty()),
        subnet: network.v_switch_id,
        security_groups: network.security_group_id.into_iter().collect(),
        idle: notebook.spec.stop_after_idle.as_ref().map(minutes),
        images: Some(told.image).filter(|image| !image.is_empty()).into_iter().collect(),
        mounts: told.datasets.into_iter().map(mount).collect(),
        ..Build::default()
    }
}
