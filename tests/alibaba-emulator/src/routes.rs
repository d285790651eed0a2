//! Which operation a request is for, by tables: one row an operation.

use percent_encoding::percent_decode_str;

use crate::cloud::{Call, Outcome};
use crate::parameters::Parameters;
use crate::refusal::Refusal;
use crate::wire::Wire;
use crate::{dsw, ims, maxcompute, pai, ram, sts};

/// One operation of a service.
pub struct Operation {
    pub action: &'static str,
    pub run: fn(&mut Call<'_>) -> Outcome,
    pub needs: Needs,
    /// Method and path of a REST operation, `{Name}` being a parameter.
    pub path: Option<(&'static str, &'static str)>,
}

/// What a caller must be allowed before an operation is carried out.
pub enum Needs {
    /// Not even a signature.
    Nobody,
    /// A signature.
    Anyone,
    /// `ram:<action>` on all of these.
    Ram(&'static [Target]),
    /// The function asks itself, because it depends on what it finds.
    Own,
}

/// What an operation of RAM or IMS is about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Target {
    User,
    Users,
    Group,
    Groups,
    /// By `PolicyName` and `PolicyType`.
    Policy,
    Policies,
    Role,
    Roles,
    Mfa,
    Oidc,
    /// By `ResourceType` and `ResourceNames`.
    Tagged,
    Account,
}

/// A row for RPC.
pub const fn rpc(action: &'static str, needs: Needs, run: fn(&mut Call<'_>) -> Outcome) -> Operation {
    Operation { action, run, needs, path: None }
}

/// A row for REST.
pub const fn roa(
    action: &'static str,
    method: &'static str,
    path: &'static str,
    run: fn(&mut Call<'_>) -> Outcome,
) -> Operation {
    Operation { action, run, needs: Needs::Own, path: Some((method, path)) }
}

/// A service: its short name, its version, its operations, and the calls a second that it allows.
pub struct Service {
    pub name: &'static str,
    pub version: &'static str,
    pub tables: &'static [&'static [Operation]],
    pub rest: bool,
    pub rate: fn(&str) -> Option<usize>,
}

impl Service {
    fn operations(&self) -> impl Iterator<Item = &'static Operation> + use<'_> {
        self.tables.iter().flat_map(|table| table.iter())
    }
}

// Source: the services' pages "API rate quotas".
static SERVICES: [Service; 6] = [
    Service { name: "ram", version: "2015-05-01", tables: ram::TABLES, rest: false, rate: ram::rate },
    Service {
        name: "ims",
        version: "2019-08-15",
        tables: ims::TABLES,
        rest: false,
        rate: |name| write(name, 150, 350),
    },
    Service { name: "sts", version: "2015-04-01", tables: sts::TABLES, rest: false, rate: |_| Some(100) },
    Service { name: "pai", version: "2021-02-04", tables: pai::TABLES, rest: true, rate: |name| write(name, 20, 50) },
    Service { name: "dsw", version: "2022-01-01", tables: dsw::TABLES, rest: true, rate: |_| Some(100) },
    Service { name: "maxcompute", version: "2022-01-04", tables: maxcompute::TABLES, rest: true, rate: |_| None },
];

fn write(action: &str, writes: usize, reads: usize) -> Option<usize> {
    Some(if action.starts_with("Get") || action.starts_with("List") { reads } else { writes })
}

/// What a request is for.
pub struct Route {
    pub service: &'static Service,
    pub operation: &'static Operation,
    pub parameters: Parameters,
}

/// Finds the operation.
///
/// # Errors
/// The gateway's own: there is no such product, or no such operation of it.
pub fn find(wire: &Wire) -> Result<Route, Refusal> {
    let mut parameters = wire.parameters();
    let named = |header: &str, parameter: &str| {
        wire.header(header).map(str::to_owned).or_else(|| parameters.text(parameter).map(str::to_owned))
    };
    let version = named("x-acs-version", "Version").ok_or_else(|| Refusal::missing("Version"))?;
    let action = named("x-acs-action", "Action");
    let service = SERVICES
        .iter()
        .find(|service| service.version == version)
        .ok_or_else(|| Refusal::known("InvalidProduct.NotFound"))?;
    if !service.rest {
        let action = action.ok_or_else(|| Refusal::missing("Action"))?;
        if !matches!(wire.method.as_str(), "GET" | "POST") {
            return Err(Refusal::known("UnsupportedHTTPMethod"));
        }
        let operation = service
            .operations()
            .find(|operation| operation.action == action)
            .filter(|_| wire.path == "/")
            .ok_or_else(|| Refusal::known("InvalidAction.NotFound"))?;
        return Ok(Route { service, operation, parameters });
    }
    for operation in service.operations() {
        let Some((method, template)) = operation.path else { continue };
        if let Some(found) = matched(template, &wire.path).filter(|_| method == wire.method) {
            for (name, value) in found {
                parameters.insert(name, &value);
            }
            return Ok(Route { service, operation, parameters });
        }
    }
    Err(Refusal::known("InvalidApi.NotFound"))
}

fn matched(template: &'static str, path: &str) -> Option<Vec<(&'static str, String)>> {
    let (mut wanted, mut given) = (template.split('/'), path.trim_end_matches('/').split('/'));
    let mut found = Vec::new();
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(found),
            (Some(wanted), Some(given)) => {
                let name = wanted.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
                match name {
                    Some(name) => found.push((name, percent_decode_str(given).decode_utf8_lossy().into_owned())),
                    None if wanted == given => {}
                    None => return None,
                }
            }
            _ => return None,
        }
    }
}
