"""Temporary credentials end: moto gives them a time of expiry and honours them for ever."""

from datetime import timedelta

from moto.core.exceptions import _RESTError
from moto.core.utils import utcnow
from moto.iam.access_control import AssumedRoleAccessKey
from moto.sts.models import AssumedRole, sts_backends

from .enforcement import SESSION_TAGS, WIRE
from .patching import wrap

# How long sessions last from now on, in seconds; none: as long as the caller asks for.
LENGTH = {"seconds": None}


class ExpiredToken(_RESTError):
    code = 403

    def __init__(self):
        super().__init__("ExpiredToken", "The security token included in the request is expired")


@wrap(AssumedRole, "__init__")
def _(old, self, *args, **kwargs):
    old(self, *args, **kwargs)
    SESSION_TAGS[self.access_key_id] = WIRE.tags
    if LENGTH["seconds"] is not None:
        self.expiration = utcnow() + timedelta(seconds=LENGTH["seconds"])


@wrap(AssumedRoleAccessKey, "__init__")
def _(old, self, account_id, partition, access_key_id, headers):
    old(self, account_id, partition, access_key_id, headers)
    sessions = sts_backends[account_id][partition].assumed_roles
    if any(it.access_key_id == access_key_id and it.expiration <= utcnow() for it in sessions):
        raise ExpiredToken()
