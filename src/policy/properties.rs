//! Laws that hold for every document, tried on generated ones.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};

use super::evaluate::{Context, Layers, Principal, Request, Source, Verdict, evaluate};
use super::*;

const ACTIONS: [&str; 6] = ["s3:GetObject", "S3:getobject", "s3:Put*", "s3:*", "iam:PassRole", "*"];
const RESOURCES: [&str; 6] = [
    "arn:aws:s3:::data/acme/*",
    "arn:aws:s3:::data/${aws:PrincipalTag/tenant}/*",
    "arn:aws:s3:::data/${aws:username}",
    "arn:aws:s3:::d?ta/beta/*",
    "arn:aws:iam::123456789012:role/*",
    "*",
];
const OPERATORS: [&str; 8] = [
    "StringEquals",
    "stringequals",
    "StringNotLike",
    "ForAnyValue:StringLike",
    "ForAllValues:StringNotEquals",
    "Null",
    "BoolIfExists",
    "Nonsense",
];
const KEYS: [&str; 4] = ["aws:PrincipalTag/tenant", "AWS:principaltag/Tenant", "aws:TagKeys", "aws:SecureTransport"];
const VALUES: [&str; 6] = ["acme", "beta", "a*", "true", "False", "${aws:username}"];

fn texts(from: &'static [&'static str], most: usize) -> impl Strategy<Value = Vec<String>> {
    vec(select(from).prop_map(str::to_owned), 1..=most)
}

fn scope(from: &'static [&'static str], most: usize) -> impl Strategy<Value = Scope> {
    let texts = texts(from, most);
    (texts, prop::bool::weighted(0.25))
        .prop_map(|(texts, but)| if but { Scope::AllBut(texts) } else { Scope::These(texts) })
}

fn conditions() -> impl Strategy<Value = Conditions> {
    let keys = btree_map(select(&KEYS).prop_map(str::to_owned), texts(&VALUES, 3), 0..3);
    btree_map(select(&OPERATORS).prop_map(str::to_owned), keys, 0..3)
}

fn statement() -> impl Strategy<Value = Statement> {
    let effect = prop_oneof![3 => Just(Effect::Allow), 1 => Just(Effect::Deny)];
    let sid = prop::option::of(select(&["One", "Two"]).prop_map(str::to_owned));
    (effect, sid, scope(&ACTIONS, 4), scope(&RESOURCES, 4), conditions()).prop_map(
        |(effect, sid, actions, resources, conditions)| Statement {
            sid,
            conditions,
            ..Statement::new(effect, actions, resources)
        },
    )
}

fn document() -> impl Strategy<Value = Document> {
    vec(statement(), 0..6).prop_map(Document::aws)
}

fn request() -> impl Strategy<Value = Request> {
    let action = select(&["s3:GetObject", "s3:PutObject", "iam:PassRole", "sqs:SendMessage"]);
    let resource = select(&[
        "arn:aws:s3:::data/acme/x",
        "arn:aws:s3:::data/beta/x",
        "arn:aws:s3:::data/alice",
        "arn:aws:iam::123456789012:role/r",
        "*",
    ]);
    let optional = |values: &'static [&'static str]| prop::option::of(select(values));
    let tags = subsequence(vec!["acme", "beta", "true"], 0..=3);
    (action, resource, optional(&["acme", "beta", "*"]), optional(&["alice"]), optional(&["true", "false"]), tags)
        .prop_map(|(action, resource, tenant, user, secure, tags)| {
            let mut context = Context::new();
            for (key, value) in
                [("aws:PrincipalTag/tenant", tenant), ("aws:username", user), ("aws:SecureTransport", secure)]
            {
                if let Some(value) = value {
                    context = context.with(key, value);
                }
            }
            let tags = super::evaluate::ContextValue::Many(tags.into_iter().map(str::to_owned).collect());
            context = context.with("aws:TagKeys", tags);
            Request { action: action.to_owned(), resource: resource.to_owned(), context, principal: Principal::Unknown }
        })
}

fn decide<'a>(documents: impl IntoIterator<Item = &'a Document>, request: &Request) -> Verdict {
    let source = |document: &Document| Source { name: String::new(), document: document.clone() };
    let layers = Layers { identity: documents.into_iter().map(source).collect(), ..Layers::default() };
    evaluate(&layers, request).effect
}

/// The same document as a cloud might return it: other order, repetitions, other case.
fn rewritten(document: &Document, order: &[Index]) -> Document {
    let mut picks = order.iter().cycle();
    let mut shuffle = |list: &mut Vec<String>| {
        for at in (1..list.len()).rev() {
            list.swap(at, picks.next().unwrap().index(at + 1));
        }
        if let Some(first) = list.first().cloned() {
            list.push(first);
        }
    };
    let mut document = document.clone();
    for statement in &mut document.statements {
        statement.sid = None;
        let (Scope::These(actions) | Scope::AllBut(actions)) = &mut statement.actions;
        actions.iter_mut().for_each(|action| *action = action.to_uppercase());
        shuffle(actions);
        if let Some(Scope::These(resources) | Scope::AllBut(resources)) = &mut statement.resources {
            shuffle(resources);
        }
        statement.conditions.values_mut().flat_map(|keys| keys.values_mut()).for_each(&mut shuffle);
        statement.conditions.insert("Bool".to_owned(), Default::default());
    }
    let mut numbers: Vec<_> = order.iter().map(|index| index.index(1000)).collect();
    numbers.resize(document.statements.len(), 0);
    let mut numbers = numbers.into_iter();
    document.statements.sort_by_cached_key(|_| numbers.next());
    document.statements.extend(document.statements.first().cloned());
    document
}

proptest! {
    #[test]
    fn text_is_read_as_it_was_written(document in document()) {
        prop_assert_eq!(Document::parse(&document.to_json()).unwrap(), document);
    }

    #[test]
    fn the_canonical_form_is_one(document in document(), order in vec(any::<Index>(), 6), request in request()) {
        let canonical = document.canonical();
        prop_assert_eq!(&canonical.canonical(), &canonical);
        let rewritten = rewritten(&document, &order);
        prop_assert!(document.same_meaning(&rewritten));
        prop_assert_eq!(diff(&document, &rewritten), Vec::<String>::new());
        prop_assert_eq!(decide([&document], &request), decide([&rewritten], &request));
        prop_assert_eq!(decide([&document], &request), decide([&canonical], &request));
    }

    #[test]
    fn a_difference_has_a_line_and_a_line_is_a_difference(old in document(), new in document()) {
        prop_assert_eq!(diff(&old, &new).is_empty(), old.same_meaning(&new));
    }

    #[test]
    fn parts_decide_as_the_whole(document in document(), limit in 150_usize..900, request in request()) {
        if let Ok(parts) = split(&document, limit) {
            prop_assert!(parts.iter().all(|part| part.size() <= limit && !part.statements.is_empty()));
            prop_assert_eq!(decide(&parts, &request), decide([&document], &request));
            prop_assert_eq!(split(&document, limit).unwrap(), parts);
        } else {
            prop_assert!(document.statements.iter().any(|one| Document::aws(vec![one.clone()]).size() > limit));
        }
    }

    #[test]
    fn a_document_without_variables_of_ours_is_left_as_it_is(document in document()) {
        prop_assert_eq!(document.expand(&Variables::new()).unwrap(), document);
    }

    #[test]
    fn what_has_no_problems_can_be_evaluated(document in document(), request in request()) {
        if validate(&document).is_empty() {
            let layers = Layers { identity: vec![Source { name: String::new(), document }], ..Layers::default() };
            prop_assert_eq!(evaluate(&layers, &request).not_evaluable, vec![]);
        }
    }
}
