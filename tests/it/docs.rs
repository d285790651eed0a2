//! The documentation: every reason of a condition is explained, and every link leads somewhere.

use std::fs;
use std::path::{Path, PathBuf};

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
