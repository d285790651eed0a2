"""Judges requests without a server: ``python -m strict_moto.judge`` reads a case a line and answers a line each, ``allow``,
``deny`` (a Deny decided) or ``none`` (nothing allows). Rust's evaluator is held against it."""

import json
import sys

from .evaluation import Principal, verdict


def principal_of(principal):
    kind = principal.get("kind")
    if kind == "User":
        return Principal(principal["account"], principal["arn"])
    if kind == "Role":
        return Principal(principal["account"], principal["arn"], principal["session"])
    return Principal()


def answer(case):
    layers, request = case["layers"], case["request"]
    document = lambda name: layers[name]["document"] if layers.get(name) else None  # noqa: E731
    identity = [source["document"] for source in layers.get("identity", [])]
    context = {key.lower(): value for key, value in request["context"].items() if value != []}
    why = verdict(
        identity,
        document("boundary"),
        document("session"),
        document("resource"),
        principal_of(request["principal"]),
        request["action"],
        request["resource"],
        context,
    )
    if why is None:
        return "allow"
    return "deny" if "explicit" in why else "none"


if __name__ == "__main__":
    for line in sys.stdin:
        print(answer(json.loads(line)))
