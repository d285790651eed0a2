//! SageMaker's JSON protocol on the SDK's own runtime: its signing, retries, time limits and renewal of credentials,
//! without the crate of all SageMaker, which takes minutes to build for the few operations that are needed here.

use std::fmt;

use aws_config::SdkConfig;
use aws_runtime::auth::{SigV4OperationSigningConfig, SigningOptions, sigv4};
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_sdk_iam::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_async::time::SystemTimeSource;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime::client::retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier};
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::auth::{
    AuthSchemeOptionResolverParams, SharedAuthScheme, SharedAuthSchemeOptionResolver,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::config_bag::Layer;
use aws_smithy_types::error::metadata::ErrorMetadata;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SigningName;
use aws_types::region::{Region, SigningRegion};
use serde_json::Value;

use super::connect::BEHAVIOR;

/// SageMaker's name in signatures and in the header that names the operation.
const SIGNING_NAME: &str = "sagemaker";
const TARGET: &str = "SageMaker";
const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

/// What SageMaker answers where it refuses a call.
#[derive(Debug)]
pub(super) struct ApiError(ErrorMetadata);

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code().unwrap_or_default(), self.0.message().unwrap_or_default())
    }
}

impl std::error::Error for ApiError {}

impl ProvideErrorMetadata for ApiError {
    fn meta(&self) -> &ErrorMetadata {
        &self.0
    }
}

/// Calls one operation in a region. `base` has credentials, the HTTP client and limits; an endpoint in it stands for
/// SageMaker's own.
pub(super) async fn call(
    base: SdkConfig,
    region: String,
    operation: &'static str,
    input: Value,
) -> Result<Value, SdkError<ApiError>> {
    let (Some(credentials), Some(http)) = (base.credentials_provider(), base.http_client()) else {
        return Err(SdkError::construction_failure("no credentials are configured"));
    };
    let url = base.endpoint_url().map_or_else(|| endpoint(&region), |url| format!("{}/", url.trim_end_matches('/')));
    let mut layer = Layer::new("SageMaker");
    layer.store_put(AuthSchemeOptionResolverParams::new(()));
    let mut signing_options = SigningOptions::default();
    signing_options.double_uri_encode = true;
    signing_options.normalize_uri_path = true;
    layer.store_put(SigV4OperationSigningConfig {
        region: Some(SigningRegion::from(Region::new(region))),
        name: Some(SigningName::from_static(SIGNING_NAME)),
        signing_options,
        ..SigV4OperationSigningConfig::default()
    });
    let schemes = StaticAuthSchemeOptionResolver::new(vec![sigv4::SCHEME_ID]);
    let components = RuntimeComponentsBuilder::new("SageMaker")
        .with_auth_scheme(SharedAuthScheme::new(sigv4::SigV4AuthScheme::new()))
        .with_auth_scheme_option_resolver(Some(SharedAuthSchemeOptionResolver::new(schemes)))
        .with_identity_cache(base.identity_cache())
        .with_identity_resolver(sigv4::SCHEME_ID, credentials);
    let mut builder = Operation::builder()
        .service_name(TARGET)
        .operation_name(operation)
        .behavior_version(BEHAVIOR())
        .http_client(http)
        .endpoint_url(&url)
        .sleep_impl(TokioSleep::new())
        .time_source(SystemTimeSource::new())
        .retry_classifier(TransientErrorClassifier::<ApiError>::new())
        .retry_classifier(HttpStatusCodeClassifier::default())
        .retry_classifier(AwsErrorCodeClassifier::<ApiError>::new())
        .timeout_config(base.timeout_config().cloned().unwrap_or_else(TimeoutConfig::disabled))
        .with_connection_poisoning();
    builder = match base.retry_config() {
        Some(retries) => builder.standard_retry(retries),
        None => builder.no_retry(),
    };
    let plugin = StaticRuntimePlugin::new().with_config(layer.freeze()).with_runtime_components(components);
    let operation = builder
        .runtime_plugin(plugin)
        .serializer(move |body: Value| {
            let mut request = HttpRequest::new(serde_json::to_vec(&body)?.into());
            request.set_method("POST")?;
            request.set_uri(url.clone())?;
            request.headers_mut().insert("content-type", CONTENT_TYPE);
            request.headers_mut().insert("x-amz-target", format!("{TARGET}.{operation}"));
            Ok(request)
        })
        .deserializer(answer)
        .build();
    operation.invoke(input).await
}

/// SageMaker's endpoint in a region (AWS general reference, "Amazon SageMaker AI endpoints and quotas").
fn endpoint(region: &str) -> String {
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://api.sagemaker.{region}.{domain}/")
}

fn answer(response: &HttpResponse) -> Result<Value, OrchestratorError<ApiError>> {
    let body = response.body().bytes().unwrap_or_default();
    if response.status().is_success() {
        if body.is_empty() {
            return Ok(Value::Null);
        }
        return serde_json::from_slice(body).map_err(OrchestratorError::other);
    }
    let refusal: Value = serde_json::from_slice(body).unwrap_or_default();
    let named = response.headers().get("x-amzn-errortype").or_else(|| refusal["__type"].as_str());
    // Both may carry a namespace before and an address behind the code.
    let code = named.and_then(|name| name.split(':').next()).and_then(|name| name.rsplit('#').next());
    let message = refusal["message"].as_str().or_else(|| refusal["Message"].as_str());
    let mut said = ErrorMetadata::builder();
    if let Some(code) = code {
        said = said.code(code);
    }
    if let Some(message) = message {
        said = said.message(message);
    }
    Err(OrchestratorError::operation(ApiError(said.build())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_region_has_its_endpoint() {
        assert_eq!(endpoint("eu-west-1"), "https://api.sagemaker.eu-west-1.amazonaws.com/");
        assert_eq!(endpoint("cn-north-1"), "https://api.sagemaker.cn-north-1.amazonaws.com.cn/");
    }
}
