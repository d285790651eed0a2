#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::VecDeque;
use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use secrecy::SecretString;

use super::*;
use crate::cloud::{Budgets, Rates};
use crate::model::Class;

const CALLER: &str = "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/op</Arn>\
                      </GetCallerIdentityResult></GetCallerIdentityResponse>";

/// An endpoint that answers with these, one call each, and keeps what it was asked.
struct Stub {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

async fn stub(answers: &[(u16, String)]) -> Stub {
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let answers = Arc::new(Mutex::new(VecDeque::from(answers.to_vec())));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let noted = Arc::clone(&asked);
    let router = Router::new().fallback(move |body: String| {
        let (answers, noted) = (Arc::clone(&answers), Arc::clone(&noted));
        async move {
            noted.lock().push(body);
            let (status, text) = answers.lock().pop_front().unwrap_or((500, String::new()));
            (StatusCode::from_u16(status).unwrap(), text)
        }
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    Stub { url, asked }
}

async fn connect(stub: &Stub) -> Aws {
    let settings = Settings {
        region: "eu-west-1".to_owned(),
        endpoint_url: Some(stub.url.clone()),
        credentials: Credentials::Static { id: "AKIA".to_owned(), secret: SecretString::from("x"), token: None },
        assume_roles: Vec::new(),
    };
    let budgets = Budgets::new(Rates { write: 1000.0, read: 1000.0 });
    Aws::connect(settings, &budgets, Arc::default()).await.unwrap()
}

fn page(users: &[&str], truncated: bool, marker: Option<&str>) -> (u16, String) {
    let members: String = users.iter().map(|name| format!("<member><UserName>{name}</UserName></member>")).collect();
    let marker = marker.map(|marker| format!("<Marker>{marker}</Marker>")).unwrap_or_default();
    let text = format!(
        "<GetAccountAuthorizationDetailsResponse><GetAccountAuthorizationDetailsResult>\
         <UserDetailList>{members}</UserDetailList><IsTruncated>{truncated}</IsTruncated>{marker}\
         </GetAccountAuthorizationDetailsResult></GetAccountAuthorizationDetailsResponse>"
    );
    (200, text)
}

fn error(status: u16, code: &str) -> (u16, String) {
    (status, format!("<ErrorResponse><Error><Code>{code}</Code><Message>because</Message></Error></ErrorResponse>"))
}

#[tokio::test]
async fn a_sweep_follows_every_marker_even_from_an_empty_page() {
    let pages = [page(&["a", "b"], true, Some("m1")), page(&[], true, Some("m2")), page(&["c"], false, None)];
    let stub = stub(&[vec![(200, CALLER.to_owned())], pages.to_vec()].concat()).await;
    let aws = connect(&stub).await;
    assert_eq!(aws.identity().account, "123456789012");
    assert_eq!(aws.sweep().await.unwrap().found.len(), 3);
    let asked = stub.asked.lock();
    assert_eq!(asked.len(), 4);
    assert!(
        asked[1].contains("MaxItems=1000") && asked[1].contains("Filter.member.4=LocalManagedPolicy"),
        "{}",
        asked[1]
    );
    assert!(asked[3].contains("Marker=m2"), "{}", asked[3]);
}

#[tokio::test]
async fn a_page_that_fails_fails_the_sweep() {
    for bad in [error(403, "AccessDenied"), page(&["b"], true, None), page(&["b"], true, Some("m1"))] {
        let stub = stub(&[(200, CALLER.to_owned()), page(&["a"], true, Some("m1")), bad]).await;
        assert!(connect(&stub).await.sweep().await.is_err());
    }
}

#[tokio::test]
async fn an_answer_without_a_code_is_transient_and_names_the_endpoint() {
    let nothing = (501, "<html>not here</html>".to_owned());
    let stub = stub(&[vec![(200, CALLER.to_owned())], vec![nothing; 3]].concat()).await;
    let fault = connect(&stub).await.sweep().await.unwrap_err();
    assert_eq!(fault.class, Class::Transient);
    assert!(fault.message.contains(&stub.url) && fault.message.contains("501"), "{fault}");
}

#[tokio::test]
async fn throttling_slows_the_account_down() {
    let stub = stub(&[vec![(200, CALLER.to_owned())], vec![error(400, "Throttling"); 3]].concat()).await;
    let aws = connect(&stub).await;
    assert_eq!(aws.quotas().await.unwrap_err().class, Class::Throttled);
    assert!(aws.channel.budget.rate(crate::cloud::budget::Family::Read) < 600.0);
    assert_eq!(aws.channel.calls.total(), 2);
}
