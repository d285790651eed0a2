//! STS 2015-04-01: who one is, and being someone else for a while.

pub mod issuers;
pub mod model;
pub mod roles;
pub mod tokens;

use serde_json::{Value, json};

use crate::cloud::{Call, Outcome};
use crate::routes::{Needs, Operation, rpc};

/// All tables of the service.
pub const TABLES: &[&[Operation]] = &[OPERATIONS];

const OPERATIONS: &[Operation] = &[
    rpc("GetCallerIdentity", Needs::Anyone, identity),
    rpc("AssumeRole", Needs::Own, roles::assume),
    rpc("AssumeRoleWithOIDC", Needs::Nobody, roles::assume_with_oidc),
];

fn identity(call: &mut Call<'_>) -> Outcome {
    Ok(call.caller.identity(call.account()))
}

fn shown(session: &model::Session, account: &str) -> Value {
    json!({
        "Credentials": {
            "AccessKeyId": session.key_id, "AccessKeySecret": session.secret, "SecurityToken": session.token,
            "Expiration": crate::cloud::iso(session.expires),
        },
        "AssumedRoleUser": {
            "Arn": format!("acs:ram::{account}:role/{}/{}", session.role.to_lowercase(), session.name),
            "AssumedRoleId": format!("{}:{}", session.role_id, session.name),
        },
    })
}
