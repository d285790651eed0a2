//! TenantUser → the access key and the console login that it shall have in an account, and the Secrets for them.

use kube::ResourceExt;

use super::{AccountFacts, Compiler};
use crate::api::{Duration, Rotation, TenantUser, WorkloadKind, annotations};
use crate::model::{KeyWish, KubeKind, LoginWish, ObjRef, Provider, SecretTarget};
use crate::names::{AccountName, ManifestRef, RAM_PARTITION, share, short_hash};

/// The part of a key's life after which it may be replaced; the rest is where users are spread over.
const SPREAD_FROM: f64 = 0.9;

impl Compiler<'_> {
    pub(super) fn key(
        &self,
        subject: &ManifestRef,
        user: &TenantUser,
        account: &AccountName,
        facts: &AccountFacts,
    ) -> Option<KeyWish> {
        let wanted = user.spec.access_key.as_ref()?;
        let namespace = user.namespace().unwrap_or_default();
        let overlap = wanted.rotation.as_ref().map_or_else(Rotation::default_overlap, |it| it.overlap.clone());
        let restart = wanted.restart.iter().map(|workload| {
            let kind = match workload.kind {
                WorkloadKind::Deployment => KubeKind::Deployment,
                WorkloadKind::StatefulSet => KubeKind::StatefulSet,
                WorkloadKind::DaemonSet => KubeKind::DaemonSet,
            };
            ObjRef::namespaced(kind, &namespace, &workload.name)
        });
        Some(KeyWish {
            restart: restart.collect(),
            secret: SecretTarget { name: secret_name(user, account), namespace },
            owner: subject.clone(),
            owner_uid: user.uid().unwrap_or_default(),
            provider: facts.provider(),
            region: facts.region().to_owned(),
            rotate_after_seconds: wanted.rotation.as_ref().map(|it| rotate_after(subject, account, it)),
            overlap_seconds: seconds(&overlap),
            inactive: self.stands_still(user),
        })
    }

    pub(super) fn login(
        &self,
        subject: &ManifestRef,
        user: &TenantUser,
        account: &AccountName,
        facts: &AccountFacts,
    ) -> Option<LoginWish> {
        let wanted = user.spec.console.as_ref()?;
        let namespace = user.namespace().unwrap_or_default();
        Some(LoginWish {
            secret: SecretTarget { name: console_secret_name(user, account), namespace },
            owner: subject.clone(),
            owner_uid: user.uid().unwrap_or_default(),
            url: sign_in_url(facts),
            domain: sign_in_domain(facts),
            reset_required: wanted.password_reset_required,
            reset: user.annotations().get(annotations::RESET_PASSWORD).map(|value| short_hash(value)),
            inactive: self.stands_still(user),
        })
    }
}

/// How old the key may become: no older than the manifest says, and up to a tenth younger, so that keys that were made at
/// one time are not all replaced at one time.
fn rotate_after(subject: &ManifestRef, account: &AccountName, rotation: &Rotation) -> i64 {
    let share = share(&format!("{}/{account}", subject.mark_text()));
    let spread = rotation.every.get().mul_f64(SPREAD_FROM + (1.0 - SPREAD_FROM) * share);
    i64::try_from(spread.as_secs()).unwrap_or(i64::MAX)
}

fn seconds(duration: &Duration) -> i64 {
    i64::try_from(duration.get().as_secs()).unwrap_or(i64::MAX)
}

/// Where the users of an account log in (IAM user guide, "How IAM users sign in"; the other partitions' user guides; RAM
/// user guide, "Log on to the console as a RAM user").
fn sign_in_url(facts: &AccountFacts) -> String {
    let account = facts.id.as_deref().unwrap_or_default();
    match facts.partition.as_str() {
        RAM_PARTITION => format!("https://signin.aliyun.com/{account}.onaliyun.com/login.htm"),
        "aws-cn" => format!("https://{account}.signin.amazonaws.cn/console"),
        "aws-us-gov" => format!("https://{account}.signin.amazonaws-us-gov.com/console"),
        _ => format!("https://{account}.signin.aws.amazon.com/console"),
    }
}

/// RAM's users type their principal name; the domain that an account has from the start has its id.
fn sign_in_domain(facts: &AccountFacts) -> Option<String> {
    let account = facts.id.as_deref().unwrap_or_default();
    (facts.provider() == Provider::Alibaba).then(|| format!("{account}.onaliyun.com"))
}

/// `<secretName>-<account>`; the prefix is the user's name where none is given.
#[must_use]
pub fn secret_name(user: &TenantUser, account: &AccountName) -> String {
    let chosen = user.spec.access_key.as_ref().and_then(|key| key.secret_name.clone());
    format!("{}-{account}", chosen.unwrap_or_else(|| user.name_any()))
}

/// `<secretName>-<account>-console`. No CloudAccount's name ends in `-console`, so it is never that of a key's Secret.
#[must_use]
pub fn console_secret_name(user: &TenantUser, account: &AccountName) -> String {
    format!("{}-console", secret_name(user, account))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::names::ManifestKind;

    #[test]
    fn due_dates_are_spread_over_the_last_tenth() {
        let rotation = Rotation { every: "90d".parse().unwrap(), overlap: "24h".parse().unwrap() };
        let after = |number: usize| {
            let user = ManifestRef::namespaced(ManifestKind::TenantUser, "acme", format!("user-{number}"));
            rotate_after(&user, &AccountName::new("aws"), &rotation)
        };
        let all: Vec<i64> = (0..200).map(after).collect();
        let day = 86_400;
        assert!(all.iter().all(|after| (81 * day..=90 * day).contains(after)));
        for first in 81..90 {
            let due = all.iter().filter(|after| (first * day..(first + 1) * day).contains(*after)).count();
            assert!((5..50).contains(&due), "{due} are due on day {first}");
        }
        assert_eq!(after(1), after(1));
    }
}
