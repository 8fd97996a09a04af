"""Strict parsers for verify.py: base64url, JSON, public keys and claims. See docs/format.md."""

import base64, binascii, hashlib, itertools, json, math, pathlib, re

from cryptography.hazmat.primitives.asymmetric import rsa

SCHEMAS = json.loads(pathlib.Path(__file__).with_name("claims.schema.json").read_bytes())["$defs"]
TYPES = {"string": str, "integer": int, "boolean": bool, "array": list, "object": dict}
STEPS = {"{": 1, "[": 1, "}": -1, "]": -1}


class Refused(Exception):
    """The input proves nothing. The arguments are a message and a reason code."""


def require(condition, message, code="MALFORMED"):
    if not condition:
        raise Refused(message, code)


def base64url(text):
    require(re.fullmatch("[A-Za-z0-9_-]*", text) and len(text) % 4 != 1, "expected base64url")
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    require(base64.urlsafe_b64encode(data).decode().rstrip("=") == text, "base64url has stray bits")
    return data


def strict_json(data):
    """Parses an object without duplicate members, of up to 16 levels, with finite numbers."""

    def members(pairs):
        require(len(dict(pairs)) == len(pairs), "duplicate member")
        return dict(pairs)

    def number(text):
        require(math.isfinite(float(text)), "a number is out of range")
        return int(text) if re.fullmatch("0|-?[1-9][0-9]*", text) else float(text)

    try:
        text = data.decode()
        steps = (STEPS.get(mark, 0) for mark in re.sub(r'"(?:[^"\\]|\\.)*"', "", text, flags=re.S))
        require(max(itertools.accumulate(steps), default=0) <= 16, "expected at most 16 levels")
        value = json.loads(text, object_pairs_hook=members, parse_constant=int,
                           parse_int=number, parse_float=number)
        json.dumps(value, ensure_ascii=False).encode()  # fails on half of a surrogate pair
    except ValueError as error:
        raise Refused(f"expected strict JSON: {error}", "MALFORMED") from None
    require(type(value) is dict, "expected an object")
    return value


def check(name, value, schema):
    """Checks a value with the keywords of JSON Schema that claims.schema.json uses."""
    require(schema is not False, f"found `{name}`")
    schema = SCHEMAS[schema["$ref"].removeprefix("#/$defs/")] if "$ref" in schema else schema
    require(type(value) is TYPES[schema["type"]], f"`{name}`: expected {schema['type']}")
    if type(value) is int:
        require(schema["minimum"] <= value <= schema["maximum"], f"`{name}`: out of range")
    elif type(value) is str:
        require(re.fullmatch(schema["pattern"], value), f"`{name}`: expected {schema['pattern']}")
    elif type(value) is list:
        require(len(value) >= schema.get("minItems", 0), f"`{name}`: found no element")
        for element in value:
            check(name, element, schema["items"])
    elif type(value) is dict:
        for member in schema.get("required", []):
            require(member in value, f"`{member}` is missing")
        others = schema.get("additionalProperties")
        for member, inner in value.items():
            known = schema.get("properties", {}).get(member, others)
            if known is not None:
                check(member, inner, known)


def public_key(jwk):
    """Returns the id, the algorithm and the key of a JWK."""
    check("key", jwk, SCHEMAS["jwk"])
    operations = sorted(jwk.get("key_ops", ["verify"]))
    require(operations in (["verify"], ["sign", "verify"]), "`key_ops`")
    n, e = (int.from_bytes(base64url(jwk[name]), "big") for name in "ne")
    require(2048 <= n.bit_length() <= 8192 and n % 2, "the modulus")
    require(65537 <= e < 2**32 and e % 2, "the exponent")
    members = '{{"e":"{e}","kty":"RSA","n":"{n}"}}'.format(**jwk).encode()
    kid = base64.urlsafe_b64encode(hashlib.sha256(members).digest()).decode().rstrip("=")
    require(jwk.get("kid", kid) == kid, "`kid` is not the thumbprint")
    return kid, jwk["alg"], rsa.RSAPublicNumbers(e, n).public_key()


def trust_set(data):
    """Parses the public keys of a vendor. Returns each algorithm and key by its id."""
    document, trust = strict_json(data), {}
    jwks = document.get("keys", [document])
    require(type(jwks) is list and jwks, "`keys`")
    for kid, alg, key in map(public_key, jwks):
        require(trust.setdefault(kid, (alg, key))[0] == alg, "a key has two algorithms")
    return trust


def check_claims(claims, typ, trust):
    """Checks the claims of a token: with the schema, and then what a schema cannot express."""
    if typ == "license+jwt":
        check("ver", claims.get("ver"), SCHEMAS["count"])
        require(claims["ver"] == 1, "claim `ver`", "UNSUPPORTED_VERSION")
    check("crit", claims.get("crit", []), SCHEMAS["texts"])
    unknown = set(claims.get("crit", [])) - SCHEMAS[typ]["properties"].keys()
    require(not unknown, f"critical claims {unknown}", "UNSUPPORTED_CLAIM")
    check("payload", claims, SCHEMAS[typ])
    revoked = claims["revoked"] if typ == "license-revocations+jwt" else []
    require(len({entry["jti"] for entry in revoked}) == len(revoked), "`revoked`: a duplicate")
    if typ == "license+jwt":
        check_license(claims, trust)


def check_license(claims, trust):
    require("cnf" in claims or not claims.get("floating"), "claim `floating` without `cnf`")
    check_in = claims.get("check_in", {"every_hours": 0, "grace_hours": 0})
    require(check_in["every_hours"] <= check_in["grace_hours"], "claim `check_in`")
    server = public_key(claims["cnf"]["jwk"])[0] if "cnf" in claims else None
    require(server not in trust, "claim `cnf`", "SERVER_KEY_TRUSTED")
    names = "jti", "sub", "tier"
    lines = ["coditect-license-key-v1", *(claims[name] for name in names)]
    lines = "\n".join([*lines, str(claims.get("exp", "perpetual"))])
    key = f"{claims['aud']}-{claims['tier']}-{hashlib.sha256(lines.encode()).hexdigest()[:12]}"
    key = f"{key.upper()}-{binascii.crc_hqx(key.upper().encode(), 0xFFFF) ^ 0xF027:04X}"
    require(claims.get("key", key) == key, "claim `key` does not match the other claims")
