//! Notebooks among the random tenants: what takes a cloud minutes passes between two passes here.

use super::*;
use crate::api::TenantNotebook;
use crate::cloud::Cloud;
use crate::model::{Finding, Phase, Read};
use crate::names::Naming;

/// A random notebook.
#[derive(Clone, Debug)]
pub(super) struct Lab {
    /// Whose it is; one that there is not has none.
    user: usize,
    kind: u8,
    volume: i32,
    stopped: bool,
}

pub(super) fn lab() -> impl Strategy<Value = Lab> {
    let all = (0..2usize, 0..2u8, 5..8i32, prop::bool::weighted(0.3));
    all.prop_map(|(user, kind, volume, stopped)| Lab { user, kind, volume, stopped })
}

fn type_of(lab: &Lab) -> &'static str {
    ["ml.t3.medium", "ml.m5.xlarge"][usize::from(lab.kind)]
}

pub(super) fn of_users(shape: &Shape) -> impl Iterator<Item = (String, &Lab)> {
    let labs = shape.labs.iter().enumerate().filter(|(_, lab)| lab.user < shape.users.len());
    labs.map(|(index, lab)| (format!("lab-{}-{index}", lab.user), lab))
}

pub(super) fn manifests(shape: &Shape) -> Vec<Arc<TenantNotebook>> {
    let notebooks = of_users(shape).map(|(name, lab)| {
        let state = if lab.stopped { "Stopped" } else { "Running" };
        let spec = json!({
            "tenant": "acme", "user": format!("user-{}", lab.user), "account": "aws",
            "instanceType": type_of(lab), "volumeSizeGb": lab.volume, "state": state,
        });
        object("TenantNotebook", Some("acme"), &name, spec)
    });
    notebooks.collect()
}

impl Simulation {
    /// Time goes on: what was on its way arrives, and a list shows it. Says whether anything was.
    pub(super) async fn arrive(&self) -> bool {
        let travelling = self.cloud.with(|world| {
            let travelling = world.notebooks.values().any(|notebook| notebook.phase.passes());
            world.notebooks_arrive();
            travelling
        });
        let known = self.inventory.lock().knows_notebooks("eu-west-1");
        if travelling
            && known
            && let Ok(Finding::Notebooks(list)) =
                self.cloud.read(&Read::Notebooks("eu-west-1".to_owned()), &self.inventory).await
        {
            self.inventory.lock().absorb_notebooks(list, std::time::Duration::ZERO);
        }
        travelling
    }

    /// There is one notebook for each manifest, as it says, and none for a suspended user runs.
    pub(super) fn assert_labs(&self, shape: &Shape) {
        let naming = Naming {
            cluster: ClusterId::new("c1"),
            tenant: TenantName::new("acme"),
            prefix: String::new(),
            ram: false,
        };
        self.cloud.with(|world| {
            for (name, lab) in of_users(shape) {
                let there = world.notebooks.get(&naming.notebook(&name));
                if shape.is_still(&shape.users[lab.user]) {
                    assert!(there.is_none_or(|it| it.phase == Phase::Stopped), "{name} of a suspended user runs");
                    continue;
                }
                let there = there.unwrap_or_else(|| panic!("{name} is not there"));
                let phase = if lab.stopped { Phase::Stopped } else { Phase::Running };
                assert_eq!(there.phase, phase, "{name}");
                assert_eq!(there.instance_type, type_of(lab), "{name}");
                let size = there.build.as_ref().and_then(|build| build.volume_gb);
                assert!(size >= Some(lab.volume), "{name} has {size:?} GB");
            }
            assert!(world.notebooks.len() <= of_users(shape).count(), "no notebook is left");
        });
    }
}
