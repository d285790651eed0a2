"""SageMaker: states that take time, AWS's error texts, and the operations that moto lacks."""

import os
import time
import uuid

from moto.core.responses import ActionResult, EmptyResult
from moto.sagemaker.exceptions import ValidationError
from moto.sagemaker.models import FakeSagemakerNotebookInstance as Notebook
from moto.sagemaker.models import SageMakerModelBackend as Backend
from moto.sagemaker.responses import SageMakerResponse

from .patching import add, wrap

# Seconds that a notebook stays Pending, Stopping, Deleting or Updating. On AWS it is minutes.
DELAY = float(os.environ.get("EXT_NB_DELAY", "0.5"))
GONE = "Gone"


def move(notebook, state, then):
    notebook.passing, notebook.settled, notebook.settles_at = state, then, time.time() + DELAY


def set_status(notebook, status):
    notebook.passing = notebook.settled = status
    notebook.settles_at = 0


Notebook.status = property(
    lambda self: self.passing if time.time() < self.settles_at else self.settled,
    set_status,
)
Notebook.start = lambda self: move(self, "Pending", "InService")
Notebook.stop = lambda self: move(self, "Stopping", "Stopped")
# The model, which is checked before, knows all types; moto's own list has 38 old ones.
Notebook.validate_instance_type = lambda self, instance_type: None


def require_state(notebook, allowed, wanted):
    if notebook.status not in allowed:
        raise ValidationError(
            f"Status ({notebook.status}) not in ([{', '.join(allowed)}])."
            f" Unable to transition to ({wanted}) for Notebook Instance ({notebook.arn})"
        )


@wrap(Backend, "get_notebook_instance")
def _(old, self, name):
    notebook = self.notebook_instances.get(name)
    if notebook and notebook.status == GONE:
        del self.notebook_instances[name]
    return old(self, name)


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
