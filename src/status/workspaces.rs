//! Which workspace is a tenant's, as its status tells it: what is deleted later is found by that.

use super::verdict::Report;
use crate::api::TenantAccountStatus;
use crate::names::AccountName;

impl Report<'_> {
    /// The id of the tenant's workspace: the one that its spec names, else the one that was told of, as long as it is there
    /// and carries the tenant's mark. While nothing is known of its region, what was said last is the best that is known.
    pub(super) fn workspace_id(&self, account: &AccountName, before: Option<&TenantAccountStatus>) -> Option<String> {
        let conduct = self.wanted.conduct.get(account)?;
        let region = conduct.workspace_in.as_ref()?;
        let before = before.and_then(|before| before.workspace_id.as_ref());
        let inventory = self.accounts.get(account).and_then(|view| view.inventory);
        let Some(inventory) = inventory.filter(|inventory| inventory.workspaces.listed(region).is_some()) else {
            return before.cloned();
        };
        let is_ours = |mark: crate::names::Mark| mark.cluster == inventory.cluster && mark.tenant == self.wanted.tenant;
        let known = inventory.workspaces.known.iter();
        let ours = known.filter(|(_, it)| it.mark().is_some_and(is_ours) && !it.id.is_empty());
        let named = ours.clone().find(|(name, _)| conduct.workspace_name.as_ref() == Some(*name));
        let told = || ours.clone().find(|(_, it)| Some(&it.id) == before);
        named.or_else(told).map(|(_, it)| it.id.clone())
    }
}
