"""RAM, IMS and STS through their official clients."""

import json

from alibabacloud_ims20190815 import models as ims
from alibabacloud_ram20150501 import models as ram
from alibabacloud_sts20150401 import models as sts

from account import Account, refused

READ = json.dumps({"Version": "1", "Statement": [{"Effect": "Allow", "Action": "ram:Get*", "Resource": "*"}]})
DENY = json.dumps({"Version": "1", "Statement": [{"Effect": "Deny", "Action": "ram:GetGroup", "Resource": "*"}]})


def run(root, account):
    users(root)
    key = keys(root)
    policies(root)
    authorization(root, key)
    logins(root)
    roles(root, account, key)
    ims_users(root, account)
    whole_account(root)
    teardown(root)


def users(root):
    made = root.ram.create_user(
        ram.CreateUserRequest(user_name="acme.alice", display_name="Alice 张", email="a@acme.example", comments="")
    ).body.user
    assert made.user_name == "acme.alice" and made.display_name == "Alice 张" and made.user_id.isdigit()
    refused("EntityAlreadyExists.User", root.ram.create_user, ram.CreateUserRequest(user_name="acme.alice"))
    refused("InvalidParameter.UserName.InvalidChars", root.ram.create_user, ram.CreateUserRequest(user_name="a/b"))
    refused("InvalidParameter.UserName.Length", root.ram.create_user, ram.CreateUserRequest(user_name="a" * 65))
    refused("MissingUserName", root.ram.create_user, ram.CreateUserRequest())
    read = root.ram.get_user(ram.GetUserRequest(user_name="acme.alice")).body.user
    assert read.user_id == made.user_id and read.email == "a@acme.example"
    changed = root.ram.update_user(ram.UpdateUserRequest(user_name="acme.alice", new_comments="owner")).body.user
    assert changed.comments == "owner" and changed.display_name == "Alice 张"
    root.ram.create_user(ram.CreateUserRequest(user_name="acme.bob"))
    page = root.ram.list_users(ram.ListUsersRequest(max_items=1)).body
    assert page.is_truncated and [user.user_name for user in page.users.user] == ["acme.alice"]
    page = root.ram.list_users(ram.ListUsersRequest(max_items=1, marker=page.marker)).body
    assert not page.is_truncated and [user.user_name for user in page.users.user] == ["acme.bob"]

    root.ram.create_group(ram.CreateGroupRequest(group_name="acme", comments="tenant acme"))
    refused("EntityAlreadyExists.Group", root.ram.create_group, ram.CreateGroupRequest(group_name="acme"))
    join = ram.AddUserToGroupRequest(user_name="acme.alice", group_name="acme")
    root.ram.add_user_to_group(join)
    refused("EntityAlreadyExists.User.Group", root.ram.add_user_to_group, join)
    members = root.ram.list_users_for_group(ram.ListUsersForGroupRequest(group_name="acme")).body.users.user
    assert [member.user_name for member in members] == ["acme.alice"] and members[0].join_date
    groups = root.ram.list_groups_for_user(ram.ListGroupsForUserRequest(user_name="acme.alice")).body.groups.group
    assert [group.group_name for group in groups] == ["acme"]
    refused("DeleteConflict.Group.User", root.ram.delete_group, ram.DeleteGroupRequest(group_name="acme"))
    assert root.ram.get_group(ram.GetGroupRequest(group_name="acme")).body.group.comments == "tenant acme"
    root.ram.update_group(ram.UpdateGroupRequest(group_name="acme", new_comments="acme"))
    assert [group.comments for group in root.ram.list_groups(ram.ListGroupsRequest()).body.groups.group] == ["acme"]


def keys(root):
    key = root.ram.create_access_key(ram.CreateAccessKeyRequest(user_name="acme.alice")).body.access_key
    second = root.ram.create_access_key(ram.CreateAccessKeyRequest(user_name="acme.alice")).body.access_key
    third = ram.CreateAccessKeyRequest(user_name="acme.alice")
    refused("LimitExceeded.User.AccessKey", root.ram.create_access_key, third)
    alice = Account(root.address, second.access_key_id, second.access_key_secret)
    assert alice.sts.get_caller_identity().body.arn.endswith(":user/acme.alice")
    root.ram.update_access_key(
        ram.UpdateAccessKeyRequest(user_name="acme.alice", user_access_key_id=second.access_key_id, status="Inactive")
    )
    refused("InvalidAccessKeyId.Inactive", alice.sts.get_caller_identity)
    listed = root.ram.list_access_keys(ram.ListAccessKeysRequest(user_name="acme.alice")).body.access_keys.access_key
    assert {item.access_key_id: item.status for item in listed} == {
        key.access_key_id: "Active", second.access_key_id: "Inactive"}
    used = root.ram.get_access_key_last_used(
        ram.GetAccessKeyLastUsedRequest(user_name="acme.alice", user_access_key_id=second.access_key_id)
    ).body.access_key_last_used
    assert used.last_used_date.endswith("Z")
    gone = ram.DeleteAccessKeyRequest(user_name="acme.alice", user_access_key_id=second.access_key_id)
    root.ram.delete_access_key(gone)
    refused("EntityNotExist.User.AccessKey", root.ram.delete_access_key, gone)
    refused("InvalidAccessKeyId.NotFound", alice.sts.get_caller_identity)
    wrong = Account(root.address, key.access_key_id, "wrong")
    refused("SignatureDoesNotMatch", wrong.sts.get_caller_identity)
    return key


def policies(root):
    tag = [ram.CreatePolicyRequestTag(key="tenant", value="acme")]
    made = root.ram.create_policy(
        ram.CreatePolicyRequest(policy_name="acme-read", policy_document=READ, description="read", tag=tag)
    ).body.policy
    assert (made.policy_type, made.default_version) == ("Custom", "v1")
    malformed = ram.CreatePolicyRequest(policy_name="acme-x", policy_document=READ.replace('"1"', '"2012-10-17"'))
    refused("MalformedPolicyDocument", root.ram.create_policy, malformed)
    only_aws = READ.replace('"Resource"', '"Condition": {"StringEqualsIfExists": {"a:b": "c"}}, "Resource"')
    only_aws = ram.CreatePolicyRequest(policy_name="acme-x", policy_document=only_aws)
    refused("MalformedPolicyDocument", root.ram.create_policy, only_aws)
    refused("InvalidParameter.PolicyName.InvalidChars", root.ram.create_policy,
            ram.CreatePolicyRequest(policy_name="acme.x", policy_document=READ))
    for _ in range(4):
        root.ram.create_policy_version(ram.CreatePolicyVersionRequest(policy_name="acme-read", policy_document=READ))
    more = ram.CreatePolicyVersionRequest(policy_name="acme-read", policy_document=READ, set_as_default=True)
    refused("LimitExceeded.Policy.Version", root.ram.create_policy_version, more)
    more.rotate_strategy = "DeleteOldestNonDefaultVersionWhenLimitExceeded"
    assert root.ram.create_policy_version(more).body.policy_version.version_id == "v6"
    versions = root.ram.list_policy_versions(
        ram.ListPolicyVersionsRequest(policy_name="acme-read", policy_type="Custom")
    ).body.policy_versions.policy_version
    assert [version.version_id for version in versions] == ["v1", "v3", "v4", "v5", "v6"]
    refused("DeleteConflict.Policy.Version.Default", root.ram.delete_policy_version,
            ram.DeletePolicyVersionRequest(policy_name="acme-read", version_id="v6"))
    root.ram.set_default_policy_version(ram.SetDefaultPolicyVersionRequest(policy_name="acme-read", version_id="v5"))
    root.ram.delete_policy_version(ram.DeletePolicyVersionRequest(policy_name="acme-read", version_id="v6"))
    read = root.ram.get_policy(ram.GetPolicyRequest(policy_name="acme-read", policy_type="Custom")).body
    assert read.policy.default_version == "v5" and read.default_policy_version.policy_document == READ
    version = ram.GetPolicyVersionRequest(policy_name="acme-read", policy_type="Custom", version_id="v1")
    assert root.ram.get_policy_version(version).body.policy_version.policy_document == READ
    tagged = [ram.ListPoliciesRequestTag(key="tenant", value="acme")]
    listed = root.ram.list_policies(ram.ListPoliciesRequest(policy_type="Custom", tag=tagged)).body.policies.policy
    assert [policy.policy_name for policy in listed] == ["acme-read"]


def authorization(root, key):
    alice = Account(root.address, key.access_key_id, key.access_key_secret)
    group = ram.GetGroupRequest(group_name="acme")
    refused("NoPermission", alice.ram.get_group, group)
    attach = ram.AttachPolicyToGroupRequest(policy_name="acme-read", policy_type="Custom", group_name="acme")
    root.ram.attach_policy_to_group(attach)
    refused("EntityAlreadyExists.Group.Policy", root.ram.attach_policy_to_group, attach)
    assert alice.ram.get_group(group).body.group.group_name == "acme"
    refused("NoPermission", alice.ram.list_users, ram.ListUsersRequest())
    root.ram.create_policy(ram.CreatePolicyRequest(policy_name="acme-deny", policy_document=DENY))
    root.ram.attach_policy_to_user(
        ram.AttachPolicyToUserRequest(policy_name="acme-deny", policy_type="Custom", user_name="acme.alice"))
    denied = refused("NoPermission", alice.ram.get_group, group)
    assert denied.status_code == 403
    entities = root.ram.list_entities_for_policy(
        ram.ListEntitiesForPolicyRequest(policy_name="acme-deny", policy_type="Custom")).body
    assert [user.user_name for user in entities.users.user] == ["acme.alice"]
    refused("DeleteConflict.Policy.User", root.ram.delete_policy, ram.DeletePolicyRequest(policy_name="acme-deny"))
    root.ram.detach_policy_from_user(
        ram.DetachPolicyFromUserRequest(policy_name="acme-deny", policy_type="Custom", user_name="acme.alice"))
    refused("EntityNotExist.User.Policy", root.ram.detach_policy_from_user,
            ram.DetachPolicyFromUserRequest(policy_name="acme-deny", policy_type="Custom", user_name="acme.alice"))
    root.ram.delete_policy(ram.DeletePolicyRequest(policy_name="acme-deny"))
    own = ram.ListPoliciesForGroupRequest(group_name="acme")
    assert [policy.policy_name for policy in root.ram.list_policies_for_group(own).body.policies.policy] == ["acme-read"]
    assert alice.ram.get_group(group).body.group.group_name == "acme"


def logins(root):
    weak = ram.CreateLoginProfileRequest(user_name="acme.alice", password="short")
    refused("InvalidParameter.Password.TooWeak", root.ram.create_login_profile, weak)
    made = root.ram.create_login_profile(ram.CreateLoginProfileRequest(
        user_name="acme.alice", password="Correct-horse-9", password_reset_required=True)).body.login_profile
    assert made.password_reset_required and not made.mfabind_required
    root.ram.update_login_profile(ram.UpdateLoginProfileRequest(user_name="acme.alice", password_reset_required=False))
    read = root.ram.get_login_profile(ram.GetLoginProfileRequest(user_name="acme.alice")).body.login_profile
    assert not read.password_reset_required
    refused("DeleteConflict.User.Group", root.ram.delete_user, ram.DeleteUserRequest(user_name="acme.alice"))


def roles(root, account, key):
    trust = {"Version": "1", "Statement": [{
        "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"RAM": [f"acs:ram::{account}:root"]}}]}
    role = root.ram.create_role(ram.CreateRoleRequest(
        role_name="acme-Trainer", assume_role_policy_document=json.dumps(trust), max_session_duration=7200)).body.role
    assert role.arn == f"acs:ram::{account}:role/acme-trainer"
    root.ram.tag_resources(ram.TagResourcesRequest(
        resource_type="role", resource_names=["acme-Trainer"], tag=[ram.TagResourcesRequestTag(key="a", value="b")]))
    listed = root.ram.list_tag_resources(ram.ListTagResourcesRequest(resource_type="role")).body.tag_resources
    assert [(item.resource_name, item.tag_key, item.tag_value) for item in listed] == [("acme-Trainer", "a", "b")]
    root.ram.untag_resources(
        ram.UntagResourcesRequest(resource_type="role", resource_names=["acme-Trainer"], tag_keys=["a"]))
    assume = sts.AssumeRoleRequest(role_arn=role.arn, role_session_name="test")
    refused("NoPermission", root.sts.assume_role, assume)
    alice = Account(root.address, key.access_key_id, key.access_key_secret)
    refused("NoPermission", alice.sts.assume_role, assume)
    grant = ram.AttachPolicyToUserRequest(
        policy_name="AliyunSTSAssumeRoleAccess", policy_type="System", user_name="acme.alice")
    root.ram.attach_policy_to_user(grant)
    given = alice.sts.assume_role(assume).body
    assert given.assumed_role_user.arn == f"acs:ram::{account}:role/acme-trainer/test"
    session = Account(root.address, given.credentials.access_key_id, given.credentials.access_key_secret,
                      given.credentials.security_token)
    identity = session.sts.get_caller_identity().body
    assert (identity.identity_type, identity.role_id) == ("AssumedRoleUser", role.role_id)
    refused("NoPermission", session.ram.get_user, ram.GetUserRequest(user_name="acme.bob"))
    root.ram.attach_policy_to_role(ram.AttachPolicyToRoleRequest(
        policy_name="AliyunRAMReadOnlyAccess", policy_type="System", role_name="acme-Trainer"))
    assert session.ram.get_user(ram.GetUserRequest(user_name="acme.bob")).body.user.user_name == "acme.bob"
    narrowed = alice.sts.assume_role(sts.AssumeRoleRequest(
        role_arn=role.arn, role_session_name="narrow", policy=READ.replace("ram:Get*", "ram:List*"))).body.credentials
    narrowed = Account(root.address, narrowed.access_key_id, narrowed.access_key_secret, narrowed.security_token)
    refused("NoPermission", narrowed.ram.get_user, ram.GetUserRequest(user_name="acme.bob"))
    assert narrowed.ram.list_roles(ram.ListRolesRequest()).body.roles.role[0].role_name == "acme-Trainer"
    root.ram.update_role(ram.UpdateRoleRequest(role_name="acme-Trainer", new_description="trains"))
    assert root.ram.get_role(ram.GetRoleRequest(role_name="acme-Trainer")).body.role.description == "trains"
    refused("DeleteConflict.Role.Policy", root.ram.delete_role, ram.DeleteRoleRequest(role_name="acme-Trainer"))
    on_role = ram.ListPoliciesForRoleRequest(role_name="acme-Trainer")
    assert len(root.ram.list_policies_for_role(on_role).body.policies.policy) == 1
    root.ram.detach_policy_from_role(ram.DetachPolicyFromRoleRequest(
        policy_name="AliyunRAMReadOnlyAccess", policy_type="System", role_name="acme-Trainer"))
    root.ram.delete_role(ram.DeleteRoleRequest(role_name="acme-Trainer"))
    refused("InvalidSecurityToken.Expired", session.sts.get_caller_identity)


def ims_users(root, account):
    name = f"acme.carol@{account}.onaliyun.com"
    made = root.ims.create_user(ims.CreateUserRequest(
        user_principal_name=name, display_name="Carol",
        tag=[ims.CreateUserRequestTag(key="tenant", value="acme")])).body.user
    assert [(tag.tag_key, tag.tag_value) for tag in made.tags.tag] == [("tenant", "acme")]
    assert root.ram.get_user(ram.GetUserRequest(user_name="acme.carol")).body.user.user_id == made.user_id
    tagged = ims.ListUsersRequest(tag=[ims.ListUsersRequestTag(key="tenant", value="acme")])
    assert [user.user_principal_name for user in root.ims.list_users(tagged).body.users.user] == [name]
    root.ims.tag_resources(ims.TagResourcesRequest(
        resource_type="user", resource_id=[made.user_id], tag=[ims.TagResourcesRequestTag(key="k", value="v")]))
    tags = root.ims.list_tag_resources(ims.ListTagResourcesRequest(
        resource_type="user", resource_principal_name=[name])).body.tag_resources.tag_resource
    assert {tag.tag_key: tag.tag_value for tag in tags} == {"tenant": "acme", "k": "v"}
    root.ims.untag_resources(
        ims.UntagResourcesRequest(resource_type="user", resource_id=[made.user_id], tag_key=["k"]))
    assert root.ims.get_user(ims.GetUserRequest(user_id=made.user_id)).body.user.user_principal_name == name
    root.ims.delete_user(ims.DeleteUserRequest(user_principal_name=name))
    binned = root.ims.list_users_in_recycle_bin(ims.ListUsersInRecycleBinRequest()).body.users.user
    assert made.user_id in [user.user_id for user in binned]
    root.ims.restore_user_from_recycle_bin(ims.RestoreUserFromRecycleBinRequest(user_id=made.user_id))
    assert root.ims.get_user(ims.GetUserRequest(user_principal_name=name)).body.user.user_id == made.user_id
    root.ims.delete_user(ims.DeleteUserRequest(user_principal_name=name))
    root.ims.delete_user_in_recycle_bin(ims.DeleteUserInRecycleBinRequest(user_id=made.user_id))
    refused("EntityNotExist.User", root.ims.restore_user_from_recycle_bin,
            ims.RestoreUserFromRecycleBinRequest(user_id=made.user_id))


def whole_account(root):
    wanted = ram.SetPasswordPolicyRequest(
        minimum_password_length=10, require_lowercase_characters=True, require_uppercase_characters=True,
        require_numbers=True, require_symbols=True, hard_expiry=False, max_password_age=90,
        password_reuse_prevention=5, max_login_attemps=5)
    root.ram.set_password_policy(wanted)
    policy = root.ram.get_password_policy().body.password_policy
    assert policy.to_map() == wanted.to_map(), policy
    refused("InvalidParameter.MinimumPasswordLength.Range", root.ram.set_password_policy,
            ram.SetPasswordPolicyRequest(minimum_password_length=7))
    assert root.ims.get_password_policy().body.password_policy.hard_expire is False
    summary = root.ims.get_account_summary().body.summary_map
    assert (summary.users, summary.users_quota, summary.versions_per_policy_quota) == (2, 5000, 5)
    assert root.ims.get_default_domain().body.default_domain_name.endswith(".onaliyun.com")
    root.ram.set_account_alias(ram.SetAccountAliasRequest(account_alias="acme-corp"))
    assert root.ims.get_default_domain().body.default_domain_name == "acme-corp.onaliyun.com"
    root.ram.clear_account_alias()
    assert root.ram.get_security_preference().body.security_preference.mfapreference.allow_user_to_manage_mfadevices


def teardown(root):
    refused("DeleteConflict.User.Group", root.ram.delete_user, ram.DeleteUserRequest(user_name="acme.alice"))
    root.ram.remove_user_from_group(ram.RemoveUserFromGroupRequest(user_name="acme.alice", group_name="acme"))
    refused("DeleteConflict.User.AccessKey", root.ram.delete_user, ram.DeleteUserRequest(user_name="acme.alice"))
    for key in root.ram.list_access_keys(ram.ListAccessKeysRequest(user_name="acme.alice")).body.access_keys.access_key:
        root.ram.delete_access_key(
            ram.DeleteAccessKeyRequest(user_name="acme.alice", user_access_key_id=key.access_key_id))
    refused("DeleteConflict.User.LoginProfile", root.ram.delete_user, ram.DeleteUserRequest(user_name="acme.alice"))
    root.ram.delete_login_profile(ram.DeleteLoginProfileRequest(user_name="acme.alice"))
    refused("DeleteConflict.User.Policy", root.ram.delete_user, ram.DeleteUserRequest(user_name="acme.alice"))
    for policy in root.ram.list_policies_for_user(
            ram.ListPoliciesForUserRequest(user_name="acme.alice")).body.policies.policy:
        root.ram.detach_policy_from_user(ram.DetachPolicyFromUserRequest(
            user_name="acme.alice", policy_name=policy.policy_name, policy_type=policy.policy_type))
    for name in ["acme.alice", "acme.bob"]:
        root.ram.delete_user(ram.DeleteUserRequest(user_name=name))
    refused("DeleteConflict.Group.Policy", root.ram.delete_group, ram.DeleteGroupRequest(group_name="acme"))
    root.ram.detach_policy_from_group(
        ram.DetachPolicyFromGroupRequest(policy_name="acme-read", policy_type="Custom", group_name="acme"))
    root.ram.delete_group(ram.DeleteGroupRequest(group_name="acme"))
    refused("DeleteConflict.Policy.Version", root.ram.delete_policy, ram.DeletePolicyRequest(policy_name="acme-read"))
    root.ram.delete_policy(ram.DeletePolicyRequest(policy_name="acme-read", cascading_delete=True))
