"""The rules that IAM's writes share: names, ARNs, sizes, quotas and tags."""

import re

from moto.iam.exceptions import EntityAlreadyExists, InvalidInput, LimitExceededException, NoSuchEntity

from . import quotas

AWS_POLICY = ":iam::aws:policy/"
ARN = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}|aws):policy/[\x21-\x7e]+")
TAGS = 50


def text_size(document):
    """Quotas on policies do not count white space [D]."""
    return len(re.sub(r"\s", "", document))


def entities(backend):
    """Everything that a policy can be attached to or be the boundary of."""
    return [*backend.users.values(), *backend.groups.values(), *backend.roles.values()]


def require_free_name(names, name, kind):
    """Names are unique in an account whatever their case and path [D]."""
    if any(other.lower() == name.lower() for other in names):
        raise EntityAlreadyExists(f"{kind} with name {name} already exists.")


def require_policy(backend, arn, boundary=False):
    """AWS tells a text that is no ARN from a policy that is not there [I]."""
    if not ARN.fullmatch(arn):
        raise InvalidInput(f"ARN {arn} is not valid.")
    if arn not in backend.managed_policies:
        what = "Scope ARN: " if boundary else "Policy "
        raise NoSuchEntity(f"{what}{arn} does not exist or is not attachable.")


def require_quota(backend, name, used):
    limit = quotas.limit(backend, name)
    if used >= limit:
        raise LimitExceededException(f"Cannot exceed quota for {quotas.label(name)}: {limit}")


def boundary_usage(backend, arn):
    """How many users and roles have this policy as their boundary."""
    return sum(getattr(entity, "permissions_boundary_arn", None) == arn for entity in entities(backend))


def require_size(document, label, limit):
    if text_size(document) > limit:
        raise LimitExceededException(f"Cannot exceed quota for {label}: {limit}")


def checked_tags(backend, tags):
    """The tags by their key in small letters: keys are told apart without regard to case [D]."""
    for tag in tags:
        if tag["Key"].lower().startswith("aws:"):
            raise InvalidInput("aws: prefixed tag key names are not allowed for external use.")
    return backend._tag_verification(tags)


def merged_tags(backend, old, new):
    """The tags of an object after ``new`` was put on it; at most 50 [D]."""
    merged = {tag["Key"].lower(): tag for tag in old}
    merged.update(checked_tags(backend, new))
    if len(merged) > TAGS:
        raise LimitExceededException(f"Cannot exceed quota for TagsPerResource: {TAGS}")
    return list(merged.values())


def remaining_tags(old, keys):
    gone = {key.lower() for key in keys}
    return [tag for tag in old if tag["Key"].lower() not in gone]
