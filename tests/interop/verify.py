"""Verifies a license token with PyJWT, or another token with --validation or --lease.

    verify.py TOKEN_FILE JWKS_FILE ALG AUDIENCE [--ignore-expiry] [--validation] [--lease]

Prints the payload and exits with 0, or prints the reason of the refusal to standard error and exits
with 1. Any other exit code is an error of the script and does not count as a refusal.
"""

import json
import sys
import traceback

import jwt


TYPES = {"--validation": "license-validation+jwt", "--lease": "license-lease+jwt"}


class Refused(Exception):
    pass


def key_for(header, jwks, alg):
    keys = [key for key in jwks["keys"] if key["kid"] == header.get("kid")]
    if len(keys) != 1:
        raise Refused(f"found {len(keys)} keys with kid {header.get('kid')}")
    if keys[0]["alg"] != alg:
        raise Refused(f"the key is for {keys[0]['alg']}, not {alg}")
    return jwt.PyJWK.from_dict(keys[0])


def verify(token, jwks, alg, audience, typ, ignore_expiry):
    header = jwt.get_unverified_header(token)
    if header.get("typ") != typ:
        raise Refused(f"typ is {header.get('typ')}")
    options = {"require": ["aud"], "verify_exp": not ignore_expiry}
    key = key_for(header, jwks, alg)
    return jwt.decode(token, key, algorithms=[alg], audience=audience, options=options)


def main(token_file, jwks_file, alg, audience, *flags):
    assert set(flags) <= {"--ignore-expiry", *TYPES}, flags
    typ = next((typ for flag, typ in TYPES.items() if flag in flags), "license+jwt")
    with open(token_file, encoding="ascii") as file:
        token = file.read().strip()
    with open(jwks_file, encoding="utf-8") as file:
        jwks = json.load(file)
    print(json.dumps(verify(token, jwks, alg, audience, typ, "--ignore-expiry" in flags)))


try:
    main(*sys.argv[1:])
except (Refused, jwt.PyJWTError) as error:
    print(f"refused: {error!r}", file=sys.stderr)
    sys.exit(1)
except Exception:
    traceback.print_exc()
    sys.exit(2)
