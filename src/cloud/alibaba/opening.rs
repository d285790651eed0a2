//! The address at which a notebook opens, for who has the right to it: no part of the operator's own work.

use std::sync::Arc;

use super::act::Channel;
use super::call::Call;
use super::connect::Settings;
use super::credentials::Provider;
use super::endpoints::Endpoints;
use super::refusal::refuses_credentials;
use super::shapes::text;
use super::wire::Wire;
use crate::cloud::budget::{Budgets, Priority, Rates};
use crate::model::Class;

/// Asks DSW, with these credentials, for the address at which an instance opens: one call. The browser is asked to log in
/// to the console there (PAI-DSW API reference, GetInstance).
///
/// # Errors
/// Why not, in DSW's words.
pub async fn address_of_notebook(settings: Settings, id: &str) -> Result<String, String> {
    let environment = |name: &str| std::env::var(name).ok();
    let provider = Provider::new(&settings.credentials, settings.assume_roles, environment);
    let provider = provider.map_err(|fault| fault.message)?;
    let endpoints = Endpoints::new(settings.region.as_str(), settings.endpoint_url.as_deref());
    let budget = Budgets::new(Rates::default()).fresh();
    let wire = Wire { account: String::new(), operator: None, endpoints, budget, calls: Arc::default() };
    let channel = Channel { wire, provider };
    let call = Call::dsw(&settings.region, "GetInstance", "GET", &format!("instances/{id}"));
    let answer = channel.send(&call, &format!("DSW instance {id}"), Priority::Normal).await;
    let answer = answer.map_err(|refused| match refused.fault.class {
        Class::AccessDenied if refuses_credentials(&refused.code) => {
            format!("the key is not accepted ({})", refused.code)
        }
        Class::AccessDenied => format!("{} is refused ({})", call.permission(), refused.code),
        _ => refused.fault.message,
    })?;
    let address = text(&answer, "InstanceUrl");
    match address.starts_with("https://") {
        true => Ok(address.to_owned()),
        false => Err(format!("an instance that is {} has no address", text(&answer, "Status"))),
    }
}
