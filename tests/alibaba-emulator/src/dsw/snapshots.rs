//! Images that are made of instances.

use serde_json::{Value, json};

use super::instances::{instance, named};
use super::model::Snapshot;
use super::{internal, invalid};
use crate::cloud::{Call, Outcome, iso_millis};
use crate::pai::workspaces::numbered;

pub fn shown(snapshot: &Snapshot) -> Value {
    let mut value = Value::Object(snapshot.fields.clone());
    value["SnapshotId"] = snapshot.id.clone().into();
    value["Status"] = "Saved".into();
    value["GmtCreateTime"] = iso_millis(snapshot.created).into();
    value["GmtModifiedTime"] = iso_millis(snapshot.created).into();
    value
}

pub fn create(call: &mut Call<'_>) -> Outcome {
    let id = named(call, &["PaiDSW:CreateInstanceSnapshot"])?;
    let now = call.now;
    for field in ["SnapshotName", "ImageUrl"] {
        if call.body[field].as_str().is_none_or(str::is_empty) {
            return Err(invalid(format!("{field} is mandatory")));
        }
    }
    let kept = ["SnapshotName", "SnapshotDescription", "ImageUrl", "Labels", "ExcludePaths"];
    let sent = kept.iter().filter(|name| !call.body[**name].is_null());
    let fields = sent.map(|name| ((*name).to_owned(), call.body[*name].clone())).collect();
    let snapshot = format!("snp-{:016x}", call.cloud.counted());
    instance(call, &id)?.snapshots.push(Snapshot { id: snapshot.clone(), fields, created: now });
    Ok(json!({"InstanceId": id, "SnapshotId": snapshot}))
}

pub fn list(call: &mut Call<'_>) -> Outcome {
    let id = named(call, &["PaiDSW:ListInstanceSnapshot"])?;
    let all: Vec<_> = instance(call, &id)?.snapshots.iter().map(shown).collect();
    let total = all.len();
    Ok(json!({"Snapshots": numbered(call, all)?, "TotalCount": total}))
}

pub fn get(call: &mut Call<'_>) -> Outcome {
    let id = named(call, &["PaiDSW:GetInstanceSnapshot"])?;
    let wanted = call.parameters.required("SnapshotId")?.to_owned();
    let snapshot = instance(call, &id)?.snapshots.iter().find(|snapshot| snapshot.id == wanted);
    let mut value = shown(snapshot.ok_or_else(|| internal(404, "The snapshot does not exist"))?);
    value["InstanceId"] = id.into();
    Ok(value)
}

pub fn delete(call: &mut Call<'_>) -> Outcome {
    let id = named(call, &["PaiDSW:DeleteInstanceSnapshot"])?;
    let wanted = call.parameters.required("SnapshotId")?.to_owned();
    let snapshots = &mut instance(call, &id)?.snapshots;
    let at = snapshots.iter().position(|snapshot| snapshot.id == wanted);
    snapshots.remove(at.ok_or_else(|| internal(404, "The snapshot does not exist"))?);
    Ok(json!({"InstanceId": id, "SnapshotId": wanted}))
}
