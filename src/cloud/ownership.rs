//! What is said and done when the name of an object that should be made is taken: ours is done, another's is refused.

use crate::model::{Class, Effect, Fault, Finding, ObjectId, WorkspaceFinding};
use crate::names::{ClusterId, Mark};

/// The refusal to touch an object that has our name and does not carry the wanted owner's mark. `kind` is what the
/// cloud calls it, such as `IAM user`.
#[must_use]
pub fn not_owned(action: &str, kind: &str, object: &ObjectId, mark: Option<&Mark>, cluster: &ClusterId) -> Fault {
    let message = object.not_owned(mark, cluster);
    Fault::new(Class::NotOwned, action, format!("{kind} \"{}\"", object.name), message)
}

/// Judges what holds the name of an object that should be made for `wanted`.
pub(super) fn judge(
    action: &str,
    kind: &str,
    object: &ObjectId,
    wanted: Option<&Mark>,
    cluster: &ClusterId,
    found: Finding,
) -> Result<Effect, Fault> {
    let mark = mark_of(&found, cluster);
    if mark.is_some() && mark.as_ref() == wanted {
        return Ok(Effect::Found(Box::new(found)));
    }
    if found == Finding::Absent {
        let message = "the name is taken, and no object has exactly that name: one may differ from it in upper and lower case. \
                       The next reading of the account shows it";
        return Err(Fault::new(Class::Transient, action, format!("{kind} \"{}\"", object.name), message));
    }
    Err(not_owned(action, kind, object, mark.as_ref(), cluster))
}

/// Whose a found object is.
pub(super) fn mark_of(found: &Finding, cluster: &ClusterId) -> Option<Mark> {
    match found {
        Finding::User(user) => user.mark(),
        Finding::Policy(policy) => policy.mark(cluster),
        Finding::Group(group) => group.mark(cluster),
        Finding::Notebook(notebook) => notebook.mark(),
        Finding::Role(role) => role.mark(),
        Finding::Workspace(WorkspaceFinding::One(workspace)) => workspace.mark(),
        Finding::Mark { mark, .. } => mark.clone(),
        Finding::Absent
        | Finding::Keys(_)
        | Finding::LastUse { .. }
        | Finding::Login(_)
        | Finding::Notebooks(_)
        | Finding::Tags(_)
        | Finding::MaxCompute(_)
        | Finding::Workspace(_) => None,
    }
}
