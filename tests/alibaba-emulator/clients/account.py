"""The official clients, pointed at the emulator, and what they are expected to refuse."""

import argparse
import time
from collections import Counter

from alibabacloud_aiworkspace20210204.client import Client as Workspaces
from alibabacloud_ims20190815.client import Client as Ims
from alibabacloud_maxcompute20220104.client import Client as MaxComputeClient
from alibabacloud_pai_dsw20220101.client import Client as Notebooks
from alibabacloud_ram20150501.client import Client as Ram
from alibabacloud_sts20150401.client import Client as Sts
from alibabacloud_tea_openapi.models import Config
from odps import ODPS

USED = Counter()


class Counted:
    """A client whose calls are counted by the name of their operation."""

    def __init__(self, client, service):
        self._client, self._service = client, service

    def __getattr__(self, name):
        method = getattr(self._client, name)

        def call(*arguments):
            USED[f"{self._service}.{name}"] += 1
            return method(*arguments)

        return call


class Account:
    """All clients of one key."""

    def __init__(self, address, key_id, secret, token=None):
        self.address, self.key_id, self.secret = address, key_id, secret

        def config():
            return Config(
                access_key_id=key_id, access_key_secret=secret, security_token=token, endpoint=address,
                protocol="HTTP", region_id="cn-hangzhou",
            )

        self.ram = Counted(Ram(config()), "ram")
        self.ims = Counted(Ims(config()), "ims")
        self.sts = Counted(Sts(config()), "sts")
        self.pai = Counted(Workspaces(config()), "pai")
        self.dsw = Counted(Notebooks(config()), "dsw")
        self.maxcompute = Counted(MaxComputeClient(config()), "maxcompute")

    def odps(self, project, region=None):
        extra = {"region_name": region} if region else {}
        return ODPS(self.key_id, self.secret, project=project, endpoint=f"http://{self.address}/api", **extra)


def refused(code, call, *arguments):
    """Calls and expects this error code."""
    try:
        call(*arguments)
    except Exception as error:
        got = getattr(error, "code", None) or str(error)
        assert got == code, f"{getattr(call, '__name__', call)}: {got} instead of {code}: {error}"
        return error
    raise AssertionError(f"{code} expected, and it was carried out")


def eventually(what, condition, seconds=20):
    """Waits until a condition holds."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, f"still waiting for {what}"
        time.sleep(0.05)
    return value


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", required=True, help="host:port of the emulator")
    parser.add_argument("--account", required=True)
    parser.add_argument("--root-key", required=True, metavar="KEYID:SECRET")
    return parser.parse_args()
