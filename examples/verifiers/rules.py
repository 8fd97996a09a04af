"""The rules that decide about a verified license. See docs/format.md, "Evaluation"."""

import hashlib, math, re

# The claims of a license without limits.
DEFAULTS = {"exp": math.inf, "maintenance_until": math.inf, "renewal": {"grace_hours": 0},
            "check_in": {"every_hours": math.inf, "grace_hours": math.inf}}


def belongs(token, license):
    """Returns whether a token is about a license, or about one that the license replaces."""
    ids = license["jti"], *license.get("supersedes", [])
    return token["lic"] in ids and token["aud"] == license["aud"]


def digest(machine):
    """Returns the digest of a fingerprint with an id. Other machines stay as they are."""
    first = re.fullmatch("fp1:((?:given|id)=[0-9a-f]{24})(,[a-z]+=[0-9a-f]{24})*", machine)
    text = f"license-machine-v1\n{first and first[1]}"
    return "mach_" + hashlib.sha256(text.encode()).hexdigest()[:32] if first else machine


def decide(claims, licenses, validations, lists, context):
    """Returns the code of the first rule that fails, or else of a grace period or `VALID`."""
    license, jti, iat, product = DEFAULTS | claims, claims["jti"], claims["iat"], claims["aud"]
    now = max([context["at"], *(token["iat"] for token in licenses + validations + lists)])
    start, end, machine = license.get("nbf", iat), license["exp"], digest(context.get("machine", ""))
    tokens = [token for token in validations if belongs(token, license)
              and digest(token.get("machine", machine)) == machine]
    age = now - max([start, iat, *(token["iat"] for token in tokens)])
    # A token about a license that this one replaces can be a check-in and a denial.
    states = [(token["iat"], token["status"] != "active", token["lic"] == jti, token["jti"],
               token["status"]) for token in tokens if token["lic"] == jti
              or token["status"] != "active" and token["iat"] >= iat]
    status = max(states, default=("active",))[-1]
    own = sorted((found for found in lists if found["aud"] == product), key=lambda one: one["seq"])
    newest = {found["kid"]: found["seq"] for found in own}
    revoked = [entry for found in own if found["seq"] == newest[found["kid"]]
               for entry in found["revoked"] if entry["jti"] == jti and entry["at"] <= now]
    successors = [other for other in licenses if jti in other.get("supersedes", [])
                  and other["aud"] == product and other.get("nbf", other["iat"]) <= now]
    machines, users = map(license.get, ("machines", "users"))
    usage, built = context.get("usage-type", "builder"), context.get("build-date", math.inf)
    rules = [
        ("PRODUCT_MISMATCH", product != context["product"]),
        ("REVOKED", status == "revoked" or revoked),
        ("SUPERSEDED", successors),
        (status.upper(), status != "active"),
        ("NOT_YET_VALID", now < start),
        ("MACHINE_MISMATCH", machines and machine not in map(digest, machines)),
        ("NOT_ACTIVATED", license.get("activation")),
        ("USER_MISMATCH", users and context.get("user") not in users),
        ("USAGE_MISMATCH", license.get("usage_type", usage) != usage),
        ("VERSION_NOT_COVERED", "max_version" in license or built > license["maintenance_until"]),
        ("EXPIRED", now >= end + 3600 * license["renewal"]["grace_hours"]),
        ("CHECK_IN_OVERDUE", age > 3600 * license["check_in"]["grace_hours"]),
        ("SEAT_REQUIRED", license.get("floating")),
        ("GRACE_RENEWAL", now >= end),
        ("GRACE_OFFLINE", age >= 3600 * license["check_in"]["every_hours"]),
    ]
    return next((code for code, applies in rules if applies), "VALID")
