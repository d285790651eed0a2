//! Names of notebooks, in the alphabets and lengths of SageMaker and PAI DSW.

use std::time::Duration;

use super::{CloudName, ClusterId, Mark, Naming, short_hash};

/// Longest name of a SageMaker notebook instance (SageMaker API reference, CreateNotebookInstance).
const SAGEMAKER_NAME_MAX: usize = 63;
/// Longest name of a DSW instance: letters, digits and `_` (PAI-DSW API reference, CreateInstance).
const DSW_NAME_MAX: usize = 27;
/// Characters of a hash.
const HASH: usize = 8;

/// How the names of our lifecycle configurations begin; the minutes follow.
const IDLE_SCRIPT: &str = "tenantry-idle-";
/// Another script has another number.
const IDLE_VERSION: u32 = 1;

/// Tag key on a notebook that was stopped because its manifest, or a change of it, asks for that: it starts again once
/// nothing does. One that its user, its schedule or idleness stopped does not carry it. Says `due` on one whose time to stop
/// came while it started.
pub const TAG_STOPPED: &str = "tenantry.dev/stopped";

/// Label key on a DSW instance with the name that the operator gave it: whoever may change it may rename it.
pub const LABEL_NAME: &str = "tenantry.dev/name";
/// Label key on a DSW instance with a hash of what was asked of it last: DSW may show image, disk, network and data sets in
/// other words than they were asked for.
pub const LABEL_ASKED: &str = "tenantry.dev/asked";

impl Naming {
    /// A notebook. On SageMaker `<tenant>--<name>-<hash>`: no tenant's name holds `--`, so `acme--*` is never another
    /// tenant's; on DSW with `_` for everything that is no letter or digit.
    #[must_use]
    pub fn notebook(&self, name: &str) -> CloudName {
        let hash = short_hash(&self.identity("notebook", name));
        let full = format!("{}{}--{name}", self.prefix, self.tenant);
        let (between, max) = if self.ram { ('_', DSW_NAME_MAX) } else { ('-', SAGEMAKER_NAME_MAX) };
        let plain: String = full.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { between }).collect();
        let head: String = plain.trim_start_matches(between).chars().take(max - HASH - 1).collect();
        CloudName::new(format!("{}{between}{hash}", head.trim_end_matches(between)))
    }
}

/// The lifecycle configuration that stops notebooks which nobody has used for so long: one for each length, shared by all
/// tenants of the cluster. Its name says what is in it, so that it never has to be changed.
#[must_use]
pub fn idle_script(cluster: &ClusterId, after: Duration) -> String {
    let minutes = after.as_secs().div_ceil(60).max(1);
    format!("{IDLE_SCRIPT}{minutes}m-{}", short_hash(&format!("{cluster}/idle/{minutes}/{IDLE_VERSION}")))
}

/// After how many minutes the lifecycle configuration of that name stops a notebook; none where it is not one of ours.
#[must_use]
pub fn idle_minutes(script: &str) -> Option<u32> {
    script.strip_prefix(IDLE_SCRIPT)?.split_once("m-")?.0.parse().ok()
}

/// Whether a name could be that of a notebook of ours, of whatever tenant or cluster: only then its tags are worth a call.
#[must_use]
pub fn may_be_our_notebook(name: &CloudName) -> bool {
    let Some((_, hash)) = name.as_str().rsplit_once(['-', '_']) else { return false };
    hash.len() == HASH && hash.bytes().all(|byte| byte.is_ascii_lowercase() || (b'2'..=b'7').contains(&byte))
}

/// Whether the notebook's name is the one that its mark stands for: tags can be forged, this name cannot be had by chance.
#[must_use]
pub fn is_name_of_notebook(name: &CloudName, mark: &Mark) -> bool {
    let manifest = mark.owner.rsplit('/').next().unwrap_or_default();
    let hash = short_hash(&format!("{}/{}/notebook/{manifest}", mark.cluster, mark.tenant));
    name.as_str().ends_with(&hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::TenantName;

    fn naming(prefix: &str, ram: bool) -> Naming {
        Naming { cluster: ClusterId::new("c1"), tenant: TenantName::new("acme"), prefix: prefix.to_owned(), ram }
    }

    #[test]
    fn a_notebooks_name_is_readable_fits_and_tells_tenants_apart() {
        let name = naming("", false).notebook("alice-lab");
        assert!(name.as_str().starts_with("acme--alice-lab-"), "{name}");
        assert!(may_be_our_notebook(&name));
        let long = naming("", false).notebook(&"x".repeat(63));
        assert_eq!(long.as_str().len(), SAGEMAKER_NAME_MAX);
        assert_ne!(naming("", false).notebook(&format!("{}y", "x".repeat(62))), long);
        let prefixed = naming("_ml.", false).notebook("lab");
        assert!(prefixed.as_str().starts_with("ml-acme--lab-"), "{prefixed}");
        let dsw = naming("", true).notebook("alice-lab");
        assert!(dsw.as_str().len() <= DSW_NAME_MAX && dsw.as_str().starts_with("acme__alice_lab_"), "{dsw}");
        assert!(dsw.as_str().chars().all(|c| c == '_' || c.is_ascii_alphanumeric()), "{dsw}");
        assert!(!may_be_our_notebook(&CloudName::new("somebodys-own")));
    }

    #[test]
    fn the_script_for_idle_notebooks_says_its_minutes() {
        let script = idle_script(&ClusterId::new("c1"), Duration::from_secs(7201));
        assert_eq!(idle_minutes(&script), Some(121));
        assert_ne!(idle_script(&ClusterId::new("c2"), Duration::from_secs(7201)), script);
        assert_eq!(idle_minutes("somebodys"), None);
    }

    #[test]
    fn a_mark_that_was_put_on_another_notebook_does_not_make_it_ours() {
        let mark = |owner: &str| Mark {
            cluster: ClusterId::new("c1"),
            tenant: TenantName::new("acme"),
            owner: owner.to_owned(),
        };
        let name = naming("", false).notebook("lab");
        assert!(is_name_of_notebook(&name, &mark("tenantnotebook/acme/lab")));
        assert!(!is_name_of_notebook(&name, &mark("tenantnotebook/acme/other")));
        assert!(!is_name_of_notebook(&CloudName::new("somebodys"), &mark("tenantnotebook/acme/lab")));
    }
}
