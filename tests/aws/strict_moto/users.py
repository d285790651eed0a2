"""IAM's users, their passwords, and groups: boundaries, limits and conflicts of deletion as AWS has them."""

import re

from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import utcnow
from moto.iam import models
from moto.iam.exceptions import DeleteConflictException, IAMException, NoSuchEntity
from moto.iam.models import IAMBackend, User
from moto.iam.responses import IamResponse

from .limits import checked_tags, merged_tags, remaining_tags, require_free_name, require_policy, require_quota
from .patching import add, wrap

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
        (user.service_credentials, "must delete service specific credentials first"),
    ]
    for present, what in held:
        if present:
            raise DeleteConflictException(f"Cannot delete entity, {what}.")
    return old(self, user_name)


# ---------------------------------------------------------------------------------------------- passwords


class PasswordPolicyViolation(IAMException):
    code = "PasswordPolicyViolation"


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


def signs_in(backend, user_name, password):
    """Whether the console would let the user in; moto has no console."""
    user = backend.users.get(user_name)
    return user is not None and user.password is not None and user.password == password


# ---------------------------------------------------------------------------------------------- credentials of services


@property
def service_credentials(self):
    return self.__dict__.setdefault("_service_credentials", {})


User.service_credentials = service_credentials


@add(IamResponse)
def create_service_specific_credential(self):
    user = self.backend.get_user(self._get_param("UserName"))
    made = {
        "CreateDate": utcnow(),
        "ServiceName": self._get_param("ServiceName"),
        "ServiceUserName": f"{user.name}-at-{self.backend.account_id}",
        "ServicePassword": models.random_resource_id(40),
        "ServiceSpecificCredentialId": "ACCA" + models.random_resource_id(16).upper(),
        "UserName": user.name,
        "Status": "Active",
    }
    user.service_credentials[made["ServiceSpecificCredentialId"]] = made
    return ActionResult({"ServiceSpecificCredential": made})


@add(IamResponse)
def delete_service_specific_credential(self):
    user = self.backend.get_user(self._get_param("UserName"))
    name = self._get_param("ServiceSpecificCredentialId")
    if user.service_credentials.pop(name, None) is None:
        raise NoSuchEntity(f"The service specific credential with id {name} cannot be found.")
    return EmptyResult()


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


# ---------------------------------------------------------------------------------------------- tags of users


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
