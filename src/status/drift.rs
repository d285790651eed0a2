//! What differs and is not being put right, in words: the message of the condition `Drifted`.

use std::collections::BTreeMap;

use super::verdict::Report;
use crate::names::{AccountName, ManifestRef};
use crate::plan::Why;

/// How many differences one account's sentence names; the rest is counted.
const NAMED: usize = 5;

impl Report<'_> {
    /// What differs for a manifest and is left so; none where nothing does.
    #[must_use]
    pub fn drift(&self, subject: &ManifestRef) -> Option<String> {
        let mut groups: BTreeMap<(Option<&AccountName>, Why), Vec<&str>> = BTreeMap::new();
        for it in self.left.withheld.iter().filter(|it| it.subject == *subject) {
            groups.entry((it.account.as_ref(), it.why)).or_default().push(&it.words);
        }
        let mut sentences: Vec<String> =
            groups.into_iter().map(|((of, why), words)| sentence(of, why, &words)).collect();
        if *subject == self.wanted.tenant_ref() && !self.left.orphans.is_empty() {
            let orphans: Vec<String> =
                self.left.orphans.iter().map(|it| format!("{}: {} of {}", it.account, it.object, it.owner)).collect();
            let orphans: Vec<&str> = orphans.iter().map(String::as_str).collect();
            sentences.push(format!("no manifest wants: {}", list(&orphans)));
        }
        (!sentences.is_empty()).then(|| sentences.join("; "))
    }

    /// What is not done for a manifest in one account because it is only observed.
    #[must_use]
    pub fn observed(&self, subject: &ManifestRef, account: &AccountName) -> Option<String> {
        let mine = self.left.withheld.iter().filter(|it| it.subject == *subject && it.why == Why::Observed);
        let words: Vec<&str> =
            mine.filter(|it| it.account.as_ref() == Some(account)).map(|it| it.words.as_str()).collect();
        (!words.is_empty()).then(|| format!("only observed, not done: {}", list(&words)))
    }
}

fn sentence(account: Option<&AccountName>, why: Why, words: &[&str]) -> String {
    let place = account.map(|account| format!("{account}: ")).unwrap_or_default();
    let words = match why {
        Why::Extra | Why::Unconfirmed => list(&words.iter().map(|it| it.trim_start_matches("- ")).collect::<Vec<_>>()),
        _ => list(words),
    };
    match why {
        Why::Observed => format!("{place}only observed, not done: {words}"),
        Why::Extra => format!("{place}nobody asked for it, and it is left: {words}"),
        Why::Unconfirmed => format!(
            "{place}left, as only its mark says that it is the tenant's, which anybody may have written who may edit it: {words}; delete it in the console, or take the mark out of its description"
        ),
        Why::Paused => format!("{place}paused, not done: {words}"),
        Why::Abandoned => format!(
            "{place}given up by the annotation tenantry.dev/abandon: nothing there is looked after or waited for, and its Secrets are gone"
        ),
    }
}

fn list(words: &[&str]) -> String {
    let named = words.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    match words.len().checked_sub(NAMED) {
        Some(more @ 1..) => format!("{named}, and {more} more"),
        _ => named,
    }
}
