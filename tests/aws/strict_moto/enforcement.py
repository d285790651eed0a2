"""Who asks, for what, in which context, and the decision: identity, boundary, session, bucket and trust policies."""

import json
import os
import re
import threading
import time
import urllib.parse
from collections import defaultdict
from datetime import datetime, timezone

from moto.core.authorization import ActionAuthenticatorMixin
from moto.core.exceptions import AccessDeniedError, JsonRESTError, _RESTError
from moto.iam import access_control
from moto.iam.exceptions import NotFoundException
from moto.s3 import models as s3_models
from moto.sagemaker.models import sagemaker_backends
from moto.sts.models import sts_backends
from xmltodict import unparse

from .evaluation import ALLOW, Principal, decide, granting, verdict
from .patching import wrap

ROOT_KEY_ID = os.environ.get("EXT_ROOT_KEY", "").partition(":")[0]
UNSIGNED = ("AssumeRoleWithWebIdentity", "AssumeRoleWithSAML")
# The body of the request that this thread answers, as it came over the wire.
WIRE = threading.local()
# What a condition on time sees, in seconds ahead of the machine's clock.
CLOCK = {"ahead": 0}
# By access key of a session: the tags that were sent when it began.
SESSION_TAGS = {}
# By access key: the statements and actions that were needed, no other statement allowing the call.
GRANTS = defaultdict(set)

# IAM operations on the caller itself when no UserName is sent [M].
ON_CALLER = (
    "CreateAccessKey",
    "UpdateAccessKey",
    "DeleteAccessKey",
    "ListAccessKeys",
    "GetUser",
    "GetLoginProfile",
    "ChangePassword",
)
RENAMES = ("iam:UpdateUser", "iam:UpdateGroup")
CREATES = ("CreateUser", "CreateGroup", "CreateRole", "CreatePolicy")
# Tags in a create call need the right to tag as well [D].
TAGGING = {"iam:CreateUser": "iam:TagUser", "iam:CreateRole": "iam:TagRole", "iam:CreatePolicy": "iam:TagPolicy"}
PASSES_ROLE = ("sagemaker:CreateNotebookInstance", "sagemaker:CreateModel", "sagemaker:UpdateNotebookInstance")
FROM_CONFIG = ("sagemaker:CreateEndpoint", "sagemaker:UpdateEndpoint")
SAGEMAKER_NAMES = (
    ("NotebookInstanceName", "notebook-instance"),
    ("NotebookInstanceLifecycleConfigName", "notebook-instance-lifecycle-config"),
    ("ModelName", "model"),
    ("EndpointName", "endpoint"),
    ("EndpointConfigName", "endpoint-config"),
)


@wrap(ActionAuthenticatorMixin, "_authenticate_and_authorize_action")
def _(old, self, iam_request_cls, resource="*"):
    """The root user may do everything; what is sent unsigned by design has no one to check."""
    if ROOT_KEY_ID and self.get_access_key() == ROOT_KEY_ID:
        return None
    if "Authorization" not in self.headers and self._get_action() in UNSIGNED:
        return None
    return old(self, iam_request_cls, resource)


@wrap(access_control.IAMRequestBase, "_create_aws_request")
def _(old, self):
    """Signatures are of the bytes that were sent. moto has a form only in parts, and what it puts together from them
    has other escapes than SDKs other than its own write."""
    kept, self._body = self._body, WIRE.body or self._body
    try:
        return old(self)
    finally:
        self._body = kept


@wrap(_RESTError, "__init__")
def _(old, self, error_type, message, *args, **kwargs):
    """moto nests errors as EC2 does, where SDKs for IAM and STS do not find their code."""
    old(self, error_type, message, *args, **kwargs)
    error = {"Type": "Sender", "Code": error_type, "Message": message}
    self.description = unparse({"ErrorResponse": {"Error": error, "RequestId": ""}})


def json_error(code, message):
    """Errors of authentication come before moto turns them into the service's format."""
    error = JsonRESTError(code, message)
    error.code = 400
    return error


@wrap(access_control.IAMRequest, "_raise_invalid_access_key")
def _(old, self, reason):
    if self._service == "sagemaker":
        raise json_error("UnrecognizedClientException", "The security token included in the request is invalid.")
    old(self, reason)


@wrap(access_control.IAMRequest, "_raise_signature_does_not_match")
def _(old, self):
    if self._service == "sagemaker":
        message = "The request signature we calculated does not match the signature you provided."
        raise json_error("InvalidSignatureException", message)
    old(self)


def document_of(policy):
    """The text of a policy in any of the forms in which moto hands it out."""
    if isinstance(policy, str):
        return json.loads(policy)
    if isinstance(policy, dict):
        return json.loads(policy["policy_document"])
    return json.loads(next(version.document for version in policy.versions if version.is_default))


def parameter(request, name):
    """A parameter of the request, in whichever protocol it came."""
    value = request._data.get(name)
    if isinstance(value, list):
        value = value[0]
    if value is None and request._body:
        try:
            value = json.loads(request._body).get(name)
        except (ValueError, AttributeError):
            pass
    return value


def tag_map(tags):
    return {tag["Key"]: tag["Value"] for tag in tags or []}


def key_owner(backend, key_id):
    return next((user for user in backend.users.values() if user.has_access_key(key_id)), None)


def iam_target(request, caller):
    """The ARN that an IAM call is about, the context that its target brings, and the tags that it sends."""
    backend, account, action = request.backend, request.account_id, request._action.partition(":")[2]
    user_name, group_name, role_name, policy_arn = (
        parameter(request, name) for name in ("UserName", "GroupName", "RoleName", "PolicyArn")
    )
    context, target = {}, None
    if group_name:
        kind, name, target = "group", group_name, backend.groups.get(group_name)
    elif role_name:
        kind, name = "role", role_name
        target = next((role for role in backend.roles.values() if role.name == role_name), None)
    elif user_name:
        kind, name, target = "user", user_name, backend.users.get(user_name)
    elif policy_arn:
        kind, name, target = "policy", policy_arn, backend.managed_policies.get(policy_arn)
    elif action == "CreatePolicy":
        kind, name = "policy", parameter(request, "PolicyName")
    elif action == "GetAccessKeyLastUsed":
        kind, name, target = "user", "", key_owner(backend, parameter(request, "AccessKeyId"))
    elif action in ON_CALLER:
        kind, name, target = "user", "", caller
    elif action in ("CreateVirtualMFADevice", "DeleteVirtualMFADevice"):
        path, name = parameter(request, "Path") or "/", parameter(request, "VirtualMFADeviceName")
        kind, name = "mfa", parameter(request, "SerialNumber") or f"arn:aws:iam::{account}:mfa{path}{name}"
    else:
        kind, name = "", ""
    if action in CREATES:
        # The right is asked for by the path that is sent, whatever has that name already.
        target, name = None, f"arn:aws:iam::{account}:{kind}{parameter(request, 'Path') or '/'}{name}"
    if target is not None:
        arn = target.arn
    elif name.startswith("arn:"):
        arn = name
    else:
        # Rights are looked at before what is there, and of what is not there no path is known [I].
        arn = f"{kind} {name}" if kind else "*"
    boundary = parameter(request, "PermissionsBoundary") or getattr(target, "permissions_boundary_arn", None)
    if boundary:
        context["iam:PermissionsBoundary"] = boundary
    if policy_arn:
        context["iam:PolicyARN"] = policy_arn
    if kind in ("user", "role"):
        held = tag_map(target.tags if target is not None else [])
    else:
        held = tag_map(target.get_tags()) if kind == "policy" and target is not None else {}
    for key, value in held.items():
        context[f"aws:ResourceTag/{key}"] = context[f"iam:ResourceTag/{key}"] = value
    sent = [
        (parameter(request, f"Tags.member.{n}.Key"), parameter(request, f"Tags.member.{n}.Value") or "")
        for n in range(1, 51)
    ]
    sent += [(parameter(request, f"TagKeys.member.{n}"), None) for n in range(1, 51)]
    return arn, context, [(key, value) for key, value in sent if key]


def sagemaker_tags(request, arn):
    """The context that the tags of something of SageMaker's bring."""
    try:
        tags = tag_map(sagemaker_backends[request.account_id][request._region]._get_resource_from_arn(arn).tags)
    except Exception:  # moto has a different one for each kind of thing that is not there
        tags = {}
    return {f"{prefix}:ResourceTag/{key}": value for key, value in tags.items() for prefix in ("aws", "sagemaker")}


def sagemaker_arn(request, kind, name):
    return f"arn:aws:sagemaker:{request._region}:{request.account_id}:{kind}/{name}"


def sagemaker_target(request):
    context = {}
    arn = parameter(request, "ResourceArn")
    for name, kind in SAGEMAKER_NAMES:
        if not arn and parameter(request, name):
            arn = sagemaker_arn(request, kind, parameter(request, name))
    if arn:
        context.update(sagemaker_tags(request, arn))
    for name in ("RootAccess", "DirectInternetAccess"):
        if parameter(request, name):
            context[f"sagemaker:{name}"] = parameter(request, name)
    if parameter(request, "InstanceType"):
        context["sagemaker:InstanceTypes"] = [parameter(request, "InstanceType")]
    models = [variant["ModelName"] for variant in parameter(request, "ProductionVariants") or [] if "ModelName" in variant]
    if models:
        context["sagemaker:ModelArn"] = [sagemaker_arn(request, "model", model) for model in models]
    metadata = parameter(request, "InstanceMetadataServiceConfiguration")
    if metadata:
        version = metadata["MinimumInstanceMetadataServiceVersion"]
        context["sagemaker:MinimumInstanceMetadataServiceVersion"] = version
    tags = [(tag["Key"], tag["Value"]) for tag in parameter(request, "Tags") or []]
    tags += [(key, None) for key in parameter(request, "TagKeys") or []]
    return arn or "*", context, tags


def s3_target(request, resource):
    query = urllib.parse.parse_qs(urllib.parse.urlparse(request._path).query, keep_blank_values=True)
    context = {"aws:ResourceAccount": request.account_id}
    if request._action == "s3:ListBucket" and "prefix" in query:
        context["s3:prefix"] = query["prefix"][0]
    return resource, context, []


def session_tags(request):
    tags = [(parameter(request, f"Tags.member.{n}.Key"), parameter(request, f"Tags.member.{n}.Value")) for n in range(1, 51)]
    return [(key, value or "") for key, value in tags if key]


def target_of(request, resource, caller):
    if request._service == "iam":
        return iam_target(request, caller)
    if request._service == "sagemaker":
        return sagemaker_target(request)
    if request._service == "s3":
        return s3_target(request, resource)
    if request._action == "sts:AssumeRole":
        return resource, {}, session_tags(request)
    return resource, {}, []


class Caller:
    """The principal that signed a request."""

    def __init__(self, request):
        key, account, backend = request._access_key, request.account_id, request.backend
        self.session_policy = None
        if isinstance(key, access_control.IAMUserAccessKey):
            self.entity = backend.users[key._owner_user_name]
            if self.entity.get_access_key_by_id(key._access_key_id).status != "Active":
                request._raise_invalid_access_key("InvalidId")
            self.context = {
                "aws:username": self.entity.name,
                "aws:userid": self.entity.id,
                "aws:PrincipalType": "User",
            }
            self.principal = Principal(account, self.entity.arn)
        else:
            self.entity = backend.get_role(key._owner_role_name)
            sessions = sts_backends[account]["aws"].assumed_roles
            session = next((s for s in sessions if s.access_key_id == key._access_key_id), None)
            self.session_policy = session.policy if session else None
            self.context = {
                "aws:userid": f"{self.entity.id}:{key._session_name}",
                "aws:PrincipalType": "AssumedRole",
            }
            self.principal = Principal(account, self.entity.arn, key.arn)
        self.context["aws:PrincipalArn"] = self.entity.arn
        self.context["aws:PrincipalAccount"] = account
        # The tags of a session come over those of its role [D].
        session_tags = SESSION_TAGS.get(key._access_key_id, {})
        for name, value in {**tag_map(self.entity.tags), **session_tags}.items():
            self.context[f"aws:PrincipalTag/{name}"] = value
        self.policies = [document_of(policy) for policy in key.collect_policies()]


def ambient_time():
    now = time.time() + CLOCK["ahead"]
    return datetime.fromtimestamp(now, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def ambient(request):
    """The context that every request has."""
    now = time.time() + CLOCK["ahead"]
    return {
        "aws:CurrentTime": ambient_time(),
        "aws:EpochTime": str(int(now)),
        "aws:PrincipalIsAWSService": "false",
        "aws:RequestedRegion": request._region,
        "aws:SecureTransport": os.environ.get("EXT_SECURE", "true"),
        "aws:SourceIp": "127.0.0.1",
    }


def reason_to_refuse(request, caller, action, arn, context):
    """None when the action is allowed, else why not, in AWS's words [D]."""
    boundary, session, resource_policy = None, None, None
    if caller.entity.permissions_boundary_arn:
        policy = request.backend.managed_policies.get(caller.entity.permissions_boundary_arn)
        boundary = document_of(policy) if policy else {"Statement": []}
    if caller.session_policy:
        session = json.loads(caller.session_policy)
    if action.startswith("s3:"):
        bucket = s3_models.s3_backends[request.account_id]["aws"].buckets.get(arn.split(":::")[-1].split("/")[0])
        if bucket is not None and bucket.policy:
            resource_policy = json.loads(bucket.policy)
    return verdict(caller.policies, boundary, session, resource_policy, caller.principal, action, arn, context)


def trusts(request, caller, action, role_arn, context):
    try:
        role = request.backend.get_role_by_arn(role_arn)
    except NotFoundException:
        return False
    external_id = parameter(request, "ExternalId")
    if external_id:
        context = {**context, "sts:externalid": external_id}
    trust = json.loads(role.assume_role_policy_document)
    return decide([trust], action, role_arn, context, caller.principal) == ALLOW


def check_action_permitted(self, resource):
    """Takes the place of moto's own check."""
    caller = Caller(self)
    if self._action == "sts:GetCallerIdentity":
        return
    if self._action == "s3:HeadBucket":
        self._action = "s3:ListBucket"
    arn, brought, tags = target_of(self, resource, caller.entity)
    context = {**ambient(self), **caller.context, **brought}
    if tags:
        context["aws:TagKeys"] = [key for key, _ in tags]
        context.update({f"aws:RequestTag/{key}": value for key, value in tags if value is not None})
    context = {key.lower(): value for key, value in context.items()}

    wanted = [(self._action, arn, context)]
    if tags and self._action == "sts:AssumeRole":
        wanted.append(("sts:TagSession", arn, context))
    if tags and self._action in TAGGING:
        wanted.append((TAGGING[self._action], arn, context))
    if tags and self._action.startswith("sagemaker:Create"):
        tagging = {**context, "sagemaker:taggingaction": self._action.split(":")[1]}
        wanted.append(("sagemaker:AddTags", arn, tagging))
    if self._action in FROM_CONFIG:
        # The right to the configuration as well [D].
        config = sagemaker_arn(self, "endpoint-config", parameter(self, "EndpointConfigName"))
        tags_of_config = {key.lower(): value for key, value in sagemaker_tags(self, config).items()}
        others = {key: value for key, value in context.items() if ":resourcetag/" not in key}
        wanted.append((self._action, config, {**others, **tags_of_config}))
    if self._action in PASSES_ROLE:
        role = parameter(self, "RoleArn") or parameter(self, "ExecutionRoleArn")
        if role:
            wanted.append(("iam:PassRole", role, {**context, "iam:passedtoservice": "sagemaker.amazonaws.com"}))
    if self._action in RENAMES:
        # The right to the new name and path as well [D].
        kind, old_path, old_name = re.match(r"arn:[^/]*:(\w+)(/.*/|/)([^/]+)$", arn).groups()
        name = parameter(self, f"New{kind.title()}Name") or old_name
        wanted.append((self._action, f"{arn.split(f':{kind}/')[0]}:{kind}{parameter(self, 'NewPath') or old_path}{name}", context))
    for action, on, within in wanted:
        why = reason_to_refuse(self, caller, action, on, within)
        if why:
            refuse(self, action, on, why)
        grants = granting(caller.policies, action, on, within)
        if len(grants) == 1:
            GRANTS[self._access_key._access_key_id].add((grants[0], action))
    if self._action == "sts:AssumeRole":
        for action in ["sts:AssumeRole", *(["sts:TagSession"] if tags else [])]:
            if not trusts(self, caller, action, resource, context):
                refuse(self, action, resource, f"because no resource-based policy allows the {action} action")
        WIRE.tags = dict(tags)


def refuse(request, action, resource, why):
    if request._service == "s3":
        request._raise_access_denied()
    message = f"User: {request._access_key.arn} is not authorized to perform: {action} on resource: {resource} {why}"
    if request._service == "sagemaker":
        raise json_error("AccessDeniedException", message)
    raise AccessDeniedError(request._access_key.arn, f"{action} on resource: {resource} {why}")


access_control.IAMRequestBase.check_action_permitted = check_action_permitted
access_control.IAMUserAccessKey.arn = property(lambda self: self.backend.users[self._owner_user_name].arn)
# The bucket's policy is one of the layers above.
s3_models.FakeBucket.get_permission = lambda self, action, resource: access_control.PermissionResult.NEUTRAL
