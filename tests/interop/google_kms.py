"""Emulates the REST interfaces of Google that keygen uses: Cloud KMS (version 1), the server that
issues access tokens, and the metadata server of a virtual machine.

    google_kms.py

Prints its address, and exits when its standard input closes, so that it does not outlive a killed
test. The keys and signatures are real.

The name of a key is `ALGORITHM` in lower case with hyphens, as `gcloud` writes it, such as
`rsa-sign-pkcs1-2048-sha256`. The key ring selects a fault (see `fault`), or no fault if it is
`licenses`. A key ring `sign-FAULT` has the fault only in `asymmetricSign`. The project is a name of
a test: `/log/PROJECT` returns its requests.
"""

import base64
import binascii
import json
import os
import sys
import threading
import time
from collections import defaultdict

import jwt
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from flask import Flask, Response, jsonify, request

SCOPE = "https://www.googleapis.com/auth/cloudkms"
ACCESS_TOKEN = "ya29.token-that-must-not-be-printed"
CLIENT_SECRET = "client secret/that+must=not&be%printed"
REFRESH_TOKEN = "1//refresh-token-that-must-not-be-printed"

app = Flask(__name__)
lock = threading.Lock()
keys = {}
accounts = {}
tokens = {ACCESS_TOKEN}
requests = defaultdict(list)


def crc32c(content):
    """The CRC of RFC 3720 appendix B.4."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


assert crc32c(b"123456789") == 0xE3069283


def private_key(name):
    """Returns the key with this name, which is created when it is first used."""
    with lock:
        if name not in keys:
            if name.startswith("ec-"):
                keys[name] = ec.generate_private_key(ec.SECP256R1())
            else:
                sizes = [size for size in (2048, 3072, 4096) if f"-{size}" in name]
                keys[name] = rsa.generate_private_key(65537, sizes[0])
        return keys[name]


def pem_of(key):
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()


def signature_of(name, key, digest):
    algorithm = utils.Prehashed(hashes.SHA256())
    if name.startswith("ec-"):
        return key.sign(digest, ec.ECDSA(algorithm))
    if "-pss-" in name:
        scheme = padding.PSS(padding.MGF1(hashes.SHA256()), salt_length=32)
    else:
        scheme = padding.PKCS1v15()
    return key.sign(digest, scheme, algorithm)


def error(code, status, message, **more):
    body = {"error": {"code": code, "message": message, "status": status, **more}}
    return jsonify(body), code


def fault(ring, count, version):
    """Returns the response of a faulty service, or None. `count` is the number of this request."""
    match ring:
        case "busy-once" if count == 1:
            return error(429, "RESOURCE_EXHAUSTED", "Quota exceeded for quota metric")
        case "busy":
            return error(429, "RESOURCE_EXHAUSTED", "Quota exceeded for quota metric")
        case "broken":
            return error(500, "INTERNAL", "Internal error encountered.")
        case "disabled":
            message = f"{version} is not enabled, current state is: DISABLED."
            return error(400, "FAILED_PRECONDITION", message)
        case "forbidden":
            message = f"Permission 'cloudkms.cryptoKeyVersions.useToSign' denied on {version}"
            return error(403, "PERMISSION_DENIED", message)
        case "off":
            details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo",
                        "reason": "SERVICE_DISABLED"}]
            return error(403, "PERMISSION_DENIED", "API is disabled.", details=details)
        case "missing":
            return error(404, "NOT_FOUND", f"CryptoKeyVersion {version} not found.")
        case "wrong-purpose":
            return error(400, "INVALID_ARGUMENT", "CryptoKey purpose must be ASYMMETRIC_SIGN.")
        case "expired":
            return error(401, "UNAUTHENTICATED", "Request had invalid credentials.")
        case "echo":
            return error(403, "ODD", "you sent " + request.headers["Authorization"])
        case "slow":
            time.sleep(0.5)
        case "truncated":
            # Werkzeug corrects the length of a text, but not of an iterator.
            return Response(iter(['{"name":']), headers={"Content-Length": "1000"})
        case "oversized":
            return Response(" " * (1 << 20), mimetype="application/json")
        case "redirect":
            return Response(status=302, headers={"Location": "/login"})
        case "login":
            return Response("<!DOCTYPE html><title>Sign in</title>", mimetype="text/html")
        case "array":
            return jsonify([])
        case "empty":
            return jsonify({})
    return None


def receive(project, name, ring, method):
    """Records a request. Returns its response if it fails, and the fault for this method."""
    body = request.get_data(as_text=True)
    with lock:
        requests[project].append({
            "method": request.method, "path": request.full_path.rstrip("?"), "body": body,
            "headers": {key.lower(): value for key, value in request.headers},
        })
        count = sum(entry["path"] == request.path for entry in requests[project])
    if ring.startswith("sign-"):
        ring = ring.removeprefix("sign-") if method == "sign" else "licenses"
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if token not in tokens:
        return error(401, "UNAUTHENTICATED", "Request is missing valid credentials."), ring, count
    return fault(ring, count, name), ring, count


def damaged(ring, subject, count):
    """Returns whether a checksum must be wrong."""
    return ring == f"wrong-{subject}" or (ring == f"wrong-{subject}-once" and count == 1)


VERSION = "/v1/projects/<project>/locations/<place>/keyRings/<ring>/cryptoKeys/<key>/cryptoKeyVersions/<int:number>"


def resource(project, place, ring, key, number):
    return f"projects/{project}/locations/{place}/keyRings/{ring}/cryptoKeys/{key}/cryptoKeyVersions/{number}"


@app.get(VERSION + "/publicKey")
def get_public_key(project, place, ring, key, number):
    name = resource(project, place, ring, key, number)
    failure, ring, count = receive(project, name, ring, "public")
    if failure:
        return failure
    pem = pem_of(private_key(key))
    crc = crc32c(pem.encode()) ^ damaged(ring, "pem", count)
    return jsonify({
        "pem": "no PEM" if ring == "no-pem" else pem,
        "algorithm": key.upper().replace("-", "_"),
        "pemCrc32c": str(crc32c(b"no PEM") if ring == "no-pem" else crc),
        "name": name.replace(key, "other") if ring == "other-name" else name,
        "protectionLevel": "HSM",
    })


@app.post(VERSION + ":asymmetricSign")
def asymmetric_sign(project, place, ring, key, number):
    name = resource(project, place, ring, key, number)
    failure, ring, count = receive(project, name, ring, "sign")
    if failure:
        return failure
    body = request.get_json(force=True)
    try:
        # As the JSON form of Google, which has both alphabets. `gcloud` uses the second one.
        digest = body["digest"]["sha256"].translate(str.maketrans("-_", "+/"))
        digest = base64.b64decode(digest, validate=True)
        expected = int(body["digestCrc32c"])
    except (KeyError, TypeError, ValueError, binascii.Error):
        return error(400, "INVALID_ARGUMENT", "The digest is malformed.")
    if len(digest) != 32 or crc32c(digest) != expected:
        return error(400, "INVALID_ARGUMENT", "The checksum of the digest does not match.")
    signer = key.replace("2048", "2048-other") if ring == "other-key" else key
    signature = signature_of(key, private_key(signer), digest)
    crc = crc32c(signature) ^ damaged(ring, "signature", count)
    response = {
        "signature": base64.b64encode(signature).decode(),
        "signatureCrc32c": str(crc),
        "verifiedDigestCrc32c": True,
        "name": name.replace(key, "other") if ring == "other-name" else name,
        "protectionLevel": "HSM",
    }
    # The JSON form of Google omits members that are false.
    if ring == "unverified":
        del response["verifiedDigestCrc32c"]
    return jsonify(response)


@app.post("/accounts/<project>")
def create_account(project):
    """Creates a service account and returns its key file."""
    key = rsa.generate_private_key(65537, 2048)
    email = f"keygen@{project}.iam.gserviceaccount.com"
    with lock:
        accounts[email] = key.public_key()
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return jsonify({
        "type": "service_account",
        "project_id": project,
        "private_key_id": "0123456789abcdef",
        "private_key": pem.decode(),
        "client_email": email,
        "client_id": "1",
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": f"{request.host_url}token/{project}",
    })


@app.post("/token/<project>")
def token(project):
    """Issues an access token for an assertion (RFC 7523) or a refresh token (RFC 6749)."""
    with lock:
        requests[project].append({"method": "POST", "path": request.path})
    form = request.form
    lifetime = 3599
    match form.get("grant_type"):
        case "urn:ietf:params:oauth:grant-type:jwt-bearer":
            assertion = form["assertion"]
            try:
                email = jwt.decode(assertion, options={"verify_signature": False})["iss"]
                claims = jwt.decode(
                    assertion, accounts.get(email), algorithms=["RS256"], audience=request.url,
                    options={"require": ["iss", "scope", "aud", "iat", "exp"]},
                )
                granted = claims["scope"] == SCOPE and claims["exp"] - claims["iat"] <= 3600
            except Exception:
                granted = False
        case "refresh_token":
            granted = form.get("client_secret") == CLIENT_SECRET
            granted = granted and form.get("refresh_token") == REFRESH_TOKEN
            lifetime = 30 if form.get("client_id") == "short" else lifetime
        case _:
            granted = False
    if not granted:
        description = "Account not found: " + (form.get("refresh_token") or "")
        return jsonify({"error": "invalid_grant", "error_description": description}), 400
    with lock:
        issued = f"ya29.issued-{len(tokens)}"
        tokens.add(issued)
    return jsonify({"access_token": issued, "expires_in": lifetime, "token_type": "Bearer"})


@app.get("/computeMetadata/v1/instance/service-accounts/default/token")
def metadata():
    if request.headers.get("Metadata-Flavor") != "Google":
        return "missing header", 403
    response = jsonify({"access_token": ACCESS_TOKEN, "expires_in": 3599, "token_type": "Bearer"})
    response.headers["Metadata-Flavor"] = "Google"
    return response


@app.get("/log/<project>")
def log(project):
    with lock:
        return jsonify(requests[project])


def end():
    sys.stdin.read()
    os._exit(0)


threading.Thread(target=end, daemon=True).start()
app.run("127.0.0.1", 0)
