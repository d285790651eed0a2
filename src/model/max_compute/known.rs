//! What is known of MaxCompute in one account: filled by reads of lists, roles, users and projects, kept true by our own
//! writes. What was never read is unknown.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{
    MaxComputeAction, MaxComputeDeed, MaxComputeFinding, MaxComputeFound, MaxComputePlace, MaxComputeQuery,
    MaxComputeRead,
};
use crate::model::{ObjectId, Read};
use crate::names::{CloudName, ram_user_of_max_compute};
use crate::policy::Document;

/// By region.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MaxComputeKnown {
    /// Every region that was ever asked.
    pub regions: BTreeMap<String, MaxComputeRegion>,
}

/// Users and roles of a region.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MaxComputeRegion {
    /// The projects through which it was asked, and whether they are there.
    pub through: BTreeMap<String, bool>,
    /// Whether users and roles are known to be all that there are.
    pub listed: bool,
    /// Users with their roles; none where these were never read.
    pub users: BTreeMap<CloudName, Option<BTreeSet<CloudName>>>,
    /// Roles; none where they were never read.
    pub roles: BTreeMap<CloudName, Option<MaxComputeRole>>,
    /// The roles in each project that was read; none where there is no such project.
    pub projects: BTreeMap<String, Option<BTreeSet<CloudName>>>,
}

/// What is known of a role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MaxComputeRole {
    /// What it says; none where that cannot be read as a policy, which never equals what is wanted.
    pub document: Option<Document>,
    /// Who has it.
    pub users: BTreeSet<CloudName>,
}

impl MaxComputeRole {
    fn new() -> Self {
        Self { document: Some(Document::ram(Vec::new())), users: BTreeSet::new() }
    }
}

impl MaxComputeKnown {
    /// Notes an act of ours.
    pub fn record(&mut self, action: &MaxComputeAction) {
        let region = self.regions.entry(action.place.region.clone()).or_default();
        region.through.insert(action.place.project.clone(), true);
        match &action.deed {
            MaxComputeDeed::CreateRole(role) => {
                region.roles.insert(role.clone(), Some(MaxComputeRole::new()));
            }
            MaxComputeDeed::DropRole(role) => {
                region.forget_role(role);
            }
            MaxComputeDeed::SetPolicy { role, document } => {
                if let Some(Some(role)) = region.roles.get_mut(role) {
                    role.document = Some(document.clone());
                }
            }
            // Grants of an earlier time may hold again.
            MaxComputeDeed::AddUser(user) => drop(region.users.insert(user.clone(), None)),
            MaxComputeDeed::RemoveUser(user) => {
                region.users.remove(user);
                region.roles.values_mut().flatten().for_each(|role| set(&mut role.users, user, false));
            }
            MaxComputeDeed::Grant { role, user } => region.note_grant(role, user, true),
            MaxComputeDeed::Revoke { role, user, .. } => region.note_grant(role, user, false),
            MaxComputeDeed::AddToProject { role, project } => {
                if let Some(Some(roles)) = region.projects.get_mut(project) {
                    roles.insert(role.clone());
                }
            }
            MaxComputeDeed::RemoveFromProject { role, project } => {
                if let Some(Some(roles)) = region.projects.get_mut(project) {
                    roles.remove(role);
                }
            }
        }
    }

    /// Forgets what an act may have changed.
    pub fn doubt(&mut self, action: &MaxComputeAction) {
        let Some(region) = self.regions.get_mut(&action.place.region) else { return };
        match &action.deed {
            MaxComputeDeed::CreateRole(_)
            | MaxComputeDeed::DropRole(_)
            | MaxComputeDeed::AddUser(_)
            | MaxComputeDeed::RemoveUser(_) => region.listed = false,
            MaxComputeDeed::SetPolicy { role, .. } => forget(&mut region.roles, role),
            MaxComputeDeed::Grant { role, user } | MaxComputeDeed::Revoke { role, user, .. } => {
                forget(&mut region.roles, role);
                forget(&mut region.users, user);
            }
            MaxComputeDeed::AddToProject { project, .. } | MaxComputeDeed::RemoveFromProject { project, .. } => {
                region.projects.remove(project);
            }
        }
    }

    /// Takes in an answer.
    pub fn learn(&mut self, finding: MaxComputeFinding) {
        let MaxComputeFinding { asked, found } = finding;
        let region = self.regions.entry(asked.place.region).or_default();
        region.through.insert(asked.place.project, found != MaxComputeFound::NoWay);
        match (asked.what, found) {
            (MaxComputeQuery::Lists, MaxComputeFound::Lists { users, roles }) => {
                region.listed = true;
                // With a role go its grants and its places in projects.
                let lost: Vec<CloudName> = region.roles.keys().filter(|role| !roles.contains(*role)).cloned().collect();
                lost.iter().for_each(|role| region.forget_role(role));
                region.users.retain(|user, _| users.contains(user));
                region.roles.values_mut().flatten().for_each(|role| role.users.retain(|user| users.contains(user)));
                for user in users {
                    region.users.entry(user).or_default();
                }
                for role in roles {
                    region.roles.entry(role).or_default();
                }
            }
            (MaxComputeQuery::Role(name), MaxComputeFound::Role(role)) => {
                for (user, roles) in &mut region.users {
                    let has = role.users.contains(user);
                    roles.iter_mut().for_each(|roles| set(roles, &name, has));
                }
                region.roles.insert(name, Some(role));
            }
            (MaxComputeQuery::Role(name), MaxComputeFound::Absent) => region.forget_role(&name),
            (MaxComputeQuery::Grants(user), MaxComputeFound::Grants(roles)) => {
                for (name, role) in &mut region.roles {
                    let has = roles.contains(name);
                    role.iter_mut().for_each(|role| set(&mut role.users, &user, has));
                }
                region.users.insert(user, Some(roles));
            }
            (MaxComputeQuery::Grants(user), MaxComputeFound::Absent) => drop(region.users.remove(&user)),
            (MaxComputeQuery::Project(project), MaxComputeFound::Project(roles)) => {
                region.projects.insert(project, Some(roles));
            }
            (MaxComputeQuery::Project(project), MaxComputeFound::Absent) => {
                region.projects.insert(project, None);
            }
            _ => {}
        }
    }

    /// Lists could not be read: whether they are as they were is not known.
    pub fn doubt_lists(&mut self) {
        self.regions.values_mut().for_each(|region| region.listed = false);
    }

    /// Through which projects the lists of each region are read anew: one that is there, or else all that were tried; and
    /// those that were not there.
    #[must_use]
    pub fn to_list(&self) -> Vec<Read> {
        let mut reads = Vec::new();
        for (name, region) in &self.regions {
            let first = region.through.iter().find(|(_, there)| **there).map(|(project, _)| project);
            let missing = region.through.iter().filter(|(_, there)| !**there).map(|(project, _)| project);
            reads.extend(first.into_iter().chain(missing).map(|project| {
                let place = MaxComputePlace { region: name.clone(), project: project.clone() };
                Read::MaxCompute(MaxComputeRead { place, what: MaxComputeQuery::Lists })
            }));
        }
        reads
    }

    /// What of ours lists do not show, each with the reading that does. Roles are taken by the shape of their names, users
    /// by `is_ours`, which is asked about names in RAM.
    #[must_use]
    pub fn hidden(&self, is_ours: impl Fn(&CloudName) -> bool) -> Vec<(ObjectId, Read)> {
        let mut hidden = Vec::new();
        for (name, region) in &self.regions {
            let Some((project, _)) = region.through.iter().find(|(_, there)| **there) else { continue };
            let place = MaxComputePlace { region: name.clone(), project: project.clone() };
            let roles = region.roles.keys().filter(|role| has_our_shape(role));
            let roles = roles.map(|role| MaxComputeQuery::Role(role.clone()));
            let users = region.users.keys().filter(|user| ram_user_of_max_compute(user).is_some_and(|it| is_ours(&it)));
            let users = users.map(|user| MaxComputeQuery::Grants(user.clone()));
            let projects = region.projects.keys().map(|project| MaxComputeQuery::Project(project.clone()));
            hidden.extend(roles.chain(users).chain(projects).map(|what| {
                let read = MaxComputeRead { place: place.clone(), what };
                (read.object(), Read::MaxCompute(read))
            }));
        }
        hidden
    }

    /// The names of the roles and users that are not as they were in `before`, and of all roles in projects that are not.
    #[must_use]
    pub fn moved_since(&self, before: &Self) -> BTreeSet<CloudName> {
        let nothing = MaxComputeRegion::default();
        let names: BTreeSet<&String> = self.regions.keys().chain(before.regions.keys()).collect();
        let mut moved = BTreeSet::new();
        for name in names {
            let old = before.regions.get(name).unwrap_or(&nothing);
            let new = self.regions.get(name).unwrap_or(&nothing);
            moved.extend(differing(&old.roles, &new.roles).cloned());
            moved.extend(differing(&old.users, &new.users).cloned());
            for project in differing(&old.projects, &new.projects) {
                let both = [old.projects.get(project), new.projects.get(project)];
                moved.extend(both.into_iter().flatten().flatten().flatten().cloned());
            }
        }
        moved
    }
}

impl MaxComputeRegion {
    fn forget_role(&mut self, role: &CloudName) {
        self.roles.remove(role);
        self.users.values_mut().flatten().for_each(|roles| set(roles, role, false));
        self.projects.values_mut().flatten().for_each(|roles| set(roles, role, false));
    }

    fn note_grant(&mut self, role: &CloudName, user: &CloudName, has: bool) {
        if let Some(Some(roles)) = self.users.get_mut(user) {
            set(roles, role, has);
        }
        if let Some(Some(role)) = self.roles.get_mut(role) {
            set(&mut role.users, user, has);
        }
    }
}

/// How a role of ours is called: at its end stands a hash.
fn has_our_shape(role: &CloudName) -> bool {
    let hash = role.as_str().rsplit_once('_').map(|(_, hash)| hash).unwrap_or_default();
    hash.len() == 8 && hash.bytes().all(|byte| byte.is_ascii_lowercase() || (b'2'..=b'7').contains(&byte))
}

fn set(names: &mut BTreeSet<CloudName>, name: &CloudName, has: bool) {
    if has {
        names.insert(name.clone());
    } else {
        names.remove(name);
    }
}

/// That it is there stays known.
fn forget<T>(known: &mut BTreeMap<CloudName, Option<T>>, name: &CloudName) {
    known.get_mut(name).into_iter().for_each(|it| *it = None);
}

fn differing<'n, K: Ord, T: PartialEq>(
    before: &'n BTreeMap<K, T>,
    after: &'n BTreeMap<K, T>,
) -> impl Iterator<Item = &'n K> {
    let changed = before.iter().filter(|(name, it)| after.get(*name) != Some(*it)).map(|(name, _)| name);
    changed.chain(after.keys().filter(|name| !before.contains_key(*name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> MaxComputePlace {
        MaxComputePlace { region: "cn-shanghai".to_owned(), project: "acme_ops".to_owned() }
    }

    fn learn(known: &mut MaxComputeKnown, what: MaxComputeQuery, found: MaxComputeFound) {
        known.learn(MaxComputeFinding { asked: MaxComputeRead { place: place(), what }, found });
    }

    fn names(names: &[&str]) -> BTreeSet<CloudName> {
        names.iter().map(|name| CloudName::new(*name)).collect()
    }

    #[test]
    fn what_was_read_of_one_side_of_a_grant_is_known_of_the_other() {
        let (alice, dev) = (CloudName::new("RAM$1:acme.alice"), CloudName::new("acme_dev_abcdefgh"));
        let mut known = MaxComputeKnown::default();
        let lists = MaxComputeFound::Lists { users: names(&[alice.as_str()]), roles: names(&[dev.as_str(), "admin"]) };
        learn(&mut known, MaxComputeQuery::Lists, lists);
        learn(&mut known, MaxComputeQuery::Grants(alice.clone()), MaxComputeFound::Grants(names(&[dev.as_str()])));
        let inside = MaxComputeFound::Project(names(&[dev.as_str(), "owner"]));
        learn(&mut known, MaxComputeQuery::Project("acme_prod".to_owned()), inside);
        let mut without = known.clone();
        let lists = MaxComputeFound::Lists { users: names(&[alice.as_str()]), roles: names(&["admin"]) };
        learn(&mut without, MaxComputeQuery::Lists, lists);
        let left = &without.regions["cn-shanghai"];
        assert_eq!(left.users[&alice], Some(names(&[])), "with a role go its grants");
        assert_eq!(left.projects["acme_prod"], Some(names(&["owner"])), "and its places in projects");

        let region = || MaxComputeRole { document: None, users: names(&[]) };
        learn(&mut known, MaxComputeQuery::Role(dev.clone()), MaxComputeFound::Role(region()));
        assert_eq!(known.regions["cn-shanghai"].users[&alice], Some(names(&[])));
        let before = known.clone();
        let deed = MaxComputeDeed::Grant { role: dev.clone(), user: alice.clone() };
        known.record(&MaxComputeAction { place: place(), deed });
        assert_eq!(known.regions["cn-shanghai"].roles[&dev].as_ref().map(|it| it.users.len()), Some(1));
        assert_eq!(known.moved_since(&before), names(&[alice.as_str(), dev.as_str()]));
        assert_eq!(known.hidden(|_| true).len(), 3, "the service's own roles are nobody's to look at");
    }

    #[test]
    fn a_project_that_is_not_there_is_asked_for_again() {
        let mut known = MaxComputeKnown::default();
        learn(&mut known, MaxComputeQuery::Lists, MaxComputeFound::NoWay);
        assert!(!known.regions["cn-shanghai"].through["acme_ops"]);
        assert!(!known.regions["cn-shanghai"].listed && known.to_list().len() == 1);
    }
}
