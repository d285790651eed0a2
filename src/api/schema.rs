//! The shapes that fields of several kinds share: bounded strings, lists and maps as schemas, and CEL rules on names.
//!
//! Every string, list and map has an upper bound: the API server estimates a rule's cost from it, and refuses a
//! definition whose rules could cost too much.

use kube::core::Rule;
use schemars::{Schema, SchemaGenerator, json_schema};

/// A DNS label: what namespaces and our kinds are called.
const LABEL: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
/// A DNS subdomain: what Secrets and service accounts are called.
const SUBDOMAIN: &str = "^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$";
/// Text in which the operator replaces `$(tenant)` and the like; any other `$(...)` is refused, the clouds' own `${...}` pass.
const TEMPLATE: &str = r"^([^$]|\$+([^$(]|\((tenant|user|account|region|workspace|cluster)\)))*\$*$";
/// Kubernetes' own pattern for quantities.
const QUANTITY: &str = r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$";
/// Five fields of a cron expression.
const CRON: &str = "^[0-9A-Za-z*/,-]+( +[0-9A-Za-z*/,-]+){4}$";
/// A number that is too large for its field, in any of the five.
const CRON_BEYOND: &str = "^([^ ]*([6-9][0-9]|[0-9]{3})|[^ ]+ +[^ ]*(2[4-9]|[3-9][0-9]|[0-9]{3})|([^ ]+ +){2}[^ ]*(3[2-9]|[4-9][0-9]|[0-9]{3})|([^ ]+ +){3}[^ ]*(1[3-9]|[2-9][0-9]|[0-9]{3})|([^ ]+ +){4}[^ ]*([89]|[0-9]{2}))";
/// A day that no year has, whatever day of the week it is.
const CRON_NEVER: &str = "^[^ ]+ +[^ ]+ +(30 +0?2|31 +(0?[2469]|11)|30 +[Ff][Ee][Bb]|31 +([Ff][Ee][Bb]|[Aa][Pp][Rr]|[Jj][Uu][Nn]|[Ss][Ee][Pp]|[Nn][Oo][Vv])) +[*]$";
/// RFC 3339 with seconds and an offset, years 2000 to 2999, which every reader of the manifest can represent.
const TIME: &str = r"^2[0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$";

fn pattern(pattern: &str, max: u32) -> Schema {
    json_schema!({"type": "string", "minLength": 1, "maxLength": max, "pattern": pattern})
}

fn set(items: Schema, max: u32) -> Schema {
    json_schema!({"type": "array", "items": items, "maxItems": max, "x-kubernetes-list-type": "set"})
}

/// Any text of at most `MAX` characters.
pub(super) fn text<const MAX: u32>(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "maxLength": MAX})
}

/// A DNS label.
pub(super) fn label(_: &mut SchemaGenerator) -> Schema {
    pattern(LABEL, 63)
}

/// A DNS subdomain.
pub(super) fn subdomain(_: &mut SchemaGenerator) -> Schema {
    pattern(SUBDOMAIN, 253)
}

/// DNS labels, each once.
pub(super) fn label_set<const MAX: u32>(_: &mut SchemaGenerator) -> Schema {
    set(pattern(LABEL, 63), MAX)
}

/// At least one DNS label, each once.
pub(super) fn some_labels<const MAX: u32>(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = label_set::<MAX>(generator);
    schema.insert("minItems".to_owned(), 1.into());
    schema
}

/// Namespaces that may belong to a tenant.
pub(super) fn namespace(_: &mut SchemaGenerator) -> Schema {
    let mut schema = pattern(LABEL, 63);
    schema.insert(
        "x-kubernetes-validations".to_owned(),
        serde_json::json!([{
            "rule": "self != 'default' && !self.startsWith('kube-')",
            "message": "the namespaces default and kube-* are the cluster's and cannot be a tenant's",
        }]),
    );
    schema
}

/// A time that comes again, as cron; what cannot be seen here is said in the status.
pub(super) fn cron(_: &mut SchemaGenerator) -> Schema {
    let mut schema = pattern(CRON, 128);
    schema.insert(
        "x-kubernetes-validations".to_owned(),
        serde_json::json!([
            {
                "rule": format!("!self.matches('{CRON_BEYOND}')"),
                "message": "there is no such time: minutes go to 59, hours to 23, days to 31, months to 12, days of the week to 7",
            },
            {
                "rule": format!("!self.matches('{CRON_NEVER}')"),
                "message": "this never comes: write a day that there is",
            },
        ]),
    );
    schema
}

/// Namespaces that may belong to a tenant, each once.
pub(super) fn namespace_set<const MAX: u32>(generator: &mut SchemaGenerator) -> Schema {
    set(namespace(generator), MAX)
}

/// A ClusterRole's name.
pub(super) fn cluster_role(_: &mut SchemaGenerator) -> Schema {
    pattern("^[^/%]+$", 253)
}

/// ClusterRoles' names, each once. Not a set to the API server, which merges sets by their fields' owners: nobody owns a
/// default, so a shorter list that is applied would be merged into it, and what was to be taken out stayed.
pub(super) fn cluster_role_list<const MAX: u32>(generator: &mut SchemaGenerator) -> Schema {
    let once = serde_json::json!([{
        "rule": "self.all(x, self.exists_one(y, x == y))",
        "message": "duplicate entries: a ClusterRole is named twice",
    }]);
    json_schema!({
        "type": "array",
        "maxItems": MAX,
        "items": cluster_role(generator),
        "x-kubernetes-list-type": "atomic",
        "x-kubernetes-validations": once,
    })
}

/// A cloud's region.
pub(super) fn region(_: &mut SchemaGenerator) -> Schema {
    pattern("^[a-z0-9]+(-[a-z0-9]+)+$", 32)
}

/// The address of a cloud's API. No user, password, query or fragment: those would end in logs.
pub(super) fn endpoint(_: &mut SchemaGenerator) -> Schema {
    pattern(r"^https?://[^\s/?#@]+(/[^\s?#@]*)?$", 256)
}

/// An e-mail address.
pub(super) fn email(_: &mut SchemaGenerator) -> Schema {
    pattern(r"^[^@\s]+@[^@\s]+$", 254)
}

/// A point in time.
pub(super) fn time(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "format": "date-time", "maxLength": 35, "pattern": TIME})
}

/// The time at which something happened, as the operator reports it.
pub(super) fn reported_time(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "format": "date-time"})
}

/// A whole number of at least 0.
pub(super) fn count(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "integer", "format": "int32", "minimum": 0, "maximum": 1_000_000})
}

/// AWS policies: names of AWS's own, or ARNs, each once.
pub(super) fn aws_policy_set(_: &mut SchemaGenerator) -> Schema {
    let name = r"^([A-Za-z0-9+=,.@_-]{1,128}|arn:[a-z0-9-]+:iam::(aws|[0-9]{12}):policy/[\x21-\x7e]{1,640})$";
    set(pattern(name, 700), 20)
}

/// Alibaba Cloud's system policies, by name, each once.
pub(super) fn alibaba_policy_set(_: &mut SchemaGenerator) -> Schema {
    set(pattern("^[A-Za-z0-9-]+$", 128), 20)
}

/// A statement's actions.
pub(super) fn actions(_: &mut SchemaGenerator) -> Schema {
    let items = pattern(r"^(\*|[A-Za-z0-9_.-]+:[A-Za-z0-9_.*?/:-]+)$", 128);
    json_schema!({"type": "array", "items": items, "minItems": 1, "maxItems": 200})
}

/// Actions that are denied to all, each once.
pub(super) fn denied_action_set(_: &mut SchemaGenerator) -> Schema {
    set(pattern(r"^[A-Za-z0-9_.-]+:[A-Za-z0-9_.*?/:-]+$", 128), 100)
}

/// A statement's resources.
pub(super) fn resources(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "array", "items": pattern(TEMPLATE, 1024), "minItems": 1, "maxItems": 200})
}

/// A statement's conditions: operator, then key, then values.
pub(super) fn policy_conditions(_: &mut SchemaGenerator) -> Schema {
    let value = json_schema!({"type": "string", "maxLength": 1024, "pattern": TEMPLATE});
    let values = json_schema!({"type": "array", "items": value, "minItems": 1, "maxItems": 100});
    let keys =
        json_schema!({"type": "object", "additionalProperties": values, "minProperties": 1, "maxProperties": 20});
    json_schema!({"type": "object", "additionalProperties": keys, "maxProperties": 20})
}

/// Tags on cloud objects. Keys that the clouds reserve, and those that carry the operator's marks or that policies trust,
/// cannot be set; cloud tags match without regard to case.
pub(super) fn tags(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 40,
        "additionalProperties": {"type": "string", "maxLength": 256},
        "x-kubernetes-validations": [
            {
                "rule": "self.all(k, k.size() >= 1 && k.size() <= 128)",
                "message": "a tag's key has 1 to 128 characters",
            },
            {
                "rule": "self.all(k, !['aws:', 'acs:', 'aliyun', 'tenantry.dev/'].exists(p, k.lowerAscii().startsWith(p)) && !(k.lowerAscii() in ['tenant', 'user']))",
                "message": "the tags tenant, user, tenantry.dev/*, aws:*, acs:* and aliyun* are not free to set",
            },
        ],
    })
}

/// Amounts of resources, such as `{requests.cpu: "20"}`.
pub(super) fn quantities(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 50,
        "additionalProperties": {
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "pattern": QUANTITY,
            "x-kubernetes-int-or-string": true,
        },
    })
}

/// Labels that the operator puts on a namespace.
pub(super) fn namespace_labels(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 40,
        "additionalProperties": {"type": "string", "maxLength": 63, "pattern": "^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$"},
        "x-kubernetes-validations": [{
            "rule": "self.all(k, !k.startsWith('tenantry.dev/') && !k.startsWith('kubernetes.io/') && !k.startsWith('pod-security.kubernetes.io/'))",
            "message": "labels under tenantry.dev, kubernetes.io and pod-security.kubernetes.io are not free to set; podSecurity sets the last",
        }],
    })
}

/// The generation that a status speaks of; -1 before the first pass.
pub(super) fn observed_generation(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "integer", "format": "int64", "default": -1, "minimum": -1})
}

/// `meta/v1` conditions, one of a type.
pub(super) fn conditions(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 16,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "description": "One aspect of the object's state.",
            "required": ["lastTransitionTime", "message", "reason", "status", "type"],
            "properties": {
                "type": {"type": "string", "maxLength": 316, "description": "Ready, Reconciling, Stalled or Drifted."},
                "status": {"type": "string", "enum": ["True", "False", "Unknown"], "description": "True, False or Unknown."},
                "reason": {"type": "string", "minLength": 1, "maxLength": 1024, "description": "Why, as one stable CamelCase word."},
                "message": {"type": "string", "maxLength": 32768, "description": "Why, for people: the object, the action that failed and what would help."},
                "lastTransitionTime": {"type": "string", "format": "date-time", "description": "When the status last changed."},
                "observedGeneration": {"type": "integer", "format": "int64", "minimum": 0, "description": "The metadata.generation that this speaks of."},
            },
        },
    })
}

/// On the root of a kind: its name is a DNS label, because it becomes part of cloud names and label values.
pub(super) fn name_is_label() -> Rule {
    Rule::new(format!("self.metadata.name.size() <= 63 && self.metadata.name.matches('{LABEL}')")).message(
        "metadata.name must be a DNS label: lower case letters, digits and '-', neither first nor last, at most 63 characters",
    )
}

/// On a struct: its optional string `field` stays what it was; absent and empty are the same.
pub(super) fn immutable_text(field: &str, message: &str) -> Rule {
    Rule::new(format!("(has(self.{field}) ? self.{field} : '') == (has(oldSelf.{field}) ? oldSelf.{field} : '')"))
        .message(message)
        .field_path(format!(".{field}"))
}
