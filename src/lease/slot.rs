//! Where the claim to leadership is written: a Lease at the API server, replaced under its resource version.

use std::future::Future;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::{Api, PostParams};
use kube::{Client, Config};

/// Who leads, as others read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The leader; none when the Lease was given up.
    pub holder: Option<String>,
    /// How long others wait after the last sign of life.
    pub duration: Duration,
    /// How often the leader changed.
    pub transitions: i32,
}

/// A claim as it stands at one resource version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// What it says.
    pub claim: Claim,
    /// The version that the next write replaces.
    pub version: String,
    /// When the present leader began, for people; carried over from write to write.
    pub acquired: Option<Timestamp>,
}

/// Why a claim could not be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SlotError {
    /// It is not as it was known any more.
    #[error("someone else wrote it")]
    Conflict,
    /// Anything else.
    #[error("{0}")]
    Unreachable(String),
}

/// The one place that all processes compete for.
pub trait Slot: Send + Sync {
    /// Reads the claim, live; none if there never was one.
    fn read(&self) -> impl Future<Output = Result<Option<Held>, SlotError>> + Send;
    /// Replaces exactly the claim that is known, or makes the first one.
    fn write(&self, known: Option<&Held>, claim: &Claim) -> impl Future<Output = Result<Held, SlotError>> + Send;
}

/// A Lease.
#[derive(Clone)]
pub struct KubeSlot {
    api: Api<Lease>,
    name: String,
}

impl std::fmt::Debug for KubeSlot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Lease {}", self.name)
    }
}

impl KubeSlot {
    /// The Lease of that name; it is made when it is not there.
    pub fn new(client: Client, namespace: &str, name: &str) -> Self {
        Self { api: Api::namespaced(client, namespace), name: name.to_owned() }
    }
}

/// A client of its own for the Lease: kube's retries would keep a renewal under way for longer than leadership lasts, and
/// a connection that is shared with watches could be what hangs.
pub fn client(mut config: Config, call: Duration) -> kube::Result<Client> {
    config.default_retry = false;
    config.connect_timeout = Some(call);
    config.write_timeout = Some(call);
    Client::try_from(config)
}

impl Slot for KubeSlot {
    async fn read(&self) -> Result<Option<Held>, SlotError> {
        Ok(self.api.get_opt(&self.name).await.map_err(error)?.map(held))
    }

    async fn write(&self, known: Option<&Held>, claim: &Claim) -> Result<Held, SlotError> {
        let lease = lease(&self.name, known, claim);
        let params = PostParams { field_manager: Some("tenantry".to_owned()), dry_run: false };
        let written = match known {
            Some(_) => self.api.replace(&self.name, &params, &lease).await,
            None => self.api.create(&params, &lease).await,
        };
        written.map(held).map_err(error)
    }
}

fn error(error: kube::Error) -> SlotError {
    match error {
        // A replaced Lease that is gone was deleted by someone: as unknown as one that was changed.
        kube::Error::Api(status) if status.code == 409 || status.is_not_found() => SlotError::Conflict,
        kube::Error::Api(status) => SlotError::Unreachable(status.message.clone()),
        _ => SlotError::Unreachable("the Kubernetes API does not answer".to_owned()),
    }
}

fn held(lease: Lease) -> Held {
    let spec = lease.spec.unwrap_or_default();
    let seconds = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok()).unwrap_or_default();
    Held {
        claim: Claim {
            holder: spec.holder_identity.filter(|holder| !holder.is_empty()),
            duration: Duration::from_secs(seconds),
            transitions: spec.lease_transitions.unwrap_or_default(),
        },
        version: lease.metadata.resource_version.unwrap_or_default(),
        acquired: spec.acquire_time.map(|time| time.0),
    }
}

fn lease(name: &str, known: Option<&Held>, claim: &Claim) -> Lease {
    let now = Timestamp::now();
    let same = known.filter(|known| known.claim.holder == claim.holder);
    // The API server takes whole seconds, at least one.
    let seconds = i32::try_from(claim.duration.as_secs().max(1)).unwrap_or(i32::MAX);
    Lease {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            resource_version: known.map(|known| known.version.clone()),
            ..ObjectMeta::default()
        },
        spec: Some(LeaseSpec {
            holder_identity: Some(claim.holder.clone().unwrap_or_default()),
            lease_duration_seconds: Some(seconds),
            lease_transitions: Some(claim.transitions),
            acquire_time: Some(MicroTime(same.and_then(|known| known.acquired).unwrap_or(now))),
            renew_time: Some(MicroTime(now)),
            ..LeaseSpec::default()
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(holder: Option<&str>) -> Claim {
        Claim { holder: holder.map(str::to_owned), duration: Duration::from_secs(15), transitions: 2 }
    }

    #[test]
    fn a_claim_survives_the_way_through_a_lease() {
        let known = Held { claim: claim(Some("a")), version: "7".to_owned(), acquired: Some(Timestamp::UNIX_EPOCH) };
        let renewed = lease("tenantry", Some(&known), &claim(Some("a")));
        assert_eq!(renewed.metadata.resource_version.as_deref(), Some("7"));
        assert_eq!(held(renewed), known, "a renewal keeps when the leader began");
        let taken = held(lease("tenantry", Some(&known), &claim(Some("b"))));
        assert_ne!(taken.acquired, known.acquired);
    }

    #[test]
    fn a_lease_that_was_given_up_has_no_holder() {
        assert_eq!(held(lease("tenantry", None, &claim(None))).claim.holder, None);
    }
}
