#![allow(clippy::unwrap_used)]

use std::time::Instant;

use super::*;
use crate::model::{CloudAction, Finding, Read};
use crate::names::{ClusterId, RAM_PARTITION};

fn workspace(name: &str, state: WorkspaceState) -> Workspace {
    Workspace {
        name: workspace_in("cn-shanghai", name),
        id: format!("id-of-{name}"),
        display_name: String::new(),
        description: "tenantry:c1/acme".to_owned(),
        env: BTreeSet::new(),
        state,
        created: Timestamp::UNIX_EPOCH,
        members: None,
    }
}

fn list(inventory: &mut Inventory, found: Vec<Workspace>, second: i64) {
    let region = "cn-shanghai".to_owned();
    let object = Read::Workspace(WorkspaceRead::Region(region.clone())).object();
    let asked = Timestamp::from_second(second).unwrap();
    inventory.learn(&object, Finding::Workspace(WorkspaceFinding::Region { region, found, asked }));
}

#[test]
fn a_list_says_how_far_a_new_workspace_is_and_not_that_it_is_missing() {
    let mut inventory = Inventory::new(ClusterId::new("c1"), "1", RAM_PARTITION);
    let mine = workspace("acme", WorkspaceState::Making);
    let create = CloudAction::Workspace(WorkspaceAction::Create(mine.clone()));
    inventory.record(&create, &Effect::Id("42".to_owned()), Instant::now());
    list(&mut inventory, Vec::new(), 1);
    assert_eq!(inventory.workspaces.known[&mine.name].id, "42");
    let seen = Workspace { id: "42".to_owned(), description: String::new(), ..mine.clone() };
    list(&mut inventory, vec![Workspace { state: WorkspaceState::Enabled, ..seen }], 2);
    let known = &inventory.workspaces.known[&mine.name];
    assert_eq!((&known.state, known.description.as_str()), (&WorkspaceState::Enabled, "tenantry:c1/acme"));
    inventory.written.clear();
    list(&mut inventory, Vec::new(), 3);
    assert!(inventory.workspaces.known.is_empty());
}

#[test]
fn regions_are_known_one_by_one_and_members_outlive_lists() {
    let mut inventory = Inventory::new(ClusterId::new("c1"), "1", RAM_PARTITION);
    list(&mut inventory, vec![workspace("acme", WorkspaceState::Enabled)], 1);
    let object = ObjectId::workspace(&workspace_in("cn-shanghai", "acme"));
    inventory.learn(&object, Finding::Workspace(WorkspaceFinding::Members(BTreeMap::new())));
    list(&mut inventory, vec![workspace("acme", WorkspaceState::Enabled)], 2);
    assert_eq!(inventory.workspaces.known[&object.name].members, Some(BTreeMap::new()));
    let (region, asked) = ("cn-beijing".to_owned(), Timestamp::UNIX_EPOCH);
    let other = WorkspaceFinding::Region { region, found: Vec::new(), asked };
    inventory.learn(&ObjectId::workspace(&workspace_in("cn-beijing", "")), Finding::Workspace(other));
    assert_eq!(inventory.workspaces.known.len(), 1);
    assert_eq!(inventory.workspaces.listed("eu-central-1"), None);
}

#[test]
fn a_workspace_that_is_being_made_is_looked_at_less_and_less_often() {
    let mut inventory = Inventory::new(ClusterId::new("c1"), "1", RAM_PARTITION);
    let mine = workspace("acme", WorkspaceState::Making);
    for (asked, next) in [(0, 1), (1, 2), (10, 15), (600, 615)] {
        list(&mut inventory, vec![mine.clone()], asked);
        assert_eq!(inventory.next_look_at(&mine).as_second(), next, "{asked}");
    }
}
