//! One kind of object as the watch tells it, corrected by what we wrote ourselves and the watch does not tell yet.

use std::collections::{BTreeMap, BTreeSet};

use kube::runtime::watcher::Event;

use crate::names::TenantName;

/// Namespace (empty for cluster-scoped kinds) and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    pub namespace: String,
    pub name: String,
}

impl Key {
    pub(super) fn new(namespace: Option<&str>, name: &str) -> Self {
        Self { namespace: namespace.unwrap_or_default().to_owned(), name: name.to_owned() }
    }
}

/// What a table keeps of an object.
pub trait Kept {
    /// The tenant under which snapshots look for it.
    fn tenant(&self) -> Option<TenantName>;
    /// Whether nothing changed that a pass would look at.
    fn is_same(&self, other: &Self) -> bool;
}

/// One object as it was at one resource version.
#[derive(Clone, Debug)]
pub struct Record<T> {
    pub key: Key,
    pub uid: String,
    /// Comparable over all objects of a kind: the API server counts writes. 0 where it is not a number.
    pub version: u64,
    pub value: T,
}

#[derive(Debug)]
struct Entry<T> {
    uid: String,
    version: u64,
    /// The list during or before which we wrote it ourselves; a later list that lacks it is right.
    written_in: Option<u64>,
    value: T,
}

/// What a change touches.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// Objects that changed in a way that matters.
    pub keys: BTreeSet<Key>,
    /// Tenants that they belong or belonged to.
    pub tenants: BTreeSet<TenantName>,
}

/// The objects of one kind (of Secrets: of one namespace).
#[derive(Debug)]
pub struct Table<T> {
    entries: BTreeMap<Key, Entry<T>>,
    by_tenant: BTreeMap<TenantName, BTreeSet<Key>>,
    /// Objects that we deleted, by UID, with the list during or before which we did: late events do not bring them back.
    gone: BTreeMap<Key, (String, u64)>,
    /// While a list is read: what it held so far.
    listing: Option<BTreeSet<Key>>,
    /// Counts lists.
    lists: u64,
    listed: bool,
    failing: bool,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self {
            entries: BTreeMap::new(),
            by_tenant: BTreeMap::new(),
            gone: BTreeMap::new(),
            listing: None,
            lists: 0,
            listed: false,
            failing: false,
        }
    }
}

impl<T: Kept> Table<T> {
    /// Takes in what the watch says.
    pub(super) fn observe<K>(&mut self, event: Event<K>, reduce: impl Fn(K) -> Record<T>) -> Touched {
        let mut touched = Touched::default();
        match event {
            Event::Init => {
                self.lists += 1;
                self.listing = Some(BTreeSet::new());
            }
            Event::InitApply(object) => {
                let record = reduce(object);
                if let Some(listing) = &mut self.listing {
                    listing.insert(record.key.clone());
                }
                self.put(record, None, &mut touched);
            }
            Event::InitDone => self.finish_list(&mut touched),
            Event::Apply(object) => self.put(reduce(object), None, &mut touched),
            Event::Delete(object) => {
                let record = reduce(object);
                if self.gone.get(&record.key).is_some_and(|(uid, _)| *uid == record.uid) {
                    self.gone.remove(&record.key);
                }
                if self.entries.get(&record.key).is_some_and(|entry| entry.uid == record.uid) {
                    self.remove(&record.key, &mut touched);
                }
            }
        }
        touched
    }

    /// Takes in what a write of ours answered.
    pub(super) fn written(&mut self, record: Record<T>) -> Touched {
        let mut touched = Touched::default();
        self.put(record, Some(self.lists), &mut touched);
        touched
    }

    /// Takes in that an object is gone by our own doing.
    pub(super) fn deleted(&mut self, key: &Key, uid: &str) -> Touched {
        let mut touched = Touched::default();
        self.gone.insert(key.clone(), (uid.to_owned(), self.lists));
        if self.entries.get(key).is_some_and(|entry| entry.uid == uid) {
            self.remove(key, &mut touched);
        }
        touched
    }

    /// Takes in that a list failed: what is not here may yet exist.
    pub(super) fn list_failed(&mut self) {
        self.failing = true;
    }

    /// Whether everything that exists is here.
    pub(super) fn is_ready(&self) -> bool {
        self.listed && !self.failing
    }

    pub(super) fn get(&self, key: &Key) -> Option<(&str, &T)> {
        self.entries.get(key).map(|entry| (entry.uid.as_str(), &entry.value))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Key, &T)> {
        self.entries.iter().map(|(key, entry)| (key, &entry.value))
    }

    pub(super) fn of_tenant(&self, tenant: &TenantName) -> impl Iterator<Item = (&Key, &T)> {
        let keys = self.by_tenant.get(tenant).into_iter().flatten();
        keys.filter_map(|key| Some((key, &self.entries.get(key)?.value)))
    }

    pub(super) fn tenants(&self) -> impl Iterator<Item = &TenantName> {
        self.by_tenant.keys()
    }

    fn finish_list(&mut self, touched: &mut Touched) {
        let listed = self.listing.take().unwrap_or_default();
        let since = self.lists;
        let written_since = |entry: &Entry<T>| entry.written_in.is_some_and(|list| list >= since);
        let vanished: Vec<Key> = self
            .entries
            .iter()
            .filter(|(key, entry)| !listed.contains(*key) && !written_since(entry))
            .map(|(key, _)| key.clone())
            .collect();
        for key in vanished {
            self.remove(&key, touched);
        }
        self.gone.retain(|_, (_, list)| *list >= since);
        self.listed = true;
        self.failing = false;
    }

    fn put(&mut self, record: Record<T>, written_in: Option<u64>, touched: &mut Touched) {
        let Record { key, uid, version, value } = record;
        if self.gone.get(&key).is_some_and(|(gone, _)| *gone == uid) {
            return;
        }
        let known = self.entries.get(&key);
        if known.is_some_and(|known| version != 0 && version < known.version) {
            return;
        }
        let before = known.and_then(|known| known.value.tenant());
        let after = value.tenant();
        if known.is_none_or(|known| known.uid != uid || !known.value.is_same(&value)) {
            touched.keys.insert(key.clone());
            touched.tenants.extend(before.iter().chain(&after).cloned());
        }
        if before != after {
            self.regroup(&key, before.as_ref(), after);
        } else if known.is_none() {
            self.regroup(&key, None, after);
        }
        self.entries.insert(key, Entry { uid, version, written_in, value });
    }

    fn remove(&mut self, key: &Key, touched: &mut Touched) {
        if let Some(entry) = self.entries.remove(key) {
            let tenant = entry.value.tenant();
            self.regroup(key, tenant.as_ref(), None);
            touched.keys.insert(key.clone());
            touched.tenants.extend(tenant);
        }
    }

    fn regroup(&mut self, key: &Key, before: Option<&TenantName>, after: Option<TenantName>) {
        if let Some(before) = before
            && let Some(keys) = self.by_tenant.get_mut(before)
        {
            keys.remove(key);
            if keys.is_empty() {
                self.by_tenant.remove(before);
            }
        }
        if let Some(after) = after {
            self.by_tenant.entry(after).or_default().insert(key.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[derive(Clone, Debug, PartialEq)]
    struct Thing(&'static str);

    impl Kept for Thing {
        fn tenant(&self) -> Option<TenantName> {
            Some(TenantName::new(self.0.split('/').next().unwrap()))
        }

        fn is_same(&self, other: &Self) -> bool {
            self == other
        }
    }

    fn record(name: &str, uid: &str, version: u64, value: &'static str) -> Record<Thing> {
        Record { key: Key::new(None, name), uid: uid.to_owned(), version, value: Thing(value) }
    }

    fn tell(table: &mut Table<Thing>, event: Event<Record<Thing>>) -> bool {
        !table.observe(event, |record| record).keys.is_empty()
    }

    fn value(table: &Table<Thing>, name: &str) -> Option<&'static str> {
        table.get(&Key::new(None, name)).map(|(_, thing)| thing.0)
    }

    fn listed() -> Table<Thing> {
        let mut table = Table::default();
        for event in [Event::Init, Event::InitApply(record("a", "1", 10, "acme/old")), Event::InitDone] {
            tell(&mut table, event);
        }
        assert!(table.is_ready());
        table
    }

    #[test]
    fn an_echo_of_our_own_write_wakes_nobody_and_an_older_event_changes_nothing() {
        let mut table = listed();
        assert!(!table.written(record("a", "1", 12, "acme/new")).keys.is_empty());
        assert!(!tell(&mut table, Event::Apply(record("a", "1", 11, "acme/between"))));
        assert!(!tell(&mut table, Event::Apply(record("a", "1", 12, "acme/new"))));
        assert_eq!(value(&table, "a"), Some("acme/new"));
        assert!(tell(&mut table, Event::Apply(record("a", "1", 13, "acme/drift"))));
    }

    #[test]
    fn late_events_do_not_bring_back_what_we_deleted_but_a_new_object_counts() {
        let mut table = listed();
        table.deleted(&Key::new(None, "a"), "1");
        assert_eq!(value(&table, "a"), None);
        tell(&mut table, Event::Apply(record("a", "1", 11, "acme/late")));
        assert_eq!(value(&table, "a"), None);
        table.written(record("a", "2", 15, "acme/again"));
        assert!(!tell(&mut table, Event::Delete(record("a", "1", 14, "acme/late"))));
        assert_eq!(value(&table, "a"), Some("acme/again"));
    }

    #[test]
    fn a_list_drops_what_vanished_unless_we_wrote_it_meanwhile() {
        let mut table = listed();
        table.written(record("before", "2", 11, "acme/x"));
        tell(&mut table, Event::Init);
        table.written(record("during", "3", 12, "acme/y"));
        assert!(tell(&mut table, Event::InitDone));
        assert_eq!((value(&table, "a"), value(&table, "before")), (None, None));
        assert_eq!(value(&table, "during"), Some("acme/y"));
    }

    #[test]
    fn a_failed_list_is_not_trusted_until_the_next_one() {
        let mut table = listed();
        table.list_failed();
        assert!(!table.is_ready());
        tell(&mut table, Event::Init);
        tell(&mut table, Event::InitDone);
        assert!(table.is_ready());
    }

    #[test]
    fn a_change_of_tenant_touches_both_and_moves_the_object() {
        let mut table = listed();
        let touched = table.observe(Event::Apply(record("a", "1", 11, "other/x")), |record| record);
        assert_eq!(touched.tenants.len(), 2);
        assert_eq!(table.of_tenant(&TenantName::new("acme")).count(), 0);
        assert_eq!(table.of_tenant(&TenantName::new("other")).count(), 1);
    }
}
