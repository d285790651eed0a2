//! Everything together: a control plane with the chart installed, the clouds that a test asks for, and the operator at
//! work between them.

use std::fmt::Debug;
use std::ops::Deref;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, ObjectMeta, PostParams};
use kube::{Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::aws::{Credentials, REGION};
use crate::{Alibaba, ControlPlane, Launch, Moto, Operator, alibaba, wait};

/// The operator's namespace.
pub const NAMESPACE: &str = "tenantry-system";

/// Which clouds a world has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clouds {
    /// AWS.
    Aws,
    /// Alibaba Cloud.
    Alibaba,
    /// One account on each.
    Both,
}

/// A cloud that is there if it was asked for.
#[derive(Debug)]
pub struct Asked<T>(Option<T>);

impl<T> Deref for Asked<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("this world was started without that cloud")
    }
}

/// A world with an operator in it.
#[derive(Debug)]
pub struct World {
    /// The cluster.
    pub control_plane: ControlPlane,
    /// AWS, if it was asked for.
    pub moto: Asked<Moto>,
    /// Alibaba Cloud, if it was asked for.
    pub alibaba: Asked<Alibaba>,
    /// The operator between them.
    pub operator: Operator,
}

impl World {
    /// Starts a control plane, AWS and the operator.
    pub async fn start(launch: Launch) -> Self {
        Self::start_with(launch, Clouds::Aws).await
    }

    /// Starts a control plane, these clouds and the operator.
    pub async fn start_with(launch: Launch, clouds: Clouds) -> Self {
        let moto = async { if clouds == Clouds::Alibaba { None } else { Some(Moto::start().await) } };
        let alibaba = async { if clouds == Clouds::Aws { None } else { Some(Alibaba::start().await) } };
        let (control_plane, moto, alibaba) = tokio::join!(ControlPlane::start(), moto, alibaba);
        control_plane.install_chart(&launch.namespace, &[]).await;
        let operator = Operator::start(&control_plane, &launch).await;
        Self { control_plane, moto: Asked(moto), alibaba: Asked(alibaba), operator }
    }

    /// A new client with all rights.
    #[must_use]
    pub fn client(&self) -> Client {
        self.control_plane.client()
    }

    /// Puts credentials of AWS into a Secret in the operator's namespace.
    ///
    /// # Panics
    /// When the API server refuses.
    pub async fn credentials_secret(&self, name: &str, credentials: &Credentials) {
        let id = ("AWS_ACCESS_KEY_ID", credentials.access_key_id.as_str());
        self.secret(name, &[id, ("AWS_SECRET_ACCESS_KEY", &credentials.secret_access_key)]).await;
    }

    /// Puts credentials of Alibaba Cloud into a Secret in the operator's namespace.
    ///
    /// # Panics
    /// When the API server refuses.
    pub async fn alibaba_secret(&self, name: &str, credentials: &alibaba::Credentials) {
        let id = ("ALIBABA_CLOUD_ACCESS_KEY_ID", credentials.access_key_id.as_str());
        let token = credentials.security_token().map(|token| ("ALIBABA_CLOUD_SECURITY_TOKEN", token));
        let key = [id, ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", credentials.secret())];
        self.secret(name, &key.into_iter().chain(token).collect::<Vec<_>>()).await;
    }

    async fn secret(&self, name: &str, entries: &[(&str, &str)]) {
        let secrets: Api<Secret> = Api::namespaced(self.client(), NAMESPACE);
        let data = entries.iter().map(|(key, value)| ((*key).to_owned(), ByteString(value.as_bytes().to_vec())));
        let metadata = ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
        let secret = Secret { metadata, data: Some(data.collect()), ..Secret::default() };
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

    /// A CloudAccount on the emulator of Alibaba Cloud, with the credentials in the Secret of the same name. `more` is
    /// further YAML of its `spec`, two spaces deep.
    #[must_use]
    pub fn alibaba_account(&self, name: &str, more: &str) -> String {
        let (url, region) = (self.alibaba.url(), alibaba::REGION);
        format!(
            "---\napiVersion: tenantry.dev/v1alpha1\n\
             kind: CloudAccount\n\
             metadata: {{name: {name}}}\n\
             spec:\n  alibaba: {{region: {region}, endpointUrl: '{url}', credentialsSecret: {name}}}\n{more}\n"
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
