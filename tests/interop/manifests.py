"""Validates Kubernetes manifests: MANIFESTS_FILE VERSION...

Each is checked against the schemas of each version of Kubernetes, in which unknown members are errors. Prints the manifests as an array
of JSON and ends with 0, or says what is wrong on standard error and ends with 1.
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
assert versions, "versions of Kubernetes"
for manifest in manifests:
    for version in versions:
        try:
            used = kubernetes_validate.validate(manifest, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            print(f"{name(manifest)} for {version}: {error.json_path}: {error.message}", file=sys.stderr)
            sys.exit(1)
        assert used == version, f"there are schemas of {version}, not {used} in its place"
print(json.dumps(manifests))
