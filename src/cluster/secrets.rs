//! What stands in a user's Secrets, one with a key and one with a console password, and what of it is remembered: the
//! key's id and never its secret half, of a password nothing.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::key_data;
use crate::model::{KeyWish, LoginNote, LoginWish, NewKey, Password, Provider, SecretSeen, SecretTarget};
use crate::names::{AccountName, CloudName, MARK_PREFIX, ManifestKind, ManifestRef, TAG_TENANT, TenantName};

/// The type of a Secret that holds an access key.
pub const ACCESS_KEY_TYPE: &str = "tenantry.dev/access-key";
/// The type of a Secret that holds a console login's first password.
pub const CONSOLE_TYPE: &str = "tenantry.dev/console-login";
/// The label that names the CloudAccount.
pub const LABEL_ACCOUNT: &str = "tenantry.dev/account";
/// The label that names the TenantUser.
pub const LABEL_USER: &str = "tenantry.dev/user";
/// The annotation that names the key; it and the data must agree, or the key does not count as written.
pub const ANNOTATION_KEY_ID: &str = "tenantry.dev/access-key-id";
/// The annotation that says when the cloud made the key.
pub const ANNOTATION_KEY_CREATED: &str = "tenantry.dev/access-key-created";
/// The annotation that names the key that a rotation replaced.
pub const ANNOTATION_REPLACES: &str = "tenantry.dev/access-key-replaces";
/// The annotation that says whether the password is in force.
pub const ANNOTATION_LOGIN: &str = "tenantry.dev/login";
/// The annotation that names the last wish for another password that was fulfilled.
pub const ANNOTATION_RESET: &str = "tenantry.dev/password-reset";

const USERNAME: &str = "username";
const PASSWORD: &str = "password";
const URL: &str = "url";
/// Stands in a rehearsal where the key will stand.
const REHEARSAL: &str = "rehearsal";
const ON: &str = "on";
const OFF: &str = "off";

/// Everything that a user's Secret says. `Debug` hides what is secret.
#[derive(Clone, Debug)]
pub struct SecretContent {
    /// The tenant.
    pub tenant: TenantName,
    /// The CloudAccount that it is for.
    pub account: AccountName,
    /// The TenantUser that owns the Secret.
    pub owner: ManifestRef,
    /// Its UID.
    pub owner_uid: String,
    /// What it holds.
    pub credential: Credential,
}

/// What a Secret holds.
#[derive(Clone, Debug)]
pub enum Credential {
    /// An access key.
    Key {
        /// Whose key it is: it decides how the data is named.
        provider: Provider,
        /// The key's id.
        id: String,
        /// The key's secret half.
        half: SecretString,
        /// When the cloud made it.
        created: Timestamp,
        /// The account's region.
        region: String,
        /// The id of the key that it replaces in a rotation.
        replaces: Option<String>,
    },
    /// A console login's first password, which is not in force yet.
    Password {
        /// The cloud user's name.
        username: String,
        /// The password.
        password: Password,
        /// Where the user logs in.
        url: String,
        /// The wish for another password that is fulfilled with it.
        reset: Option<String>,
    },
}

impl SecretContent {
    /// The content with a key that was just made.
    #[must_use]
    pub fn of_key(
        tenant: &TenantName,
        account: &AccountName,
        wish: &KeyWish,
        key: &NewKey,
        replaces: Option<&str>,
    ) -> Self {
        Self {
            tenant: tenant.clone(),
            account: account.clone(),
            owner: wish.owner.clone(),
            owner_uid: wish.owner_uid.clone(),
            credential: Credential::Key {
                provider: wish.provider,
                id: key.id.clone(),
                half: key.secret.clone(),
                created: key.created,
                region: wish.region.clone(),
                replaces: replaces.map(str::to_owned),
            },
        }
    }

    /// The content as it will be but for the key, for [`super::Cluster::rehearse_secret`].
    #[must_use]
    pub fn rehearsal(tenant: &TenantName, account: &AccountName, wish: &KeyWish) -> Self {
        let nobody = NewKey { id: REHEARSAL.to_owned(), secret: REHEARSAL.into(), created: Timestamp::UNIX_EPOCH };
        Self::of_key(tenant, account, wish, &nobody, None)
    }

    /// The content with a password that is not in force yet.
    #[must_use]
    pub fn of_login(
        tenant: &TenantName,
        account: &AccountName,
        wish: &LoginWish,
        username: &CloudName,
        password: &Password,
    ) -> Self {
        Self {
            tenant: tenant.clone(),
            account: account.clone(),
            owner: wish.owner.clone(),
            owner_uid: wish.owner_uid.clone(),
            credential: Credential::Password {
                username: wish.typed(username),
                password: password.clone(),
                url: wish.url.clone(),
                reset: wish.reset.clone(),
            },
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

    /// The body of a server-side apply. It holds the secret in the clear: it goes into a request and nowhere else.
    pub(super) fn apply_body(&self, at: &SecretTarget) -> Value {
        let texts = self.data().into_iter();
        let data =
            texts.map(|(name, text)| (name.to_owned(), Value::from(data_encoding::BASE64.encode(text.as_bytes()))));
        json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": at.name,
                "namespace": at.namespace,
                "labels": self.labels(),
                "annotations": self.annotations(),
                "ownerReferences": [{
                    "apiVersion": "tenantry.dev/v1alpha1",
                    "kind": ManifestKind::TenantUser.as_str(),
                    "name": self.owner.name,
                    "uid": self.owner_uid,
                    "controller": true,
                    "blockOwnerDeletion": false,
                }],
            },
            "type": match self.credential {
                Credential::Key { .. } => ACCESS_KEY_TYPE,
                Credential::Password { .. } => CONSOLE_TYPE,
            },
            "data": data.collect::<serde_json::Map<String, Value>>(),
        })
    }

    fn annotations(&self) -> BTreeMap<&'static str, String> {
        match &self.credential {
            Credential::Key { id, created, replaces, .. } => {
                let replaces = replaces.iter().map(|replaces| (ANNOTATION_REPLACES, replaces.clone()));
                replaces
                    .chain([(ANNOTATION_KEY_ID, id.clone()), (ANNOTATION_KEY_CREATED, created.to_string())])
                    .collect()
            }
            Credential::Password { reset, .. } => {
                let reset = reset.iter().map(|reset| (ANNOTATION_RESET, reset.clone()));
                reset.chain([(ANNOTATION_LOGIN, OFF.to_owned())]).collect()
            }
        }
    }

    fn data(&self) -> BTreeMap<&'static str, String> {
        match &self.credential {
            Credential::Key { provider, id, half, region, .. } => {
                key_data::data(*provider, id, half.expose_secret(), region)
            }
            Credential::Password { username, password, url, .. } => BTreeMap::from([
                (USERNAME, username.clone()),
                (PASSWORD, password.expose().to_owned()),
                (URL, url.clone()),
            ]),
        }
    }

    /// What a reader would see of this content once it is written.
    #[cfg(test)]
    pub(crate) fn seen(&self, uid: &str, resource_version: &str) -> SecretSeen {
        let at = SecretTarget { namespace: String::new(), name: String::new() };
        let secret: Secret = serde_json::from_value(self.apply_body(&at)).unwrap_or_default();
        SecretSeen { uid: uid.to_owned(), resource_version: resource_version.to_owned(), ..reduce(&secret) }
    }
}

/// The metadata that notes whether a password is in force.
pub(super) fn login_note(in_force: bool) -> Value {
    json!({"annotations": {ANNOTATION_LOGIN: if in_force { ON } else { OFF }}})
}

/// The password in a Secret of ours; none where somebody took it out.
pub(super) fn password(secret: &Secret) -> Option<Password> {
    let text = std::str::from_utf8(&secret.data.as_ref()?.get(PASSWORD)?.0).ok().filter(|text| !text.is_empty())?;
    Some(Password::new(text))
}

/// Whose a Secret is, by its label and type; none where it is not ours.
#[must_use]
pub(super) fn tenant_of(secret: &Secret) -> Option<TenantName> {
    let ours = matches!(secret.type_.as_deref(), Some(ACCESS_KEY_TYPE | CONSOLE_TYPE));
    let label = secret.metadata.labels.as_ref()?.get(TAG_TENANT)?;
    ours.then(|| TenantName::new(label.clone()))
}

/// Drops the data of a Secret and keeps what plans need.
#[must_use]
pub(super) fn reduce(secret: &Secret) -> SecretSeen {
    let label = |key: &str| label_of(&secret.metadata, key);
    let note = |key: &str| secret.metadata.annotations.as_ref()?.get(key).cloned();
    let login = || LoginNote { in_force: note(ANNOTATION_LOGIN).as_deref() == Some(ON), reset: note(ANNOTATION_RESET) };
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
        key_created: note(ANNOTATION_KEY_CREATED).and_then(|text| text.parse().ok()),
        replaces: note(ANNOTATION_REPLACES),
        login: (secret.type_.as_deref() == Some(CONSOLE_TYPE)).then(login),
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
    key_data::id_in(text).filter(|id| id == noted).map(str::to_owned)
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use k8s_openapi::ByteString;

    use super::*;

    pub(crate) fn content(key_id: &str) -> SecretContent {
        SecretContent {
            tenant: TenantName::new("acme"),
            account: AccountName::new("aws-prod"),
            owner: ManifestRef::namespaced(ManifestKind::TenantUser, "acme", "alice"),
            owner_uid: "uid-alice".to_owned(),
            credential: Credential::Key {
                provider: Provider::Aws,
                id: key_id.to_owned(),
                half: SecretString::from("s3cr3t"),
                created: Timestamp::UNIX_EPOCH,
                region: "eu-west-1".to_owned(),
                replaces: None,
            },
        }
    }

    fn console() -> Secret {
        let credential = Credential::Password {
            username: "acme.alice".to_owned(),
            password: Password::new("s3cr3t"),
            url: "https://123456789012.signin.aws.amazon.com/console".to_owned(),
            reset: Some("abc".to_owned()),
        };
        let at = SecretTarget { namespace: "acme".to_owned(), name: "alice-aws-prod-console".to_owned() };
        serde_json::from_value(SecretContent { credential, ..content("") }.apply_body(&at)).unwrap()
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
        assert_eq!((seen.account.as_str(), seen.key_created), ("aws-prod", Some(Timestamp::UNIX_EPOCH)));
        assert_eq!(seen.login, None);
        assert_eq!(tenant_of(&written()), Some(TenantName::new("acme")));
    }

    #[test]
    fn any_changed_or_missing_part_means_that_the_key_is_not_there() {
        for key in key_data::names(Provider::Aws) {
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
    fn a_password_is_out_of_force_until_that_is_noted() {
        let mut secret = console();
        let note = |in_force| Some(LoginNote { in_force, reset: Some("abc".to_owned()) });
        assert_eq!((reduce(&secret).login, reduce(&secret).key_id), (note(false), None));
        let noted: BTreeMap<String, String> = serde_json::from_value(login_note(true)["annotations"].clone()).unwrap();
        secret.metadata.annotations.as_mut().unwrap().extend(noted);
        assert_eq!(reduce(&secret).login, note(true));
        assert_eq!(password(&secret), Some(Password::new("s3cr3t")));
        assert_eq!(tenant_of(&secret), Some(TenantName::new("acme")));
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
        assert_eq!(body["metadata"]["annotations"], json!({ANNOTATION_KEY_ID: null, ANNOTATION_KEY_CREATED: null}));
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
