"""The account's quotas: AWS's defaults as moto's account summary has them, or what a test sets."""

import re

OVERRIDES = {}


def limit(backend, name):
    """The quota by its name in GetAccountSummary without ``Quota``, for example ``Users``."""
    if name in OVERRIDES:
        return OVERRIDES[name]
    snake = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
    return getattr(backend.account_summary, f"_{snake}_quota")


def label(name):
    """How AWS's messages call it: ``UsersPerAccount``, ``GroupsPerUser``, ``PoliciesPerUser``."""
    return name.removeprefix("Attached") if "Per" in name else f"{name}PerAccount"
