#!/bin/bash
# Stops this notebook once nobody has used it for MINUTES minutes: no kernel busy, no kernel, no terminal touched since.
set -eu
cat > /usr/local/bin/stop-when-idle <<'END'
import json, ssl, subprocess, sys, time, urllib.request
from datetime import datetime, timezone

anyone = ssl.create_default_context()
anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE

def jupyter(what):
    with urllib.request.urlopen(f"https://localhost:8443/api/{what}", context=anyone, timeout=20) as answer:
        return json.load(answer)

def moment(text):
    whole = text.split(".")[0].rstrip("Z")
    return datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc).timestamp()

used = time.time() - float(open("/proc/uptime").read().split()[0])
kernels = jupyter("kernels")
if any(kernel["execution_state"] == "busy" for kernel in kernels):
    sys.exit()
for one in kernels + jupyter("terminals"):
    used = max(used, moment(one["last_activity"]))
if time.time() - used < 60 * int(sys.argv[1]):
    sys.exit()
me = json.load(open("/opt/ml/metadata/resource-metadata.json"))
region = me["ResourceArn"].split(":")[3]
stop = ["aws", "sagemaker", "stop-notebook-instance", "--region", region]
subprocess.run([*stop, "--notebook-instance-name", me["ResourceName"]], check=True)
END
systemd-run --unit=stop-when-idle --on-active=1min --on-unit-active=1min /usr/bin/python3 /usr/local/bin/stop-when-idle MINUTES
