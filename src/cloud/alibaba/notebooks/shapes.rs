//! DSW's shapes ↔ the notebooks of the model.

use serde_json::{Value, json};

use super::labels;
use crate::cloud::alibaba::shapes::text;
use crate::cloud::alibaba::workspaces::id;
use crate::model::{Build, Mount, Notebook, Phase, Tags, mark_of_tags};
use crate::names::{CloudName, LABEL_NAME, is_name_of_notebook};

/// The disk that an instance's user works on.
const SYSTEM_DISK: &str = "rootfs";

/// An instance as lists and single readings show it. None where it has no name or id, which DSW never answers.
pub(super) fn notebook(region: &str, value: &Value) -> Option<Notebook> {
    let some = |name: &str| Some(text(value, name).to_owned()).filter(|text| !text.is_empty());
    let state = text(value, "Status").to_owned();
    let phase = phase_of(&state);
    let tags = value["Labels"].as_array().into_iter().flatten();
    let tags: Tags = tags.map(|tag| (text(tag, "Key").to_owned(), text(tag, "Value").to_owned())).collect();
    let why = some("ReasonMessage").or_else(|| some("ReasonCode")).unwrap_or_else(|| "DSW gives no reason".to_owned());
    Some(Notebook {
        name: given_name(&tags).or_else(|| some("InstanceName").map(CloudName::new))?,
        region: region.to_owned(),
        id: some("InstanceId")?,
        tags,
        phase,
        state,
        instance_type: text(value, "EcsSpec").to_owned(),
        build: Some(build(value)),
        failure: Some(why).filter(|_| phase == Phase::Failed),
        made: text(value, "GmtCreateTime").parse().ok(),
        moved: text(value, "GmtModifiedTime").parse().ok(),
        before: None,
    })
}

/// The name that we gave it, whatever it is called by now.
fn given_name(tags: &Tags) -> Option<CloudName> {
    let (mark, name) = (mark_of_tags(tags)?, CloudName::new(tags.get(LABEL_NAME)?.as_str()));
    is_name_of_notebook(&name, &mark).then_some(name)
}

fn build(value: &Value) -> Build {
    let some = |value: &Value, name: &str| Some(text(value, name).to_owned()).filter(|text| !text.is_empty());
    let (network, idle) = (&value["UserVpc"], &value["IdleInstanceCuller"]["MaxIdleTimeInMinutes"]);
    let disk = value["CloudDisks"].as_array().into_iter().flatten().find(|disk| disk["SubType"] == SYSTEM_DISK);
    let mounts = value["Datasets"].as_array().into_iter().flatten();
    let mounts = mounts.filter_map(|it| {
        let mount = Mount { dataset: some(it, "DatasetId")?, read_only: text(it, "MountAccess") == "RO" };
        Some((text(it, "MountPath").to_owned(), mount))
    });
    Build {
        volume_gb: disk.and_then(|disk| gigabytes(text(disk, "Capacity"))),
        vpc: some(network, "VpcId"),
        subnet: some(network, "VSwitchId"),
        security_groups: some(network, "SecurityGroupId").into_iter().collect(),
        idle: idle.as_u64().map(|minutes| minutes.to_string()),
        images: some(value, "ImageId").into_iter().chain(some(value, "ImageUrl")).collect(),
        mounts: mounts.collect(),
        workspace: id(&value["WorkspaceId"]),
        user: id(&value["UserId"]),
        public: value["Accessibility"] == "PUBLIC",
        ..Build::default()
    }
}

/// `30Gi`.
fn gigabytes(capacity: &str) -> Option<i32> {
    capacity.trim_end_matches(|c: char| !c.is_ascii_digit()).parse().ok()
}

/// States of an instance (PAI-DSW API reference, GetInstance). One that is not known passes.
fn phase_of(state: &str) -> Phase {
    match state {
        "Creating" | "EnvPreparing" | "ResourceAllocating" | "Queuing" | "Starting" => Phase::Starting,
        "Running" => Phase::Running,
        "Stopping" | "ArrearStopping" => Phase::Stopping,
        "Stopped" => Phase::Stopped,
        "Deleting" => Phase::Deleting,
        "Failed" => Phase::Failed,
        _ => Phase::Updating,
    }
}

/// What one is made with. It is its user's alone, whoever makes it.
pub(super) fn body(wanted: &Notebook) -> Value {
    let build = wanted.build.clone().unwrap_or_default();
    let mut body = json!({
        "WorkspaceId": build.workspace,
        "InstanceName": wanted.name.as_str(),
        "Labels": labels(&wanted.tags),
    });
    // Nothing of it is so yet.
    let none = Build { public: true, ..Build::default() };
    let rest = changed(&wanted.instance_type, &build, &none);
    if let (Some(body), Value::Object(rest)) = (body.as_object_mut(), rest) {
        body.extend(rest);
    }
    body
}

/// What is changed of one that has the second build, so that it has the first. Who made it does not see to it that its
/// type is another one: that is always said.
pub(super) fn changed(instance_type: &str, build: &Build, has: &Build) -> Value {
    let mut body = json!({"EcsSpec": instance_type});
    if build.user != has.user {
        body["UserId"] = json!(build.user);
    }
    if build.public != has.public {
        body["Accessibility"] = json!(if build.public { "PUBLIC" } else { "PRIVATE" });
    }
    for image in build.images.difference(&has.images) {
        let field = if image.contains('/') { "ImageUrl" } else { "ImageId" };
        body[field] = json!(image);
    }
    if let Some(size) = build.volume_gb.filter(|_| build.volume_gb != has.volume_gb) {
        body["CloudDisks"] = json!([{"Capacity": format!("{size}Gi"), "SubType": SYSTEM_DISK}]);
    }
    let network = |it: &Build| (it.vpc.clone(), it.subnet.clone(), it.security_groups.clone());
    match &build.vpc {
        Some(vpc) if network(build) != network(has) => {
            let mut network = json!({"VpcId": vpc});
            build.subnet.iter().for_each(|id| network["VSwitchId"] = json!(id));
            build.security_groups.iter().for_each(|id| network["SecurityGroupId"] = json!(id));
            body["UserVpc"] = network;
        }
        None if has.vpc.is_some() => body["DisassociateVpc"] = json!(true),
        _ => {}
    }
    if build.mounts != has.mounts {
        let mounts = build.mounts.iter().map(|(path, it)| {
            let access = if it.read_only { "RO" } else { "RW" };
            json!({"DatasetId": it.dataset, "MountPath": path, "MountAccess": access})
        });
        match build.mounts.is_empty() {
            true => body["DisassociateDatasets"] = json!(true),
            false => body["Datasets"] = mounts.collect(),
        }
    }
    body
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn only_what_differs_is_changed() {
        let shown = json!({
            "InstanceId": "dsw-1", "InstanceName": "lab", "Status": "Stopped", "EcsSpec": "ecs.g6.large",
            "Accessibility": "PRIVATE", "UserId": 100, "WorkspaceId": "42", "ImageId": "image-1",
            "ImageUrl": "registry/x:1", "CloudDisks": [{"SubType": "rootfs", "Capacity": "100Gi"}],
            "UserVpc": {"VpcId": "vpc-1", "VSwitchId": "vsw-1"},
            "Datasets": [{"DatasetId": "d-1", "MountPath": "/mnt/data"}],
        });
        let has = notebook("cn-shanghai", &shown).unwrap().build.unwrap();
        assert_eq!((has.user.as_deref(), has.volume_gb, has.public), (Some("100"), Some(100), false));
        let same = Build { images: ["image-1".to_owned()].into(), ..has.clone() };
        assert_eq!(changed("ecs.g7.large", &same, &has), json!({"EcsSpec": "ecs.g7.large"}));
        let other = Build {
            images: ["registry/y:2".to_owned()].into(),
            volume_gb: Some(200),
            vpc: None,
            mounts: Default::default(),
            user: Some("200".to_owned()),
            ..has.clone()
        };
        let expected = json!({
            "EcsSpec": "ecs.g6.large", "ImageUrl": "registry/y:2", "UserId": "200", "DisassociateVpc": true,
            "DisassociateDatasets": true, "CloudDisks": [{"SubType": "rootfs", "Capacity": "200Gi"}],
        });
        assert_eq!(changed("ecs.g6.large", &other, &has), expected);
    }

    #[test]
    fn every_state_has_its_phase() {
        for (state, phase) in [
            ("Queuing", Phase::Starting),
            ("Running", Phase::Running),
            ("ArrearStopping", Phase::Stopping),
            ("Stopped", Phase::Stopped),
            ("Saving", Phase::Updating),
            ("Recovering", Phase::Updating),
            ("Failed", Phase::Failed),
        ] {
            assert_eq!(phase_of(state), phase, "{state}");
        }
    }
}
