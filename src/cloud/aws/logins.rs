//! Console logins: one function a call.

use super::act::Act;
use crate::model::{Effect, Fault, Finding, Login, Password};
use crate::names::CloudName;

/// Whether a user has a password. AWS answers the same where there is no such user.
pub(super) async fn read(act: &Act<'_>, user: &CloudName) -> Result<Finding, Fault> {
    match act.send("GetLoginProfile", act.iam.get_login_profile().user_name(user.as_str()).send()).await {
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
    let create = act.iam.create_login_profile().user_name(user.as_str()).password(password.expose());
    match act.send("CreateLoginProfile", create.password_reset_required(reset_required).send()).await {
        Ok(_) => return Ok(Effect::Done),
        Err(refused) if refused.is("EntityAlreadyExists") => {}
        Err(refused) => return Err(refused.into()),
    }
    let update = act.iam.update_login_profile().user_name(user.as_str()).password(password.expose());
    act.send("UpdateLoginProfile", update.password_reset_required(reset_required).send()).await?;
    Ok(Effect::Done)
}

pub(super) async fn delete(act: &Act<'_>, user: &CloudName) -> Result<Effect, Fault> {
    act.remove("DeleteLoginProfile", act.iam.delete_login_profile().user_name(user.as_str()).send()).await
}
