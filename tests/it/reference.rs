//! docs/reference.md, made from the CRDs' descriptions, the source of reasons and annotations, and the marks `// proves:`
//! above tests: every field says what it means and which test fails without it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use testbed::layout::root;

const PAGE: &str = "docs/reference.md";
const KINDS: [&str; 5] = ["cloudaccounts", "tenants", "tenantroles", "tenantusers", "tenantnotebooks"];

/// What no code stands behind yet, with all that is below it: refused in words where a manifest asks for it.
const NOT_YET: [&str; 0] = [];

/// Words of the contract that are neither fields nor in a list of the source, with their meaning.
const WORDS: [(&str, &str); 8] = [
    ("$(tenant)", "The tenant's name, in resources and condition values of a TenantRole."),
    (
        "$(user)",
        "The TenantUser's name. On AWS as the principal tag `${aws:PrincipalTag/user}`: one policy for all. RAM has no variables: there such a role is one policy a user.",
    ),
    ("$(account)", "The cloud account's id."),
    ("$(region)", "The CloudAccount's region."),
    ("$(workspace)", "The tenant's PAI workspace; refused on AWS."),
    ("$(cluster)", "The cluster's id."),
    (
        "tenantry.dev/adopt",
        "On a namespace: the tenant that it is given to. On a Tenant, TenantUser or TenantRole `\"true\"`: takes over a cloud object that has the right name and no owner mark.",
    ),
    ("Drifted", "A condition: something differs and is not being put right."),
];

/// One thing that the page tells of.
struct Entry {
    name: String,
    meaning: String,
}

/// One table of the page.
struct Section {
    title: String,
    first: &'static str,
    entries: Vec<Entry>,
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_default()
}

/// The fields of a schema, one after the other, each before what is below it.
fn fields(schema: &Value, path: &str, entries: &mut Vec<Entry>) {
    let Some(properties) = schema["properties"].as_object() else { return };
    for (name, property) in properties {
        let items = &property["items"];
        let name = format!("{path}.{name}{}", if items["properties"].is_object() { "[]" } else { "" });
        let meaning = property["description"].as_str().unwrap_or_default().to_owned();
        entries.push(Entry { name: name.clone(), meaning });
        // A condition's own fields are Kubernetes'.
        if !name.ends_with("status.conditions[]") {
            fields(property, &name, entries);
            fields(items, &name, entries);
        }
    }
}

fn kind(plural: &str) -> Section {
    let crd: Value = serde_saphyr::from_str(&read(&format!("crds/{plural}.yaml"))).unwrap();
    let kind = crd["spec"]["names"]["kind"].as_str().unwrap().to_owned();
    let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"];
    let mut entries = Vec::new();
    for part in ["spec", "status"] {
        fields(&schema[part], &format!("{kind}.{part}"), &mut entries);
    }
    Section { title: kind, first: "field", entries }
}

/// The doc comments of a source's items, by the name that `named` finds in the line below.
fn documented(path: &str, named: impl Fn(&str) -> Option<String>) -> Vec<Entry> {
    let (mut entries, mut words) = (Vec::new(), Vec::new());
    for line in read(path).lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("/// ") {
            words.push(text.to_owned());
            continue;
        }
        if let Some(name) = named(line).filter(|_| !words.is_empty()) {
            entries.push(Entry { name, meaning: words.join(" ") });
        }
        words.clear();
    }
    entries
}

fn sections() -> Vec<Section> {
    let mut all: Vec<Section> = KINDS.iter().map(|plural| kind(plural)).collect();
    let constant = |line: &str| line.strip_prefix("pub const ")?.split('"').nth(1).map(str::to_owned);
    let mut annotations = documented("src/api/annotations.rs", constant);
    let of_words = |wanted: fn(&str) -> bool| {
        WORDS
            .iter()
            .filter(move |(name, _)| wanted(name))
            .map(|(name, meaning)| Entry { name: (*name).to_owned(), meaning: (*meaning).to_owned() })
    };
    annotations.extend(of_words(|name| name.starts_with("tenantry.dev/")));
    let reasons: BTreeSet<&str> = tenantry::api::Reason::ALL.iter().map(|reason| reason.as_str()).collect();
    let variant = |line: &str| line.strip_suffix(',').filter(|name| reasons.contains(name)).map(str::to_owned);
    let mut conditions = documented("src/api/reasons.rs", variant);
    assert_eq!(conditions.len(), reasons.len(), "src/api/reasons.rs says what each reason means");
    conditions.extend(of_words(|name| name == "Drifted"));
    let variables = of_words(|name| name.starts_with('$')).collect();
    all.push(Section { title: "Annotations".to_owned(), first: "annotation", entries: annotations });
    all.push(Section { title: "Reasons and conditions".to_owned(), first: "word", entries: conditions });
    all.push(Section { title: "Variables".to_owned(), first: "variable", entries: variables });
    all
}

fn sources(directory: &Path, files: &mut Vec<PathBuf>) {
    for path in fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            sources(&path, files);
        } else if path.extension().is_some_and(|end| end == "rs") {
            files.push(path);
        }
    }
}

/// `a.{b,c}` is `a.b` and `a.c`.
fn expanded(word: &str) -> Vec<String> {
    let Some((before, rest)) = word.split_once('{').filter(|_| !word.starts_with('$')) else {
        return vec![word.to_owned()];
    };
    let (inside, after) = rest.split_once('}').unwrap_or((rest, ""));
    inside.split(',').flat_map(|one| expanded(&format!("{before}{one}{after}"))).collect()
}

/// The tests that prove a thing, by the marks above them.
fn proofs() -> BTreeMap<String, BTreeSet<String>> {
    let mut files = Vec::new();
    for directory in ["src", "tests/it"] {
        sources(&root().join(directory), &mut files);
    }
    let mut proofs: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in files {
        let name = file.strip_prefix(root()).unwrap().with_extension("");
        let module: Vec<_> = name.iter().filter_map(|part| part.to_str()).filter(|part| *part != "mod").collect();
        let module = module.join("::").replace("tests::it::", "");
        let text = fs::read_to_string(&file).unwrap();
        let mut marks = Vec::new();
        for line in text.lines().map(str::trim) {
            if let Some(words) = line.strip_prefix("// proves: ") {
                marks.extend(words.split(' ').filter(|it| !it.is_empty()).flat_map(expanded));
            } else if let Some((_, rest)) = line.split_once("fn ").filter(|_| !marks.is_empty()) {
                let test = format!("{module}::{}", rest.split('(').next().unwrap_or_default());
                for mark in marks.drain(..) {
                    proofs.entry(mark).or_default().insert(test.clone());
                }
            }
        }
        assert!(marks.is_empty(), "{}: a mark with no test below it", file.display());
    }
    proofs
}

fn is_not_yet(name: &str) -> bool {
    let below =
        |root: &str| name.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
    NOT_YET.iter().any(|root| below(root))
}

fn page(sections: &[Section], proofs: &BTreeMap<String, BTreeSet<String>>, wrong: &mut Vec<String>) -> String {
    let mut page = "# Reference\n\nEvery field, annotation and word of the manifests: what it means, and which test fails without it. Made from\n\
                    the types and the tests by `make reference`, not written by hand. Tests are named as `cargo test --test it`\n\
                    takes them.\n"
        .to_owned();
    let mut known = BTreeSet::new();
    for Section { title, first, entries } in sections {
        let _ = write!(page, "\n## {title}\n\n| {first} | what it means | proved by |\n| --- | --- | --- |\n");
        for Entry { name, meaning } in entries {
            known.insert(name.clone());
            let tests: Vec<_> = proofs.get(name).into_iter().flatten().map(|test| format!("`{test}`")).collect();
            let proved = match (is_not_yet(name), tests.is_empty()) {
                (true, true) => "not yet".to_owned(),
                (false, false) => tests.join(", "),
                (true, false) => {
                    wrong.push(format!("{name} is proved and stands among what is not there yet"));
                    tests.join(", ")
                }
                (false, true) => {
                    wrong.push(format!("no test says `// proves: {name}`"));
                    String::new()
                }
            };
            let short = name.strip_prefix(&format!("{title}.")).unwrap_or(name);
            let meaning = meaning.replace('|', "\\|").replace('\n', " ");
            let _ = writeln!(page, "| `{short}` | {meaning} | {proved} |");
        }
    }
    wrong
        .extend(proofs.keys().filter(|name| !known.contains(*name)).map(|name| format!("there is no {name} to prove")));
    page
}

#[test]
fn every_field_means_something_and_is_proved() {
    let mut wrong = Vec::new();
    let page = page(&sections(), &proofs(), &mut wrong);
    let path = root().join(PAGE);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    if fs::read_to_string(&path).unwrap_or_default() != page {
        wrong.push(format!("{PAGE} is out of date: make reference"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
