"""Measures whether the times of refused sign-ins and of refused tokens reveal what the server has.

    timing.py LICENSE_SERVER

`LICENSE_SERVER` is the program. The script starts a server with a directory of its own, and sends
requests of each class in turn, in an order that changes from round to round: sign-ins with a wrong
password for addresses with and without an account, and tokens that begin like a token of the server,
with the right prefix, and with another one. Each request has a connection that is open before the clock
starts. Requests come from many addresses of the loopback network, because the server limits refused
requests of one address.

For each class, the script prints the median and the quartiles in microseconds, the difference of the
median from that of the first class, and the share of the rounds in which the request took longer than
that of the first class. A class that cannot be distinguished has a share of about 50 %.
"""

import http.client
import json
import random
import secrets
import statistics
import subprocess
import sys
import tempfile
import time

PASSWORD = "correct horse battery staple"

# The accounts. The server permits 20 attempts at once for each.
ACCOUNTS = 50

SIGN_INS = 600
TOKENS = 3000


class Server:
    def __init__(self, program, directory):
        options = ["--no-config", "--data-dir", f"{directory}/data"]
        subprocess.run([program, "init", *options], check=True, capture_output=True)
        network = ["--listen", "127.0.0.1:0", "--metrics-listen", "off", "--peer-rate", "off"]
        self.process = subprocess.Popen(
            [program, "run", "--json", *network, *options],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )
        text = ""
        while True:
            text += self.process.stdout.readline()
            try:
                self.start = json.loads(text)
                break
            except ValueError:
                if self.process.poll() is not None:
                    sys.exit(f"the server ended: {text}")
        self.port = int(self.start["url"].rsplit(":", 1)[1])
        self.sent = 0

    def send(self, method, path, body=None, headers=None):
        """Sends a request. Returns the seconds, the status, the headers and the body."""
        self.sent += 1
        source = f"127.0.{self.sent // 250 % 250}.{2 + self.sent % 250}"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, source_address=(source, 0))
        connection.connect()
        data = None if body is None else json.dumps(body)
        headers = {"content-type": "application/json"} | (headers or {})
        start = time.perf_counter()
        connection.request(method, path, data, headers)
        response = connection.getresponse()
        content = response.read()
        seconds = time.perf_counter() - start
        connection.close()
        return seconds, response.status, response.headers, content

    def call(self, method, path, body, headers=None):
        _, status, received, content = self.send(method, path, body, headers)
        if status not in (200, 201):
            sys.exit(f"{method} {path}: {status} {content}")
        return received, json.loads(content)


def set_up(server):
    """Creates the accounts and a token. Returns the addresses and the secret of the token."""
    owner = "owner@acme.example"
    secret = server.start["setup_url"].rsplit("/", 1)[1]
    server.call("POST", "/api/v1/setup", {"secret": secret, "name": "Ann", "email": owner, "password": PASSWORD})
    received, session = server.call("POST", "/api/v1/sessions", {"email": owner, "password": PASSWORD})
    cookies = "; ".join(line.split(";")[0] for line in received.get_all("set-cookie"))
    own = {"cookie": cookies, "X-CSRF-Token": session["csrf_token"]}
    addresses = []
    for number in range(ACCOUNTS):
        address = f"person{number:04}@acme.example"
        order = {"email": address, "role": "member"}
        link = server.call("POST", "/api/v1/invitations", order, own)[1]["link"]
        person = {"token": link.split("#")[1], "name": "Bob", "password": PASSWORD}
        server.call("POST", "/api/v1/invitations/accept", person)
        addresses.append(address)
    token = server.call("POST", "/api/v1/tokens", {"name": "t", "scopes": ["auditor"]}, own)[1]
    return addresses, token["secret"]


def measure(classes, rounds):
    """Sends the requests of all classes in each round. Returns the seconds of each class."""
    times = {name: [] for name in classes}
    for number in range(rounds):
        names = list(classes)
        random.shuffle(names)
        for name in names:
            seconds, status, _, content = classes[name](number)
            if status != 401:
                sys.exit(f"{name}: {status} {content}")
            times[name].append(seconds * 1e6)
    return times


def report(title, times):
    print(f"{title}\n")
    print("| class | requests | median | quartiles | difference | slower than the first |")
    print("|---|---|---|---|---|---|")
    first = next(iter(times.values()))
    for name, values in times.items():
        low, median, high = statistics.quantiles(values, n=4)
        difference = median - statistics.median(first)
        slower = sum(one > other for one, other in zip(values, first)) / len(values)
        share = "" if values is first else f"{slower:.0%}"
        print(f"| {name} | {len(values)} | {median:.0f} µs | {low:.0f} to {high:.0f} µs | {difference:+.0f} µs | {share} |")
    print(flush=True)


def main(program):
    with tempfile.TemporaryDirectory() as directory:
        server = Server(program, directory)
        try:
            addresses, token = set_up(server)

            def sign_in(address):
                return server.send("POST", "/api/v1/sessions", {"email": address, "password": "a wrong password"})

            def ask(secret):
                return server.send("GET", "/api/v1/tokens", headers={"authorization": f"Bearer {secret}"})

            def rest(length):
                return secrets.token_urlsafe(64)[:length]

            report("Sign-ins with a wrong password:", measure({
                "an account": lambda number: sign_in(addresses[number % ACCOUNTS]),
                "no account": lambda number: sign_in(f"nobody{number:04}@acme.example"),
            }, SIGN_INS))
            size = len(token)
            report("Tokens that the server does not have:", measure({
                "all but the last 4 characters of a token": lambda _: ask(token[:-4] + rest(4)),
                "the right prefix": lambda _: ask("lsv_" + rest(size - 4)),
                "another prefix": lambda _: ask("xyz_" + rest(size - 4)),
            }, TOKENS))
        finally:
            server.process.terminate()
            server.process.wait()


main(sys.argv[1])
