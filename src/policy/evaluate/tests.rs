#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::*;

const ACCOUNT: &str = "123456789012";
const ALICE: &str = "arn:aws:iam::123456789012:user/tenants/c1/acme/acme.alice";
const ROLE: &str = "arn:aws:iam::123456789012:role/tenants/c1/acme/acme.trainer";
const SESSION: &str = "arn:aws:sts::123456789012:assumed-role/acme.trainer/x";

fn source(name: &str, statements: &str) -> Source {
    let text = format!(r#"{{"Version":"2012-10-17","Statement":{statements}}}"#);
    Source { name: name.to_owned(), document: Document::parse(&text).unwrap() }
}

fn identity(statements: &str) -> Layers {
    Layers { identity: vec![source("identity", statements)], ..Layers::default() }
}

fn request(action: &str, resource: &str) -> Request {
    Request {
        action: action.to_owned(),
        resource: resource.to_owned(),
        context: Context::new().with("aws:PrincipalTag/tenant", "acme").with("aws:SecureTransport", "true"),
        principal: Principal::User { account: ACCOUNT.to_owned(), arn: ALICE.to_owned() },
    }
}

fn role_session() -> Principal {
    Principal::Role { account: ACCOUNT.to_owned(), arn: ROLE.to_owned(), session: SESSION.to_owned() }
}

fn allowed(statements: &str, action: &str, resource: &str) -> bool {
    evaluate(&identity(statements), &request(action, resource)).is_allowed()
}

const READ: &str = r#"[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::data/acme/*"}]"#;
const ALL: &str = r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#;
const OBJECT: &str = "arn:aws:s3:::data/acme/x";

// The places in which other evaluators were found to differ from AWS.

#[test]
fn variables_in_condition_values_are_replaced() {
    let abac = r#"{"Effect":"Allow","Action":"sagemaker:*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/tenant":"${aws:PrincipalTag/tenant}"}}}"#;
    for (tenant, expected) in [("acme", true), ("beta", false), ("${aws:PrincipalTag/tenant}", false)] {
        let mut request = request("sagemaker:StopNotebookInstance", "arn:aws:sagemaker:r:1:notebook-instance/x");
        request.context = request.context.with("aws:ResourceTag/tenant", tenant);
        assert_eq!(evaluate(&identity(abac), &request).is_allowed(), expected, "{tenant}");
    }
}

#[test]
fn a_variable_without_value_in_a_resource_matches_nothing() {
    let statement = r#"{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::data-${aws:PrincipalTag/none}*"}"#;
    assert!(!allowed(statement, "s3:GetObject", "arn:aws:s3:::data-beta/x"));
    assert!(!allowed(&statement.replace("Resource", "NotResource"), "s3:GetObject", "arn:aws:s3:::data-beta/x"));
    let beside = r#"{"Effect":"Allow","Action":"s3:*","Resource":["arn:aws:s3:::${aws:username}","arn:aws:s3:::x"]}"#;
    assert!(allowed(beside, "s3:GetObject", "arn:aws:s3:::x"), "the other resources still count");
}

#[test]
fn a_wildcard_in_a_tag_is_text() {
    let statement = r#"{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::data/${aws:PrincipalTag/tenant}/*"}"#;
    let mut request = request("s3:GetObject", "arn:aws:s3:::data/beta/x");
    request.context = request.context.with("aws:PrincipalTag/tenant", "*");
    assert!(!evaluate(&identity(statement), &request).is_allowed());
    request.resource = "arn:aws:s3:::data/*/x".to_owned();
    assert!(evaluate(&identity(statement), &request).is_allowed());
}

#[test]
fn escaped_wildcards_are_text() {
    let statement = r#"{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::data/${*}/${?}/${$}/*"}"#;
    assert!(allowed(statement, "s3:GetObject", "arn:aws:s3:::data/*/?/$/x"));
    assert!(!allowed(statement, "s3:GetObject", "arn:aws:s3:::data/a/b/c/x"));
}

#[test]
fn arn_operators_know_wildcards_within_a_segment() {
    let statement = |operator: &str, pattern: &str| {
        let text =
            r#"{"Effect":"Allow","Action":"sts:*","Resource":"*","Condition":{"OP":{"aws:PrincipalArn":"PATTERN"}}}"#;
        text.replace("OP", operator).replace("PATTERN", pattern)
    };
    let mut request = request("sts:AssumeRole", ROLE);
    request.context = request.context.with("aws:PrincipalArn", ALICE);
    let allowed = |statement: String| evaluate(&identity(&statement), &request).is_allowed();
    assert!(allowed(statement("ArnEquals", "arn:aws:iam::123456789012:user/tenants/*")));
    assert!(!allowed(statement("StringEquals", "arn:aws:iam::123456789012:user/tenants/*")));
    assert!(!allowed(statement("ArnLike", "arn:aws:*:user/tenants/*")), "a wildcard crosses no colon");
    assert!(allowed(statement("ArnLike", "arn:aws:*:*:*:user/tenants/*")));
}

#[test]
fn a_short_arn_in_a_resource_is_a_pattern() {
    let statement = r#"{"Effect":"Allow","Action":"sagemaker:*","Resource":"arn:aws:sagemaker:*"}"#;
    assert!(allowed(statement, "sagemaker:X", "arn:aws:sagemaker:eu-west-1:123456789012:model/m"));
    assert!(!allowed(statement, "sagemaker:X", "arn:aws:s3:::b"));
}

#[test]
fn trust_policies_have_no_resource_and_root_covers_its_account() {
    let trust = |principal: &str| {
        let statement = format!(r#"{{"Effect":"Allow","Principal":{principal},"Action":"sts:AssumeRole"}}"#);
        Layers { resource: Some(source("trust", &statement)), ..Layers::default() }
    };
    let assume = request("sts:AssumeRole", ROLE);
    let alice = trust(&format!(r#"{{"AWS":"{ALICE}"}}"#));
    assert!(evaluate(&alice, &assume).is_allowed());
    let other = trust(r#"{"AWS":"arn:aws:iam::123456789012:user/bob"}"#);
    assert!(!evaluate(&other, &assume).is_allowed());

    for principal in [r#"{"AWS":"arn:aws:iam::123456789012:root"}"#, r#"{"AWS":"123456789012"}"#] {
        let deny = trust(principal);
        let mut deny_layers = deny.clone();
        deny_layers.resource.as_mut().unwrap().document.statements[0].effect = Effect::Deny;
        deny_layers.identity = identity(ALL).identity;
        assert_eq!(evaluate(&deny_layers, &assume).effect, Verdict::ExplicitDeny, "{principal} covers its users");
        assert!(!evaluate(&deny, &assume).is_allowed(), "{principal} leaves the decision to the account");
        assert!(evaluate(&Layers { identity: identity(ALL).identity, ..deny }, &assume).is_allowed());
    }

    let service = trust(r#"{"Service":["ec2.amazonaws.com","sagemaker.amazonaws.com"]}"#);
    let mut by_service = assume.clone();
    by_service.principal = Principal::Service { name: "sagemaker.amazonaws.com".to_owned() };
    assert!(evaluate(&service, &by_service).is_allowed());
    by_service.principal = Principal::Federated { provider: "sagemaker.amazonaws.com".to_owned() };
    assert!(!evaluate(&service, &by_service).is_allowed());
}

#[test]
fn bool_reads_the_context_whatever_its_type() {
    let text = r#"{"layers":{"identity":[{"name":"p","document":{"Version":"2012-10-17","Statement":
        {"Effect":"Allow","Action":"a:B","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":true}}}}}]},
        "request":{"action":"a:b","resource":"*","context":{"aws:SecureTransport":"true"}}}"#;
    #[derive(Deserialize)]
    struct Case {
        layers: Layers,
        request: Request,
    }
    for (written, expected) in [(r#""true""#, true), ("true", true), (r#""false""#, false), ("false", false)] {
        let text = text.replace(r#""aws:SecureTransport":"true""#, &format!(r#""aws:SecureTransport":{written}"#));
        let case: Case = serde_json::from_str(&text).unwrap();
        assert_eq!(evaluate(&case.layers, &case.request).is_allowed(), expected, "{written}");
    }
}

// Statements.

#[test]
fn actions_have_no_case_and_resources_have() {
    assert!(allowed(READ, "S3:getOBJECT", OBJECT));
    assert!(!allowed(READ, "s3:GetObject", "arn:aws:s3:::data/ACME/x"));
    assert!(!allowed(READ, "s3:GetObjectVersion", OBJECT));
    assert!(!allowed(READ, "s3:GetObject", "arn:aws:s3:::data/acme-corp/x"));
    assert!(!allowed(READ, "s3:GetObject", "*"));
}

#[test]
fn not_action_and_not_resource_mean_all_but() {
    let statement = r#"{"Effect":"Allow","NotAction":["iam:*","s3:Delete*"],"NotResource":"arn:aws:s3:::data/beta/*"}"#;
    assert!(allowed(statement, "s3:GetObject", OBJECT));
    assert!(!allowed(statement, "s3:DeleteObject", OBJECT));
    assert!(!allowed(statement, "s3:GetObject", "arn:aws:s3:::data/beta/x"));
}

#[test]
fn variables_need_the_version_that_has_them() {
    let text = r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::${aws:PrincipalTag/tenant}"}}"#;
    let old = Source { name: "old".to_owned(), document: Document::parse(text).unwrap() };
    let layers = Layers { identity: vec![old], ..Layers::default() };
    assert!(!evaluate(&layers, &request("s3:ListBucket", "arn:aws:s3:::acme")).is_allowed());
    let in_action = r#"{"Effect":"Allow","NotAction":"${aws:username}:*","Resource":"*"}"#;
    assert!(!allowed(in_action, "s3:GetObject", OBJECT), "a variable in actions has no value");
}

#[test]
fn a_document_of_ram_is_evaluated_with_ram_s_language() {
    let ram = |condition: &str| {
        let text = format!(
            r#"{{"Version":"1","Statement":[{{"Effect":"Allow","Action":"paidsw:*","Resource":"acs:paidsw:*:*:*","Condition":{condition}}}]}}"#
        );
        Layers {
            identity: vec![Source { name: "r".into(), document: Document::parse(&text).unwrap() }],
            ..Layers::default()
        }
    };
    let mut request = request("PaiDSW:OpenInstance", "acs:paidsw:cn-hangzhou:1:workspace/4/dswinstance/d");
    request.context = Context::new().with("pai:Accessibility", "PUBLIC");
    assert!(evaluate(&ram(r#"{"StringEquals":{"pai:Accessibility":"PUBLIC"}}"#), &request).is_allowed());
    let decision = evaluate(&ram(r#"{"StringEqualsIfExists":{"pai:Accessibility":"PUBLIC"}}"#), &request);
    assert!(!decision.is_allowed() && decision.not_evaluable.len() == 1);
}

// Layers.

fn verdict(layers: &Layers) -> (Verdict, Option<Layer>) {
    let decision = evaluate(layers, &request("s3:GetObject", OBJECT));
    (decision.effect, decision.by.map(|by| by.layer))
}

#[test]
fn a_deny_in_any_layer_wins() {
    let deny = r#"[{"Effect":"Deny","Principal":"*","Action":"s3:Get*","Resource":"*"}]"#;
    let all = r#"[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]"#;
    let open = Layers {
        identity: vec![source("a", all)],
        boundary: Some(source("b", all)),
        session: Some(source("s", all)),
        resource: Some(source("r", all)),
    };
    assert_eq!(verdict(&open), (Verdict::Allowed, Some(Layer::Identity)));
    let mut second = open.clone();
    second.identity.push(source("deny", deny));
    for (layers, layer) in [
        (second, Layer::Identity),
        (Layers { boundary: Some(source("deny", deny)), ..open.clone() }, Layer::Boundary),
        (Layers { session: Some(source("deny", deny)), ..open.clone() }, Layer::Session),
        (Layers { resource: Some(source("deny", deny)), ..open }, Layer::Resource),
    ] {
        assert_eq!(verdict(&layers), (Verdict::ExplicitDeny, Some(layer)));
    }
}

#[test]
fn boundary_and_session_limit_what_the_identity_allows() {
    let other = r#"{"Effect":"Allow","Action":"sqs:*","Resource":"*"}"#;
    let limited = Layers { boundary: Some(source("b", other)), session: Some(source("s", ALL)), ..identity(ALL) };
    let decision = evaluate(&limited, &request("s3:GetObject", OBJECT));
    assert_eq!((decision.effect, decision.lacking), (Verdict::ImplicitDeny, vec![Layer::Boundary]));
    assert!(evaluate(&limited, &request("sqs:SendMessage", "arn:aws:sqs:r:1:q")).is_allowed());
    let sessioned = Layers { session: Some(source("s", other)), ..identity(ALL) };
    assert_eq!(verdict(&sessioned), (Verdict::ImplicitDeny, None));
    let nothing = Layers { boundary: Some(source("b", ALL)), ..Layers::default() };
    assert_eq!(verdict(&nothing), (Verdict::ImplicitDeny, None));
}

#[test]
fn a_resource_policy_that_names_the_user_needs_no_other_layer() {
    let bucket = |principal: &str| {
        source("bucket", &format!(r#"{{"Effect":"Allow","Principal":{principal},"Action":"s3:*","Resource":"*"}}"#))
    };
    let none = r#"{"Effect":"Allow","Action":"sqs:*","Resource":"*"}"#;
    let layers = |principal: &str| Layers {
        boundary: Some(source("b", none)),
        resource: Some(bucket(principal)),
        ..identity(none)
    };
    let named = format!(r#"{{"AWS":["{ALICE}"]}}"#);
    assert_eq!(verdict(&layers(&named)), (Verdict::Allowed, Some(Layer::Resource)), "not limited by the boundary");
    assert_eq!(verdict(&layers(r#""*""#)).0, Verdict::Allowed);
    assert_eq!(verdict(&layers(r#"{"AWS":"arn:aws:iam::123456789012:root"}"#)).0, Verdict::ImplicitDeny);
    assert_eq!(verdict(&layers(r#"{"AWS":"arn:aws:iam::123456789012:user/bob"}"#)).0, Verdict::ImplicitDeny);

    let mut by_role = request("s3:GetObject", OBJECT);
    by_role.principal = role_session();
    let role = format!(r#"{{"AWS":"{ROLE}"}}"#);
    assert!(!evaluate(&layers(&role), &by_role).is_allowed(), "a boundary limits what is granted to a role");
    assert!(evaluate(&Layers { boundary: None, ..layers(&role) }, &by_role).is_allowed());
    assert!(evaluate(&layers(&format!(r#"{{"AWS":"{SESSION}"}}"#)), &by_role).is_allowed());
    by_role.principal = Principal::Unknown;
    assert!(!evaluate(&Layers { boundary: None, ..layers(r#""*""#) }, &by_role).is_allowed());
}

#[test]
fn not_principal_denies_everyone_else() {
    let deny = format!(r#"{{"Effect":"Deny","NotPrincipal":{{"AWS":"{ALICE}"}},"Action":"s3:*","Resource":"*"}}"#);
    let layers = Layers { resource: Some(source("bucket", &deny)), ..identity(ALL) };
    assert_eq!(verdict(&layers), (Verdict::Allowed, Some(Layer::Identity)));
    let mut other = request("s3:GetObject", OBJECT);
    other.principal = Principal::User { account: ACCOUNT.to_owned(), arn: ALICE.replace("alice", "bob") };
    assert_eq!(evaluate(&layers, &other).effect, Verdict::ExplicitDeny);
}

// Reasons.

#[test]
fn a_refusal_names_the_statement_that_came_closest() {
    let statements = r#"[
        {"Effect":"Allow","Action":"sqs:*","Resource":"*"},
        {"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::data/acme/*"},
        {"Effect":"Allow","Action":"s3:PutObject","Resource":"arn:aws:s3:::data/acme/*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}}]"#;
    let closest = |action: &str, resource: &str| {
        let decision = evaluate(&identity(statements), &request(action, resource));
        assert_eq!(
            (decision.effect, decision.by, decision.lacking),
            (Verdict::ImplicitDeny, None, vec![Layer::Identity])
        );
        decision.closest.map(|closest| (closest.origin.statement, closest.mismatch))
    };
    assert_eq!(closest("s3:GetObject", "arn:aws:s3:::data/beta/x"), Some((2, Mismatch::Resource)));
    let mfa = Mismatch::Condition { operator: "Bool".into(), key: "aws:MultiFactorAuthPresent".into() };
    assert_eq!(closest("s3:PutObject", OBJECT), Some((3, mfa)));
    assert_eq!(closest("iam:GetUser", "arn:aws:iam::1:user/x"), Some((1, Mismatch::Action { resource: true })));
    assert_eq!(evaluate(&identity(READ), &request("iam:GetUser", "*")).closest, None);
}

#[test]
fn what_cannot_be_evaluated_allows_nothing_and_denies() {
    let with = |effect: &str| {
        format!(
            r#"[{{"Effect":"{effect}","Action":"s3:GetObject","Resource":"*","Condition":{{"StringMatches":{{"a:b":"x"}},"Null":{{"aws:x":"true"}}}}}}]"#
        )
    };
    let decision = evaluate(&identity(&with("Allow")), &request("s3:GetObject", OBJECT));
    assert_eq!(decision.effect, Verdict::ImplicitDeny);
    assert_eq!(decision.not_evaluable.len(), 1);
    assert_eq!(
        decision.not_evaluable[0].reason,
        "condition StringMatches a:b: StringMatches is not a condition operator"
    );

    let mut layers = identity(&with("Deny"));
    layers.identity.push(source("all", ALL));
    let decision = evaluate(&layers, &request("s3:GetObject", OBJECT));
    assert_eq!(decision.effect, Verdict::ExplicitDeny);
    assert_eq!(decision.by, Some(decision.not_evaluable[0].origin.clone()));
    let elsewhere = evaluate(&layers, &request("s3:PutObject", OBJECT));
    assert!(elsewhere.is_allowed() && elsewhere.not_evaluable.is_empty());
    let unmet = with("Deny").replace(r#""aws:x":"true""#, r#""aws:x":"false""#);
    layers.identity[0] = source("unmet", &unmet);
    assert!(evaluate(&layers, &request("s3:GetObject", OBJECT)).is_allowed(), "another condition does not hold anyway");
}

#[test]
fn a_decision_is_printed_for_other_programs() {
    let decision = evaluate(&identity(READ), &request("s3:GetObject", "arn:aws:s3:::data/beta/x"));
    assert_eq!(
        serde_json::to_string(&decision).unwrap(),
        concat!(
            r#"{"effect":"ImplicitDeny","by":null,"lacking":["identity"],"closest":{"origin":{"layer":"identity","#,
            r#""document":"identity","statement":1},"mismatch":{"element":"resource"}},"not_evaluable":[]}"#
        )
    );
}
