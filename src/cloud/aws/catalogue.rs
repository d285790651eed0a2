//! AWS's own policies by name: they live on several paths, and manifests name them bare.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_iam::types::PolicyScopeType;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::act::Act;
use super::lists;
use crate::model::Fault;

/// How long a name that is not in the catalogue is believed not to exist: AWS adds policies, and people mistype.
const BELIEVED: Duration = Duration::from_secs(600);

/// What is known of AWS's policies. Filled when a name is asked for that is not on the root path; two calls.
#[derive(Debug, Default)]
pub(super) struct Catalogue {
    shelf: Mutex<Shelf>,
}

#[derive(Debug, Default)]
struct Shelf {
    arns: BTreeMap<String, String>,
    filled: Option<Instant>,
}

impl Catalogue {
    /// The ARN of a name that was looked up before.
    pub(super) async fn known(&self, name: &str) -> Option<String> {
        self.shelf.lock().await.arns.get(name).cloned()
    }

    /// Whether all of AWS's names were read lately, so that one not among them need not be tried.
    pub(super) async fn complete(&self) -> bool {
        self.shelf.lock().await.fresh()
    }

    /// Notes a name that was found without the catalogue.
    pub(super) async fn note(&self, name: &str, arn: &str) {
        self.shelf.lock().await.arns.insert(name.to_owned(), arn.to_owned());
    }

    /// The ARN of a name, if AWS has a policy of that name. Those who ask meanwhile wait for one reading.
    pub(super) async fn find(&self, act: &Act<'_>, name: &str) -> Result<Option<String>, Fault> {
        let mut shelf = self.shelf.lock().await;
        if !shelf.arns.contains_key(name) && !shelf.fresh() {
            shelf.arns = lists::policies(act, PolicyScopeType::Aws).await?.into_iter().collect();
            shelf.filled = Some(Instant::now());
        }
        Ok(shelf.arns.get(name).cloned())
    }
}

impl Shelf {
    fn fresh(&self) -> bool {
        self.filled.is_some_and(|filled| filled.elapsed() < BELIEVED)
    }
}
