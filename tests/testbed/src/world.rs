//! Everything together: a control plane with the chart installed, moto, and the operator at work between them.

use std::fmt::Debug;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, ObjectMeta, PostParams};
use kube::{Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::aws::{Credentials, REGION};
use crate::{ControlPlane, Launch, Moto, Operator, wait};

/// The operator's namespace.
pub const NAMESPACE: &str = "tenantry-system";

/// A world with an operator in it.
#[derive(Debug)]
pub struct World {
    /// The cluster.
    pub control_plane: ControlPlane,
    /// The cloud.
    pub moto: Moto,
    /// The operator between them.
    pub operator: Operator,
}

impl World {
    /// Starts all three.
    pub async fn start(launch: Launch) -> Self {
        let (control_plane, moto) = tokio::join!(ControlPlane::start(), Moto::start());
        control_plane.install_chart(&launch.namespace, &[]).await;
        let operator = Operator::start(&control_plane, &launch).await;
        Self { control_plane, moto, operator }
    }

    /// A new client with all rights.
    #[must_use]
    pub fn client(&self) -> Client {
        self.control_plane.client()
    }

    /// Puts the credentials into a Secret in the operator's namespace.
    ///
    /// # Panics
    /// When the API server refuses.
    pub async fn credentials_secret(&self, name: &str, credentials: &Credentials) {
        let secrets: Api<Secret> = Api::namespaced(self.client(), NAMESPACE);
        let entry = |key: &str, value: &str| (key.to_owned(), ByteString(value.as_bytes().to_vec()));
        let data = [
            entry("AWS_ACCESS_KEY_ID", &credentials.access_key_id),
            entry("AWS_SECRET_ACCESS_KEY", &credentials.secret_access_key),
        ];
        let metadata = ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
        let secret = Secret { metadata, data: Some(data.into()), ..Secret::default() };
        secrets.create(&PostParams::default(), &secret).await.expect("the Secret is made");
    }

    /// A CloudAccount on moto, with the credentials in the Secret of the same name. `more` is further YAML of its
    /// `spec`, two spaces deep.
    #[must_use]
    pub fn cloud_account(&self, name: &str, more: &str) -> String {
        let url = self.moto.url();
        format!(
            "apiVersion: tenantry.dev/v1alpha1\n\
             kind: CloudAccount\n\
             metadata: {{name: {name}}}\n\
             spec:\n  aws: {{region: {REGION}, endpointUrl: '{url}', credentialsSecret: {name}}}\n{more}\n"
        )
    }

    /// Applies manifests with all rights.
    ///
    /// # Panics
    /// When the API server refuses one.
    pub async fn apply(&self, yaml: &str) {
        crate::apply::apply(&self.client(), yaml).await.unwrap_or_else(|e| panic!("the manifests are refused: {e}"));
    }

    /// Waits until the object is there and `holds` for it.
    ///
    /// # Panics
    /// When that does not come, with the object as it is and the end of the operator's log.
    pub async fn until<K>(&self, api: Api<K>, name: &str, what: &str, holds: impl FnMut(&K) -> bool) -> K
    where
        K: Clone + Debug + Send + DeserializeOwned + Serialize + Resource + 'static,
    {
        wait::until(api, name, what, holds).await.unwrap_or_else(|why| self.fail(&why))
    }

    /// Waits until the object is gone.
    ///
    /// # Panics
    /// When it stays, with the object as it is and the end of the operator's log.
    pub async fn gone<K>(&self, api: Api<K>, name: &str)
    where
        K: Clone + Debug + Send + DeserializeOwned + Serialize + Resource + 'static,
    {
        wait::gone(api, name).await.unwrap_or_else(|why| self.fail(&why));
    }

    /// Fails the test with the end of the operator's log beneath.
    ///
    /// # Panics
    /// Always.
    #[track_caller]
    pub fn fail(&self, why: &str) -> ! {
        panic!("{why}\n--- the end of the operator's log ---\n{}", self.operator.log_tail())
    }
}
