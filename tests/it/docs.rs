//! The documentation: every reason of a condition is explained, and every link leads somewhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tenantry::api::Reason;
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

/// What the operator calls and its documented policy withholds, on purpose.
const WITHHELD: [&str; 2] = ["iam:DeleteUserPermissionsBoundary", "iam:PutGroupPolicy"];

#[test]
fn the_operators_documented_policy_allows_every_call_that_it_makes() {
    let text = fs::read_to_string(root().join("docs/aws/operator-policy.json")).unwrap();
    let policy: Value = serde_json::from_str(&text).unwrap();
    let mut allowed = BTreeSet::new();
    for statement in policy["Statement"].as_array().unwrap().iter().filter(|it| it["Effect"] == "Allow") {
        let actions = &statement["Action"];
        allowed.extend(
            actions.as_array().into_iter().flatten().chain([actions]).filter_map(Value::as_str).map(str::to_owned),
        );
    }
    assert!(allowed.iter().all(|action| !action.contains('*')), "actions are named one by one");
    let mut called = BTreeSet::new();
    for file in fs::read_dir(root().join("src/cloud/aws")).unwrap().map(|entry| entry.unwrap().path()) {
        if file.file_name().unwrap() != "tests.rs" {
            let text: String = fs::read_to_string(&file).unwrap().split_whitespace().collect();
            let calls = text.split("iam.").skip(1).filter_map(|rest| rest.split_once("()")).map(|(call, _)| call);
            called.extend(calls.filter(|call| call.chars().all(|c| c.is_ascii_lowercase() || c == '_')).map(action));
        }
    }
    called.retain(|action| !WITHHELD.contains(&action.as_str()));
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
