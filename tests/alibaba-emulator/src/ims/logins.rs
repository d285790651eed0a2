//! Console logins by principal name.

use serde_json::{Value, json};

use super::principals::{named, principal};
use crate::cloud::{Call, Outcome, iso};
use crate::ram::logins;

fn shown(call: &Call<'_>, name: &str) -> Outcome {
    let login = logins::of(call, name)?;
    Ok(json!({"LoginProfile": {
        "UserPrincipalName": principal(call.cloud, name), "PasswordResetRequired": login.reset_required,
        "MFABindRequired": login.mfa_required, "Status": if login.active { "Active" } else { "Inactive" },
        "PasswordStatus": if login.reset_required { "InitialValid" } else { "NotInitial" },
        "UpdateDate": iso(login.updated), "LastLoginTime": "", "AutoDisableLoginStatus": "",
    }}))
}

pub fn create(call: &mut Call<'_>) -> Outcome {
    let name = named(call)?;
    let password = call.parameters.required("Password")?;
    logins::make(call, &name, password)?;
    shown(call, &name)
}

pub fn get(call: &mut Call<'_>) -> Outcome {
    let name = named(call)?;
    shown(call, &name)
}

pub fn update(call: &mut Call<'_>) -> Outcome {
    let name = named(call)?;
    logins::change(call, &name)?;
    shown(call, &name)
}

pub fn delete(call: &mut Call<'_>) -> Outcome {
    let name = named(call)?;
    logins::remove(call, &name)?;
    Ok(Value::Null)
}
