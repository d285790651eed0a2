"""SageMaker: states that take time, AWS's error texts, and the operations that moto lacks."""

import json
import os
import time
import uuid
from datetime import datetime, timezone

from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult, EmptyResult
from moto.iam.models import iam_backends
from moto.sagemaker.exceptions import ValidationError
from moto.sagemaker.models import FakeSagemakerNotebookInstance as Notebook
from moto.sagemaker.models import SageMakerModelBackend as Backend
from moto.sagemaker.models import sagemaker_backends
from moto.sagemaker.responses import SageMakerResponse

from .patching import add, wrap

# Seconds that a notebook stays Pending, Stopping, Deleting or Updating. On AWS it is minutes.
DELAY = float(os.environ.get("EXT_NB_DELAY", "0.5"))
GONE = "Gone"
# How long that is now, why the next notebooks to start will fail, and how many notebooks an account may have.
PACE = {"seconds": DELAY}
FAILING = []
MOST = {"notebooks": None}


def at(seconds):
    return datetime.fromtimestamp(seconds, timezone.utc).replace(tzinfo=None)


def move(notebook, state, then):
    """Sets it on its way to what it becomes by itself."""
    notebook.failure_reason = None
    if then == "InService" and FAILING:
        then, notebook.failure_reason = "Failed", FAILING.pop(0)
    notebook.passing, notebook.settled = state, then
    notebook.left, notebook.settles_at = time.time(), time.time() + PACE["seconds"]


def set_status(notebook, status):
    notebook.passing = notebook.settled = status
    notebook.left = notebook.settles_at = time.time()


Notebook.status = property(
    lambda self: self.passing if time.time() < self.settles_at else self.settled,
    set_status,
)
# To leave and to arrive are both a change.
Notebook.last_modified_time = property(
    lambda self: at(self.settles_at if time.time() >= self.settles_at else self.left),
    lambda self, value: None,
)
Notebook.start = lambda self: move(self, "Pending", "InService")
Notebook.stop = lambda self: move(self, "Stopping", "Stopped")
# The model, which is checked before, knows all types; moto's own list has 38 old ones.
Notebook.validate_instance_type = lambda self, instance_type: None


def age(seconds):
    """Whatever happened to notebooks until now happened so much earlier; what is on its way goes on."""
    for regions in sagemaker_backends.values():
        for backend in regions.values():
            for notebook in backend.notebook_instances.values():
                notebook.left -= seconds
                if time.time() >= notebook.settles_at:
                    notebook.settles_at -= seconds


def arrive():
    for regions in sagemaker_backends.values():
        for backend in regions.values():
            for notebook in backend.notebook_instances.values():
                notebook.settles_at = min(notebook.settles_at, time.time())


def require_state(notebook, allowed, wanted):
    if notebook.status not in allowed:
        raise ValidationError(
            f"Status ({notebook.status}) not in ([{', '.join(allowed)}])."
            f" Unable to transition to ({wanted}) for Notebook Instance ({notebook.arn})"
        )


def drop_what_is_gone(backend):
    for name, notebook in list(backend.notebook_instances.items()):
        if notebook.status == GONE:
            del backend.notebook_instances[name]


@wrap(Backend, "get_notebook_instance")
def _(old, self, name):
    drop_what_is_gone(self)
    return old(self, name)


@wrap(Backend, "list_notebook_instances")
def _(old, self, *args, **kwargs):
    drop_what_is_gone(self)
    return old(self, *args, **kwargs)


@wrap(Backend, "create_notebook_instance")
def _(old, self, *args, **kwargs):
    drop_what_is_gone(self)
    name = kwargs["notebook_instance_name"]
    most, there = MOST["notebooks"], len(self.notebook_instances)
    if most is not None and there >= most and name not in self.notebook_instances:
        raise JsonRESTError(
            "ResourceLimitExceeded",
            f"The account-level service limit 'Total number of notebook instances' is {most} Instances, with current"
            f" utilization of {there} Instances and a request delta of 1 Instances. Please use AWS Service Quotas to"
            " request an increase for this quota.",
        )
    check_role(self.account_id, kwargs["role_arn"])
    config = kwargs.get("lifecycle_config_name")
    if config and config not in self.notebook_instance_lifecycle_configurations:
        raise ValidationError(f"Unable to describe Notebook Instance Lifecycle Config '{config}'. (Details: RecordNotFound)")
    return old(self, *args, **kwargs)


def check_role(account, arn):
    """A role that is not there, or that SageMaker may not assume, is refused."""
    roles = iam_backends[account]["aws"].roles.values()
    role = next((role for role in roles if role.arn == arn), None)
    if role is None or "sagemaker.amazonaws.com" not in json.dumps(role.assume_role_policy_document):
        raise ValidationError(
            f"Could not assume role {arn}. Please ensure that the role exists and allows principal"
            " 'sagemaker.amazonaws.com' to assume the role."
        )


@wrap(Backend, "create_model")
def _(old, self, *args, **kwargs):
    check_role(self.account_id, kwargs["execution_role_arn"])
    return old(self, *args, **kwargs)


@wrap(Notebook, "to_dict")
def _(old, self):
    failure = {"FailureReason": self.failure_reason} if self.status == "Failed" and self.failure_reason else {}
    return {**old(self), **failure}


@wrap(Backend, "start_notebook_instance")
def _(old, self, name):
    require_state(self.get_notebook_instance(name), ["Stopped", "Failed"], "Pending")
    return old(self, name)


@wrap(Backend, "stop_notebook_instance")
def _(old, self, name):
    require_state(self.get_notebook_instance(name), ["InService"], "Stopping")
    return old(self, name)


@wrap(Backend, "delete_notebook_instance")
def _(_old, self, notebook_instance_name):
    notebook = self.get_notebook_instance(notebook_instance_name)
    require_state(notebook, ["Stopped", "Failed"], "Deleting")
    move(notebook, "Deleting", GONE)


def notebook_of(response):
    return response.sagemaker_backend.get_notebook_instance(response._get_param("NotebookInstanceName"))


@add(SageMakerResponse)
def create_presigned_notebook_instance_url(self):
    notebook = notebook_of(self)
    if notebook.status != "InService":
        raise ValidationError(f"Notebook Instance ({notebook.arn}) is not InService")
    return ActionResult({"AuthorizedUrl": f"https://{notebook.url}?authToken={uuid.uuid4().hex}"})


@add(SageMakerResponse)
def update_notebook_instance(self):
    notebook = notebook_of(self)
    require_state(notebook, ["Stopped", "Failed"], "Updating")
    size = self._get_param("VolumeSizeInGB")
    if size is not None and size < notebook.volume_size_in_gb:
        raise ValidationError("Requested volume size is smaller than current volume size")
    for parameter, attribute in (
        ("InstanceType", "instance_type"),
        ("RoleArn", "role_arn"),
        ("LifecycleConfigName", "lifecycle_config_name"),
        ("VolumeSizeInGB", "volume_size_in_gb"),
        ("RootAccess", "root_access"),
    ):
        if self._get_param(parameter) is not None:
            setattr(notebook, attribute, self._get_param(parameter))
    if self._get_param("DisassociateLifecycleConfig"):
        notebook.lifecycle_config_name = None
    move(notebook, "Updating", "Stopped")
    return EmptyResult()


@add(SageMakerResponse)
def list_notebook_instance_lifecycle_configs(self):
    configs = self.sagemaker_backend.notebook_instance_lifecycle_configurations.values()
    return ActionResult({"NotebookInstanceLifecycleConfigs": [config.response_object for config in configs]})


@add(SageMakerResponse)
def update_notebook_instance_lifecycle_config(self):
    name = self._get_param("NotebookInstanceLifecycleConfigName")
    self.sagemaker_backend.describe_notebook_instance_lifecycle_config(name)
    config = self.sagemaker_backend.notebook_instance_lifecycle_configurations[name]
    config.on_create, config.on_start = self._get_param("OnCreate"), self._get_param("OnStart")
    return EmptyResult()


@add(SageMakerResponse)
def update_endpoint(self):
    name, config = self._get_param("EndpointName"), self._get_param("EndpointConfigName")
    self.sagemaker_backend.describe_endpoint(name)
    self.sagemaker_backend.describe_endpoint_config(config)
    endpoint = self.sagemaker_backend.endpoints[name]
    endpoint.endpoint_config_name = config
    return ActionResult({"EndpointArn": getattr(endpoint, "arn", None) or endpoint.endpoint_arn})


@wrap(Backend, "add_tags")
def _(old, self, arn, tags):
    self.delete_tags(arn, [tag["Key"] for tag in tags])
    return old(self, arn, tags)


def refuse_duplicates(operation, store, parameter, what):
    @wrap(Backend, operation)
    def _(old, self, *args, **kwargs):
        name = kwargs.get(parameter) or (args and args[0])
        if name in getattr(self, store):
            raise ValidationError(f'Cannot create already existing {what} "{name}".')
        return old(self, *args, **kwargs)


refuse_duplicates("create_model", "_models", "model_name", "model")
refuse_duplicates("create_endpoint", "endpoints", "endpoint_name", "endpoint")
refuse_duplicates("create_endpoint_config", "endpoint_configs", "endpoint_config_name", "endpoint configuration")
