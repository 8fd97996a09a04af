"""Validates Kubernetes manifests.

    manifests.py MANIFESTS_FILE VERSION...

Checks each manifest against the strict schemas of each Kubernetes version. Prints the manifests as
a JSON array and exits with 0, or prints the error to standard error and exits with 1. The resources
of the Prometheus operator are printed unchecked, because Kubernetes has no schemas of them.
"""

import json
import sys

import kubernetes_validate
import yaml


def name(manifest):
    return f"{manifest['kind']} {manifest['metadata']['name']}"


with open(sys.argv[1], encoding="utf-8") as file:
    manifests = [manifest for manifest in yaml.safe_load_all(file) if manifest]
versions = sys.argv[2:]
assert versions, "expected versions of Kubernetes"
own = [m for m in manifests if not m["apiVersion"].startswith("monitoring.coreos.com/")]
for manifest in own:
    for version in versions:
        try:
            used = kubernetes_validate.validate(manifest, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            print(f"{name(manifest)} for {version}: {error.json_path}: {error.message}", file=sys.stderr)
            sys.exit(1)
        assert used == version, f"expected schemas of {version}, found {used}"
print(json.dumps(manifests))
