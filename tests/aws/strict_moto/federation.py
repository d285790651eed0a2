"""Whom a role's trust policy lets in, and with which session tags, where no signature of AWS's own is on the call."""

import json

from moto.core.exceptions import _RESTError
from moto.iam.exceptions import NotFoundException

from .enforcement import WIRE, ambient_time
from .evaluation import ALLOW, Principal, decide


class Refused(_RESTError):
    def __init__(self, code, message, status=400):
        self.code = status
        super().__init__(code, message)


def invalid(message):
    return Refused("InvalidIdentityToken", message)


def require_trust(backend, arn, action, provider, context, tags):
    """The role, if it trusts what the provider says of the caller; session tags need ``sts:TagSession`` beside it [D]."""
    refusal = Refused("AccessDenied", f"Not authorized to perform {action}", 403)
    try:
        role = backend.get_role_by_arn(arn)
    except NotFoundException:
        raise refusal
    context = {**context, "aws:CurrentTime": ambient_time(), "aws:SecureTransport": "true"}
    if tags:
        context["aws:TagKeys"] = list(tags)
        context.update({f"aws:RequestTag/{key}": value for key, value in tags.items()})
    context = {key.lower(): value for key, value in context.items()}
    trust, who = json.loads(role.assume_role_policy_document), Principal(federated=provider)
    for needed in [action, *(["sts:TagSession"] if tags else [])]:
        if decide([trust], needed, arn, context, who) != ALLOW:
            raise refusal
    WIRE.tags = dict(tags)
    return role


def require_duration(role, seconds):
    if seconds > (role.max_session_duration or 3600):
        raise Refused("ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
