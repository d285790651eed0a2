//! Alibaba Cloud as the tests and the demo need it: strict in what it takes, honest in what it answers.
//!
//! A request goes through [`gateway`]: counted, delayed or hit by a fault that a test asked for (`switches`), its
//! signature verified (`authentication`), its operation found in a table (`routes`), its caller's policies evaluated
//! (`authorization`), and then carried out by one function of one service. Everything lives in memory, behind one
//! lock, so that every call is atomic.

mod authentication;
mod authorization;
mod caller;
mod cloud;
mod dsw;
pub mod gateway;
mod ims;
mod maxcompute;
mod pai;
mod parameters;
mod ram;
mod refusal;
mod routes;
mod sts;
mod switches;
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use tokio::net::TcpListener;

use crate::gateway::Gateway;

/// The account that is played.
#[derive(Clone)]
pub struct Account {
    pub(crate) id: String,
    pub(crate) key_id: String,
    pub(crate) secret: String,
}

impl Account {
    /// An account with the key of its owner.
    #[must_use]
    pub fn new(id: &str, key_id: &str, secret: &str) -> Self {
        Self { id: id.to_owned(), key_id: key_id.to_owned(), secret: secret.to_owned() }
    }
}

/// Answers until the listener fails.
///
/// # Errors
/// The listener's.
pub async fn serve(listener: TcpListener, account: Account) -> std::io::Result<()> {
    let gateway = Arc::new(Gateway::new(account));
    let router = Router::new().fallback(gateway::handle).with_state(gateway);
    axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>()).await
}
