//! `tenantry notebook open`: asks the cloud for the address of a notebook, as the user whose notebook it is, so that the
//! cloud decides who may. The address is a credential: it is printed, or opened, and kept nowhere.

use std::collections::BTreeMap;

use clap::{Args as Arguments, Subcommand};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::Api;
use kube::{Client, Config};
use secrecy::SecretString;

use crate::api::{CloudAccount, TenantNotebook, TenantUser};
use crate::cloud::alibaba;
use crate::cloud::aws::{Credentials, Settings, presigned_notebook_url};

/// Where the region of an Alibaba Cloud account stands in a Secret of ours, and in the SDK's environment.
const REGION: &str = "ALIBABA_CLOUD_REGION_ID";

/// What can be done with notebooks.
#[derive(Debug, Arguments)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub deed: Deed,
}

/// One thing that can be done with a notebook.
#[derive(Debug, Subcommand)]
pub enum Deed {
    /// Print an address at which a notebook opens: of SageMaker's, which is good for five minutes, or the instance's on PAI
    /// DSW.
    Open(OpenArgs),
}

/// Which notebook is opened, and as whom.
#[derive(Debug, Arguments)]
pub struct OpenArgs {
    /// The TenantNotebook: its namespace and name, such as acme/alice-lab; without a namespace, in that of the
    /// kubeconfig's context.
    #[arg(value_name = "[NAMESPACE/]NOTEBOOK")]
    pub notebook: String,
    /// Use your own cloud credentials, as the SDK finds them, in place of the key in the Secret of the notebook's user.
    #[arg(long)]
    pub own: bool,
    /// Open it in the browser in place of printing its address.
    #[arg(long)]
    pub browser: bool,
    /// Where the cloud's API is [default: as the CloudAccount says, where you may read it]
    #[arg(long, value_name = "URL")]
    pub endpoint_url: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// What stands in the way, in words.
pub async fn run(args: &Args) -> Result<(), String> {
    let Deed::Open(open) = &args.deed;
    let config = Config::infer().await.map_err(|error| format!("no cluster to look in: {error}"))?;
    let default = config.default_namespace.clone();
    let client = Client::try_from(config).map_err(|error| format!("no client for the cluster: {error}"))?;
    let (namespace, name) = open.notebook.split_once('/').unwrap_or((default.as_str(), open.notebook.as_str()));
    let notebooks: Api<TenantNotebook> = Api::namespaced(client.clone(), namespace);
    let notebook = notebooks.get(name).await.map_err(|error| format!("TenantNotebook {namespace}/{name}: {error}"))?;
    let status = notebook.status.clone().unwrap_or_default();
    let none = || format!("TenantNotebook {namespace}/{name} has no notebook instance yet: kubectl describe says why");
    let instance = status.instance.ok_or_else(none)?;
    let secret = if open.own { None } else { secret_of_user(&client, namespace, &notebook).await };
    let whose = match &secret {
        Some((name, _)) => format!("the key in Secret {namespace}/{name}"),
        None => "your own cloud credentials".to_owned(),
    };
    let data = secret.map(|(_, data)| data).unwrap_or_default();
    let accounts: Api<CloudAccount> = Api::all(client);
    // Who may not read CloudAccounts has the clouds' own endpoints, or says another.
    let account = accounts.get_opt(&notebook.spec.account).await.ok().flatten();
    let address = if instance.starts_with("arn:") {
        on_sagemaker(open, &instance, account, &data).await.ok_or_else(none)?
    } else {
        on_dsw(open, &instance, &notebook, account, &data).await
    };
    let state = status.state.unwrap_or_default();
    let url = address.map_err(|why| match state.as_str() {
        "InService" | "Running" => format!("{namespace}/{name} was not opened with {whose}: {why}"),
        state => format!("{namespace}/{name} is {state} and cannot be opened now, as {whose} was told: {why}"),
    })?;
    if open.browser && open_in_browser(&url) {
        return Ok(());
    }
    anstream::println!("{url}");
    Ok(())
}

/// The SDKs' own variable for another endpoint of SageMaker.
const SAGEMAKER_ENDPOINT: &str = "AWS_ENDPOINT_URL_SAGEMAKER";

type Data = BTreeMap<String, ByteString>;

/// None: the ARN is no notebook's.
async fn on_sagemaker(
    open: &OpenArgs,
    arn: &str,
    account: Option<CloudAccount>,
    data: &Data,
) -> Option<Result<String, String>> {
    let parts: Vec<&str> = arn.split(':').collect();
    let [_, _, "sagemaker", region, _, resource] = parts[..] else { return None };
    let own = || Some((text(data, "AWS_ACCESS_KEY_ID")?, text(data, "AWS_SECRET_ACCESS_KEY")?));
    let credentials = match own() {
        Some((id, secret)) => Credentials::Static { id, secret: SecretString::from(secret), token: None },
        None => Credentials::Chain,
    };
    let told = account.and_then(|account| account.spec.aws?.endpoint_url);
    let settings = Settings {
        region: region.to_owned(),
        endpoint_url: open.endpoint_url.clone().or_else(|| std::env::var(SAGEMAKER_ENDPOINT).ok()).or(told),
        credentials,
        assume_roles: Vec::new(),
    };
    Some(presigned_notebook_url(&settings, region, resource.trim_start_matches("notebook-instance/")).await)
}

/// The region is where the account is, which the Secret says as well.
async fn on_dsw(
    open: &OpenArgs,
    id: &str,
    notebook: &TenantNotebook,
    account: Option<CloudAccount>,
    data: &Data,
) -> Result<String, String> {
    let account = account.and_then(|account| account.spec.alibaba);
    let told = account.as_ref().map(|account| account.region.clone());
    let region = notebook.spec.region.clone().or(told).or_else(|| text(data, REGION));
    let region = region.or_else(|| std::env::var(REGION).ok());
    let region = region.ok_or_else(|| format!("its region is not known. Set {REGION}"))?;
    let own = || Some((text(data, "ALIBABA_CLOUD_ACCESS_KEY_ID")?, text(data, "ALIBABA_CLOUD_ACCESS_KEY_SECRET")?));
    let credentials = match own() {
        Some((id, secret)) => alibaba::Credentials::Static { id, secret: SecretString::from(secret), token: None },
        None => alibaba::Credentials::Chain,
    };
    let settings = alibaba::Settings {
        region,
        endpoint_url: open.endpoint_url.clone().or_else(|| account?.endpoint_url),
        credentials,
        assume_roles: Vec::new(),
        empty_recycle_bin: false,
    };
    alibaba::address_of_notebook(settings, id).await
}

/// The Secret with the key of the notebook's user, where the caller may read it: its name and what is in it.
async fn secret_of_user(client: &Client, namespace: &str, notebook: &TenantNotebook) -> Option<(String, Data)> {
    let users: Api<TenantUser> = Api::namespaced(client.clone(), namespace);
    let user = users.get_opt(&notebook.spec.user).await.ok().flatten();
    let key = user.and_then(|user| user.spec.access_key);
    let prefix = key.and_then(|key| key.secret_name).unwrap_or_else(|| notebook.spec.user.clone());
    let name = format!("{prefix}-{}", notebook.spec.account);
    let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
    match secrets.get_opt(&name).await {
        Ok(Some(secret)) => Some((name, secret.data?)),
        Ok(None) => {
            anstream::eprintln!("there is no Secret {namespace}/{name}; your own credentials are used");
            None
        }
        Err(error) => {
            anstream::eprintln!("Secret {namespace}/{name} cannot be read ({error}); your own credentials are used");
            None
        }
    }
}

fn text(data: &Data, key: &str) -> Option<String> {
    String::from_utf8(data.get(key)?.0.clone()).ok()
}

/// Whether a browser took it.
fn open_in_browser(url: &str) -> bool {
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    std::process::Command::new(program).arg(url).status().is_ok_and(|status| status.success())
}
