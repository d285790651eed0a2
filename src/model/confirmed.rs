//! What the cloud itself has confirmed a moment ago to be what we know, so that nobody asks again before it is deleted:
//! it was read whole, or something that hung on it came off as expected. What somebody else had made in its place would
//! not have had that. RAM refuses to delete what anything still hangs on, whoever hung it there; IAM's objects are
//! always read again.

use std::time::{Duration, Instant};

use super::action::{CloudAction, Effect};
use super::cloud::ObjectId;
use super::inventory::Inventory;
use super::sweep::FRESH_WRITE;

/// How long it counts: as long as a sweep says nothing of what we wrote.
const COUNTS_FOR: Duration = FRESH_WRITE;

impl Inventory {
    /// Notes that the cloud showed the object as it is known.
    pub fn confirm(&mut self, object: &ObjectId, now: Instant) {
        self.confirmed.insert(object.clone(), now);
    }

    /// Whether it need not be asked again whose the object is.
    #[must_use]
    pub fn was_confirmed(&self, object: &ObjectId, now: Instant) -> bool {
        let at = self.confirmed.get(object).filter(|_| self.is_ram());
        at.is_some_and(|at| now.duration_since(*at) < COUNTS_FOR)
    }

    /// What came off as expected confirms both ends.
    pub(super) fn confirm_by(&mut self, action: &CloudAction, effect: &Effect, now: Instant) {
        if !matches!(effect, Effect::CameOff) {
            return;
        }
        match action {
            CloudAction::DeleteKey { .. } | CloudAction::SetKeyActive { .. } => self.confirm(&action.object(), now),
            CloudAction::RemoveMember { group, .. } => {
                self.confirm(&action.object(), now);
                self.confirm(&ObjectId::group(group), now);
            }
            CloudAction::Detach { arn, .. } => {
                self.confirm(&action.object(), now);
                let policy = self.policies.values().find(|policy| policy.arn == *arn);
                if let Some(policy) = policy.map(|policy| ObjectId::policy(&policy.name)) {
                    self.confirm(&policy, now);
                }
            }
            _ => {}
        }
    }

    pub(super) fn drop_old_confirmations(&mut self, now: Instant) {
        self.confirmed.retain(|_, at| now.duration_since(*at) < COUNTS_FOR);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::{CloudName, ClusterId, RAM_PARTITION};

    #[test]
    fn what_came_off_confirms_both_ends_for_a_while() {
        let (group, user) = (CloudName::new("acme"), CloudName::new("acme.alice"));
        let off = CloudAction::RemoveMember { group: group.clone(), user: user.clone() };
        let (group, user) = (ObjectId::group(&group), ObjectId::user(&user));
        let now = Instant::now();
        for (partition, effect, confirmed) in [
            (RAM_PARTITION, Effect::CameOff, true),
            // It was gone already: by whom, and what else is not as it was?
            (RAM_PARTITION, Effect::Done, false),
            ("aws", Effect::CameOff, false),
        ] {
            let mut inventory = Inventory::new(ClusterId::new("c1"), "1", partition);
            inventory.record(&off, &effect, now);
            for object in [&group, &user] {
                assert_eq!(inventory.was_confirmed(object, now), confirmed, "{partition} {effect:?}");
                assert!(!inventory.was_confirmed(object, now + COUNTS_FOR));
            }
        }
    }
}
