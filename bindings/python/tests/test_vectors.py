"""The vectors in `fixtures/vectors`, which all implementations share.

A vector has headers, an empty line and an input. `fixtures/README.md` describes the headers. The
package has no function for leases, requests, answers and trust statements alone, so it does not run
those vectors.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from coditect_license import (
    Decision,
    LicenseError,
    Product,
    TrustSet,
    VerifiedLicenses,
    verify,
)
from conftest import FIXTURES

CODITECT = Product.coditect()

# `verify` accepts every text of a vendor, so it describes these inputs by another message. Vectors of
# `tokens` are for a function that accepts a token of one kind.
OTHER_MESSAGE = {
    "enterprise-keys/dot-after",
    "license-keys/empty",
    "license-keys/only-white-space",
    "license-keys/product-alone",
    "license-keys/text-before",
    "revocations/license-for-list",
    "revocations/list-with-the-typ-of-a-license",
    "tokens/bearer",
    "tokens/blank-inside",
    "tokens/json-serialization-flattened",
    "tokens/json-serialization-general",
    "tokens/quoted-mail",
    "tokens/segments-1",
    "tokens/trailing-line",
    "tokens/typ-activation",
    "tokens/typ-revocations",
    "tokens/typ-validation",
    "validations/license-for-validation",
    "validations/license-with-the-claims-of-a-validation",
    "validations/validation-with-the-typ-of-a-license",
}

# A file with a validation only is well-formed, and needs the file of its license.
OTHER_CODE = {"tokens/typ-validation": "NEEDS_LICENSE_FILE"}

# These headers need parts of a context that a Python program does not state by itself.
OTHER_CONTEXT = {"high-water", "installed", "lease", "session"}


@dataclass
class Vector:
    """The headers and the input of a vector."""

    name: str
    headers: list[tuple[str, str]]
    body: str

    @classmethod
    def read(cls, path: Path) -> Vector:
        """Reads a file, without converting line ends."""
        head, body = path.read_bytes().decode().split("\n\n", 1)
        pairs = (line.split(": ", 1) for line in head.split("\n"))
        name = f"{path.parent.name}/{path.name}"
        return cls(name, [(header, value) for header, value in pairs], body)

    def all(self, name: str) -> list[str]:
        return [value for header, value in self.headers if header == name]

    def get(self, name: str) -> str | None:
        return next(iter(self.all(name)), None)


def vectors(directory: str) -> list[Vector]:
    """Returns the vectors of a directory."""
    paths = sorted((FIXTURES / "vectors" / directory).iterdir())
    assert paths, directory
    return [Vector.read(path) for path in paths]


def body(directory: str, name: str) -> str:
    """Returns the input of another vector."""
    return Vector.read(FIXTURES / "vectors" / directory / name).body


def armor(label: str, token: str) -> str:
    """Returns a token as a block of a license file."""
    lines = re.findall(".{1,64}", token.strip())
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""])


def verified(vector: Vector, text: str) -> VerifiedLicenses:
    trust = FIXTURES / "trust" / (vector.get("trust") or "vendor.jwks")
    return verify(text, trust=trust, product=CODITECT)


def decide(vector: Vector, licenses: VerifiedLicenses) -> Decision:
    at = vector.get("at")
    assert at, f"{vector.name}: verified, but the header `at` is missing"
    return licenses.evaluate(
        at=at,
        user=vector.get("user"),
        app_version=vector.get("version"),
        build_date=vector.get("build-date"),
        usage_type="runtime" if vector.get("usage-type") == "runtime" else "builder",
        machine=vector.get("machine"),
    )


def check_decision(vector: Vector, decision: Decision) -> None:
    """Compares a decision with the headers."""
    assert decision.code == vector.get("expect")
    codes = [warning.code for warning in decision.warnings]
    if decision.outcome == "grace":
        assert codes.pop(0) == decision.code
    assert codes == (vector.get("warnings") or "").split()
    assert decision.tier == (vector.get("tier") or decision.tier)
    for name in " ".join(vector.all("allows")).split():
        assert decision.allows(name), name
    for name in " ".join(vector.all("denies")).split():
        assert not decision.allows(name), name
    for name, number in (quota.split("=") for quota in vector.all("quota")):
        expected = {"none": "no", "-1": None}.get(number, number)
        limit = decision.quotas.get(name, "no")
        assert (limit if limit in ("no", None) else str(limit)) == expected, name


def check_error(vector: Vector, error: LicenseError) -> None:
    assert error.code == OTHER_CODE.get(vector.name, vector.get("expect")), error
    has_message = (vector.get("message") or "") in str(error)
    assert has_message == (vector.name not in OTHER_MESSAGE), error


def license_text(vector: Vector) -> str:
    """Returns the input, with the validations and revocation lists of the headers as one file."""
    validations = [body("validations", name) for name in vector.all("validation")]
    lists = [body("revocations", name) for name in vector.all("revocations")]
    if not validations and not lists:
        return vector.body
    blocks = [armor("LICENSE", vector.body)]
    blocks += [armor("LICENSE VALIDATION", token) for token in validations]
    blocks += [armor("LICENSE REVOCATIONS", token) for token in lists]
    return "".join(blocks)


def run(directory: str, check: Callable[[Vector], None], skipped: int = 0) -> None:
    """Runs all vectors of a directory, and reports all failures."""
    failures, others = [], 0
    for vector in vectors(directory):
        if OTHER_CONTEXT.intersection(name for name, _ in vector.headers):
            others += 1
            continue
        try:
            check(vector)
        except (AssertionError, LicenseError) as error:
            failures.append(f"{vector.name}: {error}")
    assert not failures, "\n".join([f"{len(failures)} failed", *failures])
    assert others == skipped


def check_license(vector: Vector) -> None:
    try:
        licenses = verified(vector, license_text(vector))
    except LicenseError as error:
        check_error(vector, error)
    else:
        check_decision(vector, decide(vector, licenses))


def test_tokens() -> None:
    run("tokens", check_license)


def test_decisions() -> None:
    run("decisions", check_license, skipped=23)


def test_enterprise_keys() -> None:
    run("enterprise-keys", check_license)


def test_license_keys() -> None:
    run("license-keys", check_license)


def test_files() -> None:
    run("files", check_license)


def test_validations() -> None:
    def check(vector: Vector) -> None:
        token = (FIXTURES / "tokens" / f"{vector.get('license')}.jwt").read_text()
        text = armor("LICENSE", token) + armor("LICENSE VALIDATION", vector.body)
        check_block(vector, text)

    run("validations", check)


def test_revocations() -> None:
    def check(vector: Vector) -> None:
        token = (FIXTURES / "tokens/valid-pro.jwt").read_text()
        text = armor("LICENSE", token) + armor("LICENSE REVOCATIONS", vector.body)
        check_block(vector, text)

    run("revocations", check)


def check_block(vector: Vector, text: str) -> None:
    """Verifies a file, whose second block is the input."""
    try:
        verified(vector, text)
    except LicenseError as error:
        check_error(vector, error)
    else:
        assert vector.get("expect") == "VALID"


@pytest.mark.parametrize("kind", ["trust", "matrices"])
def test_texts_of_a_vendor(kind: str) -> None:
    def check(vector: Vector) -> None:
        try:
            parsed = TrustSet(vector.body) if kind == "trust" else Product(vector.body)
        except LicenseError as error:
            check_error(vector, error)
        else:
            assert vector.get("expect") == "VALID"
            if isinstance(parsed, TrustSet):
                assert str(len(parsed)) == vector.get("keys")

    run(kind, check)
