"""IAM's writes as AWS carries them out: names, tags, boundaries, limits, quotas and conflicts of deletion."""

import json
import re

from moto.core.responses import EmptyResult
from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.iam import models
from moto.iam.exceptions import (
    DeleteConflictException,
    EntityAlreadyExists,
    IAMException,
    InvalidInput,
    LimitExceededException,
    MalformedPolicyDocument,
    NoSuchEntity,
)
from moto.iam.models import IAMBackend, User
from moto.iam.policy_validation import IAMTrustPolicyDocumentValidator
from moto.iam.responses import IamResponse

from . import quotas
from .patching import add, wrap

AWS_POLICY = ":iam::aws:policy/"
ARN = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}|aws):policy/[\x21-\x7e]+")
TAGS = 50


class PasswordPolicyViolation(IAMException):
    code = "PasswordPolicyViolation"


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


# ---------------------------------------------------------------------------------------------- tags


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


def set_user_tags(backend, user, tags):
    backend.tagger.delete_all_tags_for_resource(user.arn)
    backend.tagger.tag_resource(user.arn, tags)


@wrap(IAMBackend, "tag_user")
def _(_old, self, name, tags):
    user = self.get_user(name)
    set_user_tags(self, user, merged_tags(self, user.tags or [], tags))


@wrap(IAMBackend, "untag_user")
def _(_old, self, name, tag_keys):
    user = self.get_user(name)
    set_user_tags(self, user, remaining_tags(user.tags or [], tag_keys))


@wrap(IAMBackend, "tag_role")
def _(_old, self, role_name, tags):
    role = self.get_role(role_name)
    role.tags = merged_tags(self, role.tags, tags)


@wrap(IAMBackend, "untag_role")
def _(_old, self, role_name, tag_keys):
    role = self.get_role(role_name)
    role.tags = remaining_tags(role.tags, tag_keys)


@wrap(IAMBackend, "tag_policy")
def _(_old, self, policy_arn, tags):
    policy = self.get_policy(policy_arn)
    if AWS_POLICY in policy_arn:
        raise InvalidInput("Policies of AWS cannot be tagged.")
    merged = merged_tags(self, policy.get_tags(), tags)
    policy.tags = {tag["Key"].lower(): tag for tag in merged}


# ---------------------------------------------------------------------------------------------- users

User.permissions_boundary_arn = None
User.login_created = None
User.permissions_boundary = property(
    lambda self: (
        {
            "PermissionsBoundaryType": "PermissionsBoundaryPolicy",
            "PermissionsBoundaryArn": self.permissions_boundary_arn,
        }
        if self.permissions_boundary_arn
        else None
    )
)


@wrap(IAMBackend, "create_user")
def _(old, self, region_name, user_name, path="/", tags=None):
    require_free_name(self.users, user_name, "User")
    clean = checked_tags(self, tags or [])
    require_quota(self, "Users", len(self.users))
    user = old(self, region_name, user_name, path, list(clean.values()))
    user.id = "AIDA" + models.random_resource_id(17).upper()
    return user


@add(IamResponse)
def create_user(self):
    boundary = self._get_param("PermissionsBoundary")
    if boundary:
        require_policy(self.backend, boundary, boundary=True)
    user = self.backend.create_user(
        self.region,
        user_name=self._get_param("UserName"),
        path=self._get_param("Path"),
        tags=self._get_param("Tags", []),
    )
    user.permissions_boundary_arn = boundary
    return ActionResult({"User": user})


@add(IamResponse)
def put_user_permissions_boundary(self):
    user = self.backend.get_user(self._get_param("UserName"))
    boundary = self._get_param("PermissionsBoundary")
    require_policy(self.backend, boundary, boundary=True)
    user.permissions_boundary_arn = boundary
    return EmptyResult()


@add(IamResponse)
def delete_user_permissions_boundary(self):
    user = self.backend.get_user(self._get_param("UserName"))
    if not user.permissions_boundary_arn:
        raise NoSuchEntity(f"The user {user.name} has no permissions boundary.")
    user.permissions_boundary_arn = None
    return EmptyResult()


@wrap(IAMBackend, "update_user")
def _(_old, self, user_name, new_path=None, new_user_name=None):
    user = self.get_user(user_name)
    if new_user_name and new_user_name != user_name:
        require_free_name([n for n in self.users if n != user_name], new_user_name, "User")
    tags = user.tags or []
    self.tagger.delete_all_tags_for_resource(user.arn)
    user.path = new_path or user.path
    if new_user_name:
        self.users[new_user_name] = self.users.pop(user_name)
        user.name = new_user_name
        for key in user.access_keys:
            key.user_name = new_user_name
    self.tagger.tag_resource(user.arn, tags)


@wrap(IAMBackend, "delete_user")
def _(old, self, user_name):
    user = self.get_user(user_name)
    held = [
        (user.password, "must delete login profile first"),
        (user.access_keys, "must delete access keys first"),
        (self.get_groups_for_user(user_name), "must remove users from group first"),
        (user.mfa_devices, "must delete MFA device first"),
        (user.signing_certificates, "must delete signing certificates first"),
        (user.ssh_public_keys, "must delete SSH public keys first"),
    ]
    for present, what in held:
        if present:
            raise DeleteConflictException(f"Cannot delete entity, {what}.")
    return old(self, user_name)


# ---------------------------------------------------------------------------------------------- passwords


def require_good_password(backend, password):
    """The account's password policy, or AWS's own: eight characters, three kinds of them [D]."""
    kinds = {
        "lowercase": re.search(r"[a-z]", password),
        "uppercase": re.search(r"[A-Z]", password),
        "number": re.search(r"[0-9]", password),
        "symbol": re.search(r"[^A-Za-z0-9]", password),
    }
    policy = backend.account_password_policy
    if policy is None:
        good = len(password) >= 8 and sum(map(bool, kinds.values())) >= 3
    else:
        wanted = {
            "lowercase": policy.require_lowercase_characters,
            "uppercase": policy.require_uppercase_characters,
            "number": policy.require_numbers,
            "symbol": policy.require_symbols,
        }
        good = len(password) >= policy.minimum_password_length
        good = good and all(kinds[kind] for kind, required in wanted.items() if required)
    if not good:
        raise PasswordPolicyViolation("Password should conform to the account password policy")


def login_profile(user):
    return ActionResult(
        {
            "LoginProfile": {
                "UserName": user.name,
                "CreateDate": user.login_created,
                "PasswordResetRequired": user.password_reset_required,
            }
        }
    )


@add(IamResponse)
def create_login_profile(self):
    name, password = self._get_param("UserName"), self._get_param("Password")
    self.backend.get_user(name)
    require_good_password(self.backend, password)
    user = self.backend.create_login_profile(name, password)
    user.password_reset_required = bool(self._get_param("PasswordResetRequired"))
    user.login_created = utcnow()
    return login_profile(user)


@add(IamResponse)
def get_login_profile(self):
    return login_profile(self.backend.get_login_profile(self._get_param("UserName")))


@wrap(IAMBackend, "update_login_profile")
def _(_old, self, user_name, password, password_reset_required):
    user = self.get_login_profile(user_name)
    if password is not None:
        require_good_password(self, password)
        user.password = password
    if password_reset_required is not None:
        user.password_reset_required = password_reset_required
    return user


# ---------------------------------------------------------------------------------------------- groups


@wrap(IAMBackend, "create_group")
def _(old, self, group_name, path="/"):
    require_free_name(self.groups, group_name, "Group")
    require_quota(self, "Groups", len(self.groups))
    group = old(self, group_name, path)
    group.id = "AGPA" + models.random_resource_id(17).upper()
    return group


@wrap(IAMBackend, "update_group")
def _(old, self, group_name, new_group_name, new_path):
    group = self.get_group(group_name)
    if new_group_name and new_group_name != group_name:
        require_free_name([n for n in self.groups if n != group_name], new_group_name, "Group")
        old(self, group_name, new_group_name, new_path)
    group.path = new_path or group.path


@wrap(IAMBackend, "delete_group")
def _(old, self, group_name):
    group = self.get_group(group_name)
    held = [
        (group.users, "must remove users from group first"),
        (group.managed_policies, "must detach all policies first"),
        (group.policies, "must delete policies first"),
    ]
    for present, what in held:
        if present:
            raise DeleteConflictException(f"Cannot delete entity, {what}.")
    return old(self, group_name)


@wrap(IAMBackend, "add_user_to_group")
def _(old, self, group_name, user_name):
    self.get_group(group_name)
    groups = self.get_groups_for_user(user_name)
    if group_name not in [group.name for group in groups]:
        require_quota(self, "GroupsPerUser", len(groups))
    return old(self, group_name, user_name)


# ---------------------------------------------------------------------------------------------- policies


@wrap(IAMBackend, "create_policy")
def _(old, self, description, path, policy_document, policy_name, tags):
    require_size(policy_document, "PolicySize", 6144)
    own = [policy for policy in self.managed_policies.values() if AWS_POLICY not in policy.arn]
    if any(policy.name.lower() == policy_name.lower() for policy in own):
        raise EntityAlreadyExists(f"A policy called {policy_name} already exists. Duplicate names are not allowed.")
    checked_tags(self, tags)
    require_quota(self, "Policies", len(own))
    policy = old(self, description, path, policy_document, policy_name, tags)
    policy.id = "ANPA" + models.random_resource_id(17).upper()
    return policy


@wrap(IAMBackend, "create_policy_version")
def _(old, self, policy_arn, policy_document, set_as_default):
    require_policy(self, policy_arn)
    require_size(policy_document, "PolicySize", 6144)
    version = old(self, policy_arn, policy_document, set_as_default)
    self.get_policy(policy_arn).update_date = utcnow()
    return version


@wrap(IAMBackend, "delete_policy")
def _(old, self, policy_arn):
    require_policy(self, policy_arn)
    policy = self.get_policy(policy_arn)
    if any(policy_arn in entity.managed_policies for entity in entities(self)):
        raise DeleteConflictException("Cannot delete a policy attached to entities.")
    if boundary_usage(self, policy_arn):
        raise DeleteConflictException("Cannot delete a policy that is used as a permissions boundary.")
    if len(policy.versions) > 1:
        raise DeleteConflictException(
            "This policy has more than one version. Before you delete a policy, you must delete the policy's"
            " versions. The default version is deleted with the policy."
        )
    return old(self, policy_arn)


def boundary_usage(backend, arn):
    """How many users and roles have this policy as their boundary."""
    return sum(getattr(entity, "permissions_boundary_arn", None) == arn for entity in entities(backend))


def require_size(document, label, limit):
    if text_size(document) > limit:
        raise LimitExceededException(f"Cannot exceed quota for {label}: {limit}")


def attachments(kind):
    @wrap(IAMBackend, f"attach_{kind}_policy")
    def _(old, self, policy_arn, name):
        entity = getattr(self, f"get_{kind}")(name)
        require_policy(self, policy_arn)
        if policy_arn in entity.managed_policies:
            return None
        require_quota(self, f"AttachedPoliciesPer{kind.title()}", len(entity.managed_policies))
        return old(self, policy_arn, name)

    @wrap(IAMBackend, f"detach_{kind}_policy")
    def _(old, self, policy_arn, name):
        getattr(self, f"get_{kind}")(name)
        require_policy(self, policy_arn)
        return old(self, policy_arn, name)


def inline_policies(kind, limit):
    @wrap(IAMBackend, f"put_{kind}_policy")
    def _(old, self, name, policy_name, policy_json):
        entity = getattr(self, f"get_{kind}")(name)
        others = sum(text_size(document) for other, document in entity.policies.items() if other != policy_name)
        if others + text_size(policy_json) > limit:
            raise LimitExceededException(f"Maximum policy size of {limit} bytes exceeded for {kind} {name}")
        return old(self, name, policy_name, policy_json)


for _kind, _limit in (("user", 2048), ("group", 5120), ("role", 10240)):
    attachments(_kind)
    inline_policies(_kind, _limit)


# ---------------------------------------------------------------------------------------------- roles


def require_trust_policy(backend, document):
    """A principal of this account that is not there makes the document malformed [I]."""
    if text_size(document) > 2048:
        raise LimitExceededException("Cannot exceed quota for ACLSizePerRole: 2048")
    IAMTrustPolicyDocumentValidator(document).validate()
    statements = json.loads(document)["Statement"]
    for statement in statements if isinstance(statements, list) else [statements]:
        principal = statement.get("Principal")
        if principal is None:
            raise MalformedPolicyDocument("Missing required field Principal")
        named = principal.get("AWS", []) if isinstance(principal, dict) else []
        for arn in named if isinstance(named, list) else [named]:
            known = [entity.arn for entity in [*backend.users.values(), *backend.roles.values()]]
            ours = arn.startswith(f"arn:aws:iam::{backend.account_id}:")
            if ours and not arn.endswith(":root") and arn not in known:
                raise MalformedPolicyDocument(f'Invalid principal in policy: "AWS":"{arn}"')


@wrap(IAMBackend, "create_role")
def _(old, self, role_name, assume_role_policy_document, path, permissions_boundary, *args, **kwargs):
    require_free_name([role.name for role in self.roles.values()], role_name, "Role")
    require_trust_policy(self, assume_role_policy_document)
    if permissions_boundary:
        require_policy(self, permissions_boundary, boundary=True)
    require_quota(self, "Roles", len(self.roles))
    return old(self, role_name, assume_role_policy_document, path, permissions_boundary, *args, **kwargs)


@wrap(IAMBackend, "update_assume_role_policy")
def _(old, self, role_name, policy_document):
    self.get_role(role_name)
    require_trust_policy(self, policy_document)
    return old(self, role_name, policy_document)


@wrap(IAMBackend, "put_role_permissions_boundary")
def _(old, self, role_name, permissions_boundary):
    self.get_role(role_name)
    require_policy(self, permissions_boundary, boundary=True)
    return old(self, role_name, permissions_boundary)


# ---------------------------------------------------------------------------------------------- OIDC providers


@wrap(IAMBackend, "delete_open_id_connect_provider")
def _(old, self, arn):
    self.get_open_id_connect_provider(arn)
    return old(self, arn)


@add(IamResponse)
def add_client_id_to_open_id_connect_provider(self):
    provider = self.backend.get_open_id_connect_provider(self._get_param("OpenIDConnectProviderArn"))
    client = self._get_param("ClientID")
    if client not in provider.client_id_list:
        provider.client_id_list.append(client)
    return EmptyResult()


@add(IamResponse)
def remove_client_id_from_open_id_connect_provider(self):
    provider = self.backend.get_open_id_connect_provider(self._get_param("OpenIDConnectProviderArn"))
    client = self._get_param("ClientID")
    if client in provider.client_id_list:
        provider.client_id_list.remove(client)
    return EmptyResult()
