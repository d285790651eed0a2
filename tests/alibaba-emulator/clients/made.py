"""Reads through the official clients what the operator made, and compares it field by field with what was expected.

The expectation comes as JSON on standard input: users, groups, policies and the rules for passwords by RAM's names.
Everything that differs is printed, and the exit code says whether anything did.
"""

import json
import sys

from alibabacloud_ims20190815 import models as ims
from alibabacloud_ram20150501 import models as ram

import account

DIFFERENT = []


def same(what, wanted, seen):
    """Notes a difference."""
    if wanted != seen:
        DIFFERENT.append(f"{what}: {wanted!r} was expected, and it is {seen!r}")


def named(items, field):
    return sorted(getattr(item, field) for item in items or [])


def attached(policies):
    return sorted(f"{policy.policy_type}/{policy.policy_name}" for policy in policies or [])


def lists(value):
    """One value and a list of one mean the same."""
    if isinstance(value, list):
        return lists(value[0]) if len(value) == 1 else sorted((lists(item) for item in value), key=json.dumps)
    if isinstance(value, dict):
        return {key: lists(item) for key, item in value.items()}
    return value


def user(root, address, name, domain, wanted):
    seen = root.ims.get_user(ims.GetUserRequest(user_principal_name=f"{name}@{domain}")).body.user
    same(f"{name}: principal", f"{name}@{domain}", seen.user_principal_name)
    same(f"{name}: display name", wanted["displayName"], seen.display_name)
    same(f"{name}: e-mail", wanted["email"], seen.email)
    same(f"{name}: tags", wanted["tags"], {tag.tag_key: tag.tag_value for tag in seen.tags.tag})
    by_name = root.ram.get_user(ram.GetUserRequest(user_name=name)).body.user
    same(f"{name}: id", seen.user_id, by_name.user_id)
    groups = root.ram.list_groups_for_user(ram.ListGroupsForUserRequest(user_name=name)).body.groups.group
    same(f"{name}: groups", wanted["groups"], named(groups, "group_name"))
    policies = root.ram.list_policies_for_user(ram.ListPoliciesForUserRequest(user_name=name)).body.policies.policy
    same(f"{name}: policies", sorted(wanted["policies"]), attached(policies))
    keys = root.ram.list_access_keys(ram.ListAccessKeysRequest(user_name=name)).body.access_keys.access_key or []
    same(f"{name}: keys", wanted["keys"], {key.access_key_id: key.status for key in keys})
    try:
        login = root.ram.get_login_profile(ram.GetLoginProfileRequest(user_name=name)).body.login_profile
        same(f"{name}: login", wanted["login"], {"resetRequired": login.password_reset_required})
    except Exception as error:
        same(f"{name}: login", wanted["login"], None if error.code == "EntityNotExist.User.LoginProfile" else error.code)
    if wanted.get("secret"):
        own = account.Account(address, wanted["key"], wanted["secret"])
        who = own.sts.get_caller_identity().body
        same(f"{name}: who its key is", (wanted["arn"], seen.user_id), (who.arn, who.user_id))


def group(root, name, wanted):
    seen = root.ram.get_group(ram.GetGroupRequest(group_name=name)).body.group
    same(f"{name}: comment", wanted["comment"], seen.comments)
    members = root.ram.list_users_for_group(ram.ListUsersForGroupRequest(group_name=name)).body.users.user
    same(f"{name}: members", wanted["members"], named(members, "user_name"))
    policies = root.ram.list_policies_for_group(ram.ListPoliciesForGroupRequest(group_name=name)).body.policies.policy
    same(f"{name}: policies", sorted(wanted["policies"]), attached(policies))


def policy(root, name, wanted):
    seen = root.ram.get_policy(ram.GetPolicyRequest(policy_name=name, policy_type="Custom")).body
    same(f"{name}: description", wanted["description"], seen.policy.description)
    same(f"{name}: document", lists(wanted["document"]), lists(json.loads(seen.default_policy_version.policy_document)))
    same(f"{name}: version in force", True, seen.default_policy_version.is_default_version)
    entities = root.ram.list_entities_for_policy(
        ram.ListEntitiesForPolicyRequest(policy_name=name, policy_type="Custom")).body
    same(f"{name}: its users", wanted["users"], named(entities.users.user, "user_name"))
    same(f"{name}: its groups", wanted["groups"], named(entities.groups.group, "group_name"))
    tagged = root.ram.list_tag_resources(
        ram.ListTagResourcesRequest(resource_type="policy", resource_names=[name])).body.tag_resources
    same(f"{name}: tags", wanted["tags"], {item.tag_key: item.tag_value for item in tagged})


def main():
    given = account.arguments()
    root = account.Account(given.address, *given.root_key.split(":", 1))
    wanted = json.load(sys.stdin)
    domain = root.ims.get_default_domain().body.default_domain_name
    for name, one in wanted["users"].items():
        user(root, given.address, name, domain, one)
    for name, one in wanted["groups"].items():
        group(root, name, one)
    for name, one in wanted["policies"].items():
        policy(root, name, one)
    users = named(root.ram.list_users(ram.ListUsersRequest(max_items=1000)).body.users.user, "user_name")
    same("users", sorted([*wanted["users"], *wanted["others"]["users"]]), users)
    groups = named(root.ram.list_groups(ram.ListGroupsRequest()).body.groups.group, "group_name")
    same("groups", sorted(wanted["groups"]), groups)
    custom = root.ram.list_policies(ram.ListPoliciesRequest(policy_type="Custom", max_items=1000)).body.policies.policy
    same("policies", sorted([*wanted["policies"], *wanted["others"]["policies"]]), named(custom, "policy_name"))
    same("password policy", wanted["passwords"], root.ram.get_password_policy().body.password_policy.to_map())
    for difference in DIFFERENT:
        print(difference)
    sys.exit(1 if DIFFERENT else 0)


if __name__ == "__main__":
    main()
