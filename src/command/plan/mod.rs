//! `tenantry plan`: what lies between manifests and clouds, the same value that the operator carries out. Manifests are
//! those of the cluster, with files laid over them. Reads only.

mod accounts;
mod cel;
mod files;
mod manifests;
mod schema;
mod unlisted;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anstyle::{AnsiColor, Style};
use jiff::Timestamp;
use kube::config::KubeConfigOptions;
use kube::{Client, Config, ResourceExt as _};

use self::manifests::{Manifests, Placed};
use crate::api::CloudAccount;
use crate::cloud::{Calls, Rates};
use crate::cluster::{Overlay, Prune, Snapshot, cluster_id, read_once, rehearse, token_issuer};
use crate::controller::{Accounts, Stage, manifests_of};
use crate::desired::{Context, compile};
use crate::model::{ClusterState, Fault, Inventory};
use crate::names::{AccountName, ClusterId, TenantName};
use crate::plan::{Plan, Report, Tone, people};

/// What to plan, and how to tell it.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Manifests that are laid over those of the cluster: a file, a folder with all in it, or - for stdin. May be given
    /// several times. Left out: what is in the cluster
    #[arg(short = 'f', long = "filename", value_name = "PATH")]
    pub files: Vec<PathBuf>,
    /// What is in the cluster and not in the files counts as deleted: all in the Tenants of the files, or with =all
    /// Tenants and CloudAccounts too
    #[arg(long, value_enum, value_name = "WHAT", num_args = 0..=1, require_equals = true, default_missing_value = "tenants", requires = "files")]
    pub prune: Option<PruneArg>,
    /// Only manifests with these labels count as deleted: key=value, several with commas
    #[arg(short = 'l', long, value_name = "LABELS", value_delimiter = ',', value_parser = label, requires = "prune")]
    pub selector: Vec<(String, String)>,
    /// Also ask the API server whether it would take the files, admission policies and webhooks included. Stores nothing,
    /// and needs the right to patch them
    #[arg(long, requires = "files")]
    pub server_dry_run: bool,
    /// Only this tenant
    #[arg(long, value_name = "TENANT")]
    pub tenant: Option<String>,
    /// How it is printed
    #[arg(short, long, value_enum, default_value_t, value_name = "FORM")]
    pub output: Output,
    /// Colours, in text
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    pub color: Color,
    /// Exit code 2 where there is something to do or something is refused, 0 where nothing is, 1 for errors
    #[arg(long)]
    pub detailed_exitcode: bool,
    /// The context of the kubeconfig [default: the current one]
    #[arg(long, value_name = "CONTEXT")]
    pub context: Option<String>,
    /// The operator's namespace: where CloudAccounts' credentials are
    #[arg(long, env = "POD_NAMESPACE", default_value = "tenantry-system", value_name = "NAMESPACE")]
    pub namespace: String,
    /// The operator's ServiceAccount
    #[arg(long, env = "POD_SERVICE_ACCOUNT", default_value = "tenantry", value_name = "NAME")]
    pub service_account: String,
    /// What tells this cluster's objects from another's [default: the first eight hex digits of the kube-system
    /// namespace's UID]
    #[arg(long, env = "CLUSTER_ID", value_name = "ID", value_parser = crate::config::cluster_id)]
    pub cluster_id: Option<String>,
    /// Calls that the operator may make in an account a second, for the time that the plan takes
    #[arg(long, env = "WRITE_RATE", default_value_t = 5.0, value_name = "PER_SECOND", value_parser = crate::config::rate)]
    pub write_rate: f64,
}

/// What counts as deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum PruneArg {
    /// Roles, users and notebooks of the Tenants in the files.
    Tenants,
    /// Everything.
    All,
}

/// How a plan is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// For a terminal.
    #[default]
    Text,
    /// For programs; docs/plan.md says what is in it.
    Json,
    /// For a pull request.
    Markdown,
}

/// When text is coloured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

fn label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or_else(|| "expected: key=value".to_owned())?;
    Ok((key.to_owned(), value.trim_start_matches('=').to_owned()))
}

/// Prints the plan and says with which code the process ends.
///
/// # Errors
/// What keeps it from being made: files that are not as they should be, no cluster, no rights, an account that does not
/// answer.
pub async fn run(args: &Args) -> Result<ExitCode, String> {
    let options = KubeConfigOptions { context: args.context.clone(), ..KubeConfigOptions::default() };
    let config = match args.context {
        Some(_) => Config::from_kubeconfig(&options).await.map_err(|error| error.to_string()),
        None => Config::infer().await.map_err(|error| error.to_string()),
    };
    let config = config.map_err(|error| format!("no cluster to plan for: {error}"))?;
    let default_namespace = config.default_namespace.clone();
    let files = files::read(&args.files).map_err(in_files)?;
    let mut manifests = manifests::sort(files, &default_namespace).map_err(in_files)?;
    let client = Client::try_from(config).map_err(|error| format!("no client for the cluster: {error}"))?;

    let mut notes = Vec::new();
    let report = Planner { args, client, notes: &mut notes }.report(&mut manifests).await?;
    let report = Report { notes, ..report };
    print(&report, args).map_err(|error| format!("the plan cannot be printed: {error}"))?;
    let code = if args.detailed_exitcode && !report.summary.is_nothing() { 2 } else { 0 };
    Ok(ExitCode::from(code))
}

fn in_files(problems: Vec<String>) -> String {
    match problems.as_slice() {
        [problem] => problem.clone(),
        problems => format!("{} problems in the files:\n  {}", problems.len(), problems.join("\n  ")),
    }
}

/// What the operator would say of its rights is said of the caller's here.
fn of_caller(fault: &Fault) -> String {
    fault
        .to_string()
        .replace("the operator's ServiceAccount may not", "you may not")
        .replace(": give it that right", "")
}

struct Planner<'a> {
    args: &'a Args,
    client: Client,
    notes: &'a mut Vec<String>,
}

impl Planner<'_> {
    async fn report(&mut self, manifests: &mut Manifests) -> Result<Report, String> {
        let args = self.args;
        let cluster = match &args.cluster_id {
            Some(id) => ClusterId::new(id.clone()),
            None => cluster_id(&self.client)
                .await
                .map_err(|fault| format!("{}. Say what the operator runs with: --cluster-id", of_caller(&fault)))?,
        };
        manifests.overlay.prune = match args.prune {
            None => Prune::Nothing,
            Some(PruneArg::Tenants) => Prune::OfTenants,
            Some(PruneArg::All) => Prune::All,
        };
        manifests.overlay.selector = args.selector.iter().cloned().collect();
        let snapshots = read_once(self.client.clone(), &mut manifests.overlay);
        let mut snapshots = snapshots.await.map_err(|fault| of_caller(&fault))?;
        self.check(manifests).await?;
        self.note(manifests);

        let account_manifests: BTreeMap<AccountName, Arc<CloudAccount>> =
            snapshots.values().flat_map(|snapshot| snapshot.accounts.clone()).collect();
        let shown = self.shown(&snapshots, &manifests.overlay)?;
        snapshots.retain(|tenant, _| shown.contains(tenant));
        let wanted = needed(&snapshots, &manifests.overlay);
        let accounts = Accounts::new(cluster.clone(), Rates::default(), Arc::new(Calls::default()));
        let about = account_manifests.iter().filter(|(name, _)| wanted.as_ref().is_none_or(|it| it.contains(*name)));
        let read = accounts::read(&self.client, &args.namespace, &cluster, &accounts, about, self.notes).await?;
        let context = Context {
            cluster,
            accounts: accounts.facts(&account_manifests),
            operator_namespace: args.namespace.clone(),
            operator_account: args.service_account.clone(),
            issuer: token_issuer(&self.client).await,
            now: Timestamp::now(),
        };
        let (mut plans, mut all_people) = (Vec::new(), Vec::new());
        for (tenant, snapshot) in &mut snapshots {
            self.note_unlisted(unlisted::assume(snapshot, &manifests.overlay));
            let plan = plan_of(tenant, snapshot, &accounts, &context).await?;
            let ready = accounts.ready().into_iter();
            let parts = ready.map(|(name, account)| {
                let mut part = account.inventory.lock().part_of(tenant);
                let boundary = read.boundaries.get(&name).map(|policy| (policy.name.clone(), policy.clone()));
                part.policies.extend(boundary);
                (name, part)
            });
            let parts: BTreeMap<AccountName, Inventory> = parts.collect();
            all_people.extend(people(&plan, &parts, &read.about, &snapshot.cluster, context.now));
            plans.push(plan);
        }
        let mut report = Report::new(&plans, read.about, args.write_rate);
        report.people = all_people;
        Ok(report)
    }

    /// Refuses what the API server would refuse of the files.
    async fn check(&self, manifests: &Manifests) -> Result<(), String> {
        let mut problems = manifests::forbidden_changes(&manifests.placed, &manifests.overlay.replaced);
        if self.args.server_dry_run {
            let made = manifests::namespaces(&manifests.overlay);
            for Placed { place, plural, value, .. } in &manifests.placed {
                match rehearse(&self.client, value, plural).await {
                    Ok(None) => {}
                    Ok(Some(refusal)) => problems.push(format!("{place}: the API server refuses it: {refusal}")),
                    // In a namespace that only the files make nothing can be tried yet.
                    Err(_) if value["metadata"]["namespace"].as_str().is_some_and(|it| made.contains(it)) => {}
                    Err(error) => problems.push(format!("{place}: the API server cannot be asked: {error}")),
                }
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(in_files(problems)) }
    }

    /// Notes what was passed over and what was taken for granted.
    fn note(&mut self, manifests: &Manifests) {
        let overlay = &manifests.overlay;
        if !manifests.others.is_empty() {
            let others: Vec<String> = manifests.others.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
            self.notes.push(format!("Other kinds in the files were passed over: {}.", others.join(", ")));
        }
        if manifests.others.contains_key("Kustomization") {
            let help = "`kustomize build … | tenantry plan -f -` does.";
            self.notes.push(format!("Kustomizations are not built here; {help}"));
        }
        for change in overlay.replaced.iter().filter(|change| change.deleting) {
            self.notes
                .push(format!("{} is being deleted in the cluster; the file does not stop that.", change.manifest));
        }
        if !overlay.pruned.is_empty() {
            let names: Vec<String> = overlay.pruned.iter().map(ToString::to_string).collect();
            self.notes.push(format!("In the cluster, not in the files, and so deleted: {}.", names.join(", ")));
        }
        for manifest in &overlay.protected {
            let help = "spec.deletionProtection of its Tenant keeps it";
            self.notes.push(format!("{manifest} is not in the files, and stays: {help}."));
        }
    }

    /// The tenants that are planned for: all, those that the files are about, or the one that was asked for.
    fn shown(
        &self,
        snapshots: &BTreeMap<TenantName, Snapshot>,
        overlay: &Overlay,
    ) -> Result<BTreeSet<TenantName>, String> {
        let in_files: BTreeSet<String> = overlay.accounts.iter().map(|it| it.name_any()).collect();
        let made = manifests::namespaces(overlay);
        let concerned = |tenant: &TenantName, snapshot: &Snapshot| {
            self.args.files.is_empty()
                || overlay.concerned.contains(tenant.as_str())
                || snapshot.tenant.iter().flat_map(|it| &it.spec.accounts).any(|it| in_files.contains(&it.name))
                || snapshot.cluster.namespaces.keys().any(|name| made.contains(name))
        };
        let asked = |tenant: &TenantName| self.args.tenant.as_ref().is_none_or(|only| only == tenant.as_str());
        if let Some(only) = self.args.tenant.as_ref().filter(|only| !snapshots.contains_key(&TenantName::new(*only))) {
            return Err(format!("there is no tenant {only}, neither in the cluster nor in the files"));
        }
        let shown = snapshots.iter().filter(|(tenant, snapshot)| asked(tenant) && concerned(tenant, snapshot));
        Ok(shown.map(|(tenant, _)| tenant.clone()).collect())
    }

    /// Where the caller may not list Secrets, those of users are taken to be as the users' statuses say.
    fn note_unlisted(&mut self, namespaces: BTreeSet<String>) {
        for namespace in namespaces {
            let help = "they are taken to be as the statuses of TenantUsers say";
            self.notes.push(format!("You may not list Secrets in namespace {namespace}: {help}."));
        }
        self.notes.sort();
        self.notes.dedup();
    }
}

/// The accounts that the tenants are in, were in, or have keys of; none: all, as where a tenant without a Tenant has
/// something is not known.
fn needed(snapshots: &BTreeMap<TenantName, Snapshot>, overlay: &Overlay) -> Option<BTreeSet<AccountName>> {
    let mut names: BTreeSet<AccountName> = BTreeSet::new();
    for snapshot in snapshots.values() {
        let tenant = snapshot.tenant.as_ref()?;
        names.extend(tenant.spec.accounts.iter().map(|it| AccountName::new(&it.name)));
        let known = tenant.status.iter().flat_map(|status| &status.accounts);
        names.extend(known.map(|it| AccountName::new(&it.name)));
        names.extend(snapshot.cluster.secrets.values().map(|it| AccountName::new(&it.account)));
    }
    for change in &overlay.replaced {
        let before = change.before["accounts"].as_array().into_iter().flatten();
        names.extend(before.filter_map(|it| it["name"].as_str().map(AccountName::new)));
    }
    names.extend(overlay.accounts.iter().map(|it| AccountName::new(it.name_any())));
    Some(names)
}

async fn plan_of(
    tenant: &TenantName,
    snapshot: &Snapshot,
    accounts: &Accounts,
    context: &Context,
) -> Result<Plan, String> {
    let mut wanted = compile(tenant, &manifests_of(snapshot), context);
    // Statuses speak of what the cluster holds, not of the files.
    wanted.settled = false;
    let state: &ClusterState = &snapshot.cluster;
    let stage = Stage {
        wanted: &wanted,
        accounts: &accounts.ready(),
        cluster: &(),
        state: &|| state.clone(),
        proof: Default::default(),
        gate: &|| crate::apply::Gate::NotLeader,
        now: &Timestamp::now,
    };
    let (plan, faults) = stage.look(state).await;
    match faults.into_iter().next() {
        Some((account, fault)) => Err(format!("CloudAccount {account}: {fault}")),
        None => Ok(plan),
    }
}

fn print(report: &Report, args: &Args) -> std::io::Result<()> {
    let choice = match args.color {
        Color::Auto => anstream::AutoStream::choice(&std::io::stdout()),
        Color::Always => anstream::ColorChoice::Always,
        Color::Never => anstream::ColorChoice::Never,
    };
    let mut out = anstream::AutoStream::new(std::io::stdout(), choice);
    match args.output {
        Output::Json => writeln!(out, "{}", report.json()),
        Output::Markdown => write!(out, "{}", report.markdown()),
        Output::Text => {
            for line in report.lines() {
                let style = style(line.tone);
                writeln!(out, "{style}{}{style:#}", line.text)?;
            }
            Ok(())
        }
    }
}

fn style(tone: Tone) -> Style {
    match tone {
        Tone::Heading => Style::new().bold(),
        Tone::Add => AnsiColor::Green.on_default(),
        Tone::Change => AnsiColor::Yellow.on_default(),
        Tone::Delete => AnsiColor::Red.on_default(),
        Tone::Refused => AnsiColor::Red.on_default().bold(),
        Tone::People => AnsiColor::Cyan.on_default(),
        Tone::Plain => Style::new(),
    }
}
