"""IAM's reads as AWS answers them: in pages, and with what moto's answers lack."""

from itertools import chain

from moto.core.responses import ActionResult
from moto.core.serialize import never_return, return_if_not_empty
from moto.iam.exceptions import ValidationError
from moto.iam.models import AccountSummary, Policy, iam_backends
from moto.iam.responses import IamResponse

from . import quotas
from .limits import AWS_POLICY, boundary_usage
from .patching import add

IamResponse.RESPONSE_KEY_PATH_TO_TRANSFORMER.update(
    {
        "CreateUserResponse.User.PermissionsBoundary": return_if_not_empty,
        "GetUserResponse.User.PermissionsBoundary": return_if_not_empty,
        "ListUsersResponse.Users.User.PermissionsBoundary": never_return,
        "GetAccountPasswordPolicyResponse.PasswordPolicy.MaxPasswordAge": lambda days: days or None,
    }
)

# A page may hold less than was asked for [M]; tests lower this to see pages with few objects.
PAGE = {"most": 1000}

Policy.permissions_boundary_usage_count = property(
    lambda self: boundary_usage(iam_backends[self.account_id][self.partition], self.arn)
)
# Account details call them by other names than moto's object does, so that they were left out.
Policy.policy_name = property(lambda self: self.name)
Policy.policy_id = property(lambda self: self.id)


def page(response, items):
    """The part of ``items`` that was asked for, and the fields that say how to go on."""
    items = list(items)
    count = min(int(response._get_param("MaxItems") or 100), PAGE["most"])
    marker = response._get_param("Marker") or "0"
    if not marker.isdigit():
        raise ValidationError("Invalid Marker.")
    start = int(marker)
    more = start + count < len(items)
    result = {"IsTruncated": more}
    if more:
        result["Marker"] = str(start + count)
    return items[start : start + count], result


def paged(name, key, read):
    """Replaces a list operation by one in pages. ``read`` gives all items."""

    def operation(self):
        items, result = page(self, read(self))
        return ActionResult({key: items, **result})

    operation.__name__ = name
    add(IamResponse)(operation)


def by_name(items):
    return sorted(items, key=lambda item: item.name)


def below_path(response, items):
    prefix = response._get_param("PathPrefix") or "/"
    return by_name(item for item in items if item.path.startswith(prefix))


def attached(kind):
    def read(response):
        entity = getattr(response.backend, f"get_{kind}")(response._get_param(f"{kind.title()}Name"))
        policies = below_path(response, entity.managed_policies.values())
        return [{"PolicyName": policy.name, "PolicyArn": policy.arn} for policy in policies]

    return read


def inline(kind):
    def read(response):
        entity = getattr(response.backend, f"get_{kind}")(response._get_param(f"{kind.title()}Name"))
        return sorted(entity.policies)

    return read


def policies(response):
    found = response.backend.managed_policies.values()
    scope = response._get_param("Scope") or "All"
    if scope != "All":
        found = [policy for policy in found if (AWS_POLICY in policy.arn) == (scope == "AWS")]
    boundary = response._get_param("PolicyUsageFilter") == "PermissionsBoundary"
    if response._get_param("OnlyAttached") or boundary:
        found = [p for p in found if (p.permissions_boundary_usage_count if boundary else p.attachment_count) > 0]
    return below_path(response, found)


def access_keys(response):
    name = response._get_param("UserName")
    if not name:
        name = response.backend.get_access_key_last_used(response.get_access_key())["user_name"]
    return response.backend.list_access_keys(name)


def service_credentials(response):
    return list(response.backend.get_user(response._get_param("UserName")).service_credentials.values())


def users_of_group(response):
    return by_name(response.backend.get_group(response._get_param("GroupName")).users)


paged("list_users", "Users", lambda r: below_path(r, r.backend.users.values()))
paged("list_groups", "Groups", lambda r: below_path(r, r.backend.groups.values()))
paged("list_roles", "Roles", lambda r: below_path(r, r.backend.roles.values()))
paged("list_policies", "Policies", policies)
paged("list_access_keys", "AccessKeyMetadata", access_keys)
paged("list_user_tags", "Tags", lambda r: r.backend.list_user_tags(r._get_param("UserName")))
paged("list_policy_tags", "Tags", lambda r: r.backend.get_policy(r._get_param("PolicyArn")).get_tags())
paged("list_role_tags", "Tags", lambda r: r.backend.get_role(r._get_param("RoleName")).tags)
paged("list_policy_versions", "Versions", lambda r: r.backend.list_policy_versions(r._get_param("PolicyArn")))
paged("list_groups_for_user", "Groups", lambda r: by_name(r.backend.get_groups_for_user(r._get_param("UserName"))))
paged("list_service_specific_credentials", "ServiceSpecificCredentials", service_credentials)
for _kind in ("user", "group", "role"):
    paged(f"list_attached_{_kind}_policies", "AttachedPolicies", attached(_kind))
    paged(f"list_{_kind}_policies", "PolicyNames", inline(_kind))


@add(IamResponse)
def get_group(self):
    users, result = page(self, users_of_group(self))
    return ActionResult({"Group": self.backend.get_group(self._get_param("GroupName")), "Users": users, **result})


@add(IamResponse)
def list_entities_for_policy(self):
    arn = self._get_param("PolicyArn")
    self.backend.get_policy(arn)
    usage, kind = self._get_param("PolicyUsageFilter"), self._get_param("EntityFilter")

    def uses(entity):
        as_permissions = usage != "PermissionsBoundary" and arn in entity.managed_policies
        as_boundary = usage != "PermissionsPolicy" and getattr(entity, "permissions_boundary_arn", None) == arn
        return as_permissions or as_boundary

    found = [
        (key, entity)
        for key, name, all_of_kind in (
            ("PolicyGroups", "Group", self.backend.groups),
            ("PolicyUsers", "User", self.backend.users),
            ("PolicyRoles", "Role", self.backend.roles),
        )
        if kind in (None, name)
        for entity in below_path(self, all_of_kind.values())
        if uses(entity)
    ]
    entities, result = page(self, found)
    for key in ("PolicyGroups", "PolicyUsers", "PolicyRoles"):
        result[key] = [entity for found_key, entity in entities if found_key == key]
    return ActionResult(result)


@add(IamResponse)
def get_account_authorization_details(self):
    """Of AWS's own policies only those that are attached to something are listed [I]."""
    backend, wanted = self.backend, self._get_param("Filter") or []
    kinds = (
        ("UserDetailList", "User", backend.users.values()),
        ("GroupDetailList", "Group", backend.groups.values()),
        ("RoleDetailList", "Role", backend.roles.values()),
        ("Policies", "LocalManagedPolicy", (p for p in backend.managed_policies.values() if AWS_POLICY not in p.arn)),
        (
            "Policies",
            "AWSManagedPolicy",
            (p for p in backend.managed_policies.values() if AWS_POLICY in p.arn and p.attachment_count > 0),
        ),
    )
    everything = chain.from_iterable(
        ((key, item) for item in by_name(items)) for key, kind, items in kinds if not wanted or kind in wanted
    )
    items, result = page(self, everything)
    for key in ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies"):
        result[key] = [item for item_key, item in items if item_key == key]
    return ActionResult(result)


_summary_map = AccountSummary.summary_map
AccountSummary.summary_map = property(
    lambda self: {**_summary_map.fget(self), **{f"{name}Quota": limit for name, limit in quotas.OVERRIDES.items()}}
)
