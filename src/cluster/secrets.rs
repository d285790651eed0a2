//! What stands in a user's Secret, and what of it is remembered: the key's id and never its secret half.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::model::{KeyWish, NewKey, SecretSeen, SecretTarget};
use crate::names::{AccountName, MARK_PREFIX, ManifestKind, ManifestRef, TAG_TENANT, TenantName};

/// The type of a Secret that holds an access key.
pub const ACCESS_KEY_TYPE: &str = "tenantry.dev/access-key";
/// The label that names the CloudAccount.
pub const LABEL_ACCOUNT: &str = "tenantry.dev/account";
/// The label that names the TenantUser.
pub const LABEL_USER: &str = "tenantry.dev/user";
/// The annotation that names the key; it and the data must agree, or the key does not count as written.
pub const ANNOTATION_KEY_ID: &str = "tenantry.dev/access-key-id";

const ID: &str = "AWS_ACCESS_KEY_ID";
const SECRET: &str = "AWS_SECRET_ACCESS_KEY";
const REGION: &str = "AWS_REGION";
const FILE: &str = "credentials";
/// Stands in a rehearsal where the key will stand.
const REHEARSAL: &str = "rehearsal";

/// Everything that a user's Secret says. `Debug` hides the secret half.
#[derive(Clone, Debug)]
pub struct SecretContent {
    /// The tenant.
    pub tenant: TenantName,
    /// The CloudAccount whose key it is.
    pub account: AccountName,
    /// The TenantUser that owns the Secret.
    pub owner: ManifestRef,
    /// Its UID.
    pub owner_uid: String,
    /// The key's id.
    pub key_id: String,
    /// The key's secret half.
    pub key_secret: SecretString,
    /// The account's region.
    pub region: String,
}

impl SecretContent {
    /// The content with a key that was just made.
    #[must_use]
    pub fn of_key(tenant: &TenantName, account: &AccountName, wish: &KeyWish, key: &NewKey) -> Self {
        Self {
            tenant: tenant.clone(),
            account: account.clone(),
            owner: wish.owner.clone(),
            owner_uid: wish.owner_uid.clone(),
            key_id: key.id.clone(),
            key_secret: key.secret.clone(),
            region: wish.region.clone(),
        }
    }

    /// The content as it will be but for the key, for [`super::Cluster::rehearse_secret`].
    #[must_use]
    pub fn rehearsal(tenant: &TenantName, account: &AccountName, wish: &KeyWish) -> Self {
        Self {
            tenant: tenant.clone(),
            account: account.clone(),
            owner: wish.owner.clone(),
            owner_uid: wish.owner_uid.clone(),
            key_id: REHEARSAL.to_owned(),
            key_secret: SecretString::from(REHEARSAL),
            region: wish.region.clone(),
        }
    }

    /// Labels that the Secret carries.
    #[must_use]
    pub fn labels(&self) -> BTreeMap<String, String> {
        BTreeMap::from([
            (TAG_TENANT.to_owned(), self.tenant.to_string()),
            (LABEL_ACCOUNT.to_owned(), self.account.to_string()),
            (LABEL_USER.to_owned(), self.owner.name.clone()),
        ])
    }

    /// The body of a server-side apply. It holds the key in the clear: it goes into a request and nowhere else.
    pub(super) fn apply_body(&self, at: &SecretTarget) -> Value {
        let data: serde_json::Map<String, Value> = self
            .data()
            .into_iter()
            .map(|(name, bytes)| (name, Value::String(data_encoding::BASE64.encode(&bytes.0))))
            .collect();
        json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": at.name,
                "namespace": at.namespace,
                "labels": self.labels(),
                "annotations": {ANNOTATION_KEY_ID: self.key_id},
                "ownerReferences": [{
                    "apiVersion": "tenantry.dev/v1alpha1",
                    "kind": ManifestKind::TenantUser.as_str(),
                    "name": self.owner.name,
                    "uid": self.owner_uid,
                    "controller": true,
                    "blockOwnerDeletion": false,
                }],
            },
            "type": ACCESS_KEY_TYPE,
            "data": data,
        })
    }

    fn data(&self) -> BTreeMap<String, ByteString> {
        let secret = self.key_secret.expose_secret();
        let texts = [
            (ID, self.key_id.clone()),
            (SECRET, secret.to_owned()),
            (REGION, self.region.clone()),
            (FILE, credentials_file(&self.key_id, secret, &self.region)),
        ];
        texts.into_iter().map(|(name, text)| (name.to_owned(), ByteString(text.into_bytes()))).collect()
    }

    /// What a reader would see of this content once it is written.
    #[cfg(test)]
    pub(crate) fn seen(&self, uid: &str, resource_version: &str) -> SecretSeen {
        SecretSeen {
            uid: uid.to_owned(),
            resource_version: resource_version.to_owned(),
            owner_uid: self.owner_uid.clone(),
            owner_name: self.owner.name.clone(),
            account: self.account.to_string(),
            key_id: Some(self.key_id.clone()),
        }
    }
}

/// The file that `AWS_SHARED_CREDENTIALS_FILE` may point to.
fn credentials_file(id: &str, secret: &str, region: &str) -> String {
    format!("[default]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\nregion = {region}\n")
}

/// Whose a Secret is, by its label and type; none where it is not ours.
#[must_use]
pub(super) fn tenant_of(secret: &Secret) -> Option<TenantName> {
    let ours = secret.type_.as_deref() == Some(ACCESS_KEY_TYPE);
    let label = secret.metadata.labels.as_ref()?.get(TAG_TENANT)?;
    ours.then(|| TenantName::new(label.clone()))
}

/// Drops the data of a Secret and keeps what plans need.
#[must_use]
pub(super) fn reduce(secret: &Secret) -> SecretSeen {
    let label = |key: &str| label_of(&secret.metadata, key);
    let owner = secret
        .metadata
        .owner_references
        .iter()
        .flatten()
        .find(|owner| owner.kind == ManifestKind::TenantUser.as_str() && owner.controller == Some(true));
    SecretSeen {
        uid: secret.metadata.uid.clone().unwrap_or_default(),
        resource_version: secret.metadata.resource_version.clone().unwrap_or_default(),
        owner_uid: owner.map(|owner| owner.uid.clone()).unwrap_or_default(),
        owner_name: owner.map_or_else(|| label(LABEL_USER), |owner| owner.name.clone()),
        account: label(LABEL_ACCOUNT),
        key_id: key_id(secret),
    }
}

/// The merge patch that takes TenantUsers' ownership off a Secret that was seen so, and with `unmark` our labels and
/// annotations. Its resource version is the precondition.
#[must_use]
pub(super) fn release_body(seen: &ObjectMeta, unmark: bool) -> Value {
    let user = ManifestKind::TenantUser.as_str();
    let others: Vec<_> = seen.owner_references.iter().flatten().filter(|owner| owner.kind != user).collect();
    let mut metadata = json!({"resourceVersion": seen.resource_version, "ownerReferences": others});
    if unmark {
        let ours = |texts: &Option<BTreeMap<String, String>>| -> serde_json::Map<String, Value> {
            let keys = texts.iter().flatten().map(|(key, _)| key).filter(|key| key.starts_with(MARK_PREFIX));
            keys.map(|key| (key.clone(), Value::Null)).collect()
        };
        metadata["labels"] = Value::Object(ours(&seen.labels));
        metadata["annotations"] = Value::Object(ours(&seen.annotations));
    }
    json!({"metadata": metadata})
}

fn label_of(metadata: &ObjectMeta, key: &str) -> String {
    metadata.labels.as_ref().and_then(|labels| labels.get(key)).cloned().unwrap_or_default()
}

/// The key's id, if the annotation and all data agree on it: what one hand changed no longer holds our key.
fn key_id(secret: &Secret) -> Option<String> {
    let noted = secret.metadata.annotations.as_ref()?.get(ANNOTATION_KEY_ID)?;
    let data = secret.data.as_ref()?;
    let text = |key: &str| std::str::from_utf8(&data.get(key)?.0).ok().filter(|text| !text.is_empty());
    let (id, half, region) = (text(ID)?, text(SECRET)?, text(REGION)?);
    (id == noted && text(FILE)? == credentials_file(id, half, region)).then(|| id.to_owned())
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    pub(crate) fn content(key_id: &str) -> SecretContent {
        SecretContent {
            tenant: TenantName::new("acme"),
            account: AccountName::new("aws-prod"),
            owner: ManifestRef::namespaced(ManifestKind::TenantUser, "acme", "alice"),
            owner_uid: "uid-alice".to_owned(),
            key_id: key_id.to_owned(),
            key_secret: SecretString::from("s3cr3t"),
            region: "eu-west-1".to_owned(),
        }
    }

    fn written() -> Secret {
        let at = SecretTarget { namespace: "acme".to_owned(), name: "alice-aws-prod".to_owned() };
        serde_json::from_value(content("AKIA1").apply_body(&at)).unwrap()
    }

    #[test]
    fn what_is_written_is_recognised_and_names_its_key() {
        let seen = reduce(&written());
        assert_eq!(seen.key_id.as_deref(), Some("AKIA1"));
        assert_eq!((seen.owner_uid.as_str(), seen.owner_name.as_str()), ("uid-alice", "alice"));
        assert_eq!(seen.account, "aws-prod");
        assert_eq!(tenant_of(&written()), Some(TenantName::new("acme")));
    }

    #[test]
    fn any_changed_or_missing_part_means_that_the_key_is_not_there() {
        for key in [ID, SECRET, REGION, FILE] {
            let mut gone = written();
            gone.data.as_mut().unwrap().remove(key);
            assert_eq!(reduce(&gone).key_id, None, "{key} missing");
            let mut other = written();
            other.data.as_mut().unwrap().insert(key.to_owned(), ByteString(b"other".to_vec()));
            assert_eq!(reduce(&other).key_id, None, "{key} changed");
        }
        let mut unnoted = written();
        unnoted.metadata.annotations = None;
        assert_eq!(reduce(&unnoted).key_id, None);
    }

    #[test]
    fn a_secret_of_another_type_is_not_ours_whatever_its_labels() {
        let mut opaque = written();
        opaque.type_ = Some("Opaque".to_owned());
        assert_eq!(tenant_of(&opaque), None);
    }

    #[test]
    fn a_released_secret_is_nobodys_and_one_that_lost_its_owner_is_still_ours() {
        let mut secret = written();
        secret.metadata.resource_version = Some("7".to_owned());
        let labels = secret.metadata.labels.as_mut().unwrap();
        labels.insert("team".to_owned(), "vision".to_owned());
        let body = release_body(&secret.metadata, true);
        assert_eq!(
            body["metadata"]["labels"],
            json!({TAG_TENANT: null, LABEL_ACCOUNT: null, LABEL_USER: null}),
            "and no other label"
        );
        assert_eq!(body["metadata"]["annotations"], json!({ANNOTATION_KEY_ID: null}));
        assert_eq!(
            (&body["metadata"]["ownerReferences"], &body["metadata"]["resourceVersion"]),
            (&json!([]), &json!("7"))
        );
        assert!(release_body(&secret.metadata, false)["metadata"].get("labels").is_none());
    }

    #[test]
    fn debug_hides_the_secret_half() {
        assert!(!format!("{:?}", content("AKIA1")).contains("s3cr3t"));
    }
}
