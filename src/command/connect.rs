//! Connecting to an account for a command: with the operator's credentials where the caller may read them, else with the
//! caller's own.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::Client;
use secrecy::SecretString;

use crate::api::CloudAccount;
use crate::apply::Account;
use crate::cloud::AnyCloud;
use crate::cluster::read_secret_data;
use crate::controller::Accounts;
use crate::model::{Class, Fault};
use crate::names::AccountName;

/// What helps where the caller's own credentials are used.
const HELP: &str =
    "Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, to a key that may read the account";
const ALIBABA_HELP: &str =
    "Set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET to a key that may read the account";

/// An account that answers.
pub(super) type Connected = Arc<Account<AnyCloud>>;

/// Connects to the account of a CloudAccount, and says with whose credentials. Why it was not the operator's is noted.
///
/// # Errors
/// Neither do, or the account does not answer.
pub(super) async fn connect(
    client: &Client,
    namespace: &str,
    accounts: &Accounts,
    name: &AccountName,
    manifest: &CloudAccount,
    notes: &mut Vec<String>,
) -> Result<(Connected, String), String> {
    let (own, help) = match manifest.spec.aws {
        Some(_) => ("your own AWS credentials".to_owned(), HELP),
        None => ("your own Alibaba Cloud credentials".to_owned(), ALIBABA_HELP),
    };
    let Some(secret) = manifest.spec.credentials_secret().map(str::to_owned) else {
        return match connect_with(accounts, name, manifest, None).await {
            Ok(account) => Ok((account, own)),
            Err(fault) => Err(format!("CloudAccount {name}, with {own}: {fault}. {help}")),
        };
    };
    let why = match read_secret_data(client, namespace, &secret).await {
        Ok(Some(data)) => {
            let credentials = format!("Secret {namespace}/{secret}");
            return match connect_with(accounts, name, manifest, Some(data)).await {
                Ok(account) => Ok((account, credentials)),
                Err(fault) => Err(format!("CloudAccount {name}, with {credentials}: {fault}")),
            };
        }
        Ok(None) => format!("there is no Secret {namespace}/{secret}"),
        Err(fault) if fault.class == Class::AccessDenied => format!("you may not read Secret {namespace}/{secret}"),
        Err(fault) => return Err(format!("CloudAccount {name}: {fault}")),
    };
    let account = with_own(accounts, name, manifest)
        .await
        .map_err(|fault| format!("CloudAccount {name}: {why}, and {own} do not do: {fault}. {help}"))?;
    notes.push(format!("CloudAccount {name} was read with {own}: {why}."));
    Ok((account, own))
}

/// With the caller's credentials through the same roles as the operator's, or without them where the caller may not
/// assume the first of them: then they must be the account's own.
async fn with_own(accounts: &Accounts, name: &AccountName, manifest: &CloudAccount) -> Result<Connected, Fault> {
    let mut manifest = manifest.clone();
    if let Some(aws) = &mut manifest.spec.aws {
        aws.credentials_secret = None;
    }
    if let Some(alibaba) = &mut manifest.spec.alibaba {
        alibaba.credentials_secret = None;
    }
    match connect_with(accounts, name, &manifest, None).await {
        Err(fault) if !manifest.spec.assume_roles().is_empty() => {
            if let Some(aws) = &mut manifest.spec.aws {
                aws.assume_roles.clear();
            }
            if let Some(alibaba) = &mut manifest.spec.alibaba {
                alibaba.assume_roles.clear();
            }
            connect_with(accounts, name, &manifest, None).await.map_err(|_| fault)
        }
        result => result,
    }
}

async fn connect_with(
    accounts: &Accounts,
    name: &AccountName,
    manifest: &CloudAccount,
    data: Option<BTreeMap<String, SecretString>>,
) -> Result<Connected, Fault> {
    let read = |_: String| {
        let data = data.clone();
        async move { Ok(data) }
    };
    accounts.connect(&read, name, manifest).await
}
