"""IAM's policies, roles and OIDC providers: limits, trust and conflicts of deletion as AWS has them."""

import json

from moto.core.responses import EmptyResult
from moto.core.utils import utcnow
from moto.iam import models
from moto.iam.exceptions import (
    DeleteConflictException,
    EntityAlreadyExists,
    InvalidInput,
    LimitExceededException,
    MalformedPolicyDocument,
)
from moto.iam.models import IAMBackend
from moto.iam.policy_validation import IAMTrustPolicyDocumentValidator
from moto.iam.responses import IamResponse

from .limits import (
    AWS_POLICY,
    boundary_usage,
    checked_tags,
    entities,
    merged_tags,
    remaining_tags,
    require_free_name,
    require_policy,
    require_quota,
    require_size,
    text_size,
)
from .patching import add, wrap

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


@wrap(IAMBackend, "tag_policy")
def _(_old, self, policy_arn, tags):
    policy = self.get_policy(policy_arn)
    if AWS_POLICY in policy_arn:
        raise InvalidInput("Policies of AWS cannot be tagged.")
    merged = merged_tags(self, policy.get_tags(), tags)
    policy.tags = {tag["Key"].lower(): tag for tag in merged}


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


@wrap(IAMBackend, "tag_role")
def _(_old, self, role_name, tags):
    role = self.get_role(role_name)
    role.tags = merged_tags(self, role.tags, tags)


@wrap(IAMBackend, "untag_role")
def _(_old, self, role_name, tag_keys):
    role = self.get_role(role_name)
    role.tags = remaining_tags(role.tags, tag_keys)


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
