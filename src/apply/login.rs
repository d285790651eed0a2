//! The making of a console login: its password is written into its Secret first, then put in force, then noted to be so.

use std::time::Instant;

use rand::RngExt;
use rand::seq::SliceRandom;

use super::{Account, Applier};
use crate::cloud::Cloud;
use crate::cluster::{Cluster, SecretContent};
use crate::model::{Class, CloudAction, ClusterAction, Fault, LoginWish, Password};
use crate::names::{AccountName, CloudName};

/// The lengths that are tried: the second is the longest that IAM allows, which fits every password policy.
const LENGTHS: [usize; 2] = [32, 128];
/// The kinds of characters that password policies ask for, without those that people mistake for others or that
/// shells and YAML take for something else.
const KINDS: [&[u8]; 4] = [b"abcdefghijkmnopqrstuvwxyz", b"ABCDEFGHJKLMNPQRSTUVWXYZ", b"23456789", b"-_+=.@%^"];

impl<C: Cloud, K: Cluster> Applier<'_, C, K> {
    /// Puts the Secret's password in force, or a fresh one. A crash between any two steps leaves a Secret that does not say
    /// that its password is in force, and the next plan goes on with that password.
    pub(super) async fn issue_login(
        &self,
        account: &Account<C>,
        name: &AccountName,
        user: &CloudName,
        wish: &LoginWish,
        fresh: bool,
    ) -> Result<(), Fault> {
        let mut seen = self.state.secrets.get(&wish.secret).cloned();
        let kept = if fresh { None } else { self.cluster.read_password(&wish.secret).await? };
        let mut lengths = LENGTHS.into_iter();
        let mut next = kept.map(|password| (password, false));
        loop {
            let (password, write) = match next.take() {
                Some(kept) => kept,
                None => (generate(lengths.next().unwrap_or(LENGTHS[1])), true),
            };
            if write {
                let content = SecretContent::of_login(self.tenant, name, wish, user, &password);
                seen = Some(self.cluster.write_secret(&wish.secret, &content, seen.as_ref()).await?);
            }
            match self.set_login(account, user, wish, password).await {
                // The account's password policy asks for more than this one has.
                Err(fault) if fault.class == Class::Invalid && lengths.len() > 0 => {}
                outcome => {
                    outcome?;
                    break;
                }
            }
        }
        let uid = seen.map(|seen| seen.uid).unwrap_or_default();
        let noted = ClusterAction::NoteLogin { secret: wish.secret.clone(), uid, in_force: true };
        self.cluster.execute(&noted).await
    }

    async fn set_login(
        &self,
        account: &Account<C>,
        user: &CloudName,
        wish: &LoginWish,
        password: Password,
    ) -> Result<(), Fault> {
        let action = CloudAction::SetLogin { user: user.clone(), password, reset_required: wish.reset_required };
        let effect = account.cloud.execute(&action, &account.inventory).await;
        let mut inventory = account.inventory.lock();
        match effect {
            Ok(effect) => {
                inventory.record(&action, &effect, Instant::now());
                Ok(())
            }
            Err(fault) => {
                // Its answer may be lost: whether there is a login now is unknown until it is read.
                if let Some(user) = inventory.users.get_mut(user) {
                    user.login = None;
                }
                Err(fault)
            }
        }
    }
}

/// A password with characters of every kind, from the thread's generator, which is cryptographically secure and seeded by
/// the system.
fn generate(length: usize) -> Password {
    let mut dice = rand::rng();
    let mut one_of = |kind: &[u8]| char::from(kind[dice.random_range(0..kind.len())]);
    let all: Vec<u8> = KINDS.concat();
    let mut text: Vec<char> = KINDS.iter().map(|kind| one_of(kind)).collect();
    text.extend((text.len()..length).map(|_| one_of(&all)));
    text.shuffle(&mut dice);
    Password::new(text.into_iter().collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_long_has_every_kind_of_character_and_is_another_each_time() {
        for length in LENGTHS {
            let password = generate(length);
            assert_eq!(password.expose().len(), length);
            for kind in KINDS {
                assert!(password.expose().bytes().any(|byte| kind.contains(&byte)));
            }
            assert_ne!(password, generate(length));
        }
    }
}
