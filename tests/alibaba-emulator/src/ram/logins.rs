//! Console logins.

use serde_json::{Value, json};

use super::account;
use super::model::Login;
use crate::caller::Caller;
use crate::cloud::{Call, Outcome, iso};
use crate::refusal::Refusal;

fn shown(name: &str, login: &Login) -> Value {
    json!({
        "UserName": name, "PasswordResetRequired": login.reset_required, "MFABindRequired": login.mfa_required,
        "CreateDate": iso(login.created),
    })
}

/// Makes a login from the call's parameters.
pub fn make(call: &mut Call<'_>, name: &str, password: &str) -> Result<(), Refusal> {
    let (parameters, now) = (call.parameters, call.now);
    account::check_password(call, name, password)?;
    let active = status(call)?.unwrap_or(true);
    let login = Login {
        password: password.to_owned(),
        reset_required: parameters.boolean("PasswordResetRequired")?.unwrap_or(false),
        mfa_required: parameters.boolean("MFABindRequired")?.unwrap_or(false),
        active,
        created: now,
        updated: now,
    };
    let user = call.cloud.user_mut(name, now)?;
    if user.login.is_some() {
        return Err(Refusal::known("EntityAlreadyExists.User.LoginProfile"));
    }
    user.login = Some(login);
    Ok(())
}

/// The `Status` that IMS's calls may send.
pub fn status(call: &Call<'_>) -> Result<Option<bool>, Refusal> {
    match call.parameters.text("Status") {
        None => Ok(None),
        Some("Active") => Ok(Some(true)),
        Some("Inactive") => Ok(Some(false)),
        Some(_) => Err(Refusal::invalid("Status")),
    }
}

pub fn of<'a>(call: &'a Call<'_>, name: &str) -> Result<&'a Login, Refusal> {
    let login = call.cloud.user(name, call.now)?.login.as_ref();
    login.ok_or_else(|| Refusal::known("EntityNotExist.User.LoginProfile"))
}

/// Changes what the call's parameters say.
pub fn change(call: &mut Call<'_>, name: &str) -> Result<(), Refusal> {
    of(call, name)?;
    let (parameters, now) = (call.parameters, call.now);
    if let Some(password) = parameters.text("Password") {
        account::check_password(call, name, password)?;
    }
    let (reset, mfa) = (parameters.boolean("PasswordResetRequired")?, parameters.boolean("MFABindRequired")?);
    let active = status(call)?;
    if let Some(login) = call.cloud.user_mut(name, now)?.login.as_mut() {
        if let Some(password) = parameters.text("Password") {
            password.clone_into(&mut login.password);
        }
        login.reset_required = reset.unwrap_or(login.reset_required);
        login.mfa_required = mfa.unwrap_or(login.mfa_required);
        login.active = active.unwrap_or(login.active);
        login.updated = now;
    }
    Ok(())
}

pub fn remove(call: &mut Call<'_>, name: &str) -> Result<(), Refusal> {
    of(call, name)?;
    let now = call.now;
    call.cloud.user_mut(name, now)?.login = None;
    call.cloud.linger(&format!("user/{name}"), "LoginProfile", now);
    Ok(())
}

pub fn create(call: &mut Call<'_>) -> Outcome {
    let name = call.parameters.required("UserName")?;
    let password = call.parameters.required("Password")?;
    call.cloud.user(name, call.now)?;
    make(call, name, password)?;
    Ok(json!({"LoginProfile": shown(name, of(call, name)?)}))
}

pub fn get(call: &mut Call<'_>) -> Outcome {
    let name = call.parameters.required("UserName")?;
    Ok(json!({"LoginProfile": shown(name, of(call, name)?)}))
}

pub fn update(call: &mut Call<'_>) -> Outcome {
    let name = call.parameters.required("UserName")?;
    change(call, name)?;
    Ok(Value::Null)
}

pub fn delete(call: &mut Call<'_>) -> Outcome {
    let name = call.parameters.required("UserName")?;
    remove(call, name)?;
    Ok(Value::Null)
}

pub fn change_password(call: &mut Call<'_>) -> Outcome {
    let Caller::User { name, .. } = call.caller else { return Err(Refusal::known("NoPermission")) };
    let preference = &call.cloud.ram.preference;
    if preference.get("AllowUserToChangePassword").is_some_and(|allowed| allowed == false) {
        return Err(Refusal::known("NoPermission"));
    }
    let (old, new) = (call.parameters.required("OldPassword")?, call.parameters.required("NewPassword")?);
    if of(call, name)?.password != old {
        return Err(Refusal::new(400, "InvalidParameter.OldPassword", "The old password is not right."));
    }
    account::check_password(call, name, new)?;
    let now = call.now;
    if let Some(login) = call.cloud.user_mut(name, now)?.login.as_mut() {
        new.clone_into(&mut login.password);
        login.reset_required = false;
        login.updated = now;
    }
    Ok(Value::Null)
}
