//! A document that is too long for one policy, spread over several that mean the same together.

use super::model::{Document, Scope, Statement};
use super::size::size;

/// A statement that does not fit into a policy of its own and cannot be divided without changing what it means.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "statement {statement} makes a policy of {size} characters, {limit} are allowed, and it cannot be divided: \
     shorten its lists or write patterns"
)]
pub struct TooLong {
    /// The size of a document with the smallest part of the statement that could be made.
    pub size: usize,
    /// The limit that was given.
    pub limit: usize,
    /// The statement, counted from 1.
    pub statement: usize,
}

/// Spreads a document over as few documents as possible, none of them longer than `limit` (as [`size`] counts).
/// Statements stay whole and in order; one that is too long by itself is divided along its plain lists of resources
/// or actions, which keeps its meaning. The same document always gives the same parts, and one without statements
/// gives none. With very many statements the count may be one above the least: the search for it is bounded.
///
/// # Errors
/// [`TooLong`] when a statement cannot be divided far enough (`NotAction`, `NotResource`, conditions).
pub fn split(document: &Document, limit: usize) -> Result<Vec<Document>, TooLong> {
    let envelope = Document { statements: Vec::new(), ..document.clone() };
    let overhead = envelope.size();
    let measure = |statement: &Statement| size(&statement.to_json(), document.dialect());

    let mut pieces = Vec::new();
    for (index, statement) in document.statements.iter().enumerate() {
        divide(statement.clone(), limit.saturating_sub(overhead), &measure, &mut pieces).map_err(|size| TooLong {
            size: size + overhead,
            limit,
            statement: index + 1,
        })?;
    }

    // Each statement after the first of a document costs a comma more; charging it to every one and adding one to
    // the room is the same sum.
    let sizes: Vec<usize> = pieces.iter().map(|piece| measure(piece) + 1).collect();
    let bins = pack(&sizes, limit.saturating_sub(overhead) + 1);
    Ok(bins
        .into_iter()
        .map(|bin| {
            let statements = bin.into_iter().map(|index| pieces[index].clone()).collect();
            Document { statements, ..envelope.clone() }
        })
        .collect())
}

/// Appends the statement, whole or divided into parts of at most `room`. The error is the size that does not fit.
fn divide(
    statement: Statement,
    room: usize,
    measure: &dyn Fn(&Statement) -> usize,
    pieces: &mut Vec<Statement>,
) -> Result<(), usize> {
    let size = measure(&statement);
    if size <= room {
        pieces.push(statement);
        return Ok(());
    }
    let Some(list) = longest_list(&statement) else { return Err(size) };
    let patterns = list.of(&statement).to_vec();
    let mut chunks: Vec<Vec<String>> = Vec::new();
    for pattern in patterns {
        let fits = chunks.last().is_some_and(|last| {
            let longer: Vec<_> = last.iter().chain([&pattern]).cloned().collect();
            measure(&list.put(&statement, longer)) <= room
        });
        match chunks.last_mut() {
            Some(last) if fits => last.push(pattern),
            _ => chunks.push(vec![pattern]),
        }
    }
    for (index, chunk) in chunks.into_iter().enumerate() {
        let mut part = list.put(&statement, chunk);
        if index > 0 {
            // A Sid may stand only once in a document.
            part.sid = None;
        }
        divide(part, room, measure, pieces)?;
    }
    Ok(())
}

/// A list along which a statement may be divided: granting a, b on x is granting a on x and granting b on x.
/// `NotAction` and `NotResource` are not such lists.
#[derive(Clone, Copy)]
enum List {
    Actions,
    Resources,
}

impl List {
    fn of(self, statement: &Statement) -> &[String] {
        match self {
            Self::Actions => statement.actions.patterns(),
            Self::Resources => statement.resources.as_ref().map_or(&[], Scope::patterns),
        }
    }

    fn put(self, statement: &Statement, patterns: Vec<String>) -> Statement {
        let mut part = statement.clone();
        match self {
            Self::Actions => part.actions = Scope::These(patterns),
            Self::Resources => part.resources = Some(Scope::These(patterns)),
        }
        part
    }
}

fn longest_list(statement: &Statement) -> Option<List> {
    let length = |scope: &Scope| match scope {
        Scope::These(patterns) if patterns.len() > 1 => patterns.iter().map(String::len).sum(),
        _ => 0,
    };
    let actions: usize = length(&statement.actions);
    let resources: usize = statement.resources.as_ref().map_or(0, length);
    match (actions, resources) {
        (0, 0) => None,
        _ if resources >= actions => Some(List::Resources),
        _ => Some(List::Actions),
    }
}

/// Packs items (none larger than `room`) into few bins; each bin lists its items in order, bins by their first item.
fn pack(sizes: &[usize], room: usize) -> Vec<Vec<usize>> {
    let in_order: Vec<usize> = (0..sizes.len()).collect();
    let mut by_size = in_order.clone();
    by_size.sort_by_key(|&item| (std::cmp::Reverse(sizes[item]), item));

    let mut best = first_fit(&in_order, sizes, room);
    let least = sizes.iter().sum::<usize>().div_ceil(room.max(1));
    if best.len() > least {
        let largest_first = first_fit(&by_size, sizes, room);
        if largest_first.len() < best.len() {
            best = largest_first;
        }
    }
    let mut steps = 50_000;
    while best.len() > least {
        let mut bins = vec![(0, Vec::new()); best.len() - 1];
        if !place(&by_size, sizes, room, &mut bins, &mut steps) {
            break;
        }
        best = bins.into_iter().map(|(_, items)| items).filter(|items: &Vec<usize>| !items.is_empty()).collect();
    }
    for bin in &mut best {
        bin.sort_unstable();
    }
    best.sort();
    best
}

fn first_fit(order: &[usize], sizes: &[usize], room: usize) -> Vec<Vec<usize>> {
    let mut bins: Vec<(usize, Vec<usize>)> = Vec::new();
    for &item in order {
        match bins.iter_mut().find(|(load, _)| load + sizes[item] <= room) {
            Some((load, items)) => {
                *load += sizes[item];
                items.push(item);
            }
            None => bins.push((sizes[item], vec![item])),
        }
    }
    bins.into_iter().map(|(_, items)| items).collect()
}

/// Tries every way to put the items into the bins, until it succeeds or `steps` are used up.
fn place(items: &[usize], sizes: &[usize], room: usize, bins: &mut [(usize, Vec<usize>)], steps: &mut u32) -> bool {
    let Some((&item, rest)) = items.split_first() else { return true };
    for index in 0..bins.len() {
        let load = bins[index].0;
        // Bins with equal loads are alike: trying the first of them is enough.
        let tried = bins[..index].iter().any(|(other, _)| *other == load);
        if tried || load + sizes[item] > room {
            continue;
        }
        if *steps == 0 {
            return false;
        }
        *steps -= 1;
        bins[index].0 += sizes[item];
        bins[index].1.push(item);
        if place(rest, sizes, room, bins, steps) {
            return true;
        }
        bins[index].0 -= sizes[item];
        bins[index].1.pop();
    }
    false
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::super::model::Effect;
    use super::*;

    fn statement(actions: &[&str], resources: Vec<String>) -> Statement {
        let actions = actions.iter().map(|&action| action.to_owned()).collect();
        Statement::new(Effect::Allow, Scope::These(actions), Scope::These(resources))
    }

    fn arns(range: std::ops::Range<usize>) -> Vec<String> {
        range.map(|index| format!("arn:aws:s3:::bucket-{index:04}/*")).collect()
    }

    #[test]
    fn a_document_that_fits_stays_one() {
        let document =
            Document::aws(vec![statement(&["s3:GetObject"], arns(0..3)), statement(&["s3:Put*"], arns(3..4))]);
        assert_eq!(split(&document, document.size()).unwrap(), [document]);
        assert_eq!(split(&Document::aws(vec![]), 6144).unwrap(), []);
    }

    #[test]
    fn whole_statements_go_into_as_few_documents_as_there_can_be() {
        // First fit in order and largest first both need three bins for these; two are enough.
        let sizes = [2, 3, 5, 5, 3, 4];
        assert_eq!(pack(&sizes, 11).len(), 2);
        let loads: Vec<usize> = pack(&sizes, 11).iter().map(|bin| bin.iter().map(|&item| sizes[item]).sum()).collect();
        assert_eq!(loads, [11, 11]);
    }

    #[test]
    fn parts_are_within_the_limit_and_hold_every_statement_once() {
        let statements: Vec<_> = (0..30).map(|n| statement(&["s3:GetObject"], arns(n..n + 1 + n % 7))).collect();
        let document = Document::aws(statements.clone());
        let parts = split(&document, 800).unwrap();
        assert!(parts.iter().all(|part| part.size() <= 800));
        let mut kept: Vec<_> = parts.iter().flat_map(|part| part.statements.clone()).collect();
        kept.sort();
        let mut wanted = statements;
        wanted.sort();
        assert_eq!(kept, wanted);
        assert_eq!(parts, split(&document, 800).unwrap());
    }

    #[test]
    fn a_statement_that_is_too_long_is_divided_along_its_plain_lists() {
        let mut long = statement(&["s3:GetObject", "s3:PutObject"], arns(0..500));
        long.sid = Some("Data".to_owned());
        let parts = split(&Document::aws(vec![long.clone()]), 6144).unwrap();
        assert_eq!(parts.len(), 3);
        assert!(parts.iter().all(|part| part.size() <= 6144));
        let resources: Vec<_> = parts
            .iter()
            .flat_map(|part| &part.statements)
            .flat_map(|part| part.resources.as_ref().unwrap().patterns().to_vec())
            .collect();
        assert_eq!(resources, arns(0..500));
        let sids = parts.iter().flat_map(|part| &part.statements).filter(|part| part.sid.is_some()).count();
        assert_eq!(sids, 1);

        long.actions = Scope::AllBut(vec!["iam:*".into()]);
        assert_eq!(split(&Document::aws(vec![long]), 6144).unwrap().len(), 3);
    }

    #[test]
    fn both_lists_are_divided_when_one_is_not_enough() {
        let actions: Vec<String> = (0..40).map(|index| format!("service:Action{index:03}")).collect();
        let actions: Vec<&str> = actions.iter().map(String::as_str).collect();
        let parts = split(&Document::aws(vec![statement(&actions, arns(0..40))]), 300).unwrap();
        assert!(parts.iter().all(|part| part.size() <= 300));
    }

    #[test]
    fn what_cannot_be_divided_says_which_statement_and_by_how_much() {
        let mut excluding = statement(&["s3:GetObject"], vec!["*".into()]);
        excluding.resources = Some(Scope::AllBut(arns(0..500)));
        let document = Document::aws(vec![statement(&["s3:*"], arns(0..1)), excluding.clone()]);
        let size = Document::aws(vec![excluding]).size();
        let error = split(&document, 6144).unwrap_err();
        assert_eq!(error, TooLong { size, limit: 6144, statement: 2 });
        assert!(error.to_string().starts_with(&format!("statement 2 makes a policy of {size} characters, 6144")));

        let conditions: Vec<String> = arns(0..500);
        let conditions: Vec<&str> = conditions.iter().map(String::as_str).collect();
        let long = statement(&["s3:*"], arns(0..2)).when("StringLike", "s3:prefix", &conditions);
        assert!(split(&Document::aws(vec![long]), 6144).is_err());
    }
}
