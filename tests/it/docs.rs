//! The documentation: every reason of a condition is explained, and every link leads somewhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use tenantry::api::Reason;
use testbed::OperatorPolicy;
use testbed::layout::root;

#[test]
fn every_reason_has_its_section() {
    let text = fs::read_to_string(root().join("docs/troubleshooting.md")).unwrap();
    for reason in Reason::ALL {
        assert!(
            text.lines().any(|line| line == format!("## {reason}")),
            "docs/troubleshooting.md has no section {reason}"
        );
    }
}

#[test]
fn every_link_to_a_file_leads_to_one() {
    let mut pages = pages(&root().join("docs"));
    pages.extend(self::pages(&root().join("examples")));
    pages.extend(
        ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "charts/tenantry/README.md"].map(|page| root().join(page)),
    );
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target) {
            if target.starts_with("http") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
            assert!(file.exists(), "{} links to {target}", page.display());
            if !anchor.is_empty() {
                assert!(anchors(&file).contains(&anchor.to_owned()), "{} links to {target}", page.display());
            }
        }
    }
}

/// What the operator's policies have differently where there is no boundary: each text of the first in the place of the
/// second.
const WITHOUT_BOUNDARY: [(&str, &str); 4] = [
    (
        "",
        r#",
      "Condition": {
        "StringEquals": {"iam:PermissionsBoundary": "arn:aws:iam::123456789012:policy/boundaries/tenant-boundary"}
      }"#,
    ),
    ("iam:DeleteUserPermissionsBoundary\"]", "iam:PutUserPermissionsBoundary\"]"),
    ("iam:DeleteRolePermissionsBoundary\"]", "iam:PutRolePermissionsBoundary\"]"),
    (
        "",
        r#"    {
      "Sid": "NeverDropBoundaries",
      "Effect": "Deny",
      "Action": ["iam:DeleteUserPermissionsBoundary", "iam:DeleteRolePermissionsBoundary"],
      "Resource": "*"
    },
"#,
    ),
];

#[test]
fn the_operators_policy_without_a_boundary_is_the_other_one_but_for_boundaries() {
    let policy = fs::read_to_string(root().join("docs/aws/operator-policy.json")).unwrap();
    let mut wanted = policy;
    for (with, without) in WITHOUT_BOUNDARY {
        assert!(wanted.contains(without), "docs/aws/operator-policy.json has no\n{without}");
        wanted = wanted.replace(without, with);
    }
    assert!(!wanted.contains("iam:PermissionsBoundary"));
    let variant = root().join("docs/aws/operator-policy-without-boundary.json");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&variant, &wanted).unwrap();
    }
    let is = fs::read_to_string(&variant).unwrap_or_default();
    assert!(is == wanted, "{} is out of date: run with UPDATE_DOCS=1", variant.display());
}

/// What the operator can call and never does today.
const NEVER: [&str; 1] = ["iam:PutGroupPolicy"];

#[test]
fn the_operators_documented_policies_allow_every_call_that_it_makes() {
    let both = [OperatorPolicy::bounded("c1"), OperatorPolicy::unbounded("c1")];
    let allowed: BTreeSet<String> = both.iter().flat_map(OperatorPolicy::allowed).map(|(_, action)| action).collect();
    assert!(allowed.iter().all(|action| !action.contains('*')), "actions are named one by one");
    let mut called = BTreeSet::new();
    for file in fs::read_dir(root().join("src/cloud/aws")).unwrap().map(|entry| entry.unwrap().path()) {
        if file.file_name().unwrap() != "tests.rs" {
            let text: String = fs::read_to_string(&file).unwrap().split_whitespace().collect();
            let calls = text.split("iam.").skip(1).filter_map(|rest| rest.split_once("()")).map(|(call, _)| call);
            called.extend(calls.filter(|call| call.chars().all(|c| c.is_ascii_lowercase() || c == '_')).map(action));
        }
    }
    called.retain(|action| !NEVER.contains(&action.as_str()));
    assert!(called.len() > 30, "{called:?}");
    let missing: Vec<_> = called.difference(&allowed).collect();
    assert!(missing.is_empty(), "docs/aws/operator-policy.json lacks {missing:?}");
}

/// `list_ssh_public_keys` is `iam:ListSSHPublicKeys`.
fn action(call: &str) -> String {
    let word = |word: &str| match word {
        "ssh" => "SSH".to_owned(),
        "mfa" => "MFA".to_owned(),
        word => word[..1].to_uppercase() + &word[1..],
    };
    let name: String = call.split('_').map(word).collect();
    format!("iam:{name}")
}

fn anchors(page: &Path) -> Vec<String> {
    let text = fs::read_to_string(page).unwrap();
    let headings = text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let kept = |c: char| c.is_alphanumeric() || c == '-' || c == '_' || c == ' ';
    headings.map(|it| it.to_lowercase().chars().filter(|c| kept(*c)).collect::<String>().replace(' ', "-")).collect()
}

fn pages(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .flat_map(|path| if path.is_dir() { pages(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|end| end == "md"))
        .collect()
}
