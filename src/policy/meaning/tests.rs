#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::*;

fn documents(statements: &[&str]) -> Carried {
    let of = |statements: &&str| {
        Document::parse(&format!(r#"{{"Version":"2012-10-17","Statement":{statements}}}"#)).unwrap()
    };
    Carried { documents: statements.iter().map(of).collect(), boundary: None }
}

fn who() -> Context {
    Context::new().with("aws:username", "acme.dave").with("aws:PrincipalTag/user", "dave")
}

fn now() -> Timestamp {
    "2026-06-01T00:00:00Z".parse().unwrap()
}

fn told(before: &Carried, after: &Carried) -> Vec<String> {
    let meaning = Meanings::default().of(before, after, &who(), now());
    let mut lines = Vec::new();
    let line = |sign: &str, right: &Right| match right.but.is_empty() {
        true => format!("{sign} {right}"),
        false => format!("{sign} {right} (but {})", right.but.join("; ")),
    };
    lines.extend(meaning.gains.iter().map(|right| line("+", right)));
    lines.extend(meaning.loses.iter().map(|right| line("-", right)));
    lines.extend(meaning.loses_everything.then(|| "- everything".to_owned()));
    lines.extend(meaning.too_large.then(|| "too large".to_owned()));
    lines
}

const READ: &str = r#"[{"Effect":"Allow","Action":["s3:GetObject"],"Resource":["arn:aws:s3:::data/acme/*"]}]"#;
const WRITE: &str =
    r#"[{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::data/acme/*"}]"#;
const ALL: &str = r#"[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]"#;
const SHUT: &str = r#"[{"Effect":"Deny","Action":"*","Resource":"*"}]"#;

#[test]
fn what_a_statement_gains_or_loses_is_told_by_action_and_resource() {
    let (read, write) = (documents(&[READ]), documents(&[WRITE]));
    assert_eq!(told(&read, &write), ["+ s3:PutObject on arn:aws:s3:::data/acme/*"]);
    assert_eq!(told(&write, &read), ["- s3:PutObject on arn:aws:s3:::data/acme/*"]);
    assert_eq!(told(&documents(&[]), &write), ["+ s3:GetObject, s3:PutObject on arn:aws:s3:::data/acme/*"]);
    assert_eq!(told(&read, &read), Vec::<String>::new());
}

#[test]
fn what_another_policy_allows_anyway_is_no_change() {
    assert_eq!(told(&documents(&[READ, ALL]), &documents(&[ALL])), Vec::<String>::new());
    assert_eq!(told(&documents(&[ALL]), &documents(&[ALL, WRITE])), Vec::<String>::new());
    // Written in another way.
    let apart = r#"[{"Effect":"Allow","Action":"S3:putobject","Resource":"arn:aws:s3:::data/acme/*"}]"#;
    assert_eq!(told(&documents(&[WRITE]), &documents(&[READ, apart])), Vec::<String>::new());
}

#[test]
fn a_wider_pattern_says_what_was_there_of_it() {
    let wide = r#"[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::data/*"}]"#;
    assert_eq!(
        told(&documents(&[READ]), &documents(&[wide])),
        ["+ s3:* on arn:aws:s3:::data/* (but s3:GetObject on arn:aws:s3:::data/acme/*)"]
    );
    assert_eq!(
        told(&documents(&[wide]), &documents(&[READ])),
        ["- s3:* on arn:aws:s3:::data/* (but s3:GetObject on arn:aws:s3:::data/acme/*)"]
    );
}

#[test]
fn a_deny_takes_out_of_what_is_allowed() {
    let deny = r#"[{"Effect":"Deny","Action":["s3:Delete*","iam:*"],"Resource":"arn:aws:s3:::data/*"}]"#;
    assert_eq!(told(&documents(&[ALL]), &documents(&[ALL, deny])), ["- s3:Delete* on arn:aws:s3:::data/*"]);
    assert_eq!(told(&documents(&[ALL, deny]), &documents(&[ALL])), ["+ s3:Delete* on arn:aws:s3:::data/*"]);
    assert_eq!(told(&documents(&[READ]), &documents(&[READ, deny])), Vec::<String>::new());
    let added = r#"[{"Effect":"Allow","Action":"s3:DeleteObject","Resource":"arn:aws:s3:::data/x"}]"#;
    assert_eq!(told(&documents(&[deny]), &documents(&[deny, added])), Vec::<String>::new());
}

#[test]
fn suspension_takes_everything_and_its_end_gives_it_back() {
    let (free, shut) = (documents(&[WRITE]), documents(&[WRITE, SHUT]));
    assert_eq!(told(&free, &shut), ["- everything"]);
    assert_eq!(told(&shut, &free), ["+ s3:GetObject, s3:PutObject on arn:aws:s3:::data/acme/*"]);
    assert!(Meanings::default().of(&shut, &documents(&[SHUT]), &who(), now()).is_nothing());
}

#[test]
fn times_are_told_as_times() {
    let until = r#"[{"Effect":"Allow","Action":"s3:PutObject","Resource":"*","Condition":{"DateLessThan":{"aws:CurrentTime":"2026-12-01T00:00:00Z"}}}]"#;
    assert_eq!(told(&documents(&[]), &documents(&[until])), ["+ s3:PutObject on * until 2026-12-01T00:00:00Z"]);
    let over = until.replace("2026-12", "2026-01");
    assert_eq!(told(&documents(&[]), &documents(&[&over])), Vec::<String>::new());
    let expires = r#"[{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"DateGreaterThanEquals":{"aws:CurrentTime":"2027-01-01T00:00:00Z"}}}]"#;
    assert_eq!(
        told(&documents(&[WRITE]), &documents(&[WRITE, expires])),
        ["- everything from 2027-01-01T00:00:00Z on"]
    );
    let expired = expires.replace("2027", "2025");
    assert_eq!(told(&documents(&[WRITE]), &documents(&[WRITE, &expired])), ["- everything"]);
}

#[test]
fn conditions_are_part_of_a_right() {
    let list = |prefixes: &str| {
        format!(
            r#"[{{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::data","Condition":{{"StringLike":{{"s3:prefix":[{prefixes}]}}}}}}]"#
        )
    };
    let (one, two) = (list(r#""acme/*""#), list(r#""acme/*","${aws:PrincipalTag/user}/*""#));
    assert_eq!(
        told(&documents(&[&one]), &documents(&[&two])),
        ["+ s3:ListBucket on arn:aws:s3:::data when StringLike s3:prefix = dave/*"]
    );
    let free = r#"[{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::data"}]"#;
    assert_eq!(
        told(&documents(&[&one]), &documents(&[free])),
        ["+ s3:ListBucket on arn:aws:s3:::data (but s3:ListBucket when StringLike s3:prefix = acme/*)"]
    );
    assert_eq!(told(&documents(&[free]), &documents(&[free, &one])), Vec::<String>::new());
    let unless =
        r#"[{"Effect":"Deny","Action":"s3:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}]"#;
    assert_eq!(
        told(&documents(&[free]), &documents(&[free, unless])),
        ["- s3:ListBucket on arn:aws:s3:::data when Bool aws:SecureTransport = false"]
    );
    // A condition that others of its kind may fail does not hide a change.
    let region = r#"[{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringNotEquals":{"aws:RequestedRegion":"eu-west-1"}}}]"#;
    assert_eq!(told(&documents(&[region]), &documents(&[region, READ])).len(), 1);
}

#[test]
fn what_is_known_of_the_caller_decides() {
    let own = r#"[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::data/${aws:PrincipalTag/user}/*","Condition":{"StringEquals":{"aws:PrincipalTag/user":"dave"}}}]"#;
    assert_eq!(told(&documents(&[]), &documents(&[own])), ["+ s3:GetObject on arn:aws:s3:::data/dave/*"]);
    let of_others = own.replace(r#""dave""#, r#""alice""#);
    assert_eq!(told(&documents(&[]), &documents(&[&of_others])), Vec::<String>::new());
    let nobody = own.replace("user}", "team}");
    assert_eq!(told(&documents(&[]), &documents(&[&nobody])), Vec::<String>::new());
}

#[test]
fn a_boundary_is_the_most_that_counts() {
    let boundary = |text: &str| Some(documents(&[text]).documents.remove(0));
    let within = |carried: Carried, text: &str| Carried { boundary: boundary(text), ..carried };
    let limit = r#"[{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}]"#;
    assert_eq!(
        told(&within(documents(&[]), limit), &within(documents(&[WRITE]), limit)),
        ["+ s3:GetObject on arn:aws:s3:::data/acme/*"]
    );
    assert_eq!(
        told(&documents(&[WRITE]), &within(documents(&[WRITE]), limit)),
        ["- s3:PutObject on arn:aws:s3:::data/acme/*"]
    );
    assert_eq!(told(&documents(&[ALL]), &within(documents(&[ALL]), limit)), ["- s3:* on * (but s3:Get*)"]);
}

#[test]
fn all_but_is_told_as_it_is_written() {
    let but = |list: &str| format!(r#"[{{"Effect":"Allow","NotAction":[{list}],"Resource":"*"}}]"#);
    let (one, two) = (but(r#""iam:*""#), but(r#""iam:*","s3:*""#));
    assert_eq!(told(&documents(&[]), &documents(&[&one])), ["+ all but iam:* on *"]);
    assert_eq!(told(&documents(&[&one]), &documents(&[&two])), ["- s3:* on *"]);
}

#[test]
fn a_change_that_is_too_large_says_so() {
    let many: Vec<String> = (0..60).map(|n| format!("\"arn:aws:s3:::bucket-{n}\"")).collect();
    let actions: Vec<String> = (0..60).map(|n| format!("\"s3:Get{n}\"")).collect();
    let text = format!(r#"[{{"Effect":"Allow","Action":[{}],"Resource":[{}]}}]"#, actions.join(","), many.join(","));
    assert_eq!(told(&documents(&[]), &documents(&[&text])), ["too large"]);
}

#[test]
fn a_role_of_many_actions_is_told_in_one_line() {
    let actions: Vec<String> = (0..200).map(|n| format!("\"s3:Get{n}\"")).collect();
    let text = format!(
        r#"[{{"Effect":"Allow","Action":[{}],"Resource":["arn:aws:s3:::a/*","arn:aws:s3:::b/*","arn:aws:s3:::c"]}}]"#,
        actions.join(",")
    );
    let lines = told(&documents(&[]), &documents(&[&text]));
    assert!(lines.len() == 1 && lines[0].ends_with("s3:Get99 on arn:aws:s3:::a/*, arn:aws:s3:::b/*, arn:aws:s3:::c"));
}
