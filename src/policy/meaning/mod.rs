//! What a change of documents means for one caller: what it may do afterwards and could not before, and what it loses.
//!
//! Both sides are asked, by [`evaluate`], for everything that a statement which only one of them has is about: each
//! action pattern on each resource pattern, and where a Deny or a boundary cuts into it, the part that is cut. Conditions
//! on the caller itself are decided; any other is part of the right ("when …"), and a statement counts for a right only
//! where the right's own conditions make it hold: what is told of is what could be done at best.

mod rules;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;

use self::rules::{Rule, Rules, implied, one_by_one};
use super::evaluate::{Case, Context, Layers, Pattern, Request, Source, Wildcards, evaluate};
use super::model::{Conditions, Document, Effect, Scope, Statement};

/// Rights that are looked at for one caller; a change that touches more is not told one by one.
const RIGHTS_MAX: usize = 2000;
/// A word that no policy holds, in place of what a wildcard stands for.
const SOMETHING: &str = "zq0anything0zq";

/// What one caller carries. Documents of the cloud's own policies are not known here and are told by their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Carried {
    /// Its policies, inline ones and those of its groups included.
    pub documents: Vec<Document>,
    /// Its boundary, where its document is known.
    pub boundary: Option<Document>,
}

/// Something that a caller may do. Exactly one of `actions` and `not_actions` is not empty, and so with resources, but
/// that `not_actions` may list nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Right {
    /// These actions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<String>,
    /// All actions but these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_actions: Vec<String>,
    /// On these resources.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// On all resources but these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_resources: Vec<String>,
    /// When.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub conditions: Conditions,
    /// Parts of it that were there before (of what is gained) or stay (of what is lost).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub but: Vec<String>,
}

/// What a change gives and takes.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Meaning {
    /// What may be done afterwards and could not before.
    pub gains: Vec<Right>,
    /// What can be done no longer.
    pub loses: Vec<Right>,
    /// Whether nothing at all can be done afterwards: an unconditional Deny of everything.
    pub loses_everything: bool,
    /// Whether nothing at all could be done before, for the same reason.
    pub had_nothing: bool,
    /// Whether the change was too large to be told one by one: then `gains` and `loses` are empty.
    pub too_large: bool,
}

impl Meaning {
    /// Whether nothing changes.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.gains.is_empty() && self.loses.is_empty() && !self.too_large && self.loses_everything == self.had_nothing
    }
}

/// One action pattern on one resource pattern.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Atom {
    actions: Scope,
    resources: Scope,
    conditions: Conditions,
}

/// What changes mean. Callers for whom the same statements change in the same way are compared once.
#[derive(Debug, Default)]
pub struct Meanings(BTreeMap<(Rules, Rules), Meaning>);

impl Meanings {
    /// Says what the change from `before` to `after` means for the caller of whom `who` says what conditions and
    /// variables can know: `aws:username`, `aws:PrincipalTag/…`, `aws:PrincipalArn` and the like.
    pub fn of(&mut self, before: &Carried, after: &Carried, who: &Context, now: Timestamp) -> Meaning {
        let sides = (Rules::of(before, who, now), Rules::of(after, who, now));
        if let Some(known) = self.0.get(&sides) {
            return known.clone();
        }
        let meaning = compared(&sides.0, &sides.1);
        self.0.insert(sides, meaning.clone());
        meaning
    }
}

fn compared(before: &Rules, after: &Rules) -> Meaning {
    let mut meaning = Meaning {
        loses_everything: is_shut(&after.identity),
        had_nothing: is_shut(&before.identity),
        ..Meaning::default()
    };
    if before == after || (meaning.loses_everything && meaning.had_nothing) {
        return meaning;
    }
    let candidates = candidates(before, after);
    if candidates.len() > RIGHTS_MAX {
        meaning.too_large = true;
        return meaning;
    }
    let (mut before, mut after) = (Oracle::new(before), Oracle::new(after));
    let (mut gains, mut loses) = (BTreeSet::new(), BTreeSet::new());
    for atom in candidates {
        match (before.allows(&atom), after.allows(&atom)) {
            (false, true) => drop(gains.insert(atom)),
            (true, false) => drop(loses.insert(atom)),
            _ => {}
        }
    }
    meaning.gains = told(gains, &mut before);
    // Everything is everything: what it was is of no help.
    meaning.loses = if meaning.loses_everything { Vec::new() } else { told(loses, &mut after) };
    meaning
}

/// Whether an unconditional Deny of everything is among the rules.
fn is_shut(rules: &[Rule]) -> bool {
    rules.iter().any(|rule| rule.effect == Effect::Deny && rule.conditions.is_empty() && is_total(rule))
}

fn is_total(rule: &Rule) -> bool {
    let all = |scope: &Scope| matches!(scope, Scope::These(patterns) if patterns.iter().any(|it| it == "*"));
    all(&rule.actions) && all(&rule.resources)
}

/// What may have changed: all that statements of only one side are about, and what Denies and boundaries cut out of it.
fn candidates(before: &Rules, after: &Rules) -> BTreeSet<Atom> {
    let nothing = Vec::new();
    let allowed: BTreeSet<Atom> =
        before.identity.iter().chain(&after.identity).filter(|it| it.effect == Effect::Allow).flat_map(atoms).collect();
    let mut found = BTreeSet::new();
    let mut cuts: Vec<&Rule> = Vec::new();
    for rule in only_in_one(&before.identity, &after.identity) {
        match rule.effect {
            Effect::Allow => found.extend(atoms(rule)),
            Effect::Deny => cuts.push(rule),
        }
    }
    let (old, new) = (before.boundary.as_ref(), after.boundary.as_ref());
    if old != new {
        found.extend(allowed.iter().cloned());
        cuts.extend(only_in_one(old.unwrap_or(&nothing), new.unwrap_or(&nothing)));
    }
    // A right is at best as wide as what an unchanged Deny or boundary leaves of it: parts are told where they are named.
    for rule in cuts {
        if rule.effect == Effect::Deny && is_total(rule) && !rule.conditions.is_empty() {
            let everything = || Scope::These(vec!["*".to_owned()]);
            let conditions = rule.conditions.clone();
            found.insert(Atom { actions: everything(), resources: everything(), conditions });
            continue;
        }
        let parts = atoms(rule);
        for right in &allowed {
            found.extend(parts.iter().filter_map(|part| meet(part, right)));
            if found.len() > RIGHTS_MAX {
                return found;
            }
        }
    }
    found
}

fn only_in_one<'r>(left: &'r [Rule], right: &'r [Rule]) -> Vec<&'r Rule> {
    let of = |these: &'r [Rule], those: &'r [Rule]| these.iter().filter(move |rule| !those.contains(rule));
    of(left, right).chain(of(right, left)).collect()
}

/// A rule taken apart. What an "all but" excepts is looked at by itself too, as the exceptions may differ.
fn atoms(rule: &Rule) -> Vec<Atom> {
    let parts = |scope: &Scope| -> Vec<Scope> {
        let mut parts: Vec<Scope> = scope.patterns().iter().map(|it| Scope::These(vec![it.clone()])).collect();
        if matches!(scope, Scope::AllBut(_)) {
            parts.push(scope.clone());
        }
        parts
    };
    let sets = one_by_one(&rule.conditions);
    let (actions, resources) = (parts(&rule.actions), parts(&rule.resources));
    let mut atoms = Vec::with_capacity(actions.len() * resources.len() * sets.len());
    for action in &actions {
        for resource in &resources {
            for conditions in &sets {
                let (actions, resources) = (action.clone(), resource.clone());
                atoms.push(Atom { actions, resources, conditions: conditions.clone() });
            }
        }
    }
    atoms
}

/// What both are about, as far as one covers the other.
fn meet(cut: &Atom, right: &Atom) -> Option<Atom> {
    let mut conditions = right.conditions.clone();
    for (operator, keys) in &cut.conditions {
        conditions.entry(operator.clone()).or_default().extend(keys.clone());
    }
    Some(Atom {
        actions: narrower(&cut.actions, &right.actions, Case::Ignored)?,
        resources: narrower(&cut.resources, &right.resources, Case::Counts)?,
        conditions,
    })
}

fn narrower(left: &Scope, right: &Scope, case: Case) -> Option<Scope> {
    if covers(left, right, case) {
        Some(right.clone())
    } else if covers(right, left, case) {
        Some(left.clone())
    } else {
        None
    }
}

/// Whether one scope covers the other: an example of the narrower with a word that no pattern holds matches only a
/// pattern that is as wide.
fn covers(wide: &Scope, narrow: &Scope, case: Case) -> bool {
    // Most patterns are plain names, and most pairs of them differ: no need to read them as patterns.
    if let (Some(wide), Some(narrow)) = (plain(wide), plain(narrow)) {
        return if case == Case::Ignored { wide.eq_ignore_ascii_case(narrow) } else { wide == narrow };
    }
    let matches = |pattern: &String, text: &str| {
        Pattern::new(pattern, Wildcards::Work, Some(&Context::new())).is_ok_and(|it| it.matches(text, case))
    };
    examples(narrow, case).iter().all(|text| match wide {
        Scope::These(patterns) => patterns.iter().any(|pattern| matches(pattern, text)),
        Scope::AllBut(patterns) => !patterns.iter().any(|pattern| matches(pattern, text)),
    })
}

/// The one name that a scope is, if it is one without wildcards and variables.
fn plain(scope: &Scope) -> Option<&str> {
    match scope {
        Scope::These(patterns) => match patterns.as_slice() {
            [one] if !one.contains(['*', '?', '$']) => Some(one),
            _ => None,
        },
        Scope::AllBut(_) => None,
    }
}

/// Texts that stand for all that a scope covers: wildcards stand for a word of their own, and for nothing.
fn examples(scope: &Scope, case: Case) -> Vec<String> {
    let anything = || match case {
        Case::Ignored => format!("{SOMETHING}:{SOMETHING}"),
        Case::Counts => format!("arn:{SOMETHING}:{SOMETHING}:::{SOMETHING}"),
    };
    let Scope::These(patterns) = scope else { return vec![anything()] };
    let mut texts = Vec::new();
    for pattern in patterns {
        match Pattern::new(pattern, Wildcards::Work, Some(&Context::new())) {
            Ok(_) if pattern == "*" => texts.push(anything()),
            Ok(pattern) => texts.extend([pattern.example(SOMETHING, '~'), pattern.example("", '~')]),
            Err(_) => {}
        }
    }
    texts.dedup();
    texts
}

/// One side, asked.
struct Oracle<'r> {
    rules: &'r Rules,
    /// What statements allow, and what a boundary leaves of it.
    rights: Vec<Atom>,
    /// By what is said of the call: the statements that count then.
    layers: BTreeMap<Conditions, Layers>,
}

impl<'r> Oracle<'r> {
    fn new(rules: &'r Rules) -> Self {
        let allowed = |rules: &[Rule]| -> Vec<Atom> {
            rules.iter().filter(|it| it.effect == Effect::Allow).flat_map(atoms).collect()
        };
        let mut rights = allowed(&rules.identity);
        let limits = rules.boundary.as_deref().map(allowed).unwrap_or_default();
        let cut: Vec<Atom> =
            limits.iter().flat_map(|limit| rights.iter().filter_map(|right| meet(limit, right))).collect();
        rights.extend(cut.into_iter().take(RIGHTS_MAX));
        Self { rules, rights, layers: BTreeMap::new() }
    }

    /// Whether all of it is allowed. Of "everything", whether anything is.
    fn allows(&mut self, atom: &Atom) -> bool {
        let is_all = |scope: &Scope| matches!(scope, Scope::These(patterns) if *patterns == ["*"]);
        if is_all(&atom.actions) && is_all(&atom.resources) && !atom.conditions.is_empty() {
            let mut rights = self.rights.clone();
            rights.iter_mut().for_each(|right| right.conditions.extend(atom.conditions.clone()));
            return rights.iter().any(|right| self.decides(right));
        }
        self.decides(atom)
    }

    fn decides(&mut self, atom: &Atom) -> bool {
        let rules = self.rules;
        let layers = self.layers.entry(atom.conditions.clone()).or_insert_with(|| layers(rules, &atom.conditions));
        let (actions, resources) = (examples(&atom.actions, Case::Ignored), examples(&atom.resources, Case::Counts));
        actions.iter().all(|action| {
            resources.iter().all(|resource| {
                let request = Request { action: action.clone(), resource: resource.clone(), ..Request::default() };
                evaluate(layers, &request).is_allowed()
            })
        })
    }
}

/// The statements that hold where `given` is said of the call, without their conditions. A boundary's conditions are
/// taken to hold: what is told of is what could be done at best.
fn layers(rules: &Rules, given: &Conditions) -> Layers {
    let source = |rules: &[Rule], at_best: bool| {
        let holds = |rule: &&Rule| implied(&rule.conditions, given) || (at_best && rule.effect == Effect::Allow);
        let bare = |rule: &Rule| Statement::new(rule.effect, rule.actions.clone(), rule.resources.clone());
        let statements = rules.iter().filter(holds).map(bare).collect();
        Source { name: String::new(), document: Document::aws(statements) }
    };
    Layers {
        identity: vec![source(&rules.identity, false)],
        boundary: rules.boundary.as_ref().map(|rules| source(rules, true)),
        ..Layers::default()
    }
}

/// The rights without those that others of them cover, those of one kind together, with what the other side has of them.
fn told(atoms: BTreeSet<Atom>, other: &mut Oracle<'_>) -> Vec<Right> {
    let within = |narrow: &Atom, wide: &Atom| {
        narrow != wide
            && implied(&wide.conditions, &narrow.conditions)
            && covers(&wide.actions, &narrow.actions, Case::Ignored)
            && covers(&wide.resources, &narrow.resources, Case::Counts)
    };
    let widest: Vec<&Atom> = atoms
        .iter()
        .filter(|atom| {
            // Of two that cover each other (spelled in another case), the first is told.
            !atoms.iter().any(|wide| within(atom, wide) && (!within(wide, atom) || wide < *atom))
        })
        .collect();
    let mut by_place: BTreeMap<(Scope, Conditions, Vec<String>), Vec<String>> = BTreeMap::new();
    let mut rights = Vec::new();
    for atom in widest {
        let parts: Vec<Atom> = other.rights.iter().filter(|part| within(part, atom)).cloned().collect();
        let parts: BTreeSet<String> =
            parts.iter().filter(|part| other.decides(part)).map(|part| words::part(part, atom)).collect();
        let but: Vec<String> = parts.into_iter().collect();
        match &atom.actions {
            Scope::These(actions) => {
                let place = (atom.resources.clone(), atom.conditions.clone(), but);
                by_place.entry(place).or_default().extend(actions.iter().cloned());
            }
            Scope::AllBut(not_actions) => {
                let right = Right { not_actions: not_actions.clone(), but, ..Right::default() };
                rights.push(placed(right, &atom.resources, &atom.conditions));
            }
        }
    }
    let mut by_actions: BTreeMap<(Vec<String>, Conditions, Vec<String>), Vec<String>> = BTreeMap::new();
    for ((resources, conditions, but), actions) in by_place {
        match resources {
            Scope::These(resources) => by_actions.entry((actions, conditions, but)).or_default().extend(resources),
            Scope::AllBut(_) => {
                rights.push(placed(Right { actions, but, ..Right::default() }, &resources, &conditions));
            }
        }
    }
    for ((actions, conditions, but), resources) in by_actions {
        rights.push(Right { actions, resources, conditions, but, ..Right::default() });
    }
    rights.sort();
    rights
}

fn placed(mut right: Right, resources: &Scope, conditions: &Conditions) -> Right {
    match resources {
        Scope::These(these) => right.resources.clone_from(these),
        Scope::AllBut(these) => right.not_resources.clone_from(these),
    }
    right.conditions.clone_from(conditions);
    right
}

#[cfg(test)]
mod tests;
