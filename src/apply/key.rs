//! The life of a new access key: it is made, written and proved in one act, because the cloud shows its secret half once.

use std::time::Instant;

use super::{Account, Applier, Gate};
use crate::cloud::Cloud;
use crate::cluster::{Cluster, SecretContent};
use crate::model::{Class, CloudAction, Effect, Fault, KeyWish, NewKey};
use crate::names::{AccountName, CloudName};

impl<C: Cloud, K: Cluster> Applier<'_, C, K> {
    /// Rehearses the Secret's write → makes the key → writes the Secret at once → proves the key. Where a key that works is
    /// replaced, the new one is proved before the Secret is written, as nobody needs it before. A crash between any two of
    /// these leaves at most one key that nobody ever saw, which the next plan removes.
    pub(super) async fn issue_key(
        &self,
        account: &Account<C>,
        name: &AccountName,
        user: &CloudName,
        wish: &KeyWish,
        replaces: Option<&str>,
    ) -> Result<(), Fault> {
        let seen = self.state.secrets.get(&wish.secret);
        let rehearsal = SecretContent::rehearsal(self.tenant, name, wish);
        self.cluster.rehearse_secret(&wish.secret, &rehearsal, seen).await?;

        let key = self.create(account, user).await?;
        if replaces.is_some()
            && let Err(fault) = self.prove_unseen(account, user, &key).await
        {
            self.undo(account, user, &key).await;
            return Err(fault);
        }
        let content = SecretContent::of_key(self.tenant, name, wish, &key, replaces);
        if let Err(fault) = self.cluster.write_secret(&wish.secret, &content, seen).await
            && !self.was_written(account, user, wish, &key).await
        {
            return Err(fault);
        }
        if replaces.is_some() { Ok(()) } else { self.prove(account, user, &key).await }
    }

    /// Proves a key that is only in memory. That takes a while: whether the Secret may still be written is asked again.
    async fn prove_unseen(&self, account: &Account<C>, user: &CloudName, key: &NewKey) -> Result<(), Fault> {
        self.prove(account, user, key).await?;
        match (self.gate)() {
            Gate::NotLeader => Err(Fault::new(Class::Transient, "rotate", user, "another operator leads by now")),
            Gate::Open | Gate::OutOfDate => Ok(()),
        }
    }

    /// Deletes a key that nobody else ever saw. Where that fails, or is no longer ours to do, the next plan reads the keys
    /// and decides.
    async fn undo(&self, account: &Account<C>, user: &CloudName, key: &NewKey) {
        let undo = CloudAction::DeleteKey { user: user.clone(), id: key.id.clone() };
        if (self.gate)() != Gate::NotLeader
            && let Ok(effect) = account.cloud.execute(&undo, &account.inventory).await
        {
            account.inventory.lock().record(&undo, &effect, Instant::now());
        } else {
            forget_keys(account, user);
        }
    }

    /// Whether the Secret holds the key although its write failed: an answer may be lost. Where it does not, nobody else
    /// ever saw the secret half, and the key goes at once; where that cannot be known or done, the next plan reads the
    /// keys and decides.
    async fn was_written(&self, account: &Account<C>, user: &CloudName, wish: &KeyWish, key: &NewKey) -> bool {
        match self.cluster.read_secret(&wish.secret).await {
            Ok(Some(seen)) if seen.key_id.as_ref() == Some(&key.id) => return true,
            Ok(_) => self.undo(account, user, key).await,
            Err(_) => forget_keys(account, user),
        }
        false
    }

    async fn create(&self, account: &Account<C>, user: &CloudName) -> Result<NewKey, Fault> {
        let action = CloudAction::CreateKey(user.clone());
        match account.cloud.execute(&action, &account.inventory).await {
            Ok(effect) => {
                account.inventory.lock().record(&action, &effect, Instant::now());
                match effect {
                    Effect::Key(key) => Ok(key),
                    _ => Err(Fault::new(Class::Transient, "CreateAccessKey", user, "the answer held no key")),
                }
            }
            Err(fault) => {
                // The key may have been made and its answer lost.
                forget_keys(account, user);
                Err(fault)
            }
        }
    }

    async fn prove(&self, account: &Account<C>, user: &CloudName, key: &NewKey) -> Result<(), Fault> {
        let mut in_a_row = 0;
        for attempt in 0..self.proof.tries.max(self.proof.answers) {
            if attempt > 0 {
                tokio::time::sleep(self.proof.pause).await;
            }
            in_a_row = if account.cloud.answers(key).await? { in_a_row + 1 } else { 0 };
            if in_a_row >= self.proof.answers {
                return Ok(());
            }
        }
        let message = "the new key does not work yet; clouds take up to minutes to spread a key";
        Err(Fault::new(Class::Waiting, "sts:GetCallerIdentity", user, message))
    }
}

/// What keys a user has is unknown until they are read.
fn forget_keys<C>(account: &Account<C>, user: &CloudName) {
    if let Some(user) = account.inventory.lock().users.get_mut(user) {
        user.keys = None;
    }
}
