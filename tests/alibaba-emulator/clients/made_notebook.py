"""Reads through the official client the DSW instance that the operator made, alone and in a list, and compares it field by
field with what was expected.

The expectation comes as JSON on standard input: the instance's id, and its fields by DSW's names, labels as pairs. Everything that
differs is printed, and the exit code says whether anything did.
"""

import json
import sys

from alibabacloud_pai_dsw20220101 import models as dsw

import account


def main():
    given = account.arguments()
    root = account.Account(given.address, *given.root_key.split(":", 1))
    wanted = json.load(sys.stdin)
    one = root.dsw.get_instance(wanted["id"], dsw.GetInstanceRequest()).body.to_map()
    listed = root.dsw.list_instances(dsw.ListInstancesRequest(page_size=100)).body.to_map()["Instances"]
    listed = [instance for instance in listed if instance["InstanceId"] == wanted["id"]]
    different = [] if len(listed) == 1 else [f"it is {len(listed)} times in the list"]
    for seen in [one, *listed]:
        labels = {label["Key"]: label["Value"] for label in seen["Labels"]}
        if labels != wanted["labels"]:
            different.append(f"labels: {wanted['labels']} were expected, and they are {labels}")
        for field, value in wanted["fields"].items():
            if seen.get(field) != value:
                different.append(f"{field}: {value!r} was expected, and it is {seen.get(field)!r}")
    for difference in different:
        print(difference)
    sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()
