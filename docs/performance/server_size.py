"""Measures a server: start, memory and sizes with many leases.

    python3 docs/performance/server_size.py LICENSE_SERVER KEYGEN SEATS

The arguments are the paths of the programs, and the number of seats that are acquired.
"""

import hashlib
import http.client
import json
import os
import secrets
import subprocess
import sys
import tempfile
import threading
import time

THREADS = 8


def main():
    server, keygen = (os.path.abspath(path) for path in sys.argv[1:3])
    seats = int(sys.argv[3])
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        measure(server, issue(server, keygen, seats), seats)


def environment():
    home = os.getcwd()
    return {**os.environ, "HOME": home, "LICENSE_SERVER_DATA_DIR": f"{home}/data"}


def run(*command):
    return subprocess.run(command, env=environment(), check=True, capture_output=True).stdout


def issue(server, keygen, seats):
    """Installs a license with this number of seats. Returns its key."""
    run(server, "init")
    run(keygen, "new-key", "--bits", "2048", "--out", "vendor.key", "--no-passphrase")
    run(keygen, "public", "--key", "vendor.key", "--format", "jwk", "--out", "vendor.jwk")
    run(keygen, "trust", "vendor.jwk", "--out", "trust.jwks")
    terms = ["--tier", "team", "--seats", str(seats), "--perpetual", "--offline"]
    files = ["--key", "vendor.key", "--server-key", "data/server.request", "--out", "acme.lic"]
    report = run(keygen, "issue", "--json", "--customer", "ACME Ltd", *terms, *files)
    run(server, "install", "trust.jwks", "acme.lic")
    return json.loads(report)["key"]


def measure(server, key, seats):
    start = time.monotonic()
    options = ["--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0", "--log", "warn"]
    limits = ["--peer-rate", "off", "--license-rate", "off"]
    command = [server, "run", "--json", *options, *limits]
    process = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True)
    text = ""
    for line in process.stdout:
        text += line
        if line == "}\n":
            break
    print(f"start: {(time.monotonic() - start) * 1000:.0f} ms")
    print(f"memory at the start: {memory(process.pid)} MiB")
    host = json.loads(text)["url"].split("//")[1]
    shares = [range(first, seats, THREADS) for first in range(THREADS)]
    threads = [threading.Thread(target=acquire, args=(host, key, share)) for share in shares]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"memory with {seats} leases: {memory(process.pid)} MiB")
    process.terminate()
    process.wait()
    print(f"database: {os.path.getsize('data/server.db') / 2**20:.1f} MiB")
    print(f"program: {os.path.getsize(server) / 2**20:.1f} MiB")


def memory(process):
    with open(f"/proc/{process}/status") as status:
        line = next(line for line in status if line.startswith("VmRSS"))
    return int(line.split()[1]) // 1024


def acquire(host, key, numbers):
    connection = http.client.HTTPConnection(host)
    headers = {"Authorization": f"License {key}", "Content-Type": "application/json"}
    for number in numbers:
        body = {
            "session": f"sess_{number:032x}",
            "instance": f"inst_{secrets.token_hex(16)}",
            "machine_id": f"machine-{number}",
            "user": f"user-{number}",
            "nonce": secrets.token_hex(16),
            "commitment": hashlib.sha256(secrets.token_bytes(32)).hexdigest(),
        }
        connection.request("POST", "/api/v1/seats", json.dumps(body), headers)
        response = connection.getresponse()
        assert response.status == 201, response.read()
        response.read()


main()
