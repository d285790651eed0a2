"""What a member of a workspace may do, and what it may not in another's, through the official clients.

Ids of the member's workspace and of another one, and a key of each person, come as JSON on standard input.
"""

import json
import sys

from alibabacloud_aiworkspace20210204 import models as pai
from alibabacloud_pai_dsw20220101 import models as dsw

import account
from account import refused


def instance(workspace, name, accessibility):
    return dsw.CreateInstanceRequest(
        workspace_id=workspace, instance_name=name, ecs_spec="ecs.g6.large", image_id="image-1",
        accessibility=accessibility)


def main():
    given = json.load(sys.stdin)
    own, other = given["own"], given["other"]
    people = {name: account.Account(given["address"], *key) for name, key in given["keys"].items()}
    developer, administrator, stranger = people["developer"], people["administrator"], people["stranger"]

    for one in (developer, administrator):
        seen = one.pai.get_workspace(own, pai.GetWorkspaceRequest()).body
        assert seen.workspace_name == given["name"] and seen.status == "ENABLED", seen
        names = {member.member_name for member in one.pai.list_members(own, pai.ListMembersRequest()).body.members}
        assert given["members"] == sorted(names - {given["operator"]}), names
        # Nobody sees another tenant's workspace, who is in it, or that there is one.
        assert refused("NoPermissionError", one.pai.get_workspace, other, pai.GetWorkspaceRequest()).status_code == 403
        refused("NoPermissionError", one.pai.list_members, other, pai.ListMembersRequest())
        refused("NoPermissionError", one.pai.list_workspaces, pai.ListWorkspacesRequest())
        refused("NoPermissionError", one.pai.delete_workspace, own, pai.DeleteWorkspaceRequest())
    refused("NoPermissionError", stranger.pai.get_workspace, own, pai.GetWorkspaceRequest())

    # A developer adds nobody; an administrator of one workspace adds nobody to another.
    member = pai.CreateMemberRequest(members=[pai.CreateMemberRequestMembers(user_id="1", roles=["PAI.AlgoDeveloper"])])
    refused("NoPermissionError", developer.pai.create_member, own, member)
    refused("NoPermissionError", administrator.pai.create_member, other, member)

    private = developer.dsw.create_instance(instance(own, "private", "PRIVATE")).body.instance_id
    shared = administrator.dsw.create_instance(instance(own, "shared", "PUBLIC")).body.instance_id
    hidden = administrator.dsw.create_instance(instance(own, "hidden", "PRIVATE")).body.instance_id
    refused("NoPermissionError", developer.dsw.create_instance, instance(other, "there", "PRIVATE"))
    assert developer.dsw.get_instance(private, dsw.GetInstanceRequest()).body.instance_name == "private"
    assert developer.dsw.get_instance(shared, dsw.GetInstanceRequest()).body.instance_name == "shared"
    refused("NoPermissionError", developer.dsw.get_instance, hidden, dsw.GetInstanceRequest())
    refused("NoPermissionError", stranger.dsw.get_instance, shared, dsw.GetInstanceRequest())
    print(private, shared, hidden)


if __name__ == "__main__":
    main()
