//! One act on a cloud account, whoever planned it: checked before it cannot be undone, noted when it is done.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::cloud::Cloud;
use crate::model::{Class, CloudAction, Fault, Finding, Inventory, ObjectId, ObjectKind, Read, mark_of_tags};
use crate::names::{CloudName, Mark};

/// A cloud account as a plan is carried out in it.
#[derive(Debug)]
pub struct Account<C> {
    /// Its API.
    pub cloud: C,
    /// What is known of it; shared by all CloudAccounts that are this account.
    pub inventory: Arc<Mutex<Inventory>>,
}

impl<C: Cloud> Account<C> {
    /// Does one act and notes in the inventory what it left behind. What cannot be undone is done only to what is, live,
    /// still there and still ours.
    ///
    /// # Errors
    /// The act's own fault; the object is read again after a surprise, so that the next plan sees what is there.
    pub async fn act(&self, action: &CloudAction) -> Result<(), Fault> {
        let object = action.object();
        if action.needs_live_read() && !self.was_confirmed(action) && !self.is_still_ours(action, &object).await? {
            return Ok(());
        }
        let known = self.inventory.lock().mark(&object).is_some();
        if !known && let Some(wanted) = mark_to_be(action) {
            self.is_nobodys(&object, wanted.as_ref()).await?;
        }
        match self.cloud.execute(action, &self.inventory).await {
            Ok(effect) => self.inventory.lock().record(action, &effect, Instant::now()),
            Err(fault) => {
                if matches!(fault.class, Class::Transient | Class::Invalid | Class::NotOwned) {
                    // After a surprise the next plan must see what is there. A fault here is not told: the surprise itself
                    // is.
                    if self.learn(&action.read_after()).await.is_err() {
                        self.inventory.lock().doubt(action);
                    }
                }
                return Err(fault);
            }
        }
        if !known && matches!(action, CloudAction::SetTags { .. } | CloudAction::MoveGroup { .. }) {
            // Taken over: now that it carries our marks, all of it is known, keys and a login that somebody holds too.
            self.learn(&Read::Object(object.clone())).await?;
            if object.kind == ObjectKind::User {
                self.learn(&Read::Keys(object.name.clone())).await?;
                self.learn(&Read::Login(object.name.clone())).await?;
            }
        }
        Ok(())
    }

    /// Deletes what stood for inline policies and was nobody's in every sweep for `age`, as long as `may_write` lets it.
    /// One that was made just now is about to be somebody's.
    ///
    /// # Errors
    /// The first fault, of a call or of `may_write`; the rest comes after the next sweep.
    pub async fn tidy(&self, age: Duration, may_write: impl Fn() -> Result<(), Fault>) -> Result<(), Fault> {
        let now = Instant::now();
        let old = |since: &Instant| now.duration_since(*since) >= age;
        let loose: Vec<CloudName> = {
            let inventory = self.inventory.lock();
            inventory.loose.iter().filter(|(_, since)| old(since)).map(|(name, _)| name.clone()).collect()
        };
        for policy in loose {
            may_write()?;
            self.inventory.lock().loose.remove(&policy);
            self.cloud.execute(&CloudAction::DropLoose(policy), &self.inventory).await?;
        }
        Ok(())
    }

    /// Reads one thing live and takes it into the inventory.
    ///
    /// # Errors
    /// The reading's own fault; what is known stays.
    pub async fn learn(&self, read: &Read) -> Result<(), Fault> {
        let finding = self.cloud.read(read, &self.inventory).await?;
        let mut inventory = self.inventory.lock();
        inventory.learn(&read.object(), finding);
        if let Read::Object(object) = read {
            inventory.confirm(object, Instant::now());
        }
        Ok(())
    }

    /// Before a deletion: whether the cloud itself showed a moment ago that the object is the one that we know. A policy's
    /// next version is never made without a look at the one before.
    fn was_confirmed(&self, action: &CloudAction) -> bool {
        let deletes = !matches!(action, CloudAction::SetDocument { .. });
        deletes && self.inventory.lock().was_confirmed(&action.object(), Instant::now())
    }

    /// Before something is taken over: whether it is, live, still without a mark, or has the one that it shall have.
    async fn is_nobodys(&self, object: &ObjectId, wanted: Option<&Mark>) -> Result<(), Fault> {
        let finding = self.cloud.read(&Read::Mark(object.clone()), &self.inventory).await?;
        match finding {
            Finding::Mark { mark: Some(mark), .. } if Some(&mark) != wanted => {
                let cluster = self.inventory.lock().cluster.clone();
                self.look_again(object).await;
                Err(crate::cloud::not_owned("compare", &object.kind.to_string(), object, Some(&mark), &cluster))
            }
            Finding::Mark { .. } => Ok(()),
            _ => {
                self.inventory.lock().learn(object, Finding::Absent);
                Err(Fault::new(Class::Transient, "compare", object, "it is gone; it is made again"))
            }
        }
    }

    /// Before what cannot be undone: whether the object is, live, still there and still ours.
    async fn is_still_ours(&self, action: &CloudAction, object: &ObjectId) -> Result<bool, Fault> {
        let finding = self.cloud.read(&Read::Mark(object.clone()), &self.inventory).await?;
        let (expected, version) = {
            let inventory = self.inventory.lock();
            let version = inventory.policies.get(&object.name).map(|policy| policy.default_version.clone());
            (inventory.mark(object), version)
        };
        match finding {
            Finding::Mark { mark, .. } if mark != expected => {
                let cluster = {
                    let mut inventory = self.inventory.lock();
                    inventory.learn(object, Finding::Absent);
                    inventory.cluster.clone()
                };
                self.look_again(object).await;
                Err(crate::cloud::not_owned("compare", &object.kind.to_string(), object, mark.as_ref(), &cluster))
            }
            Finding::Mark { default_version: Some(live), .. }
                if matches!(action, CloudAction::SetDocument { .. }) && version.as_ref() != Some(&live) =>
            {
                self.look_again(object).await;
                Err(Fault::new(Class::Transient, "compare", object, "it was changed meanwhile; it is compared anew"))
            }
            Finding::Mark { .. } => Ok(true),
            _ => {
                self.inventory.lock().learn(object, Finding::Absent);
                if matches!(action, CloudAction::SetDocument { .. }) {
                    return Err(Fault::new(Class::Transient, "compare", object, "it is gone; it is made again"));
                }
                Ok(false)
            }
        }
    }

    /// After a surprise the object is read again, so that the next plan sees what is there. A fault here changes nothing:
    /// the surprise itself is what is told.
    async fn look_again(&self, object: &ObjectId) {
        let _ = self.learn(&Read::Object(object.clone())).await;
    }
}

/// For an act that may take something over: the mark that it shall have, where that is in tags.
fn mark_to_be(action: &CloudAction) -> Option<Option<Mark>> {
    match action {
        CloudAction::SetTags { set, .. } => mark_of_tags(set).map(Some),
        CloudAction::MoveGroup { .. } => Some(None),
        CloudAction::Workspace(action) => action.mark_to_be().map(Some),
        _ => None,
    }
}
