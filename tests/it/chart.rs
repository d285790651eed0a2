//! The Helm chart as it is rendered: rights, labels, values. Needs Helm and no cluster.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Output};

use serde_json::Value;
use testbed::layout::{root, tool};

/// Sets of values that people may have, each as arguments of Helm.
pub const VALUE_SETS: [&[&str]; 3] =
    [&[], &["--values=charts/tenantry/ci/everything-values.yaml"], &["--values=charts/tenantry/ci/bare-values.yaml"]];
/// Renders what asks for kinds that a bare cluster does not have.
const ALWAYS: &str = "--set=metrics.serviceMonitor.renderMode=alwaysRender";

/// Runs Helm in the project's directory.
pub fn helm(arguments: &[&str]) -> Output {
    let mut helm = Command::new(tool("tools/bin/helm"));
    for (variable, name) in [("HELM_CACHE_HOME", "cache"), ("HELM_CONFIG_HOME", "config"), ("HELM_DATA_HOME", "data")] {
        helm.env(variable, root().join("target/helm").join(name));
    }
    helm.env_remove("KUBECONFIG").args(arguments).current_dir(root()).output().expect("helm can be started")
}

fn template(arguments: &[&str]) -> Output {
    let fixed = ["template", "tenantry", "charts/tenantry", "--namespace=tenantry-system", "--kube-version=1.36.0"];
    helm(&[&fixed, arguments].concat())
}

fn rendered(arguments: &[&str]) -> Vec<Value> {
    let output = template(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let documents: Vec<Option<Value>> = serde_saphyr::from_multiple(&text).unwrap();
    documents.into_iter().flatten().collect()
}

fn all_sets() -> impl Iterator<Item = Vec<Value>> {
    VALUE_SETS.iter().map(|set| rendered(&[*set, &[ALWAYS]].concat()))
}

fn kind(object: &Value) -> &str {
    object["kind"].as_str().unwrap()
}

fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap()
}

fn texts<'v>(value: &'v Value, key: &str) -> Vec<&'v str> {
    value[key].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

fn rules(object: &Value) -> &[Value] {
    object["rules"].as_array().map_or(&[], Vec::as_slice)
}

#[test]
fn helm_finds_nothing_to_complain_about() {
    for set in VALUE_SETS {
        let output = helm(&[&["lint", "charts/tenantry", "--strict", "--kube-version=1.36.0"], set].concat());
        assert!(output.status.success(), "{set:?}: {}", String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn no_right_is_a_wildcard_and_none_grows_by_itself() {
    for objects in all_sets() {
        for role in objects.iter().filter(|it| matches!(kind(it), "ClusterRole" | "Role")) {
            assert!(role["aggregationRule"].is_null(), "{}", name(role));
            for rule in rules(role) {
                // A rule is about resources, or about addresses of the API server.
                let about =
                    if rule["nonResourceURLs"].is_null() { ["apiGroups", "resources"] } else { ["nonResourceURLs"; 2] };
                for key in about.into_iter().chain(["verbs"]) {
                    let values = texts(rule, key);
                    assert!(!values.is_empty(), "{}: a rule without {key}", name(role));
                    assert!(values.iter().all(|it| !it.contains('*')), "{}: {rule}", name(role));
                }
                let verbs = texts(rule, "verbs");
                assert!(verbs.iter().all(|it| !matches!(*it, "escalate" | "impersonate")), "{}: {rule}", name(role));
                let named = texts(rule, "resourceNames");
                assert!(!verbs.contains(&"bind") || !named.is_empty(), "{}: binds any role", name(role));
                assert!(!named.contains(&"cluster-admin"), "{}", name(role));
                assert!(!texts(rule, "resources").contains(&"serviceaccounts/token"), "{}", name(role));
            }
        }
    }
}

#[test]
fn secrets_are_reached_in_one_namespace_and_by_the_role_that_is_bound_where_keys_are() {
    for objects in all_sets() {
        let bindings: Vec<&Value> = objects.iter().filter(|it| kind(it) == "ClusterRoleBinding").collect();
        assert_eq!(bindings.len(), 1, "only the operator is bound in the whole cluster");
        let reach: Vec<(&str, &str)> = objects
            .iter()
            .filter(|it| rules(it).iter().any(|rule| texts(rule, "resources").iter().any(|r| r.starts_with("secrets"))))
            .map(|it| (kind(it), name(it)))
            .collect();
        let operator = bindings[0]["roleRef"]["name"].as_str().unwrap();
        assert_eq!(reach, [("ClusterRole", "tenantry-secrets"), ("Role", operator)]);
        let own = objects.iter().find(|it| kind(it) == "Role").unwrap();
        assert_eq!(own["metadata"]["namespace"], "tenantry-system");
        for rule in rules(own).iter().filter(|rule| texts(rule, "resources") == ["secrets"]) {
            assert_eq!(texts(rule, "verbs"), ["get", "list", "watch"], "credentials are only read");
        }
    }
}

#[test]
fn admission_policies_name_the_operators_own_service_account() {
    let objects = rendered(&["--set=serviceAccount.name=robot"]);
    let policies: Vec<&Value> = objects.iter().filter(|it| kind(it) == "ValidatingAdmissionPolicy").collect();
    let bindings: BTreeSet<&str> = objects
        .iter()
        .filter(|it| kind(it) == "ValidatingAdmissionPolicyBinding")
        .filter_map(|it| it["spec"]["policyName"].as_str())
        .collect();
    assert_eq!(policies.iter().map(|it| name(it)).collect::<BTreeSet<_>>(), bindings, "each policy is in force");
    let text = serde_json::to_string(&policies).unwrap();
    assert!(text.contains("'system:serviceaccount:tenantry-system:robot'") && !text.contains("OPERATOR_USERNAME"));
    let without = rendered(&["--set=admissionPolicies.enabled=false"]);
    assert!(without.iter().all(|it| !kind(it).starts_with("ValidatingAdmission")));
}

#[test]
fn every_object_carries_the_common_labels() {
    for object in rendered(&[VALUE_SETS[1], &[ALWAYS]].concat()) {
        let labels = &object["metadata"]["labels"];
        assert_eq!(
            (&labels["team"], &labels["app.kubernetes.io/name"]),
            (&"platform".into(), &"tenantry".into()),
            "{object}"
        );
    }
}

#[test]
fn crds_are_copies_and_stay_when_the_release_goes() {
    let read = |directory: &str| {
        let entries = fs::read_dir(root().join(directory)).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> =
            entries.map(|path| (path.file_name().unwrap().to_owned(), fs::read_to_string(&path).unwrap())).collect();
        files.sort();
        files
    };
    assert!(
        read("crds") == read("charts/tenantry/files/crds"),
        "the chart's copies differ from crds/: run `make crds`"
    );
    let crds = |arguments: &[&str]| -> Vec<Value> {
        rendered(arguments).into_iter().filter(|it| kind(it) == "CustomResourceDefinition").collect()
    };
    let kept = |crd: &Value| crd["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep";
    assert_eq!(crds(&[]).len(), read("crds").len());
    assert!(crds(&[]).iter().all(kept));
    assert!(!crds(&["--set=crds.keep=false"]).iter().any(kept));
    assert!(crds(&["--set=crds.enabled=false"]).is_empty());
}

#[test]
fn a_slip_of_the_pen_in_the_values_is_refused() {
    for wrong in [
        "replicacount=2",
        "image.repo=x",
        "serviceAccount.annotation.x=y",
        "metrics.serviceMonitor.enable=true",
        "crds.keep=maybe",
        "logFormat=xml",
        "rbac.bindableClusterRoles={cluster-admin}",
    ] {
        assert!(!template(&["--set", wrong]).status.success(), "{wrong} is accepted");
    }
    let clash = [
        "--set=podDisruptionBudget.enabled=true,podDisruptionBudget.minAvailable=1,podDisruptionBudget.maxUnavailable=1",
    ];
    assert!(!template(&clash).status.success());
    assert!(
        !template(&["--set=metrics.serviceMonitor.enabled=true,metrics.serviceMonitor.renderMode=failIfMissing"])
            .status
            .success()
    );
}

#[test]
fn every_value_is_described_and_used() {
    let chart = root().join("charts/tenantry");
    let values: Value = serde_saphyr::from_str(&fs::read_to_string(chart.join("values.yaml")).unwrap()).unwrap();
    let schema: Value = serde_json::from_str(&fs::read_to_string(chart.join("values.schema.json")).unwrap()).unwrap();
    let readme = fs::read_to_string(chart.join("README.md")).unwrap();
    let templates: String = fs::read_dir(chart.join("templates"))
        .unwrap()
        .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    for key in values.as_object().unwrap().keys() {
        assert!(readme.contains(&format!("`{key}")), "{key} is not in the chart's README");
        assert!(templates.contains(&format!(".Values.{key}")), "{key} is used by no template");
    }
    declared("", &values, &schema);
}

/// Every value of `values.yaml` stands in the schema, and objects with fixed keys stand in full.
fn declared(path: &str, values: &Value, schema: &Value) {
    let (Some(values), Some(known)) = (values.as_object(), schema["properties"].as_object()) else { return };
    for (key, value) in values {
        let path = format!("{path}.{key}");
        declared(&path, value, known.get(key).unwrap_or_else(|| panic!("{path} is not in values.schema.json")));
    }
}
