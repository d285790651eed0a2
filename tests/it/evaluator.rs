//! The evaluator of `src/policy/` held against the one of strict moto, which was written apart from it and in another
//! language, on generated requests, and against the order in which AWS's documentation decides.

use std::io::Write as _;
use std::process::{Command, Stdio};

use rand::prelude::*;
use rand::rngs::StdRng;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tenantry::policy::evaluate::{Layers, Principal, Request, Verdict, evaluate};
use testbed::layout::{root, tool};

const ACCOUNT: &str = "123456789012";
const ALICE: &str = "arn:aws:iam::123456789012:user/tenants/c1/acme/acme.alice";
const ROLE: &str = "arn:aws:iam::123456789012:role/tenants/c1/acme/acme.trainer";
const SESSION: &str = "arn:aws:sts::123456789012:assumed-role/acme.trainer/s1";

const ACTIONS: [&str; 9] = [
    "s3:GetObject",
    "S3:getobject",
    "s3:Put*",
    "s3:*",
    "s3:?etObject",
    "iam:PassRole",
    "sts:AssumeRole",
    "*",
    "*:*Object",
];
const CALLS: [&str; 5] = ["s3:GetObject", "s3:PutObject", "S3:GETOBJECT", "iam:PassRole", "sts:AssumeRole"];
const PATTERNS: [&str; 14] = [
    "*",
    "arn:aws:s3:::data/*",
    "arn:aws:s3:::data/acme/*",
    "arn:aws:s3:::data/${aws:PrincipalTag/tenant}/*",
    "arn:aws:s3:::data/${aws:username}",
    "arn:aws:s3:::d?ta/beta/*",
    "arn:aws:s3:::data/${*}/x",
    "arn:aws:s3:::data/${aws:PrincipalTag/none}*",
    "arn:aws:s3:::data/${aws:PrincipalTag/none, 'guest'}/x",
    "arn:aws:s3:::data/${aws:TagKeys}/x",
    "arn:aws:s3:*",
    "arn:aws:iam::123456789012:role/*",
    "arn:aws:iam::${aws:PrincipalAccount}:role/tenants/*",
    "arn:aws:s3:::DATA/acme/*",
];
const RESOURCES: [&str; 8] = [
    "arn:aws:s3:::data/acme/x",
    "arn:aws:s3:::data/beta/x",
    "arn:aws:s3:::data/alice",
    "arn:aws:s3:::data/*/x",
    "arn:aws:s3:::data/guest/x",
    "arn:aws:s3:::data",
    "arn:aws:iam::123456789012:role/tenants/c1/acme/acme.trainer",
    "*",
];

/// The kinds of condition: operators without prefix and suffix, keys, values of the policy, values of the request.
struct Family {
    operators: &'static [&'static str],
    keys: &'static [&'static str],
    values: &'static [&'static str],
    actual: &'static [&'static str],
}

const TEXTS: Family = Family {
    operators: &[
        "StringEquals",
        "stringequals",
        "StringNotEquals",
        "StringEqualsIgnoreCase",
        "StringNotEqualsIgnoreCase",
        "StringLike",
        "StringNotLike",
    ],
    keys: &["s3:prefix", "aws:PrincipalTag/tenant", "AWS:principaltag/Team", "aws:username", "aws:TagKeys"],
    values: &[
        "acme",
        "ACME",
        "a*",
        "?cme",
        "beta/*",
        "",
        "${aws:username}",
        "${aws:PrincipalTag/tenant}",
        "${aws:PrincipalTag/none}",
        "${aws:PrincipalTag/none, 'acme'}",
        "${s3:prefix}",
        "${*}",
        "x${aws:TagKeys}",
    ],
    actual: &["acme", "Acme", "beta/x", "alice", "*", "a", "", "${aws:username}"],
};
const ARNS: Family = Family {
    operators: &["ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"],
    keys: &["aws:PrincipalArn", "aws:SourceArn"],
    values: &[
        "arn:aws:iam::*:user/*",
        "arn:aws:*:role/tenants/*",
        "arn:aws:iam::${aws:PrincipalAccount}:user/tenants/*",
        "arn:aws:iam::123456789012:role/?enants/*",
        "arn:aws:iam::${aws:PrincipalTag/none}:user/*",
        "not-an-arn",
    ],
    actual: &[ALICE, ROLE, "arn:aws:s3:::data", "nothing"],
};
const BOOLS: Family = Family {
    operators: &["Bool", "Null", "bool"],
    keys: &["aws:SecureTransport", "aws:MultiFactorAuthPresent", "aws:TagKeys", "s3:prefix"],
    values: &["true", "false", "True"],
    actual: &["true", "false", "TRUE"],
};
const NUMBERS: Family = Family {
    operators: &[
        "NumericEquals",
        "NumericNotEquals",
        "NumericLessThan",
        "NumericLessThanEquals",
        "NumericGreaterThan",
        "NumericGreaterThanEquals",
    ],
    keys: &["s3:max-keys", "aws:MultiFactorAuthAge"],
    values: &["10", "9.5", "0", "-3", "100000"],
    actual: &["10", "10.0", "9.5", "-3", "99999"],
};
const DATES: Family = Family {
    operators: &[
        "DateEquals",
        "DateNotEquals",
        "DateLessThan",
        "DateLessThanEquals",
        "DateGreaterThan",
        "DateGreaterThanEquals",
    ],
    keys: &["aws:CurrentTime", "aws:TokenIssueTime"],
    values: &["2026-06-01T00:00:00Z", "2026-06-01", "1780272000", "2026-06-01T02:00:00+02:00", "2027-01-01T00:00:00Z"],
    actual: &["2026-06-01T00:00:00Z", "2026-05-31T23:59:59Z", "2026-12-01T12:30:00Z"],
};
const ADDRESSES: Family = Family {
    operators: &["IpAddress", "NotIpAddress"],
    keys: &["aws:SourceIp", "aws:VpcSourceIp"],
    values: &["203.0.113.0/24", "203.0.113.7", "0.0.0.0/0", "2001:db8::/32", "10.0.0.0/8"],
    actual: &["203.0.113.7", "198.51.100.1", "2001:db8::1", "sagemaker.amazonaws.com"],
};
const FAMILIES: [&Family; 6] = [&TEXTS, &ARNS, &BOOLS, &NUMBERS, &DATES, &ADDRESSES];

struct Dice(StdRng);

impl Dice {
    fn one<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from.choose(&mut self.0).unwrap()
    }

    fn chance(&mut self, of: f64) -> bool {
        self.0.random_bool(of)
    }

    fn some(&mut self, from: &[&str], most: usize) -> Value {
        let count = self.0.random_range(1..=most);
        let list: Vec<&str> = (0..count).map(|_| self.one(from)).collect();
        // A list of one may be written without its brackets.
        if count == 1 && self.chance(0.5) { json!(list[0]) } else { json!(list) }
    }

    fn conditions(&mut self) -> Value {
        let mut conditions = Map::new();
        for _ in 0..self.0.random_range(1..=2) {
            let family = *FAMILIES.choose(&mut self.0).unwrap();
            let operator = self.one(family.operators);
            let (prefix, suffix) = match operator {
                "Null" => ("", ""),
                _ => (self.one(&["", "", "", "ForAnyValue:", "ForAllValues:"]), self.one(&["", "", "IfExists"])),
            };
            let key = self.one(family.keys).to_owned();
            let values = self.some(family.values, 3);
            let lines = conditions.entry(format!("{prefix}{operator}{suffix}")).or_insert_with(|| json!({}));
            lines[key] = values;
        }
        Value::Object(conditions)
    }

    fn principal(&mut self) -> Value {
        const ROOT: &str = "arn:aws:iam::123456789012:root";
        const NAMES: [&str; 8] =
            [ACCOUNT, ROOT, ALICE, ROLE, SESSION, "*", "999999999999", "arn:aws:iam::123456789012:user/bob"];
        match self.0.random_range(0..6) {
            0 => json!("*"),
            1 => json!({"Service": "ec2.amazonaws.com"}),
            _ => json!({"AWS": self.some(&NAMES, 2)}),
        }
    }

    fn statement(&mut self, of_resource: bool, deny: f64) -> Value {
        let effect = if self.chance(deny) { "Deny" } else { "Allow" };
        let mut statement = json!({"Effect": effect});
        let not = |dice: &mut Self, key: &str| if dice.chance(0.15) { format!("Not{key}") } else { key.to_owned() };
        let (action, resource) = (not(self, "Action"), not(self, "Resource"));
        statement[action] = self.some(&ACTIONS, 3);
        statement[resource] = self.some(&PATTERNS, 3);
        if of_resource {
            let key = if self.chance(0.1) { "NotPrincipal" } else { "Principal" };
            statement[key] = self.principal();
        }
        if self.chance(0.5) {
            statement["Condition"] = self.conditions();
        }
        statement
    }

    fn source(&mut self, of_resource: bool, wide: bool) -> Value {
        let mut statements: Vec<Value> =
            (0..self.0.random_range(1..=3)).map(|_| self.statement(of_resource, 0.2)).collect();
        if wide {
            statements.push(json!({"Effect": "Allow", "Action": "*", "Resource": "*"}));
        }
        let version = if self.chance(0.05) { "2008-10-17" } else { "2012-10-17" };
        json!({"name": "it", "document": {"Version": version, "Statement": statements}})
    }

    fn context(&mut self) -> Value {
        let mut context = Map::new();
        for family in FAMILIES {
            for key in family.keys {
                if self.chance(0.6) {
                    context.insert(key.to_lowercase(), json!(self.one(family.actual)));
                }
            }
        }
        context.insert("aws:username".to_owned(), json!("alice"));
        context.insert("aws:principalaccount".to_owned(), json!(ACCOUNT));
        let list: Vec<&str> = (0..self.0.random_range(0..3)).map(|_| self.one(TEXTS.actual)).collect();
        context.insert("aws:tagkeys".to_owned(), json!(list));
        Value::Object(context)
    }

    fn case(&mut self) -> Value {
        let identity: Vec<Value> = (0..self.0.random_range(1..=2)).map(|_| self.source(false, false)).collect();
        let mut layers = json!({"identity": identity});
        for (layer, share, of_resource) in [("boundary", 0.3, false), ("session", 0.2, false), ("resource", 0.4, true)]
        {
            if self.chance(share) {
                let wide = !of_resource && self.chance(0.5);
                layers[layer] = self.source(of_resource, wide);
            }
        }
        let principal = match self.0.random_range(0..5) {
            0 => json!({"kind": "Unknown"}),
            1 | 2 => json!({"kind": "Role", "account": ACCOUNT, "arn": ROLE, "session": SESSION}),
            _ => json!({"kind": "User", "account": ACCOUNT, "arn": ALICE}),
        };
        let (action, resource) = (self.one(&CALLS), self.one(&RESOURCES));
        let context = self.context();
        let request = json!({"action": action, "resource": resource, "context": context, "principal": principal});
        json!({"layers": layers, "request": request})
    }
}

#[derive(Deserialize)]
struct Case {
    layers: Layers,
    request: Request,
}

fn seed() -> u64 {
    let seed = std::env::var("EVALUATOR_SEED").ok().and_then(|it| it.parse().ok());
    let seed = seed.unwrap_or_else(|| rand::rng().random());
    println!("again with: EVALUATOR_SEED={seed}");
    seed
}

fn cases(count: usize) -> Vec<Value> {
    let mut dice = Dice(StdRng::seed_from_u64(seed()));
    (0..count).map(|_| dice.case()).collect()
}

fn count() -> usize {
    std::env::var("EVALUATOR_CASES").ok().and_then(|it| it.parse().ok()).unwrap_or(6_000)
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Allowed => "allow",
        Verdict::ExplicitDeny => "deny",
        Verdict::ImplicitDeny => "none",
    }
}

/// What strict moto's evaluator answers, case by case.
fn their_answers(cases: &[Value]) -> Vec<String> {
    let mut python = Command::new(tool("venv/bin/python"));
    python.args(["-m", "strict_moto.judge"]).env("PYTHONPATH", root().join("tests/aws"));
    python.env("PYTHONDONTWRITEBYTECODE", "1").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = python.spawn().unwrap();
    let mut input = process.stdin.take().unwrap();
    let lines: String = cases.iter().map(|case| format!("{case}\n")).collect();
    // From a thread of its own: the process answers while it reads, and neither may wait for the other.
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = process.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn two_evaluators_that_were_written_apart_agree() {
    let cases = cases(count());
    let theirs = their_answers(&cases);
    assert_eq!(theirs.len(), cases.len());
    let mut differing = 0;
    let mut counts = std::collections::BTreeMap::<&str, usize>::new();
    for (number, (case, theirs)) in cases.iter().zip(&theirs).enumerate() {
        let parsed: Case = serde_json::from_value(case.clone()).unwrap();
        let decision = evaluate(&parsed.layers, &parsed.request);
        assert!(decision.not_evaluable.is_empty(), "case {number} is not well formed: {decision:?}\n{case}");
        let ours = word(decision.effect);
        *counts.entry(ours).or_default() += 1;
        if ours != theirs {
            differing += 1;
            if differing <= 3 {
                println!("case {number}: we say {ours} by {:?}, they say {theirs}:\n{case:#}", decision.by);
            }
        }
    }
    assert_eq!(differing, 0, "of {} cases", cases.len());
    println!("{counts:?}");
    for verdict in ["allow", "deny", "none"] {
        let share = counts.get(verdict).copied().unwrap_or_default();
        assert!(share * 20 > cases.len(), "too few cases to tell anything: {counts:?}");
    }
}

/// The order that the IAM user guide gives under "Policy evaluation logic", from what each layer says by itself.
#[test]
fn layers_decide_in_the_documented_order() {
    for (number, case) in cases(count() / 2).into_iter().enumerate() {
        let Case { layers, request } = serde_json::from_value(case.clone()).unwrap();
        let alone = |layers: Layers| evaluate(&layers, &request).effect;
        let identity = alone(Layers { identity: layers.identity.clone(), ..Layers::default() });
        let limit = |source: &Option<_>| {
            source.clone().map(|source| alone(Layers { identity: vec![source], ..Layers::default() }))
        };
        let limits: Vec<Verdict> = [limit(&layers.boundary), limit(&layers.session)].into_iter().flatten().collect();
        let resource = layers.resource.clone().map(|it| alone(Layers { resource: Some(it), ..Layers::default() }));
        let decided = evaluate(&layers, &request).effect;

        let denied = [identity].into_iter().chain(limits.clone()).chain(resource).any(|it| it == Verdict::ExplicitDeny);
        let within_limits = limits.iter().all(|it| *it == Verdict::Allowed);
        let by_identity = identity == Verdict::Allowed && within_limits;
        // A resource's policy that names a user needs no other policy; what it grants a role is limited, a session's not.
        let granted = resource == Some(Verdict::Allowed);
        let expected = match (denied, by_identity, granted, &request.principal) {
            (true, ..) => Some(Verdict::ExplicitDeny),
            (false, true, ..) => Some(Verdict::Allowed),
            (false, false, false, _) => Some(Verdict::ImplicitDeny),
            (false, false, true, Principal::User { .. }) => Some(Verdict::Allowed),
            (false, false, true, _) if within_limits => Some(Verdict::Allowed),
            (false, false, true, _) => None,
        };
        if let Some(expected) = expected {
            assert_eq!(decided, expected, "case {number}: {case:#}");
        }
    }
}
