"""Signs a license token with PyJWT.

    sign.py KEY_FILE ALG KID CLAIMS_FILE

The key is PKCS#8 in PEM. Prints the token, whose header is `alg`, `kid` and `typ`.
"""

import json
import sys

import jwt

key_file, alg, kid, claims_file = sys.argv[1:]
with open(key_file, encoding="ascii") as file:
    key = file.read()
with open(claims_file, encoding="utf-8") as file:
    claims = json.load(file)
print(jwt.encode(claims, key, algorithm=alg, headers={"kid": kid, "typ": "license+jwt"}))
