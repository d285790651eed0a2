//! SageMaker for tests: any operation as anybody, and how notebooks behave.

use std::time::Duration;

use http::Request;
use serde_json::{Value, json};

use crate::aws::{Credentials, REGION};
use crate::{Moto, http as plain};

impl Moto {
    /// Calls an operation of SageMaker in [`REGION`]. Gives the answer, or the error's code and message.
    ///
    /// # Errors
    /// What SageMaker refuses: code and message.
    ///
    /// # Panics
    /// When moto does not answer.
    pub async fn sagemaker(
        &self,
        credentials: &Credentials,
        operation: &str,
        input: Value,
    ) -> Result<Value, (String, String)> {
        let request = Request::builder()
            .method("POST")
            .uri("/")
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("SageMaker.{operation}"));
        let (status, body) = self.signed(credentials, ("sagemaker", REGION), request, &input.to_string()).await;
        let answer: Value = serde_json::from_str(&body).unwrap_or_default();
        if status == 200 {
            return Ok(answer);
        }
        let text = |key: &str| answer[key].as_str().unwrap_or_default().to_owned();
        Err((text("__type"), text("message") + &text("Message")))
    }

    /// What SageMaker says of a notebook; none if there is none.
    ///
    /// # Panics
    /// When moto does not answer.
    pub async fn notebook(&self, name: &str) -> Option<Value> {
        let input = json!({"NotebookInstanceName": name});
        self.sagemaker(&Credentials::root(), "DescribeNotebookInstance", input).await.ok()
    }

    /// Notebooks stay this long in every state that passes, from now on.
    pub async fn notebooks_take(&self, time: Duration) {
        self.turn(&json!({"seconds": time.as_secs_f64()})).await;
    }

    /// The next notebooks that start fail, for these reasons.
    pub async fn notebooks_fail(&self, reasons: &[&str]) {
        self.turn(&json!({"failing": reasons})).await;
    }

    /// The account may have so many notebooks.
    pub async fn most_notebooks(&self, most: u32) {
        self.turn(&json!({"most": most})).await;
    }

    /// What is on its way has arrived.
    pub async fn notebooks_arrive(&self) {
        self.turn(&json!({"arrive": true})).await;
    }

    /// What happened to notebooks until now happened this much earlier.
    pub async fn notebooks_age(&self, by: Duration) {
        self.turn(&json!({"age": by.as_secs()})).await;
    }

    async fn turn(&self, switch: &Value) {
        let url = format!("{}/ext/notebooks", self.url());
        let (status, _) = plain::post(&url, "application/json", switch.to_string()).await.expect("moto answers");
        assert_eq!(status, 200, "/ext/notebooks");
    }
}
