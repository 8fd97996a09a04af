"""Verifies license files, following docs/format.md. Needs Python 3.10 and `cryptography`.

    verify.py --SETTING=VALUE... FILE...

See README.md for the settings and the results. rules.py has the rules, strict.py the parsers.
"""

import datetime, json, pathlib, re, sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from rules import belongs, decide
from strict import SCHEMAS, Refused, base64url, check, check_claims, require, strict_json, trust_set

KINDS = {"LICENSE": "license+jwt", "LICENSE VALIDATION": "license-validation+jwt",
         "LICENSE REVOCATIONS": "license-revocations+jwt"}
BLOCK = re.compile(r"-----BEGIN ([A-Z ]+)-----\n([\w.\n-]*)\n-----END \1-----(?:\n+|\Z)", re.A)
SCHEMES = {"RS256": padding.PKCS1v15(), "PS256": padding.PSS(padding.MGF1(hashes.SHA256()), 32)}
REQUIRED = "trust", "product", "at"
OPTIONAL = "machine", "user", "usage-type", "build-date"


def verify(token, trust, typ):
    """Verifies a token: its header, its signature, and then its claims. Returns the claims, with
    the id of the key as `kid`."""
    require(len(token) <= (2**25 if "revocations" in typ else 2**16), "the token is too long")
    segments = [base64url(segment) for segment in token.split(".")]
    require(len(segments) == 3, "expected three segments")
    header = strict_json(segments[0])
    check("header", header, SCHEMAS["header"])
    alg, kid = header["alg"], header["kid"]
    require(header["typ"] == typ, f"expected `typ` {typ}")
    require(len(kid.encode()) <= 128, "`kid` is too long")
    require(kid in trust, f"the key {kid} is not trusted", "UNTRUSTED_KEY")
    require(trust[kid][0] == alg, f"the key signs with {trust[kid][0]}", "BAD_SIGNATURE")
    signed = token.rpartition(".")[0].encode()
    try:
        trust[kid][1].verify(segments[2], signed, SCHEMES[alg], hashes.SHA256())
    except InvalidSignature:
        raise Refused("the signature does not match", "BAD_SIGNATURE") from None
    claims = strict_json(segments[1])
    check_claims(claims, typ, trust)
    return claims | {"kid": kid}


def verify_file(data, trust):
    """Returns the verified licenses, validation tokens and revocation lists of a file."""
    has_list = b"-----BEGIN LICENSE REVOCATIONS-----" in data[: 2**18]
    require(len(data) <= (2**25 if has_list else 2**18), "the file is too long")
    text = data.decode("latin-1").replace("\r\n", "\n").strip("\n")
    if not text.startswith("-"):
        text = f"-----BEGIN LICENSE-----\n{text}\n-----END LICENSE-----"
    tokens = {label: [] for label in KINDS}
    for label, token in BLOCK.findall(text):
        require(label in KINDS, f"found a block {label}")
        tokens[label].append(token.replace("\n", ""))
    require(not BLOCK.sub("", text), "expected armor blocks with licenses and their tokens")
    size = sum(map(len, tokens["LICENSE"] + tokens["LICENSE VALIDATION"]))
    require(size <= 2**18, "the licenses and their tokens are too long")
    licenses, validations, lists = (
        [verify(token, trust, KINDS[label]) for token in tokens[label]] for label in KINDS)
    require(licenses, "expected a license", "NEEDS_LICENSE_FILE")
    for token in validations:
        has_license = any(belongs(token, license) for license in licenses)
        require(has_license, "claim `lic`: the token belongs to another license")
    return licenses, validations, lists


def answer(path, context):
    """Returns the answer for a file, and its exit code."""
    try:
        trust = trust_set(pathlib.Path(context["trust"]).read_bytes())
        licenses, *others = verify_file(pathlib.Path(path).read_bytes(), trust)
    except Refused as refused:
        return {"error": dict(zip(("message", "code"), refused.args))}, 3
    codes = [decide(license, licenses, *others, context) for license in licenses]
    found = [{"code": code, "claims": license} for code, license in zip(codes, licenses)]
    return {"licenses": found}, int(not any(re.match("VALID|GRACE_", code) for code in codes))


def main(arguments):
    context, worst = {}, 0
    for argument in arguments:
        name, _, value = argument.removeprefix("--").partition("=")
        if not argument.startswith("--"):
            if missing := [name for name in REQUIRED if name not in context]:
                sys.exit(f"expected --{missing[0]}=VALUE before {argument}")
            found, exit_code = answer(argument, context)
            print(json.dumps({"file": argument} | found))
            worst = max(worst, exit_code)
        elif name not in REQUIRED + OPTIONAL:
            sys.exit(f"unknown setting {argument}")
        elif not value:
            context.pop(name, None)
        elif name in ("at", "build-date"):
            date = datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))
            context[name] = date.timestamp() if date.tzinfo else sys.exit(f"{argument}: no offset")
        else:
            context[name] = value
    return worst


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
