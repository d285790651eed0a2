//! Every directory of `examples/` that is complete in itself, applied as a user applies it: all of it becomes Ready, and
//! when its tenants and accounts are deleted nothing is left in either cloud.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use kube::api::{Api, DynamicObject};
use kube::core::GroupVersionKind;
use kube::discovery::{Scope, pinned_kind};
use serde_json::json;
use testbed::aws::Credentials;
use testbed::layout::root;
use testbed::world::Clouds;
use testbed::{OperatorPolicy, World};

use crate::alibaba::account;
use crate::tenant::launch;

/// With the accounts that their CloudAccounts name.
const AWS: &str = "aws-prod";
const ALIBABA: &str = "alibaba-prod";

/// The directories that hold a CloudAccount for the clouds themselves. The quickstart, which is for an emulator, is what
/// `make demo` applies.
fn directories() -> Vec<std::path::PathBuf> {
    let all = fs::read_dir(root().join("examples")).unwrap().map(|entry| entry.unwrap().path());
    let mut complete: Vec<_> =
        all.filter(|it| it.is_dir() && !it.ends_with("quickstart") && !it.ends_with("roles")).collect();
    complete.sort();
    complete
}

/// All manifests of a directory, by the order of its files; the clouds answer where the emulators do.
fn manifests(world: &World, directory: &Path) -> Vec<DynamicObject> {
    let mut files: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|end| end == "yaml"));
    files.sort();
    let texts = files.iter().map(|file| fs::read_to_string(file).unwrap());
    let documents = texts.flat_map(|text| serde_saphyr::from_multiple::<Option<DynamicObject>>(&text).unwrap());
    let mut objects: Vec<_> = documents.flatten().collect();
    for object in &mut objects {
        for (cloud, url) in [("aws", world.moto.url()), ("alibaba", world.alibaba.url())] {
            if let Some(cloud) = object.data["spec"].get_mut(cloud).filter(|it| it.get("region").is_some()) {
                cloud["endpointUrl"] = url.into();
            }
        }
    }
    objects
}

async fn api(world: &World, object: &DynamicObject) -> Api<DynamicObject> {
    let kind = GroupVersionKind::try_from(object.types.as_ref().unwrap()).unwrap();
    let (resource, capabilities) = pinned_kind(&world.client(), &kind).await.unwrap();
    match (capabilities.scope, &object.metadata.namespace) {
        (Scope::Namespaced, Some(namespace)) => Api::namespaced_with(world.client(), namespace, &resource),
        _ => Api::all_with(world.client(), &resource),
    }
}

fn is_ready(object: &DynamicObject) -> bool {
    let status = &object.data["status"];
    let ready =
        |it: &serde_json::Value| it["type"] == "Ready" && it["status"] == "True" && it["reason"] == "Provisioned";
    status["observedGeneration"].as_i64() == object.metadata.generation
        && status["conditions"].as_array().is_some_and(|all| all.iter().any(ready))
}

/// Users, groups, roles, policies and notebooks of AWS.
async fn aws(world: &World) -> BTreeSet<String> {
    let iam = world.moto.iam();
    let users = iam.list_users().send().await.unwrap().users.into_iter().map(|it| it.arn);
    let groups = iam.list_groups().send().await.unwrap().groups.into_iter().map(|it| it.arn);
    let roles = iam.list_roles().send().await.unwrap().roles.into_iter().map(|it| it.arn);
    let listed = world.moto.sagemaker(&Credentials::root(), "ListNotebookInstances", json!({})).await.unwrap();
    let notebooks =
        listed["NotebookInstances"].as_array().unwrap().iter().map(|it| it["NotebookInstanceArn"].to_string());
    let local = aws_sdk_iam::types::PolicyScopeType::Local;
    let policies = iam.list_policies().scope(local).send().await.unwrap().policies.unwrap_or_default();
    users.chain(groups).chain(roles).chain(notebooks).chain(policies.into_iter().filter_map(|it| it.arn)).collect()
}

#[tokio::test]
async fn every_example_becomes_ready_and_leaves_nothing_behind() {
    let world = &World::start_with(launch().argument("--notebook-poll=0.5"), Clouds::Both).await;
    let cluster = world.control_plane.cluster_id().await;
    world.credentials_secret(AWS, &world.moto.operator(&OperatorPolicy::unbounded(&cluster)).await).await;
    world.alibaba_secret(ALIBABA, &world.alibaba.operator(&OperatorPolicy::alibaba()).await).await;
    // Projects are the account's, and who owns them lets the operator in.
    world.alibaba.projects(&["insight_ops", "insight_dev", "insight_prod"]).await;
    world.alibaba.administers_max_compute("insight_ops").await;
    for project in ["insight_dev", "insight_prod"] {
        world.alibaba.administers_project(project, true).await;
    }
    let before = (aws(world).await, account(world).await);
    for directory in directories() {
        println!("{}", directory.display());
        let objects = manifests(world, &directory);
        world
            .apply(&objects.iter().map(|it| serde_json::to_string(it).unwrap()).collect::<Vec<_>>().join("\n---\n"))
            .await;
        let ours = objects.iter().filter(|it| it.types.as_ref().unwrap().api_version.starts_with("tenantry.dev/"));
        let ours: Vec<_> = ours.collect();
        for object in &ours {
            let name = object.metadata.name.as_deref().unwrap();
            world.until(api(world, object).await, name, "to be Ready", is_ready).await;
        }
        for kind in ["Tenant", "CloudAccount"] {
            for object in ours.iter().filter(|it| it.types.as_ref().unwrap().kind == kind) {
                let (api, name) = (api(world, object).await, object.metadata.name.as_deref().unwrap());
                api.delete(name, &Default::default()).await.unwrap();
                world.gone(api, name).await;
            }
        }
        assert_eq!((aws(world).await, account(world).await), before, "{}", directory.display());
    }
}
