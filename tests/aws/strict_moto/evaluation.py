"""Does a policy document allow an action on a resource, and do all that have a say? Pure; the rules are those of IAM's
user guide [D]."""

from .conditions import as_list, hold, like, resolves

ALLOW, DENY = "allow", "deny"
# How far a resource's policy grants by itself, from least to furthest [D]: it names the account, which leaves the
# decision to the account's own policies; it names the role, or everyone, whom boundary and session policy still limit;
# it names the user or the session itself.
ACCOUNT, LIMITED, DIRECT = 1, 2, 3


class Principal:
    """Who asks, by the names under which a Principal element may mean him."""

    def __init__(self, account=None, arn=None, session=None, federated=None):
        self.account, self.arn, self.session, self.federated = account, arn, session, federated

    def as_anyone(self):
        if self.arn is None:
            return ACCOUNT
        return LIMITED if self.session else DIRECT


def named(element, caller):
    """How far a Principal element means the caller; None when it does not."""
    if element == "*":
        return caller.as_anyone()
    if caller.federated:
        return DIRECT if isinstance(element, dict) and caller.federated in as_list(element.get("Federated", [])) else None
    names = as_list(element.get("AWS", [])) if isinstance(element, dict) else []
    found = [caller.as_anyone()] if "*" in names else []
    if caller.arn is not None:
        if caller.arn in names:
            found.append(LIMITED if caller.session else DIRECT)
        if caller.session and caller.session in names:
            found.append(DIRECT)
        if caller.account in names or any(
            name.startswith("arn:") and name.endswith(f":iam::{caller.account}:root") for name in names
        ):
            found.append(ACCOUNT)
    return max(found, default=None)


def covers(statement, key, value, variables, any_case=False):
    """Whether Action or Resource, or their Not, is about the value. What has a variable without value is about nothing,
    and a list of exceptions with one cannot be relied on."""
    if key in statement:
        return any(like(one, value, variables, any_case=any_case) for one in as_list(statement[key]))
    exceptions = as_list(statement[f"Not{key}"])
    excepted = any(like(one, value, variables, any_case=any_case) for one in exceptions)
    return not excepted and all(resolves(one, variables) for one in exceptions)


def applies(statement, action, resource, context, variables, caller=None):
    """How far the statement is about the call, None when it is not. ``caller`` is for resource policies and trust
    policies, which name whom they are about."""
    grant = DIRECT
    if caller is not None:
        if "Principal" in statement:
            grant = named(statement["Principal"], caller)
        elif "NotPrincipal" in statement:
            grant = None if named(statement["NotPrincipal"], caller) else caller.as_anyone()
        if grant is None:
            return None
    if not covers(statement, "Action", action, {} if variables is not None else None, any_case=True):
        return None
    if "Resource" in statement or "NotResource" in statement:
        if not covers(statement, "Resource", resource, variables):
            return None
    return grant if hold(statement.get("Condition"), context, variables) else None


def judge(documents, action, resource, context, caller=None):
    """The decision and how far it goes: ``(ALLOW, grant)``, ``(DENY, None)``, or ``(None, None)`` when no statement
    applies. One Deny outweighs every Allow."""
    furthest = None
    for document in documents:
        variables = context if document.get("Version") == "2012-10-17" else None
        for statement in as_list(document["Statement"]):
            grant = applies(statement, action, resource, context, variables, caller)
            if grant is not None:
                if statement["Effect"] == "Deny":
                    return DENY, None
                furthest = max(grant, furthest or grant)
    return (ALLOW, furthest) if furthest else (None, None)


def granting(documents, action, resource, context):
    """The statements of an identity's policies that allow it, by their Sid."""
    found = []
    for document in documents:
        variables = context if document.get("Version") == "2012-10-17" else None
        for statement in as_list(document["Statement"]):
            if statement["Effect"] == "Allow" and applies(statement, action, resource, context, variables):
                found.append(statement.get("Sid", ""))
    return found


def decide(documents, action, resource, context, caller=None):
    """``ALLOW``, ``DENY``, or None when no statement applies."""
    return judge(documents, action, resource, context, caller)[0]


def verdict(identity, boundary, session, resource_policy, caller, action, resource, context):
    """None when the call is allowed within one account, else why not, in AWS's words [D]. A layer that is not there is
    None; ``identity`` is a list."""
    layers = [("identity-based policy", decide(identity, action, resource, context))]
    limits = [("permissions boundary", boundary), ("session policy", session)]
    limits = [(name, decide([it], action, resource, context)) for name, it in limits if it is not None]
    granted, grant = None, None
    if resource_policy is not None:
        granted, grant = judge([resource_policy], action, resource, context, caller)
    if granted == DENY:
        return "with an explicit deny in a resource-based policy"
    for name, decision in [*layers, *limits]:
        if decision == DENY:
            return f"with an explicit deny in {'an' if name[0] == 'i' else 'a'} {name}"
    if granted == ALLOW and (
        grant == DIRECT or (grant == LIMITED and all(decision == ALLOW for _, decision in limits))
    ):
        return None
    for name, decision in [*layers, *limits]:
        if decision != ALLOW:
            return f"because no {name} allows the {action} action"
    return None
