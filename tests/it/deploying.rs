//! Who deploys models: their own and no other tenant's, under their own execution role and no other. The role is the one in
//! `examples/roles/`.

use kube::api::Api;
use serde_json::{Value, json};
use tenantry::api::{Tenant, TenantRole, TenantUser};
use testbed::World;
use testbed::aws::Credentials;

use crate::keyless::{key_of, role_arn};
use crate::support::{definitions, eventually, namespace, of, own, ready, tenant, user};
use crate::tenant::launch;

/// A tenant whose user `alice` deploys models.
async fn team(world: &World, name: &str) -> Credentials {
    let defs = definitions(name);
    let role = std::fs::read_to_string(testbed::layout::root().join("examples/roles/model-deployer.yaml")).unwrap();
    let role = role
        .replace("namespace: acme", &format!("namespace: {defs}"))
        .replace("tenant: acme", &format!("tenant: {name}"));
    let alice = user(name, &defs, "alice", "  roles: [model-deployer]\n  accessKey: {}");
    world.apply(&(namespace(&defs) + &tenant(name, "") + "---\n" + &role + &alice)).await;
    ready(world, &Api::<Tenant>::all(world.client()), name).await;
    ready(world, &of::<TenantRole>(world, &defs), "model-deployer").await;
    ready(world, &of::<TenantUser>(world, &defs), "alice").await;
    key_of(world, name).await
}

fn tags(tenant: &str) -> Value {
    json!([{"Key": "tenant", "Value": tenant}])
}

fn model(name: &str, role: &str, tenant: &str) -> Value {
    let container = json!({"Image": "1.dkr.ecr.eu-west-1.amazonaws.com/serve:1"});
    json!({"ModelName": name, "ExecutionRoleArn": role, "PrimaryContainer": container, "Tags": tags(tenant)})
}

fn config(name: &str, model: &str, tenant: &str) -> Value {
    let variant =
        json!({"VariantName": "all", "ModelName": model, "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"});
    json!({"EndpointConfigName": name, "ProductionVariants": [variant], "Tags": tags(tenant)})
}

fn endpoint(name: &str, config: &str, tenant: &str) -> Value {
    json!({"EndpointName": name, "EndpointConfigName": config, "Tags": tags(tenant)})
}

#[tokio::test]
async fn a_model_deployer_deploys_its_own_and_touches_nobody_elses() {
    let world = &own(launch().argument("--fresh-write=0"), "").await;
    let (acme, corp) = (team(world, "acme").await, team(world, "acme-corp").await);
    eventually(world, "the execution roles", || async {
        let roles = world.moto.iam().list_roles().path_prefix("/tenants/").send().await.unwrap().roles;
        roles.iter().filter(|role| role.role_name.ends_with("sagemaker_execution")).count() == 2
    })
    .await;
    let (own, others) =
        (role_arn(world, "acme.sagemaker_execution").await, role_arn(world, "acme-corp.sagemaker_execution").await);
    let root = Credentials::root();
    let done = |who: &Credentials, operation: &'static str, input: Value| {
        let who = who.clone();
        async move {
            let answer = world.moto.sagemaker(&who, operation, input).await;
            answer.unwrap_or_else(|(code, said)| panic!("{operation}: {code} {said}"))
        }
    };

    // Each puts a model of its own into service, and changes it.
    for (who, name, role) in [(&acme, "acme", &own), (&corp, "acme-corp", &others)] {
        let named = |what: &str| format!("{name}--{what}");
        done(who, "CreateModel", model(&named("net"), role, name)).await;
        for version in ["v1", "v2"] {
            done(who, "CreateEndpointConfig", config(&named(version), &named("net"), name)).await;
        }
        done(who, "CreateEndpoint", endpoint(&named("live"), &named("v1"), name)).await;
        done(who, "UpdateEndpoint", json!({"EndpointName": named("live"), "EndpointConfigName": named("v2")})).await;
        done(who, "DescribeEndpoint", json!({"EndpointName": named("live")})).await;
    }
    // Names do not deceive: by hand, beta-like things without a tag, and a thing of acme's name with another's tag.
    done(&root, "CreateModel", model("acme--stray", &own, "acme-corp")).await;

    let bare = json!({"ModelName": "acme--bare", "ExecutionRoleArn": own, "PrimaryContainer": {"Image": "x"}});
    for (what, operation, input) in [
        ("another's role", "CreateModel", model("acme--x", &others, "acme")),
        ("another's name", "CreateModel", model("acme-corp--x", &own, "acme")),
        ("another's tag", "CreateModel", model("acme--x", &own, "acme-corp")),
        ("no tag", "CreateModel", bare),
        ("another's model", "CreateEndpointConfig", config("acme--x", "acme-corp--net", "acme")),
        ("another's configuration", "CreateEndpoint", endpoint("acme--x", "acme-corp--v1", "acme")),
        (
            "another's configuration",
            "UpdateEndpoint",
            json!({"EndpointName": "acme--live", "EndpointConfigName": "acme-corp--v1"}),
        ),
        (
            "another's endpoint",
            "UpdateEndpoint",
            json!({"EndpointName": "acme-corp--live", "EndpointConfigName": "acme--v1"}),
        ),
        ("another's endpoint", "DescribeEndpoint", json!({"EndpointName": "acme-corp--live"})),
        ("another's endpoint", "DeleteEndpoint", json!({"EndpointName": "acme-corp--live"})),
        ("another's configuration", "DeleteEndpointConfig", json!({"EndpointConfigName": "acme-corp--v1"})),
        ("another's model", "DeleteModel", json!({"ModelName": "acme-corp--net"})),
        ("what only has its name", "DeleteModel", json!({"ModelName": "acme--stray"})),
        (
            "a notebook",
            "CreateNotebookInstance",
            json!({"NotebookInstanceName": "x", "InstanceType": "ml.t3.medium", "RoleArn": own, "Tags": tags("acme")}),
        ),
        (
            "its marks",
            "AddTags",
            json!({"ResourceArn": "arn:aws:sagemaker:eu-west-1:123456789012:model/acme--stray", "Tags": tags("acme")}),
        ),
    ] {
        match world.moto.sagemaker(&acme, operation, input).await {
            Err((code, _)) if code == "AccessDeniedException" => {}
            other => panic!("{operation} of {what}: {other:?}"),
        }
    }

    // What is its own it also takes out of service.
    done(&acme, "DeleteEndpoint", json!({"EndpointName": "acme--live"})).await;
    for version in ["acme--v1", "acme--v2"] {
        done(&acme, "DeleteEndpointConfig", json!({"EndpointConfigName": version})).await;
    }
    done(&acme, "DeleteModel", json!({"ModelName": "acme--net"})).await;
    done(&root, "DescribeEndpoint", json!({"EndpointName": "acme-corp--live"})).await;
}
