"""Request parameters are checked against the service's own model before moto sees them, as AWS does [M]."""

import re
from functools import lru_cache

import botocore.session
from botocore import xform_name
from moto.iam.exceptions import ValidationError as IamValidationError
from moto.iam.responses import IamResponse
from moto.sagemaker.exceptions import ValidationError as SageMakerValidationError
from moto.sagemaker.responses import SageMakerResponse
from moto.sts.exceptions import STSValidationError
from moto.sts.responses import TokenResponse

from .patching import wrap

SESSION = botocore.session.get_session()


@lru_cache(maxsize=None)
def expression(pattern):
    """A pattern of the model, written for Java, as a Python expression; None where Python cannot read it."""
    flags = 0 if r"\p{" in pattern else re.ASCII
    translated = pattern.replace(r"\p{L}", r"\w").replace(r"\p{Z}", r"\s").replace(r"\p{N}", "")
    try:
        return re.compile(translated, flags)
    except re.error:
        return None


def violations(shape, value, where):
    """What is wrong with ``value`` at parameter ``where``, in AWS's words."""
    rules = shape.metadata
    if shape.type_name == "structure":
        if not isinstance(value, dict):
            return
        for name in shape.required_members:
            if value.get(name) is None:
                yield f"Value null at '{path(where, name)}' failed to satisfy constraint: Member must not be null"
        for name, member in shape.members.items():
            if value.get(name) is not None:
                yield from violations(member, value[name], path(where, name))
        return
    if shape.type_name == "list":
        if isinstance(value, list):
            yield from bounds(rules, len(value), value, where, "length")
            for number, item in enumerate(value, 1):
                yield from violations(shape.member, item, f"{where}.{number}.member")
        return
    if shape.type_name in ("integer", "long"):
        yield from bounds(rules, int(value), value, where, "value")
        return
    if shape.type_name != "string":
        return
    yield from bounds(rules, len(value), value, where, "length")
    allowed = shape.enum
    if allowed and value not in allowed:
        yield (
            f"Value '{value}' at '{where}' failed to satisfy constraint: "
            f"Member must satisfy enum value set: [{', '.join(allowed)}]"
        )
    pattern = rules.get("pattern")
    compiled = pattern and expression(pattern)
    if compiled and not compiled.fullmatch(value):
        yield (
            f"Value '{value}' at '{where}' failed to satisfy constraint: "
            f"Member must satisfy regular expression pattern: {pattern}"
        )


def bounds(rules, number, value, where, what):
    failed = f"Value '{value}' at '{where}' failed to satisfy constraint: Member must have {what}"
    if "min" in rules and number < rules["min"]:
        yield f"{failed} greater than or equal to {rules['min']}"
    if "max" in rules and number > rules["max"]:
        yield f"{failed} less than or equal to {rules['max']}"


def path(where, name):
    """AWS writes parameter names in messages with a small first letter."""
    name = name[0].lower() + name[1:]
    return f"{where}.{name}" if where else name


def check_service(service, responses, error):
    """Wraps every operation that moto implements."""
    model = SESSION.get_service_model(service)
    for operation in model.operation_names:
        shape = model.operation_model(operation).input_shape
        method = xform_name(operation)
        if shape is not None and hasattr(responses, method):
            check_operation(responses, method, shape, error)


def check_operation(responses, method, shape, error):
    @wrap(responses, method)
    def checked(old, self):
        parameters = {name: self._get_param(name) for name in shape.members}
        found = list(violations(shape, parameters, ""))
        if found:
            plural = "s" if len(found) > 1 else ""
            raise error(f"{len(found)} validation error{plural} detected: {'; '.join(found)}")
        return old(self)


def install():
    """To be called last, so that operations added elsewhere are checked too."""
    check_service("iam", IamResponse, IamValidationError)
    check_service("sts", TokenResponse, STSValidationError)
    check_service("sagemaker", SageMakerResponse, SageMakerValidationError)
