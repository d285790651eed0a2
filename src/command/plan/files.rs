//! Files, folders and stdin → YAML documents, each with its place.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Folders in folders; more is a link that leads back.
const DEPTH_MAX: usize = 32;
/// Endings of files that are read out of folders; a file that is named is read whatever its ending.
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];

/// One object as it stands in a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// Where: `tenants/acme.yaml, document 2`.
    pub place: String,
    /// What.
    pub value: Value,
}

/// Reads everything; all that is wrong with it is told at once.
pub fn read(paths: &[PathBuf]) -> Result<Vec<Document>, Vec<String>> {
    let (mut documents, mut problems) = (Vec::new(), Vec::new());
    for path in paths {
        if path.as_os_str() == "-" {
            let mut text = String::new();
            match std::io::stdin().read_to_string(&mut text) {
                Ok(_) => parse("stdin", &text, &mut documents, &mut problems),
                Err(error) => problems.push(format!("stdin cannot be read: {error}")),
            }
            continue;
        }
        let mut files = Vec::new();
        if let Err(problem) = walk(path, 0, &mut files) {
            problems.push(problem);
            continue;
        }
        if files.is_empty() {
            let what = "holds no manifests: files that end in .yaml, .yml or .json are read";
            problems.push(format!("{} {what}", path.display()));
        }
        for file in files {
            match std::fs::read_to_string(&file) {
                Ok(text) => parse(&file.display().to_string(), &text, &mut documents, &mut problems),
                Err(error) => problems.push(format!("{} cannot be read: {error}", file.display())),
            }
        }
    }
    if problems.is_empty() { Ok(documents) } else { Err(problems) }
}

/// The files below a path, in the order of their names. Folders whose names start with a dot are not the user's.
fn walk(path: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), String> {
    if path.to_string_lossy().contains("://") {
        return Err(format!("{} is an address: download it and name the file", path.display()));
    }
    let told = |error: std::io::Error| format!("{} cannot be read: {error}", path.display());
    if !std::fs::metadata(path).map_err(told)?.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    if depth == DEPTH_MAX {
        return Err(format!("{} is {DEPTH_MAX} folders deep: does a link lead back?", path.display()));
    }
    let entries: Result<Vec<PathBuf>, _> =
        std::fs::read_dir(path).map_err(told)?.map(|entry| entry.map(|it| it.path())).collect();
    let mut entries = entries.map_err(told)?;
    entries.sort();
    for entry in entries {
        let hidden = entry.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        let wanted = entry.extension().is_some_and(|end| ENDINGS.iter().any(|it| end.eq_ignore_ascii_case(it)));
        if !hidden && (entry.is_dir() || wanted) {
            walk(&entry, depth + 1, files)?;
        }
    }
    Ok(())
}

fn parse(file: &str, text: &str, documents: &mut Vec<Document>, problems: &mut Vec<String>) {
    let found: Vec<Option<Value>> = match serde_saphyr::from_multiple(text) {
        Ok(found) => found,
        Err(error) => {
            let error = error.to_string();
            problems.push(format!("{file}: not YAML: {}", error.lines().next().unwrap_or_default()));
            return;
        }
    };
    let several = found.len() > 1;
    for (index, value) in found.into_iter().enumerate() {
        let place = if several { format!("{file}, document {}", index + 1) } else { file.to_owned() };
        match value {
            None | Some(Value::Null) => {}
            Some(value) if is_list(&value) => {
                let items = value["items"].as_array().cloned().unwrap_or_default().into_iter().enumerate();
                documents
                    .extend(items.map(|(at, value)| Document { place: format!("{place}, item {}", at + 1), value }));
            }
            Some(value) => documents.push(Document { place, value }),
        }
    }
}

/// `kubectl get -o yaml` wraps several objects in a List.
fn is_list(value: &Value) -> bool {
    value["kind"].as_str().is_some_and(|kind| kind.ends_with("List")) && value["items"].is_array()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn folders_are_read_in_order_and_documents_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("b/deep/two.yml", "---\n# nothing\n---\n{kind: B}\n---\n{kind: C}\n");
        write("a.json", r#"{"kind": "List", "items": [{"kind": "A"}]}"#);
        write(".git/x.yaml", "{kind: Hidden}");
        write("README.md", "{kind: Text}");
        let found = read(&[folder.path().to_owned()]).unwrap();
        let places: Vec<String> = found
            .iter()
            .map(|it| format!("{} {}", it.place.rsplit('/').next().unwrap(), it.value["kind"].as_str().unwrap()))
            .collect();
        assert_eq!(places[0], "a.json, item 1 A");
        assert!(places[1].starts_with("two.yml, document") && places[1].ends_with(" B"), "{places:?}");
        assert_eq!(places.len(), 3);
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("x.yaml"), "a: [").unwrap();
        std::fs::create_dir(folder.path().join("empty")).unwrap();
        let paths = ["x.yaml", "empty", "absent", "https://example.org/x.yaml"];
        let paths: Vec<PathBuf> = paths
            .iter()
            .map(|it| match it.contains("://") {
                true => PathBuf::from(it),
                false => folder.path().join(it),
            })
            .collect();
        let problems = read(&paths).unwrap_err();
        let parts = ["x.yaml: not YAML", "holds no manifests", "absent cannot be read", "download it"];
        assert_eq!(problems.len(), parts.len(), "{problems:?}");
        for (problem, part) in problems.iter().zip(parts) {
            assert!(problem.contains(part), "{problem}");
        }
    }
}
