#!/usr/bin/env python3
"""Writes the first inputs of each fuzz target to `corpus/`, from `../fixtures` and `seeds/`."""

import base64
import hashlib
import json
import pathlib

HERE = pathlib.Path(__file__).resolve().parent
FIXTURES = HERE.parent / "fixtures"
PRODUCTS = [
    HERE.parent / "crates/license-core/src/matrix/coditect.toml",
    HERE.parent / "tests/src/widget.toml",
]
ARTIFACTS = [
    "tokens",
    "decisions",
    "files",
    "validations",
    "revocations",
    "answers",
    "trust-statements",
    "leases",
    "server-requests",
    "license-keys",
    "enterprise-keys",
]


def main():
    keys = vectors("license-keys", "enterprise-keys")
    files = contents(FIXTURES / "files", FIXTURES / "tokens") + vectors(*ARTIFACTS)
    trust = contents(FIXTURES / "trust") + vectors("trust")
    payloads = [payload for text in files for payload in payloads_of(text)]
    for target in ("armor", "token", "pipeline"):
        add(target, files)
    add("claims", payloads)
    add("strict_json", payloads)
    add("key", keys + contents(FIXTURES / "tokens", suffix=".txt"))
    add("values", keys + [text for payload in payloads for text in texts_of(payload)])
    add("jwk", [text for text in trust if text.lstrip().startswith(b"{")])
    add("pem", [text for text in trust if not text.lstrip().startswith(b"{")])
    add("product_file", vectors("matrices") + [path.read_bytes() for path in PRODUCTS])
    add("inspect", files + trust + keys)
    for directory in (HERE / "seeds").iterdir():
        add(directory.name, contents(directory))


def contents(*directories, suffix=""):
    """Returns the contents of the files in directories."""
    paths = [path for directory in directories for path in sorted(directory.iterdir())]
    return [path.read_bytes() for path in paths if path.name.endswith(suffix)]


def vectors(*names):
    """Returns the inputs of test vectors, which follow the headers and an empty line."""
    texts = contents(*(FIXTURES / "vectors" / name for name in names))
    return [text.split(b"\n\n", 1)[1] for text in texts]


def payloads_of(text):
    """Returns the payloads of the tokens in a text that have the usual form."""
    blocks = b"".join(text.split()).replace(b"-----", b" ").split()
    for block in blocks:
        parts = block.split(b".")
        if len(parts) == 3:
            padding = b"=" * (-len(parts[1]) % 4)
            try:
                yield base64.b64decode(parts[1] + padding, b"-_", validate=True)
            except ValueError:
                pass


def texts_of(payload):
    """Returns the strings in a payload."""
    try:
        values = [json.loads(payload)]
    except (ValueError, RecursionError):
        return
    while values:
        value = values.pop()
        if isinstance(value, str):
            yield value.encode(errors="ignore")
        elif isinstance(value, list):
            values.extend(value)
        elif isinstance(value, dict):
            values.extend(value.values())


def add(target, texts):
    """Adds inputs to the corpus of a target, named as libFuzzer names them."""
    corpus = HERE / "corpus" / target
    corpus.mkdir(parents=True, exist_ok=True)
    for text in texts:
        (corpus / hashlib.sha1(text).hexdigest()).write_bytes(text)


main()
