//! Keys: made once, proved, made inactive, never logged.

use std::sync::Arc;

use aws_sdk_iam::types::StatusType;
use parking_lot::Mutex;
use secrecy::{ExposeSecret, SecretString};
use tenantry::cloud::Cloud;
use tenantry::model::{Class, CloudAction, Effect, Finding, NewKey, Read, User};
use tenantry::names::CloudName;

use super::{Account, root, user};

async fn key_of(account: &Account, user: &User) -> NewKey {
    match account.done(CloudAction::CreateKey(user.name.clone())).await {
        Effect::Key(key) => key,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn keys_work_until_they_are_made_inactive_and_are_never_made_twice() {
    let account = Account::open().await;
    let alice = user("alice", None);
    account.done(CloudAction::CreateUser(alice.clone())).await;
    let key = key_of(&account, &alice).await;
    assert!(account.aws.answers(&key).await.unwrap());
    let wrong = NewKey { id: key.id.clone(), secret: SecretString::from("wrong"), created: key.created };
    assert!(!account.aws.answers(&wrong).await.unwrap());
    let unknown = NewKey { id: "AKIAUNKNOWNUNKNOWN00".to_owned(), ..wrong };
    assert!(!account.aws.answers(&unknown).await.unwrap());
    let (user, id) = (alice.name.clone(), key.id.clone());
    account.done(CloudAction::SetKeyActive { user: user.clone(), id: id.clone(), active: false }).await;
    let Finding::Keys(keys) = account.read(Read::Keys(user.clone())).await else { panic!("no keys") };
    assert!(keys.len() == 1 && keys[0].id == id && !keys[0].active);
    account.done(CloudAction::DeleteKey { user: user.clone(), id: id.clone() }).await;
    account.done(CloudAction::DeleteKey { user: user.clone(), id }).await;

    account.moto.reset_calls().await;
    account.moto.faults(&[testbed::Fault::lost_answer("CreateAccessKey", 1)]).await;
    let lost = account.act(CloudAction::CreateKey(user.clone())).await.unwrap_err();
    assert_eq!(lost.class, Class::Transient);
    assert_eq!(account.calls().await["CreateAccessKey"], 1, "a retry would leave a second key");
    key_of(&account, &alice).await;
    let third = account.act(CloudAction::CreateKey(user.clone())).await.unwrap_err();
    assert_eq!(third.class, Class::QuotaExceeded);
    assert!(third.message.contains("two access keys"), "{third}");
    assert_eq!(account.read(Read::Keys(CloudName::new("nobody"))).await, Finding::Absent);
    let listed = account.moto.iam().list_access_keys().user_name(user.as_str()).send().await.unwrap();
    assert!(listed.access_key_metadata.iter().all(|key| key.status == Some(StatusType::Active)));
}

/// Everything that this process logs.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A log is the whole process's, so this needs one of its own.
#[test]
fn no_secret_is_logged_at_any_level() {
    let mut alone = std::process::Command::new(std::env::current_exe().unwrap());
    alone.args(["--ignored", "--exact", "aws_account::keys::a_key_is_made_with_all_logs_on"]);
    let run = alone.output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stdout));
}

#[tokio::test]
#[ignore = "run by no_secret_is_logged_at_any_level"]
async fn a_key_is_made_with_all_logs_on() {
    let log = Log::default();
    let writer = log.clone();
    let all = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE);
    all.with_writer(move || writer.clone()).init();
    let account = Account::open().await;
    let alice = user("alice", None);
    account.done(CloudAction::CreateUser(alice.clone())).await;
    let key = key_of(&account, &alice).await;
    assert!(account.aws.answers(&key).await.unwrap());
    let logged = String::from_utf8_lossy(&log.0.lock()).into_owned();
    assert!(logged.contains("CreateAccessKey"), "nothing was logged");
    assert!(!logged.contains(key.secret.expose_secret()), "the new key's secret was logged");
    assert!(!logged.contains(&root().1), "the operator's secret was logged");
}
