//! The way of every request: read, counted, hit by a fault or not, authenticated, authorized, carried out, answered.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use alibaba_signature::{acs3, odps, parse_query, roa};
use axum::body::to_bytes;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::Response;
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tenantry::policy::evaluate::Context;
use tokio::time::sleep;

use crate::authentication::{self, Nonces};
use crate::caller::Caller;
use crate::cloud::{Call, Cloud, uuid};
use crate::maxcompute::data_plane;
use crate::parameters::{Parameters, plain};
use crate::refusal::Refusal;
use crate::routes::{self, Needs, Route};
use crate::switches::{Fault, Switches};
use crate::wire::{Answer, Wire};
use crate::{Account, authorization, dsw, maxcompute, ram, sts};

/// The one that all requests share.
pub struct Gateway {
    cloud: Mutex<Cloud>,
    nonces: Mutex<Nonces>,
    switches: Switches,
}

const BODY_MAX: usize = 4 << 20;

impl Gateway {
    pub(crate) fn new(account: Account) -> Self {
        Self { cloud: Mutex::new(Cloud::new(account)), nonces: Mutex::default(), switches: Switches::default() }
    }
}

/// Answers one request.
pub async fn handle(
    State(gateway): State<Arc<Gateway>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_MAX).await else {
        return Answer::json(413, &json!({"Code": "InvalidParameter.Body", "Message": "The body is too long."}))
            .into_response();
    };
    let path = parts.uri.path().to_owned();
    if path.starts_with("/ext/") {
        let answer = match gateway.switches.turn(&path, &body, &gateway.cloud) {
            Ok(value) => Answer::json(200, &value),
            Err((status, error)) => Answer::json(status, &json!({"error": error})),
        };
        return answer.into_response();
    }
    let header = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let wire = Wire {
        method: parts.method.to_string(),
        query: parse_query(parts.uri.query().unwrap_or_default()),
        path,
        headers: parts.headers.iter().map(header).collect(),
        body: body.to_vec(),
        source_ip: peer.ip().to_string(),
    };
    let clock = Timestamp::now() + gateway.cloud.lock().settings.skew;
    gateway.answer(&wire).await.with("date", odps::date(clock)).into_response()
}

/// What a request is for: an operation of the OpenAPI, or of MaxCompute's data plane.
enum Aim {
    OpenApi(Route),
    DataPlane(data_plane::Route),
}

impl Gateway {
    async fn answer(&self, wire: &Wire) -> Answer {
        let request_id = uuid();
        let for_data_plane = data_plane::is_for(wire);
        let found = if for_data_plane {
            data_plane::find(wire).map(Aim::DataPlane)
        } else {
            routes::find(wire).map(Aim::OpenApi)
        };
        let nothing = Parameters::default();
        let (service, action, rate, parameters) = match &found {
            Ok(Aim::OpenApi(route)) => {
                let rate = (route.service.rate)(route.operation.action);
                (route.service.name, route.operation.action, rate, &route.parameters)
            }
            Ok(Aim::DataPlane(route)) => ("odps", route.action(), None, &route.parameters),
            Err(_) if for_data_plane => ("odps", "unknown", None, &nothing),
            Err(_) => ("unknown", wire.header("x-acs-action").unwrap_or("unknown"), None, &nothing),
        };
        let parameters = &with_body(parameters, &wire.json());
        let (number, above) = self.switches.count(service, action, rate, parameters, signed_by(wire));
        sleep(Duration::from_millis(self.switches.latency())).await;
        let fault = self.switches.fault(service, action, parameters);
        if let Some(fault) = &fault {
            sleep(Duration::from_secs_f64(fault.delay.max(0.0))).await;
        }
        let injected = fault.filter(|fault| fault.status != 0);
        let refused = match (&injected, above) {
            (Some(fault), _) if !fault.after => Some(injection(fault)),
            (_, true) => Some(Refusal::known("Throttling.User")),
            _ => None,
        };
        let done = match refused {
            Some(refusal) => Err(refusal),
            None => match &found {
                Ok(Aim::OpenApi(route)) => self.carry_out(wire, route).await.map(|value| {
                    let body = with_request_id(route.service.name, value, &request_id);
                    Answer::json(200, &body).with("x-acs-request-id", &request_id)
                }),
                Ok(Aim::DataPlane(route)) => {
                    let mut cloud = self.cloud.lock();
                    authentication::data_plane(wire, &mut cloud)
                        .and_then(|caller| data_plane::run(route, wire, &mut cloud, &caller))
                }
                // Who is not let in is told that first.
                Err(refusal) if for_data_plane => {
                    authentication::data_plane(wire, &mut self.cloud.lock()).and(Err(refusal.clone()))
                }
                Err(refusal) => Err(refusal.clone()),
            },
        };
        let done = match injected.filter(|fault| fault.after) {
            Some(fault) => Err(injection(&fault)),
            None => done,
        };
        let answer = match done {
            Ok(answer) => {
                self.switches.ended(number, answer.status, "");
                answer
            }
            Err(refusal) => {
                self.switches.ended(number, refusal.status, &refusal.code);
                refused_answer(service, &refusal, wire, &request_id)
            }
        };
        if service == "odps" { answer.with("x-odps-request-id", request_id) } else { answer }
    }

    async fn carry_out(&self, wire: &Wire, route: &Route) -> Result<Value, Refusal> {
        let caller = match route.operation.needs {
            Needs::Nobody => Caller::Nobody,
            _ => authentication::openapi(wire, &mut self.cloud.lock(), &mut self.nonces.lock())?,
        };
        let keys = match route.operation.action {
            "AssumeRoleWithOIDC" => Some(sts::issuers::keys(&self.cloud, &route.parameters).await),
            _ => None,
        };
        let mut cloud = self.cloud.lock();
        let now = Timestamp::now();
        let body = wire.json();
        let context = Context::new()
            .with("acs:SourceIp", wire.source_ip.as_str())
            .with("acs:SecureTransport", "false")
            .with("acs:MFAPresent", "false")
            .with("acs:CurrentTime", crate::cloud::iso(now + cloud.settings.ahead))
            .with("acs:PrincipalARN", caller.arn(&cloud.account.id));
        let mut call =
            Call { cloud: &mut cloud, caller: &caller, parameters: &route.parameters, body: &body, context, now, keys };
        if let Needs::Ram(targets) = route.operation.needs {
            let resources = ram::resources::of(&call, targets);
            let context = ram::resources::context(&call, targets);
            authorization::require(&call, &format!("ram:{}", route.operation.action), &resources, &context)?;
        }
        (route.operation.run)(&mut call)
    }
}

fn signed_by(wire: &Wire) -> (String, String) {
    let agent = wire.header("user-agent").unwrap_or_default().to_owned();
    let header = wire.header("authorization").unwrap_or_default();
    let key = acs3::Authorization::parse(header)
        .map(|authorization| authorization.access_key_id)
        .or_else(|| odps::Authorization::parse(header).map(|authorization| authorization.access_key_id))
        .or_else(|| roa::parse(header).map(|(id, _)| id.to_owned()))
        .or_else(|| wire.parameters().text("AccessKeyId").map(str::to_owned));
    (key.unwrap_or_default(), agent)
}

/// The parameters with the scalars of a REST call's body, for faults and the log.
fn with_body(parameters: &Parameters, body: &Value) -> Parameters {
    let mut all = parameters.clone();
    for (name, value) in body.as_object().into_iter().flatten() {
        if !value.is_object() && !value.is_array() && all.sent(name).is_none() {
            all.insert(name, &plain(value));
        }
    }
    all
}

fn injection(fault: &Fault) -> Refusal {
    let message = fault.message.clone().unwrap_or_else(|| Refusal::known(&fault.code).message);
    let mut refusal = Refusal::new(fault.status, &fault.code, message);
    if let Some(milliseconds) = fault.retry_after {
        refusal.headers.push(("x-acs-retry-after".to_owned(), milliseconds.to_string()));
    }
    refusal
}

fn with_request_id(service: &str, mut value: Value, id: &str) -> Value {
    let name = if service == "maxcompute" { "requestId" } else { "RequestId" };
    if let Some(object) = value.as_object_mut() {
        object.insert(name.to_owned(), id.into());
        if service == "dsw" {
            object.entry("Success").or_insert(true.into());
            object.entry("HttpStatusCode").or_insert(200.into());
        }
        return value;
    }
    json!({name: id})
}

fn refused_answer(service: &str, refusal: &Refusal, wire: &Wire, id: &str) -> Answer {
    let host = wire.header("host").unwrap_or_default();
    let answer = match service {
        "odps" => data_plane::refused(refusal, wire, id),
        "maxcompute" => Answer::json(refusal.status, &maxcompute::refused(refusal, id)),
        "dsw" => Answer::json(refusal.status, &dsw::refused(refusal, id)),
        _ => Answer::json(refusal.status, &refusal.body(id, host)),
    };
    refusal.headers.iter().fold(answer.with("x-acs-request-id", id), |answer, (name, value)| answer.with(name, value))
}
