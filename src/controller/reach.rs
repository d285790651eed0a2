//! CloudAccount → a client that works: the credentials that it names, and the cloud that it is about.

use std::collections::BTreeMap;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

use crate::api::{AlibabaAccount, AwsAccount, CloudAccount, RecycleBin};
use crate::cloud::{AnyCloud, Budgets, Calls, alibaba, aws};
use crate::model::{Class, Fault};
use crate::names::RAM_PARTITION;

/// A long-lived key, or one with a token, as a Secret of the operator's holds it.
pub(super) struct Key {
    id: String,
    secret: SecretString,
    token: Option<SecretString>,
}

/// The names of the three parts in a Secret: those that the clouds' SDKs read.
const AWS: [&str; 3] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];
const ALIBABA: [&str; 3] =
    ["ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALIBABA_CLOUD_SECURITY_TOKEN"];

/// Makes the client and asks the cloud whose account it is; says its id and the partition of its ARNs.
pub(super) async fn reach(
    manifest: &CloudAccount,
    key: Option<Key>,
    budgets: &Budgets,
    calls: Arc<Calls>,
) -> Result<(AnyCloud, String, String), Fault> {
    if let Some(account) = &manifest.spec.alibaba {
        let cloud = alibaba::Alibaba::connect(alibaba_settings(account, key), budgets, calls).await?;
        let id = cloud.identity().account.clone();
        return Ok((AnyCloud::Alibaba(Box::new(cloud)), id, RAM_PARTITION.to_owned()));
    }
    let account = manifest.spec.aws.clone().unwrap_or_default();
    let cloud = aws::Aws::connect(aws_settings(&account, key), budgets, calls).await?;
    let identity = cloud.identity().clone();
    Ok((AnyCloud::Aws(Box::new(cloud)), identity.account, identity.partition))
}

fn aws_settings(account: &AwsAccount, key: Option<Key>) -> aws::Settings {
    let roles = account.assume_roles.iter();
    aws::Settings {
        region: account.region.clone(),
        endpoint_url: account.endpoint_url.clone(),
        credentials: match key {
            Some(Key { id, secret, token }) => aws::Credentials::Static { id, secret, token },
            None => aws::Credentials::Chain,
        },
        assume_roles: roles
            .map(|role| aws::AssumeRole { arn: role.role_arn.clone(), external_id: role.external_id.clone() })
            .collect(),
    }
}

fn alibaba_settings(account: &AlibabaAccount, key: Option<Key>) -> alibaba::Settings {
    let roles = account.assume_roles.iter();
    alibaba::Settings {
        region: account.region.clone(),
        endpoint_url: account.endpoint_url.clone(),
        credentials: match key {
            Some(Key { id, secret, token }) => alibaba::Credentials::Static { id, secret, token },
            None => alibaba::Credentials::Chain,
        },
        assume_roles: roles
            .map(|role| alibaba::AssumeRole { arn: role.role_arn.clone(), external_id: role.external_id.clone() })
            .collect(),
        empty_recycle_bin: account.recycle_bin == RecycleBin::Empty,
    }
}

/// The key in the Secret that a CloudAccount names; none where it names none.
pub(super) async fn credentials<R, F>(read_secret: &R, manifest: &CloudAccount) -> Result<Option<Key>, Fault>
where
    R: Fn(String) -> F,
    F: Future<Output = Result<Option<BTreeMap<String, SecretString>>, Fault>>,
{
    let Some(secret) = manifest.spec.credentials_secret() else { return Ok(None) };
    let [id, half, token] = if manifest.spec.alibaba.is_some() { ALIBABA } else { AWS };
    let object = format!("Secret {secret}");
    let Some(data) = read_secret(secret.to_owned()).await? else {
        let message = "there is no such Secret in the operator's own namespace. It is waited for.";
        return Err(Fault::new(Class::Waiting, "get", object, message));
    };
    let text = |key: &str| -> Result<String, Fault> {
        let text = data.get(key).map(|text| text.expose_secret().trim().to_owned());
        text.ok_or_else(|| Fault::new(Class::Invalid, "get", &object, format!("it has no key {key}. Add it.")))
    };
    Ok(Some(Key { id: text(id)?, secret: SecretString::from(text(half)?), token: data.get(token).cloned() }))
}

/// Tells whether a client must be made anew. Holds a hash of the credentials, never themselves.
pub(super) fn fingerprint(manifest: &CloudAccount, key: Option<&Key>) -> String {
    use sha2::{Digest, Sha256};
    let mut hash = Sha256::new();
    if let Some(Key { id, secret, token }) = key {
        hash.update(id.as_bytes());
        hash.update(secret.expose_secret().as_bytes());
        hash.update(token.as_ref().map(ExposeSecret::expose_secret).unwrap_or_default().as_bytes());
    }
    let credentials = data_encoding::HEXLOWER.encode(&hash.finalize());
    let uid = manifest.metadata.uid.clone().unwrap_or_default();
    format!("{uid}/{}/{credentials}", manifest.metadata.generation.unwrap_or_default())
}
