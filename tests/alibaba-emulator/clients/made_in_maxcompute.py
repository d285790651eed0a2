"""Reads through pyodps, and MaxCompute's OpenAPI client, what the operator made at tenant level, and compares it.

The expectation comes as JSON on standard input: a project for commands, the users with their roles, and the roles with
their policies and projects. Everything that differs is printed, and the exit code says whether anything did.
"""

import json
import sys

from alibabacloud_maxcompute20220104 import models as maxcompute

import account

DIFFERENT = []


def same(what, wanted, seen):
    """Notes a difference."""
    if wanted != seen:
        DIFFERENT.append(f"{what}: {wanted!r} was expected, and it is {seen!r}")


def main():
    given = account.arguments()
    root = account.Account(given.address, *given.root_key.split(":", 1))
    wanted = json.load(sys.stdin)
    odps = root.odps(wanted["project"], "cn-shanghai")

    def say(query, parsed=False):
        return odps.execute_security_query(query, output_json=parsed) or ""

    listed = root.maxcompute.list_users(maxcompute.ListUsersRequest(page_number=1, page_size=1000)).body.data.users
    known = {user.account_name for user in listed}
    same("users of both interfaces", sorted(known), sorted(say("list tenant users", True)))
    roles = say("list tenant roles", True)
    for user, its in wanted["users"].items():
        same(f"{user} is a user", True, user in known)
        said = say(f"show grants for tenant user {user}").split("\n")[1]
        same(f"roles of {user}", sorted(its), sorted(role for role in said.split(", ") if role))
    for role, its in wanted["roles"].items():
        same(f"{role} is a role", True, role in roles)
        address = f"{odps.endpoint}/tenants/_empty_tenant_/authorization/roles/{role}"
        policy = json.loads(odps.rest.get(address, params={"policy": ""}).json()["Policy"])
        same(f"policy of {role}", its["policy"], policy)
        users = [user for user, roles_of in wanted["users"].items() if role in roles_of]
        seen = [line for line in say(f"show principals for tenant role {role}").split("\n") if line]
        same(f"principals of {role}", sorted(users), sorted(seen))
        for project, inside in its["projects"].items():
            own = {each.name for each in odps.list_roles(project=project)}
            same(f"{role} is in {project}", inside, role in own)
    for difference in DIFFERENT:
        print(difference)
    sys.exit(1 if DIFFERENT else 0)


if __name__ == "__main__":
    main()
