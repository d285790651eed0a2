//! What PAI adds to RAM's language: two condition keys with two values each, and resources that lie in workspaces.
//!
//! Source: PAI's pages "RAM policies" and "Roles and permissions".

use super::expand::{ExpandError, Variable, Variables};
use super::model::Document;

/// Who sees an object in its workspace.
const ACCESSIBILITY: &str = "pai:accessibility";
/// Whether the caller made it.
const ENTITY_ACCESS_TYPE: &str = "pai:entityaccesstype";
/// Parts of an ARN of PAI.
const PARTS: usize = 5;
const WORKSPACE: &str = "workspace";

/// What a condition key of PAI's may be compared with, if it is one whose values are known.
pub(super) fn values(key: &str) -> Option<(&'static [&'static str], &'static str)> {
    match key.to_ascii_lowercase().as_str() {
        ACCESSIBILITY => {
            Some((&["PUBLIC", "PRIVATE"], "PUBLIC or PRIVATE; for both leave the condition out, as RAM has no ANY"))
        }
        ENTITY_ACCESS_TYPE => {
            Some((&["CREATOR", "OTHERS"], "CREATOR or OTHERS; for both leave the condition out, as RAM has no ANY"))
        }
        _ => None,
    }
}

/// Whether an ARN is PAI's, and if so what is wrong with it.
pub(super) fn resource(value: &str) -> Result<(), &'static str> {
    let parts: Vec<&str> = value.splitn(PARTS, ':').collect();
    if !parts.get(1).is_some_and(|code| code.starts_with("pai")) {
        return Ok(());
    }
    let [_, _, _, account, path] = parts[..] else {
        return Err("an ARN of PAI has five parts, such as acs:paidsw:*:*:workspace/$(workspace)/dswinstance/*");
    };
    if !account.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'*' | b'?')) {
        return Err("the fourth part of an ARN is an account's id, $(account) or *");
    }
    let (first, rest) = path.split_once('/').map_or((path, None), |(first, rest)| (first, Some(rest)));
    if first.eq_ignore_ascii_case(WORKSPACE) && rest.is_none_or(|rest| rest.starts_with('/') || rest.is_empty()) {
        return Err("write workspace/<id>, such as workspace/$(workspace)/*, or * for whatever there is");
    }
    Ok(())
}

impl Document {
    /// Whether it has `$(workspace)` in it: what it says depends on the id of a workspace that may not be there yet.
    #[must_use]
    pub fn speaks_of_workspace(&self) -> bool {
        let later = Variables::new().unavailable(Variable::Workspace, "");
        matches!(self.expand(&later), Err(ExpandError::Unavailable { .. }))
    }

    /// What it says where the workspace has this id.
    #[must_use]
    pub fn in_workspace(&self, id: &str) -> Self {
        // Every other variable was replaced before, or refused.
        self.expand(&Variables::new().with(Variable::Workspace, id)).unwrap_or_else(|_| self.clone())
    }
}

impl Variables {
    /// Leaves `$(workspace)` as it is, for [`Document::in_workspace`].
    #[must_use]
    pub fn workspace_later(self) -> Self {
        self.with(Variable::Workspace, Variable::Workspace.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::{Effect, Scope, Statement};
    use super::super::validate;
    use super::*;

    fn document(resource: &str, key: &str, value: &str) -> Document {
        let all = |text: &str| Scope::These(vec![text.to_owned()]);
        let statement = Statement::new(Effect::Allow, all("paidsw:*"), all(resource));
        Document::ram(vec![statement.when("StringEquals", key, &[value])])
    }

    #[test]
    fn conditions_and_resources_of_pai_are_held_against_what_there_is() {
        for resource in [
            "*",
            "acs:paidsw:*:*:*",
            "acs:pai*:*:*:*",
            "acs:paidsw:cn-shanghai:1234567890123456:workspace/42/dswinstance/*",
            "acs:paimodel:*:*:Workspace/42/*",
            "acs:paiquota:*:*:quota/q1",
            "acs:oss:*:*:data/*",
            "acs:odps:*:projects/p",
        ] {
            let problems = validate(&document(resource, "pai:Accessibility", "PUBLIC"));
            assert!(problems.is_empty(), "{resource}: {problems:?}");
        }
        for (resource, key, value, part) in [
            ("*", "pai:Accessibility", "ANY", "\"ANY\" is not PUBLIC or PRIVATE"),
            ("*", "pai:accessibility", "public", "\"public\" is not PUBLIC or PRIVATE"),
            ("*", "pai:EntityAccessType", "CREATER", "\"CREATER\" is not CREATOR or OTHERS"),
            ("acs:paidsw:*:*", "pai:EntityAccessType", "CREATOR", "has five parts"),
            ("acs:paidsw:*:acme:*", "pai:EntityAccessType", "CREATOR", "the fourth part"),
            ("acs:paidsw:*:*:workspace", "pai:EntityAccessType", "CREATOR", "write workspace/<id>"),
            ("acs:paidsw:*:*:workspace//x", "pai:EntityAccessType", "CREATOR", "write workspace/<id>"),
        ] {
            let problems = validate(&document(resource, key, value));
            assert!(problems.len() == 1 && problems[0].to_string().contains(part), "{part}: {problems:?}");
        }
    }

    #[test]
    fn a_workspace_is_put_in_when_it_is_there() {
        let open = document("acs:paidsw:*:*:workspace/$(workspace)/*", "pai:Accessibility", "PUBLIC");
        let kept = open.expand(&Variables::new().workspace_later());
        assert_eq!(kept.as_ref(), Ok(&open));
        assert!(open.speaks_of_workspace());
        let known = open.in_workspace("42");
        assert!(!known.speaks_of_workspace() && known.to_json().contains("workspace/42/*"));
        assert!(!document("*", "pai:Accessibility", "PUBLIC").speaks_of_workspace());
    }
}
