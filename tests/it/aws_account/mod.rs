//! What the operator does to an AWS account, call by call, against moto.

mod deletion;
mod keys;
mod made;
mod refusals;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use secrecy::SecretString;
use tenantry::cloud::aws::{Aws, Credentials, Settings};
use tenantry::cloud::{Budgets, Calls, Cloud, Rates};
use tenantry::model::{CloudAction, Effect, Fault, Finding, Group, Inventory, ObjectId, Policy, PolicyRef, Read, User};
use tenantry::names::{
    CloudName, ClusterId, DESCRIPTION_PREFIX, ManifestKind, ManifestRef, TAG_CLUSTER, TAG_OWNER, TAG_TENANT,
};
use tenantry::policy::Document;
use testbed::moto::ACCOUNT_ID;
use testbed::{Moto, OperatorPolicy};

const PATH: &str = "/tenants/c1/acme/";

/// Motos that no test uses at the moment: starting one takes seconds, emptying one does not.
static IDLE: Mutex<Vec<Arc<Moto>>> = Mutex::new(Vec::new());

/// An account and what is known of it, as the engine holds them.
struct Account {
    moto: Arc<Moto>,
    aws: Aws,
    inventory: Mutex<Inventory>,
}

/// So much that no call waits.
fn budgets() -> Budgets {
    Budgets::new(Rates { write: 1000.0, read: 1000.0 })
}

fn settings(url: &str, id: &str, secret: &str) -> Settings {
    Settings {
        region: "eu-west-1".to_owned(),
        endpoint_url: Some(url.to_owned()),
        credentials: Credentials::Static { id: id.to_owned(), secret: SecretString::from(secret), token: None },
        assume_roles: Vec::new(),
    }
}

fn root() -> (String, String) {
    let root = testbed::aws::Credentials::root();
    (root.access_key_id, root.secret_access_key)
}

impl Account {
    async fn open() -> Self {
        let idle = IDLE.lock().pop();
        let moto = match idle {
            Some(moto) => moto,
            None => Arc::new(Moto::start().await),
        };
        moto.reset().await;
        let operator = moto.operator(&OperatorPolicy::unbounded("c1")).await;
        let settings = settings(moto.url(), &operator.access_key_id, &operator.secret_access_key);
        let aws = Aws::connect(settings, &budgets(), Arc::new(Calls::default())).await.unwrap();
        let inventory = Mutex::new(Inventory::new(ClusterId::new("c1"), ACCOUNT_ID, "aws"));
        Self { moto, aws, inventory }
    }

    async fn act(&self, action: CloudAction) -> Result<Effect, Fault> {
        let effect = self.aws.execute(&action, &self.inventory).await?;
        self.inventory.lock().record(&action, &effect, Instant::now());
        Ok(effect)
    }

    async fn done(&self, action: CloudAction) -> Effect {
        self.act(action).await.unwrap()
    }

    async fn read(&self, what: Read) -> Finding {
        self.aws.read(&what, &self.inventory).await.unwrap()
    }

    /// What a fresh process would know.
    async fn swept(&self) -> Inventory {
        let mut fresh = Inventory::new(ClusterId::new("c1"), ACCOUNT_ID, "aws");
        fresh.absorb(self.aws.sweep().await.unwrap(), Instant::now(), tenantry::model::FRESH_WRITE);
        fresh
    }

    async fn calls(&self) -> BTreeMap<String, u64> {
        self.moto.calls().await
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        IDLE.lock().push(Arc::clone(&self.moto));
    }
}

fn tags(owner: &ManifestRef) -> BTreeMap<String, String> {
    let tags = [(TAG_CLUSTER, "c1"), (TAG_TENANT, "acme"), (TAG_OWNER, &owner.mark_text())];
    tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

fn user(name: &str, boundary: Option<&str>) -> User {
    let owner = ManifestRef::namespaced(ManifestKind::TenantUser, "acme", name);
    User {
        name: CloudName::new(format!("acme.{name}")),
        path: PATH.to_owned(),
        arn: format!("arn:aws:iam::{ACCOUNT_ID}:user{PATH}acme.{name}"),
        id: None,
        tags: tags(&owner),
        profile: Default::default(),
        boundary: boundary.map(str::to_owned),
        groups: BTreeSet::new(),
        attached: BTreeSet::new(),
        inline: BTreeMap::new(),
        keys: Some(Vec::new()),
        login: None,
    }
}

fn group() -> Group {
    Group { name: CloudName::new("acme"), path: PATH.to_owned(), attached: BTreeSet::new(), inline: BTreeMap::new() }
}

fn document(action: &str) -> Document {
    Document::parse(&format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"{action}","Resource":"*"}}]}}"#
    ))
    .unwrap()
}

fn policy(name: &str) -> Policy {
    let owner = ManifestRef::namespaced(ManifestKind::TenantRole, "acme", name);
    Policy {
        name: CloudName::new(format!("acme.{name}")),
        path: PATH.to_owned(),
        arn: format!("arn:aws:iam::{ACCOUNT_ID}:policy{PATH}acme.{name}"),
        description: format!("{DESCRIPTION_PREFIX}{}", owner.mark_text()),
        tags: Some(tags(&owner)),
        default_version: "v1".to_owned(),
        old_versions: Vec::new(),
        document: Some(document("s3:GetObject")),
    }
}

fn attach(to: &ObjectId, policy: PolicyRef) -> CloudAction {
    CloudAction::Attach { to: to.clone(), policy }
}
