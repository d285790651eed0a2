"""Does a policy document allow an action on a resource? Pure; the rules are those of IAM's user guide [D]."""

from .conditions import Unresolved, as_list, hold, like

ALLOW, DENY = "allow", "deny"


def names_principal(element, principals):
    """Whether a Principal element names one of the ARNs or account ids under which the caller is known."""
    if element == "*":
        return True
    named = as_list(element.get("AWS", [])) if isinstance(element, dict) else []
    return any(name == "*" or name in principals for name in named)


def applies(statement, action, resource, context, principals=None):
    """``principals`` is for resource policies and trust policies, which name whom they are about."""
    try:
        if principals is not None:
            if "Principal" in statement and not names_principal(statement["Principal"], principals):
                return False
            if "NotPrincipal" in statement and names_principal(statement["NotPrincipal"], principals):
                return False
        actions = as_list(statement.get("Action", statement.get("NotAction")))
        if any(like(one, action, {}, any_case=True) for one in actions) == ("NotAction" in statement):
            return False
        resources = statement.get("Resource", statement.get("NotResource"))
        if resources is not None:
            hit = any(one == "*" or like(one, resource, context) for one in as_list(resources))
            if hit == ("NotResource" in statement):
                return False
        return hold(statement.get("Condition"), context)
    except Unresolved:
        return False


def granting(documents, action, resource, context):
    """The statements that allow it, by their Sid."""
    statements = (statement for document in documents for statement in as_list(document["Statement"]))
    return [
        statement.get("Sid", "")
        for statement in statements
        if statement["Effect"] == "Allow" and applies(statement, action, resource, context)
    ]


def decide(documents, action, resource, context, principals=None):
    """``ALLOW``, ``DENY``, or None when no statement applies. One Deny outweighs every Allow."""
    allowed = None
    for document in documents:
        for statement in as_list(document["Statement"]):
            if applies(statement, action, resource, context, principals):
                if statement["Effect"] == "Deny":
                    return DENY
                allowed = ALLOW
    return allowed
