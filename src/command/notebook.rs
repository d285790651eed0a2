//! `tenantry notebook open`: asks the cloud for the address of a notebook, as the user whose notebook it is, so that the
//! cloud decides who may. The address is a credential: it is printed, or opened, and kept nowhere.

use clap::{Args as Arguments, Subcommand};
use k8s_openapi::api::core::v1::Secret;
use kube::api::Api;
use kube::{Client, Config};
use secrecy::SecretString;

use crate::api::{CloudAccount, TenantNotebook, TenantUser};
use crate::cloud::aws::{Credentials, Settings, presigned_notebook_url};

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
    /// Print an address at which a notebook opens, which is good for five minutes.
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
    #[arg(long, value_name = "URL", env = "AWS_ENDPOINT_URL_SAGEMAKER")]
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
    let arn = status.instance.filter(|id| id.starts_with("arn:"));
    let parts: Vec<&str> = arn.as_deref().unwrap_or_default().split(':').collect();
    let [_, _, "sagemaker", region, _, resource] = parts[..] else {
        return Err(format!(
            "TenantNotebook {namespace}/{name} has no notebook instance yet: kubectl describe says why"
        ));
    };
    let instance = resource.trim_start_matches("notebook-instance/");

    let credentials = if open.own { None } else { key_of_user(&client, namespace, &notebook).await };
    let (credentials, whose) = match credentials {
        Some((credentials, secret)) => (credentials, format!("the key in Secret {secret}")),
        None => (Credentials::Chain, "your own cloud credentials".to_owned()),
    };
    let accounts: Api<CloudAccount> = Api::all(client);
    // Who may not read CloudAccounts has the clouds' own endpoints, or says another.
    let account = accounts.get_opt(&notebook.spec.account).await.ok().flatten();
    let told = account.and_then(|account| account.spec.aws?.endpoint_url);
    let settings = Settings {
        region: region.to_owned(),
        endpoint_url: open.endpoint_url.clone().or(told),
        credentials,
        assume_roles: Vec::new(),
    };
    let state = status.state.unwrap_or_default();
    let url = presigned_notebook_url(&settings, region, instance).await.map_err(|why| match state.as_str() {
        "InService" => format!("{namespace}/{name} was not opened with {whose}: {why}"),
        state => format!("{namespace}/{name} is {state} and cannot be opened now, as {whose} was told: {why}"),
    })?;
    if open.browser && open_in_browser(&url) {
        return Ok(());
    }
    anstream::println!("{url}");
    Ok(())
}

/// The key in the Secret of the notebook's user, where the caller may read it, and that Secret's name.
async fn key_of_user(client: &Client, namespace: &str, notebook: &TenantNotebook) -> Option<(Credentials, String)> {
    let users: Api<TenantUser> = Api::namespaced(client.clone(), namespace);
    let user = users.get_opt(&notebook.spec.user).await.ok().flatten();
    let key = user.and_then(|user| user.spec.access_key);
    let prefix = key.and_then(|key| key.secret_name).unwrap_or_else(|| notebook.spec.user.clone());
    let name = format!("{prefix}-{}", notebook.spec.account);
    let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let data = match secrets.get_opt(&name).await {
        Ok(secret) => secret?.data?,
        Err(error) => {
            anstream::eprintln!("Secret {namespace}/{name} cannot be read ({error}); your own credentials are used");
            return None;
        }
    };
    let text = |key: &str| String::from_utf8(data.get(key)?.0.clone()).ok();
    let credentials = Credentials::Static {
        id: text("AWS_ACCESS_KEY_ID")?,
        secret: SecretString::from(text("AWS_SECRET_ACCESS_KEY")?),
        token: None,
    };
    Some((credentials, format!("{namespace}/{name}")))
}

/// Whether a browser took it.
fn open_in_browser(url: &str) -> bool {
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    std::process::Command::new(program).arg(url).status().is_ok_and(|status| status.success())
}
