"""MaxCompute's tenant through pyodps, and its OpenAPI through the official client."""

import json

from alibabacloud_maxcompute20220104 import models as maxcompute
from alibabacloud_ram20150501 import models as ram
from odps.errors import ODPSError

from account import USED, Account

POLICY = json.dumps({"Version": "1", "Statement": [
    {"Effect": "Allow", "Action": ["odps:CreateTable", "odps:List"], "Resource": "acs:odps:*:projects/acme_prod"},
    {"Effect": "Allow", "Action": "odps:Usage", "Resource": "acs:odps:*:regions/*/quotas/*"}]}, indent=1)


def run(root, account):
    for name in ["acme_ops", "acme_prod"]:
        root.maxcompute.create_project(maxcompute.CreateProjectRequest(body=json.dumps({"name": name})))
    names = [item.name for item in root.maxcompute.list_projects(maxcompute.ListProjectsRequest()).body.data.projects]
    assert names == ["acme_ops", "acme_prod"]
    root.ram.create_user(ram.CreateUserRequest(user_name="acme.fay"))
    key = root.ram.create_access_key(ram.CreateAccessKeyRequest(user_name="acme.fay")).body.access_key
    fay = Account(root.address, key.access_key_id, key.access_key_secret)
    for region in [None, "cn-hangzhou"]:
        tenant(root.odps("acme_ops", region), fay.odps("acme_ops", region), root, f"RAM${account}:acme.fay")
    project_roles(root)
    for name in ["acme_ops", "acme_prod"]:
        root.maxcompute.delete_project(name, maxcompute.DeleteProjectRequest())


def fails(number, call, *arguments, **more):
    try:
        call(*arguments, **more)
    except ODPSError as error:
        assert f"ODPS-{number}" in str(error), error
        return
    raise AssertionError(f"ODPS-{number} expected")


def tenant(root, fay, api, user):
    def say(query, client=root, parsed=False):
        USED["odps." + " ".join(query.lower().split()[:3])] += 1
        return client.execute_security_query(query, output_json=parsed)

    assert root.get_project().name == "acme_ops"
    assert say("whoami", parsed=True)["DisplayName"].startswith("ALIYUN$")
    assert say("create tenant role acme_dev") == "OK"
    fails("0420081", say, "create tenant role acme_dev")
    fails("0420061", say, "CREATE TENANT ROLE short")
    fails("0420095", say, "create tenant role acme_own", client=fay)
    assert "acme_dev" in say("list tenant roles", parsed=True)

    address = root.endpoint + "/tenants/_empty_tenant_/authorization/roles/acme_dev"
    USED["odps.put tenant role policy"] += 1
    root.rest.put(address, data=POLICY, params={"policy": ""})
    USED["odps.get tenant role policy"] += 1
    assert root.rest.get(address, params={"policy": ""}).json()["Policy"] == POLICY
    wrong = POLICY.replace("odps:Usage", "oss:Get")
    fails("0420061", root.rest.put, address, data=wrong, params={"policy": ""})

    assert say(f"add tenant user {user}") == "OK"
    fails("0420061", say, "add tenant user RAM$1:nobody")
    assert user in say("list tenant users", parsed=True)
    assert say(f"grant tenant role acme_dev to user {user}") == "OK"
    listed = api.maxcompute.list_users(maxcompute.ListUsersRequest(page_number=1, page_size=10)).body.data
    assert [item.account_name for item in listed.users] == [user]
    assert say("add tenant role acme_dev to project acme_prod") == "OK"
    fails("0420111", say, "add tenant role acme_dev to project nowhere")
    assert "A       projects/acme_prod: CreateTable | List" in say("show grants for tenant role acme_dev")
    assert "acme_dev" in say(f"show grants for tenant user {user}", client=fay)
    assert say("show principals for tenant role acme_dev") == user
    assert say("describe tenant role acme_dev").startswith(f"[users] {user}")

    assert say(f"remove tenant user {user}") == "OK"
    assert not say("show principals for tenant role acme_dev")
    say(f"add tenant user {user}")
    assert say("show principals for tenant role acme_dev") == user, "grants wait for the user"

    assert say("remove tenant role acme_dev from project acme_prod") == "OK"
    assert say(f"revoke tenant role acme_dev from user {user}") == "OK"
    assert say(f"remove tenant user {user}") == "OK"
    assert say("drop tenant role acme_dev") == "OK"
    fails("0420061", say, "drop tenant role acme_dev")


def project_roles(root):
    made = maxcompute.CreateRoleRequest(body=json.dumps({"name": "reader", "type": "resource", "policy": POLICY}))
    root.maxcompute.create_role("acme_prod", made)
    roles = [role.name for role in root.maxcompute.list_roles("acme_prod").body.data.roles]
    assert "reader" in roles
    assert root.maxcompute.get_role_policy("acme_prod", "reader").body.data == POLICY
    root.maxcompute.delete_role("acme_prod", "reader", maxcompute.DeleteRoleRequest())
    users = root.maxcompute.list_project_users("acme_prod").body.data.users
    assert users[0].name.startswith("ALIYUN$")
