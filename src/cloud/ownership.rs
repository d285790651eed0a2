//! What is said and done when the name of an object that should be made is taken: ours is done, another's is refused.

use crate::model::{Class, Effect, Fault, Finding, ObjectId};
use crate::names::{ClusterId, Mark};

/// The refusal to touch an object that has our name and does not carry the wanted owner's mark. `kind` is what the
/// cloud calls it, such as `IAM user`.
#[must_use]
pub fn not_owned(action: &str, kind: &str, object: &ObjectId, mark: Option<&Mark>) -> Fault {
    let name = &object.name;
    let message = match mark {
        Some(mark) => format!(
            "{kind} \"{name}\" exists and was not made from this manifest (its mark says {} of tenant {}, cluster {}). \
             Nothing was changed. Delete that manifest or choose another name",
            mark.owner, mark.tenant, mark.cluster
        ),
        None => format!(
            "{kind} \"{name}\" exists and was not made from this manifest (it carries no mark of an owner). Nothing was \
             changed. Choose another name, or take it over with the annotation tenantry.dev/adopt=true"
        ),
    };
    Fault::new(Class::NotOwned, action, format!("{kind} \"{name}\""), message)
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
    Err(not_owned(action, kind, object, mark.as_ref()))
}

/// Whose a found object is.
pub(super) fn mark_of(found: &Finding, cluster: &ClusterId) -> Option<Mark> {
    match found {
        Finding::User(user) => user.mark(),
        Finding::Policy(policy) => policy.mark(cluster),
        Finding::Group(group) => group.mark(cluster),
        Finding::Mark { mark, .. } => mark.clone(),
        Finding::Absent | Finding::Keys(_) | Finding::LastUse { .. } | Finding::Login(_) | Finding::Tags(_) => None,
    }
}
