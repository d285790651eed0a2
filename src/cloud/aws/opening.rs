//! The address at which a notebook opens, for who has the right to it: no part of the operator's own work.

use serde_json::json;

use super::connect::{Settings, configuration};
use super::sagemaker::call;
use crate::cloud::wording::{innermost, tidy};

/// Asks SageMaker, with these credentials, for an address at which a notebook opens. It is a credential, good for five
/// minutes (SageMaker API reference, CreatePresignedNotebookInstanceUrl).
///
/// # Errors
/// Why not, in SageMaker's words.
pub async fn presigned_notebook_url(settings: &Settings, region: &str, name: &str) -> Result<String, String> {
    let base = Box::pin(configuration(settings)).await;
    let input = json!({"NotebookInstanceName": name});
    let answer = call(base, region.to_owned(), "CreatePresignedNotebookInstanceUrl", input).await;
    let answer = answer.map_err(|error| match error.as_service_error() {
        Some(refusal) => tidy(&refusal.to_string()),
        None => tidy(&innermost(&error)),
    })?;
    let url = answer["AuthorizedUrl"].as_str().filter(|url| url.starts_with("https://"));
    url.map(str::to_owned).ok_or_else(|| "SageMaker answered without an address".to_owned())
}
