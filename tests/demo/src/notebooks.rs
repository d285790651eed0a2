//! The part of the story that is about notebooks: whose they are, and what a suspension does to them.

use std::path::Path;
use std::time::Instant;

use aws_sdk_iam::types::EntityType;
use kube::api::{Api, Patch, PatchParams};
use serde_json::json;
use tenantry::api::{Tenant, TenantNotebook};
use tenantry::names::SUSPENDED_POLICY;
use testbed::aws::Credentials;

use crate::show;
use crate::stage::{NOTEBOOKS, Stage};
use crate::story::{expect, key_of};

/// SageMaker's word for a notebook that can be used, and for one that does not run.
const IN_SERVICE: &str = "InService";
const STOPPED: &str = "Stopped";

/// Notebooks for acme's people. Gives the name that Alice's has in SageMaker.
pub async fn appear(stage: &Stage, manifests: &Path, alice: &Credentials) -> String {
    let began = Instant::now();
    stage.kubectl(&["apply", "-f", &manifests.join(NOTEBOOKS).display().to_string()]).await;
    for name in ["alice-lab", "bob-lab"] {
        until(stage, name, IN_SERVICE).await;
        show::since(&format!("notebook {name} of acme is in service"), began);
    }
    stage.kubectl(&["-n", "acme", "get", "tenantnotebooks"]).await;
    let url = stage.open("acme/alice-lab").await;
    assert!(url.starts_with("https://"), "not an address: {url}");
    show::fact("with the key in her Secret, SageMaker gives an address that is good for five minutes", None);
    let (hers, his) = (cloud_name(stage, "alice-lab").await, cloud_name(stage, "bob-lab").await);
    let bob = key_of(stage, "bob").await;
    for (who, key, name, lab, allowed) in [
        ("alice", alice, &his, "bob-lab", false),
        ("bob", &bob, &hers, "alice-lab", false),
        ("bob", &bob, &his, "bob-lab", true),
    ] {
        let input = json!({"NotebookInstanceName": name});
        let answer = stage.moto.sagemaker(key, "CreatePresignedNotebookInstanceUrl", input).await;
        assert_eq!(answer.is_ok(), allowed, "{who} opens {lab}: {answer:?}");
        show::fact(&format!("{who} opens {lab}: {}", if allowed { "allowed" } else { "refused" }), None);
    }
    hers
}

/// The whole tenant is suspended, and comes back.
pub async fn rest(stage: &Stage, alice: &Credentials) {
    suspend(stage, true).await;
    let began = Instant::now();
    let is_refused = || async { stage.moto.sts_as(alice).get_caller_identity().send().await.is_err() };
    stage.until_cloud("Alice's key is inactive", is_refused).await;
    show::since("Alice's key is inactive", began);
    stage.until_cloud("a Deny is on all of acme", || async { denied(stage).await }).await;
    show::since("a Deny of everything is on each of acme's users, and on its execution role", began);
    until(stage, "alice-lab", STOPPED).await;
    show::since("her notebook is stopped, its disk stays", began);
    stage.kubectl(&["get", "tenants"]).await;
    suspend(stage, false).await;
    let began = Instant::now();
    until(stage, "alice-lab", IN_SERVICE).await;
    show::since("undone: her notebook runs again, and her key works", began);
    expect(stage, alice, "GET", "/acme/report.txt", 200).await;
}

/// Whether each user and role of acme carries the Deny, of which there are three.
async fn denied(stage: &Stage) -> bool {
    let iam = stage.moto.iam();
    let own = [EntityType::User, EntityType::Role];
    let page = iam.get_account_authorization_details().set_filter(Some(own.to_vec())).send().await;
    let page = page.expect("GetAccountAuthorizationDetails");
    let users = page.user_detail_list().iter().map(|it| (it.path(), it.user_policy_list()));
    let roles = page.role_detail_list().iter().map(|it| (it.path(), it.role_policy_list()));
    let ours = users.chain(roles).filter(|(path, _)| path.is_some_and(|path| path.ends_with("/acme/")));
    let denied = ours.map(|(_, policies)| policies.iter().any(|it| it.policy_name() == Some(SUSPENDED_POLICY)));
    let denied: Vec<bool> = denied.collect();
    denied.len() == 3 && denied.into_iter().all(|is| is)
}

async fn suspend(stage: &Stage, suspended: bool) {
    let patch = json!({"spec": {"suspended": suspended}});
    show::command(&format!("kubectl patch tenant acme --type merge --patch '{patch}'"));
    let tenants: Api<Tenant> = Api::all(stage.control_plane.client());
    tenants.patch("acme", &PatchParams::default(), &Patch::Merge(&patch)).await.expect("acme can be patched");
}

/// Waits until SageMaker's word for the notebook, as the manifest's status has it, is this one.
async fn until(stage: &Stage, name: &str, state: &str) {
    let is = |it: &TenantNotebook| it.status.as_ref().and_then(|status| status.state.as_deref()) == Some(state);
    stage.until(api(stage), name, state, is).await;
}

async fn cloud_name(stage: &Stage, name: &str) -> String {
    let notebook = api(stage).get(name).await.expect("the notebook is there");
    let arn = notebook.status.and_then(|status| status.instance).expect("its status says which it is");
    arn.rsplit('/').next().unwrap_or_default().to_owned()
}

fn api(stage: &Stage) -> Api<TenantNotebook> {
    Api::namespaced(stage.control_plane.client(), "acme")
}
