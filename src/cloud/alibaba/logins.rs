//! Console logins: one function a call.

use super::act::Act;
use super::call::Call;
use crate::model::{Effect, Fault, Finding, Login, Password};
use crate::names::CloudName;

/// Whether a user has a password.
pub(super) async fn read(act: &Act<'_>, user: &CloudName) -> Result<Finding, Fault> {
    match act.send(Call::ram("GetLoginProfile").with("UserName", user)).await {
        Ok(_) => Ok(Finding::Login(Login::On)),
        Err(refused) if refused.absent() => Ok(Finding::Login(Login::Off)),
        Err(refused) => Err(refused.into()),
    }
}

/// Makes the login, or where there is one sets its password: so it may be repeated.
pub(super) async fn set(
    act: &Act<'_>,
    user: &CloudName,
    password: &Password,
    reset_required: bool,
) -> Result<Effect, Fault> {
    let call = |action| {
        let call = Call::ram(action).with("UserName", user).with("PasswordResetRequired", reset_required);
        call.secret("Password", password.expose())
    };
    match act.send(call("CreateLoginProfile")).await {
        Err(refused) if refused.exists() => drop(act.send(call("UpdateLoginProfile")).await?),
        other => drop(other?),
    }
    Ok(Effect::Done)
}

pub(super) async fn delete(act: &Act<'_>, user: &CloudName) -> Result<Effect, Fault> {
    act.remove(Call::ram("DeleteLoginProfile").with("UserName", user)).await
}
