"""PAI workspaces and notebooks through their official clients."""

import json

from alibabacloud_aiworkspace20210204 import models as pai
from alibabacloud_pai_dsw20220101 import models as dsw
from alibabacloud_ram20150501 import models as ram

from account import Account, eventually, refused

DEVELOPER = json.dumps({"Version": "1", "Statement": [
    {"Effect": "Allow", "Action": "paidsw:*", "Resource": "acs:paidsw:*:*:*",
     "Condition": {"StringEquals": {"pai:Accessibility": "PRIVATE", "pai:EntityAccessType": "CREATOR"}}},
    {"Effect": "Allow", "Action": "paidsw:*", "Resource": "acs:paidsw:*:*:*",
     "Condition": {"StringEquals": {"pai:Accessibility": "PUBLIC"}}}]})


def run(root):
    people = {name: person(root, name) for name in ["acme.dan", "beta.eve"]}
    workspace, other = workspaces(root), workspace_named(root, "beta")
    members(root, workspace, people)
    isolation(workspace, other, people)
    notebooks(root, workspace, people)
    policy_conditions(root, workspace, people)
    teardown(root, workspace, other)


def person(root, name):
    user = root.ram.create_user(ram.CreateUserRequest(user_name=name)).body.user
    key = root.ram.create_access_key(ram.CreateAccessKeyRequest(user_name=name)).body.access_key
    return user.user_id, Account(root.address, key.access_key_id, key.access_key_secret)


def workspace_named(root, name):
    made = root.pai.create_workspace(
        pai.CreateWorkspaceRequest(workspace_name=name, description=name, env_types=["prod"])).body.workspace_id

    def status():
        return root.pai.get_workspace(made, pai.GetWorkspaceRequest()).body.status

    assert status() in ("INITIALIZING", "ENABLED")
    eventually(f"workspace {name}", lambda: status() == "ENABLED")
    return made


def workspaces(root):
    workspace = workspace_named(root, "acme")
    refused("WorkspaceNameAlreadyExists", root.pai.create_workspace,
            pai.CreateWorkspaceRequest(workspace_name="acme", description="x", env_types=["prod"]))
    refused("100100001", root.pai.create_workspace,
            pai.CreateWorkspaceRequest(workspace_name="1acme", description="x", env_types=["prod"]))
    found = root.pai.list_workspaces(
        pai.ListWorkspacesRequest(workspace_name="acme", option="CheckWorkspaceExists")).body
    assert [item.workspace_id for item in found.workspaces] == [workspace] and found.total_count == 1
    root.pai.update_workspace(workspace, pai.UpdateWorkspaceRequest(display_name="Acme", description="of acme"))
    read = root.pai.get_workspace(workspace, pai.GetWorkspaceRequest(verbose=True)).body
    assert (read.display_name, read.description, read.env_types) == ("Acme", "of acme", ["prod"])
    assert read.owner.user_id
    error = refused("100400027", root.pai.get_workspace, "999", pai.GetWorkspaceRequest())
    assert error.status_code == 404
    return workspace


def members(root, workspace, people):
    user, _ = people["acme.dan"]

    def create(user, role):
        member = pai.CreateMemberRequestMembers(user_id=user, roles=[role])
        return root.pai.create_member(workspace, pai.CreateMemberRequest(members=[member])).body.members[0]

    refused("100600003", create, "2999", "PAI.AlgoDeveloper")
    refused("100100001", create, user, "PAI.Everything")
    member = create(user, "PAI.AlgoDeveloper")
    assert member.member_id == f"{workspace}-{user}" and member.roles == ["PAI.AlgoDeveloper"]
    root.pai.add_member_role(workspace, member.member_id, "PAI.LabelManager", pai.AddMemberRoleRequest())
    read = root.pai.get_member(workspace, pai.GetMemberRequest(user_id=user)).body
    assert read.roles == ["PAI.AlgoDeveloper", "PAI.LabelManager"] and read.member_name == "acme.dan"
    root.pai.remove_member_role(workspace, member.member_id, "PAI.LabelManager", pai.RemoveMemberRoleRequest())
    listed = root.pai.list_members(workspace, pai.ListMembersRequest(roles="PAI.AlgoDeveloper")).body
    assert [item.user_id for item in listed.members] == [user]
    outside = root.pai.list_workspace_users(workspace, pai.ListWorkspaceUsersRequest()).body.users
    assert user not in [item.user_id for item in outside]
    owner = next(item for item in root.pai.list_members(workspace, pai.ListMembersRequest()).body.members
                 if "PAI.WorkspaceOwner" in item.roles)
    refused("100600017", root.pai.delete_members, workspace, pai.DeleteMembersRequest(member_ids=owner.member_id))


def isolation(workspace, other, people):
    _, dan = people["acme.dan"]
    _, eve = people["beta.eve"]
    assert dan.pai.get_workspace(workspace, pai.GetWorkspaceRequest()).body.workspace_name == "acme"
    assert refused("NoPermissionError", dan.pai.get_workspace, other, pai.GetWorkspaceRequest()).status_code == 403
    refused("NoPermissionError", eve.pai.get_workspace, workspace, pai.GetWorkspaceRequest())
    refused("NoPermissionError", eve.pai.list_workspaces, pai.ListWorkspacesRequest())
    codes = {item.permission_code for item in dan.pai.list_permissions(workspace, pai.ListPermissionsRequest()).body.permissions}
    assert "PaiDSW:StartInstance" in codes and "PaiWorkspace:CreateMember" not in codes
    rules = dan.pai.get_permission(
        workspace, "PaiDSW:StartInstance", pai.GetPermissionRequest(accessibility="PRIVATE")).body.permission_rules
    assert [(rule.accessibility, rule.entity_access_type) for rule in rules] == [("PRIVATE", "CREATOR")]
    member = pai.CreateMemberRequestMembers(user_id="1", roles=["PAI.AlgoDeveloper"])
    refused("NoPermissionError", dan.pai.create_member, workspace, pai.CreateMemberRequest(members=[member]))


def wanted(workspace, name, user=None, **more):
    return dsw.CreateInstanceRequest(
        workspace_id=workspace, instance_name=name, ecs_spec="ecs.g6.large", image_id="image-1", user_id=user,
        labels=[dsw.CreateInstanceRequestLabels(key="tenant", value="acme")], **more)


def notebooks(root, workspace, people):
    user, dan = people["acme.dan"]
    error = refused("ValidationError", dan.dsw.create_instance, wanted(workspace, "a-b"))
    assert error.status_code == 400
    notebook = dan.dsw.create_instance(wanted(workspace, "dan_lab", accessibility="PRIVATE")).body
    assert notebook.success and notebook.instance_id.startswith("dsw-")
    one = notebook.instance_id

    def read():
        return root.dsw.get_instance(one, dsw.GetInstanceRequest()).body

    def reaches(status):
        eventually(status, lambda: read().status == status)

    reaches("Running")
    assert read().user_id == user and read().jupyterlab_url and read().labels[0].value == "acme"
    refused("ValidationError", dan.dsw.start_instance, one)
    assert dan.dsw.get_token(dsw.GetTokenRequest(instance_id=one, expire_time=60)).body.token
    listed = root.dsw.list_instances(dsw.ListInstancesRequest(labels={"tenant": "acme"}, workspace_id=workspace)).body
    assert [item.instance_id for item in listed.instances] == [one]
    root.dsw.update_instance_labels(one, dsw.UpdateInstanceLabelsRequest(
        labels=[dsw.UpdateInstanceLabelsRequestLabels(key="k", value="v")]))
    root.dsw.delete_instance_labels(one, dsw.DeleteInstanceLabelsRequest(label_keys="k"))
    dan.dsw.stop_instance(one, dsw.StopInstanceRequest(save_image=False))
    reaches("Stopped")
    assert read().instance_url is None and read().accumulated_running_time_in_ms > 0
    root.dsw.update_instance(one, dsw.UpdateInstanceRequest(ecs_spec="ecs.g6.xlarge"))
    assert read().ecs_spec == "ecs.g6.xlarge"
    root.dsw.start_instance(one)
    reaches("Running")
    root.dsw.create_instance_shutdown_timer(one, dsw.CreateInstanceShutdownTimerRequest(remaining_time_in_ms=300))
    reaches("Stopped")
    specs = root.dsw.list_ecs_specs(dsw.ListEcsSpecsRequest(accelerator_type="GPU")).body.ecs_specs
    assert all(spec.gputype for spec in specs)


def policy_conditions(root, workspace, people):
    _, eve = people["beta.eve"]
    root.ram.create_policy(ram.CreatePolicyRequest(policy_name="pai-developer", policy_document=DEVELOPER))
    root.ram.attach_policy_to_user(
        ram.AttachPolicyToUserRequest(policy_name="pai-developer", policy_type="Custom", user_name="beta.eve"))
    shared = root.dsw.create_instance(wanted(workspace, "shared", accessibility="PUBLIC")).body.instance_id
    hidden = root.dsw.create_instance(wanted(workspace, "hidden", accessibility="PRIVATE")).body.instance_id
    assert eve.dsw.get_instance(shared, dsw.GetInstanceRequest()).body.instance_name == "shared"
    assert refused("NoPermissionError", eve.dsw.get_instance, hidden, dsw.GetInstanceRequest()).status_code == 403
    seen = eve.dsw.list_instances(dsw.ListInstancesRequest()).body.instances
    assert [item.instance_id for item in seen] == [shared]
    own = eve.dsw.create_instance(wanted(workspace, "own", accessibility="PRIVATE")).body.instance_id
    assert eve.dsw.get_instance(own, dsw.GetInstanceRequest()).body.instance_name == "own"


def teardown(root, workspace, other):
    refused("100400031", root.pai.delete_workspace, workspace, pai.DeleteWorkspaceRequest())
    every = [item.instance_id for item in root.dsw.list_instances(dsw.ListInstancesRequest()).body.instances]
    for one in every:
        root.dsw.delete_instance(one)
    eventually("no notebooks", lambda: not root.dsw.list_instances(dsw.ListInstancesRequest()).body.instances)
    error = refused("InternalError", root.dsw.get_instance, every[0], dsw.GetInstanceRequest())
    assert error.status_code == 404
    member = next(item for item in root.pai.list_members(workspace, pai.ListMembersRequest()).body.members
                  if item.member_name == "acme.dan")
    root.pai.delete_members(workspace, pai.DeleteMembersRequest(member_ids=member.member_id))
    refused("100600006", root.pai.get_member, workspace, pai.GetMemberRequest(member_id=member.member_id))
    for one in [workspace, other]:
        root.pai.delete_workspace(one, pai.DeleteWorkspaceRequest())
    refused("100400027", root.pai.get_workspace, workspace, pai.GetWorkspaceRequest())
