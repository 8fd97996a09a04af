"""Verifies license files, following docs/format.md. Needs Python 3.10 and `cryptography`.

    verify.py --SETTING=VALUE... FILE...

README.md describes the settings, the result, and what the verifier leaves out.
"""

import base64, binascii, datetime, hashlib, json, math, pathlib, re, sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

SETTINGS = {"trust", "product", "at", "machine", "user", "usage-type", "build-date"}
SCHEMAS = json.loads(pathlib.Path(__file__).with_name("claims.schema.json").read_bytes())["$defs"]
TYPES = {"string": str, "integer": int, "boolean": bool, "array": list, "object": dict}
KINDS = {"LICENSE": "license+jwt", "LICENSE VALIDATION": "license-validation+jwt",
         "LICENSE REVOCATIONS": "license-revocations+jwt"}
BLOCK = re.compile(r"\n*-----BEGIN ([A-Z ]+)-----\n([\w.\n-]*)\n-----END \1-----(?:\n+|\Z)", re.A)
PSS = padding.PSS(padding.MGF1(hashes.SHA256()), 32)


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
    """Parses an object in which no member is repeated and nothing is nested too deep."""

    def members(pairs):
        require(len(dict(pairs)) == len(pairs), "duplicate member")
        return dict(pairs)

    def depth(value):
        inner = value.values() if type(value) is dict else value if type(value) is list else None
        return 0 if inner is None else 1 + max(map(depth, inner), default=0)

    def number(text):
        require(math.isfinite(float(text)), "a number is out of range")
        return int(text) if re.fullmatch("0|-?[1-9][0-9]*", text) else float(text)

    try:
        value = json.loads(data.decode(), object_pairs_hook=members, parse_constant=int,
                           parse_int=number, parse_float=number)
        json.dumps(value, ensure_ascii=False).encode()  # fails on half of a surrogate pair
        require(type(value) is dict and depth(value) <= 16, "expected an object of up to 16 levels")
    except (ValueError, RecursionError) as error:
        raise Refused(f"expected strict JSON: {error}", "MALFORMED") from None
    return value


def check(name, value, schema):
    """Checks a claim with the keywords of JSON Schema that claims.schema.json uses."""
    schema = SCHEMAS[schema["$ref"].removeprefix("#/$defs/")] if "$ref" in schema else schema
    require(type(value) is TYPES[schema["type"]], f"claim `{name}`: expected {schema['type']}")
    if type(value) is int:
        require(schema["minimum"] <= value <= schema["maximum"], f"claim `{name}`: out of range")
    elif type(value) is str:
        require(re.fullmatch(schema["pattern"], value), f"claim `{name}`: {schema['pattern']}")
    elif type(value) is list:
        require(len(value) >= schema.get("minItems", 0), f"claim `{name}`: found no element")
        for element in value:
            check(name, element, schema["items"])
    elif type(value) is dict:
        for member in schema.get("required", []):
            require(member in value, f"claim `{member}` is missing")
        for member in value:
            inner = schema.get("properties", {}).get(member) or schema.get("additionalProperties")
            if inner:
                check(member, value[member], inner)


def public_key(jwk):
    """Returns the id, the algorithm and the key of a JWK."""
    require(not {"d", "p", "q", "dp", "dq", "qi", "oth", "k"} & jwk.keys(), "found a private key")
    alg, n, e, operations = (jwk.get(name) for name in ("alg", "n", "e", "key_ops"))
    require(jwk.get("kty") == "RSA" and type(n) is type(e) is str, "expected an RSA key")
    require(alg in ("RS256", "PS256") and jwk.get("use", "sig") == "sig", "`alg` or `use`")
    is_for_verifying = operations in (["verify"], ["verify", "sign"], ["sign", "verify"])
    require("key_ops" not in jwk or is_for_verifying, "`key_ops`")
    for number in map(base64url, (n, e)):
        require(number and number[0], "expected a number without leading zeros")
    modulus, exponent = (int.from_bytes(base64url(number), "big") for number in (n, e))
    require(2048 <= modulus.bit_length() <= 8192 and modulus % 2, "the modulus")
    require(65537 <= exponent < 2**32 and exponent % 2, "the exponent")
    thumbprint = hashlib.sha256(f'{{"e":"{e}","kty":"RSA","n":"{n}"}}'.encode()).digest()
    kid = base64.urlsafe_b64encode(thumbprint).decode().rstrip("=")
    require(jwk.get("kid", kid) == kid, "`kid` is not the thumbprint")
    return kid, (alg, rsa.RSAPublicNumbers(exponent, modulus).public_key())


def trust_set(data):
    document, trust = strict_json(data), {}
    keys = document.get("keys", [document])
    require(type(keys) is list and keys and all(type(key) is dict for key in keys), "`keys`")
    for kid, (alg, key) in map(public_key, keys):
        require(trust.setdefault(kid, (alg, key))[0] == alg, "a key has two algorithms")
    return trust


def verify(token, keys, typ):
    """Verifies a token. Returns its claims, with the id of its key as `kid`."""
    require(len(token) <= (2**25 if "revocations" in typ else 2**16), "the token is too long")
    segments = re.fullmatch(r"[\w-]*\.[\w-]*\.[\w-]*", token, re.A)
    require(segments, "expected three segments of base64url")
    header, payload, signature = token.split(".")
    header, signature = strict_json(base64url(header)), base64url(signature)
    require(header.keys() == {"alg", "kid", "typ"}, "expected `alg`, `kid` and `typ` in the header")
    alg, kid = header["alg"], header["kid"]
    require(alg in ("RS256", "PS256") and header["typ"] == typ, f"`alg`, or not `typ` {typ}")
    require(type(kid) is str and 0 < len(kid.encode()) <= 128, "`kid`")
    require(kid in keys, f"the key {kid} is not trusted", "UNTRUSTED_KEY")
    require(keys[kid][0] == alg, f"the key signs with {keys[kid][0]}", "BAD_SIGNATURE")
    try:
        scheme = padding.PKCS1v15() if alg == "RS256" else PSS
        keys[kid][1].verify(signature, token.rpartition(".")[0].encode(), scheme, hashes.SHA256())
    except InvalidSignature:
        raise Refused("the signature does not match", "BAD_SIGNATURE") from None
    claims = strict_json(base64url(payload))
    if typ == "license+jwt":
        check("ver", claims.get("ver"), SCHEMAS["count"])
        require(claims["ver"] == 1, "claim `ver`", "UNSUPPORTED_VERSION")
    check("crit", claims.get("crit", []), SCHEMAS["texts"])
    for name in claims.get("crit", []):
        is_known = name in SCHEMAS[typ]["properties"]
        require(is_known, f"critical claim `{name}`", "UNSUPPORTED_CLAIM")
    check("payload", claims, SCHEMAS[typ])
    return claims | {"kid": kid}


def verify_license(token, trust):
    claims = verify(token, trust, "license+jwt")
    require("cnf" in claims or not claims.get("floating"), "claim `floating` without `cnf`")
    check_in = claims.get("check_in", {"every_hours": 0, "grace_hours": 0})
    require(check_in["every_hours"] <= check_in["grace_hours"], "claim `check_in`")
    if "cnf" in claims:
        server, _ = public_key(claims["cnf"]["jwk"])
        require(server not in trust, "claim `cnf`", "SERVER_KEY_TRUSTED")
    lines = "coditect-license-key-v1", claims["jti"], claims["sub"], claims["tier"]
    lines = "\n".join([*lines, str(claims.get("exp", "perpetual"))])
    key = hashlib.sha256(lines.encode()).hexdigest()[:12].upper()
    key = f"{claims['aud']}-{claims['tier']}-{key}"
    key = f"{key}-{binascii.crc_hqx(key.encode(), 0xFFFF) ^ 0xF027:04X}"
    require(claims.get("key", key) == key, "claim `key` does not match the other claims")
    return claims


def belongs(token, license):
    """Returns whether a token is about a license, or about one that the license replaces."""
    ids = license["jti"], *license.get("supersedes", [])
    return token["lic"] in ids and token["aud"] == license["aud"]


def verify_file(data, trust):
    """Returns the verified licenses, validation tokens and revocation lists of a file."""
    has_list = b"-----BEGIN LICENSE REVOCATIONS-----" in data[: 2**18]
    require(len(data) <= (2**25 if has_list else 2**18), "the file is too long")
    text = data.replace(b"\r\n", b"\n").decode("ascii", "replace")
    tokens = {label: [] for label in KINDS}
    if not text.lstrip("\n").startswith("-"):
        tokens["LICENSE"], text = [text.strip("\n")], ""
    while text:
        block = BLOCK.match(text)
        require(block and block[1] in KINDS, "expected armor blocks with licenses and their tokens")
        tokens[block[1]].append(block[2].replace("\n", ""))
        text = text[block.end() :]
    size = sum(map(len, tokens["LICENSE"] + tokens["LICENSE VALIDATION"]))
    require(size <= 2**18, "the licenses and their tokens are too long")
    licenses = [verify_license(token, trust) for token in tokens["LICENSE"]]
    validations, lists = (
        [verify(token, trust, KINDS[label]) for token in tokens[label]]
        for label in ("LICENSE VALIDATION", "LICENSE REVOCATIONS"))
    require(licenses, "expected a license", "NEEDS_LICENSE_FILE")
    for token in validations:
        has_license = any(belongs(token, license) for license in licenses)
        require(has_license, "claim `lic`: the token belongs to another license")
    for revoked in (claims["revoked"] for claims in lists):
        ids = {entry["jti"] for entry in revoked}
        require(len(ids) == len(revoked), "claim `revoked`: a duplicate")
    return licenses, validations, lists


def digest(machine):
    """Returns the digest of a fingerprint with an id. Other machines stay as they are."""
    first = re.fullmatch("fp1:((?:given|id)=[0-9a-f]{24})(,[a-z]+=[0-9a-f]{24})*", machine)
    text = f"license-machine-v1\n{first and first[1]}"
    return "mach_" + hashlib.sha256(text.encode()).hexdigest()[:32] if first else machine


def decide(license, licenses, validations, lists, context):
    """Returns the code of the first rule that fails, or else of a grace period or `VALID`."""
    now = max([context["at"], *(claims["iat"] for claims in licenses + validations + lists)])
    product, jti, machine = license["aud"], license["jti"], digest(context.get("machine", ""))
    tokens = [token for token in validations if belongs(token, license)
              and digest(token.get("machine", machine)) == machine]
    # A token about a license that this one replaces can be a check-in and a denial.
    states = [(token["iat"], token["status"]) for token in tokens if token["lic"] == jti
              or token["status"] != "active" and token["iat"] >= license["iat"]]
    state = max(states, default=(0, "active"))[1]
    own = [found for found in lists if found["aud"] == product]
    newest = {key: max(found["seq"] for found in own if found["kid"] == key)
              for key in {found["kid"] for found in own}}
    entries = [entry for found in own if found["seq"] == newest[found["kid"]]
               for entry in found["revoked"]]
    successors = [other for other in licenses
                  if jti in other.get("supersedes", []) and other["aud"] == product]
    start, end = license.get("nbf", license["iat"]), license.get("exp", math.inf)
    renewal = license.get("renewal", {"grace_hours": 0})["grace_hours"]
    check_in = license.get("check_in", {"every_hours": math.inf, "grace_hours": math.inf})
    age = now - max([start, license["iat"], *(token["iat"] for token in tokens)])
    machines, users = license.get("machines"), license.get("users")
    usage = context.get("usage-type", "builder")
    built, covered = context.get("build-date", math.inf), license.get("maintenance_until", math.inf)
    rules = [
        ("PRODUCT_MISMATCH", product != context["product"]),
        ("REVOKED", state == "revoked" or any(e["jti"] == jti and e["at"] <= now for e in entries)),
        ("SUPERSEDED", any(other.get("nbf", other["iat"]) <= now for other in successors)),
        (state.upper(), state != "active"),
        ("NOT_YET_VALID", now < start),
        ("MACHINE_MISMATCH", machines and machine not in map(digest, machines)),
        ("NOT_ACTIVATED", license.get("activation")),
        ("USER_MISMATCH", users and context.get("user") not in users),
        ("USAGE_MISMATCH", license.get("usage_type", usage) != usage),
        ("VERSION_NOT_COVERED", "max_version" in license or built > covered),
        ("EXPIRED", now >= end + 3600 * renewal),
        ("CHECK_IN_OVERDUE", age > 3600 * check_in["grace_hours"]),
        ("SEAT_REQUIRED", license.get("floating")),
        ("GRACE_RENEWAL", now >= end),
        ("GRACE_OFFLINE", age >= 3600 * check_in["every_hours"]),
    ]
    return next((code for code, applies in rules if applies), "VALID")


def main(arguments):
    context, exit_code = {}, 0
    for argument in arguments:
        name, _, value = argument.removeprefix("--").partition("=")
        if argument.startswith("--"):
            assert name in SETTINGS, f"unknown setting {name}"
            if value and name in ("at", "build-date"):
                value = datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))
                assert value.tzinfo, f"--{name}: expected an offset, such as Z"
                value = value.timestamp()
            context[name] = value
            if value == "":
                del context[name]
            continue
        for required in ("trust", "product", "at"):
            assert required in context, f"expected --{required}=VALUE before {argument}"
        try:
            trust = trust_set(pathlib.Path(context["trust"]).read_bytes())
            verified = verify_file(pathlib.Path(argument).read_bytes(), trust)
            codes = [decide(license, *verified, context) for license in verified[0]]
            pairs = zip(codes, verified[0])
            result = {"licenses": [{"code": code, "claims": license} for code, license in pairs]}
            is_valid = any(code == "VALID" or code.startswith("GRACE_") for code in codes)
            exit_code = max(exit_code, 0 if is_valid else 1)
        except Refused as refused:
            result, exit_code = {"error": dict(zip(("message", "code"), refused.args))}, 3
        print(json.dumps({"file": argument} | result))
    return exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
