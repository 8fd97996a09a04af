"""A site's and a vendor's license server with sample data, for pictures and for a look at the pages.

    cargo build -p license-server -p license-keygen -p license-cli
    python3 docs/images/samples.py site        # or: busy, vendor

The script fills a server in a temporary directory, prints its URL, and runs it until the script is
interrupted. `busy` is the same site with more licenses, too few seats and webhooks that fail. The
owner is `ann@acme.example` with the password that `PASSWORD` states.

All programs run with `faketime`, so that the dates are the same in each run: the server is set up in
October, and looked at on the last day of November. The hours of seats between the two are written
into the database, because nobody waits for a month. A vendor's server needs a Python with
localstripe.
"""

import atexit
import contextlib
import functools
import hashlib
import json
import math
import os
import pathlib
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = pathlib.Path(os.environ.get("PROGRAMS", ROOT / "target" / "debug"))

PASSWORD = "correct horse battery staple"
OWNER = "ann@acme.example"

SETUP = "@2027-10-20 07:50:00"
BEFORE, EARLIER, NOW = "@2027-10-20 08:00:00", "@2027-11-15 09:30:00", "@2027-11-30 14:10:20"
HOUR_OF_NOW = 507662  # 2027-11-30 14:00 UTC, in hours since 1970
PASSED = 1 / 6  # of the hour of now
DAYS = 31

PEOPLE = [
    ("Ben Okafor", "administrator"),
    ("Carla Rossi", "license_manager"),
    ("Dilan Yıldız", "billing"),
    ("Emma Lindqvist", "auditor"),
    ("Farid Haddad", "member"),
    ("Grace Kim", "member"),
]
USERS = (
    "amelia ben carla dilan emma farid grace hana ivan julia kofi lena mateo noor oscar priya"
    " quentin rosa sven tomas uma victor wei xenia yara zoe"
).split()


class Programs:
    """A directory in which programs run at times of their own."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.environment = {
            "HOME": str(self.directory / "home"),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "PATH": os.environ["PATH"],
            "KEYGEN_LEDGER": str(self.directory / "ledger.db"),
            "LICENSE_SERVER_DATA_DIR": str(self.directory / "data"),
            # Waiting works with the real clock.
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        self.preload = None
        (self.directory / "home").mkdir()
        self.write("passphrase", PASSWORD + "\n")

    def write(self, name, text):
        path = self.directory / name
        path.write_text(text)
        path.chmod(0o600)

    def read(self, name):
        return (self.directory / name).read_text()

    def at(self, time):
        """Returns the environment of a program at a time. The library of `faketime` is used without the
        program `faketime`, which would stay in front of a server, and leave files if it is stopped."""
        if self.preload is None:
            command = ["faketime", "-f", "+0", "printenv", "LD_PRELOAD"]
            self.preload = subprocess.run(command, text=True, capture_output=True, check=True).stdout.strip()
        return self.environment | {"LD_PRELOAD": self.preload, "FAKETIME": time, "FAKETIME_DISABLE_SHM": "1"}

    def command(self, name, *arguments):
        return [str(PROGRAMS / name), *map(str, arguments)]

    def run(self, at, name, *arguments, **variables):
        """Runs a program. Returns what it prints."""
        done = subprocess.run(
            self.command(name, *arguments), cwd=self.directory, text=True, capture_output=True,
            env=self.at(at) | variables,
        )
        if done.returncode != 0:
            sys.exit(f"{name} {' '.join(map(str, arguments))}\n{done.stdout}{done.stderr}")
        return done.stdout

    def create_key(self):
        """Creates the key of the vendor, and its trust set."""
        self.signing = ["--key", "vendor.key", "--passphrase-file", "passphrase"]
        self.run(SETUP, "keygen", "new-key", "--out", "vendor.key", "--passphrase-file", "passphrase")
        self.run(SETUP, "keygen", "public", *self.signing, "--format", "jwk", "--out", "vendor.jwk")
        self.run(SETUP, "keygen", "trust", "vendor.jwk", "--out", "trust.jwks")


class Server:
    """A license server that runs at a time, and its interface."""

    def __init__(self, programs, *settings):
        self.programs, self.settings = programs, list(settings)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.url = "http://127.0.0.1:%d" % free.getsockname()[1]
        self.token = self.process = None

    def start(self, at):
        listen = ["--listen", self.url.removeprefix("http://"), "--metrics-listen", "off"]
        command = self.programs.command(
            "license-server", "run", "--json", "--peer-rate", "off", *listen, *self.settings
        )
        self.log = open(self.programs.directory / "server.log", "a")
        self.process = subprocess.Popen(
            command, cwd=self.programs.directory, env=self.programs.at(at), text=True,
            stdout=subprocess.PIPE, stderr=self.log,
        )
        atexit.register(self.stop)
        text = ""
        for line in self.process.stdout:
            text += line
            with contextlib.suppress(json.JSONDecodeError):
                report = json.loads(text)
                if "setup_url" in report or "url" in report:
                    return report
        sys.exit(f"the server did not start\n{text}{self.programs.read('server.log')[-2000:]}")

    def stop(self):
        if self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGINT)
        self.process.wait()

    def send(self, method, path, body=None, *, authorization=None, expected=range(200, 300)):
        """Sends a request. Returns the JSON of the answer."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json"}
        if authorization or self.token:
            headers["authorization"] = authorization or f"Bearer {self.token}"
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                status, text = response.status, response.read()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read()
        if status not in expected:
            sys.exit(f"{method} {path}: {status}\n{text.decode()}")
        with contextlib.suppress(json.JSONDecodeError):
            return json.loads(text)
        return text.decode()

    def post(self, path, body=None, **options):
        return self.send("POST", "/api/v1" + path, body if body is not None else {}, **options)

    def get(self, path):
        return self.send("GET", "/api/v1" + path)

    def set_up(self, report):
        """Creates the owner, and a token for this script."""
        secret = report["setup_url"].rsplit("/", 1)[1]
        self.post("/setup", {"secret": secret, "name": "Ann Miller", "email": OWNER, "password": PASSWORD})
        create = ["token", "create", "--name", "Nightly export", "--days", "never", "--json"]
        self.token = json.loads(self.programs.run(BEFORE, "license-server", *create))["secret"]

    def invite(self):
        """Creates the accounts of other people, and leaves one invitation open."""
        for name, role in PEOPLE:
            address = name.split()[0].lower() + "@acme.example"
            link = self.post("/invitations", {"email": address, "role": role})["link"]
            body = {"token": link.split("#")[1], "name": name, "password": PASSWORD}
            self.post("/invitations/accept", body)

    def add_tokens(self):
        self.post("/tokens", {"name": "CI of the build farm", "scopes": ["auditor"], "days": 90})
        self.post("/tokens", {"name": "Shop", "scopes": ["license_manager", "billing:read"]})

    def create_groups(self, pool, shares):
        """Creates groups with seats of a pool, and with members. The first one administers it."""
        members = {member["name"]: member["id"] for member in self.get("/members?limit=100")["items"]}
        for name, seats, people in shares:
            group = self.post("/groups", {"name": name})["id"]
            for place, person in enumerate(people):
                path = f"/api/v1/groups/{group}/members/{members[person]}"
                self.send("PUT", path, {"administrator": place == 0})
            if seats:
                share = {"pool": pool, "reserved": seats}
                self.send("PATCH", f"/api/v1/groups/{group}", {"seats": [share]})

    def add_provider(self):
        self.post("/identity-providers", {
            "name": "Entra ID", "issuer": "https://login.microsoftonline.com/8f2c/v2.0",
            "client_id": "5d1b1c7e-6f51-4c0d-9a35-0f2c3a4b5c6d", "client_secret": "not a secret",
            "creates_people": True, "default_role": "member", "email_domains": ["acme.example"],
            "hosts": ["graph.microsoft.com"],
            "roles": [{"group": "License admins", "role": "administrator"}],
        })

    def take_seat(self, license, number, user, wait=True):
        """Requests a seat as a program does."""
        digest = hashlib.sha256(bytes.fromhex(f"{number:064x}")).hexdigest()
        body = {
            "session": f"sess_{number:032x}", "instance": f"inst_{number:032x}",
            "machine_id": f"{user}-laptop", "user": f"{user}@acme.example",
            "nonce": f"{number:032x}", "commitment": digest, "wait": wait,
        }
        return self.post("/seats", body, authorization=f"License {license['key']}")

    def validate(self, license, machines):
        for machine in machines:
            body = {"license_key": license["key"], "machine_id": machine, "version": "4.2.0"}
            self.post("/licenses/validate", body)


class History:
    """The hours of seats of a month, in the tables in which the server sums them."""

    def __init__(self, database):
        self.connection = sqlite3.connect(database)
        self.tenant = self.connection.execute("SELECT tenant FROM tenants").fetchone()[0]
        self.random = random.Random(7)

    def add(self, table, keys, sums, highest=()):
        """Adds a row, or adds its numbers to the row that is there."""
        row = {"tenant": self.tenant} | keys | sums
        changes = [
            f"{name} = max({name}, excluded.{name})" if name in highest else f"{name} = {name} + excluded.{name}"
            for name in sums
        ]
        names, marks = ", ".join(row), ", ".join("?" * len(row))
        self.connection.execute(
            f"INSERT INTO {table} ({names}) VALUES ({marks}) ON CONFLICT DO UPDATE SET {', '.join(changes)}",
            list(row.values()),
        )

    def hour(self, pool, seats, hour):
        """Writes an hour: office hours on workdays, and the highest demand in the middle of the days."""
        of_day, day = hour % 24, hour // 24
        busy = max(0.0, math.sin((of_day - 6) / 14 * math.pi)) if 6 <= of_day <= 20 else 0.0
        rise = math.sin((hour - HOUR_OF_NOW + 24 * DAYS) / (24 * DAYS) * math.pi)
        share = busy * (0.84 + 0.24 * rise) if (day + 3) % 7 < 5 else busy * 0.15
        wanted = max(0, round(share * seats + self.random.uniform(-0.04, 0.04) * seats))
        held, over = min(seats, wanted), max(0, wanted - seats)
        denied, queued = over // 2, over - over // 2
        granted = held + held // 3
        length = 3_600_000 * (PASSED if hour == HOUR_OF_NOW else 1)
        sums = {
            "capacity_low": seats, "capacity_high": seats, "held_high": held,
            "held_ms": int(held * length * 0.82), "full_ms": 540_000 * min(over, 5), "granted": granted,
            "overage": 0, "queued": queued, "waits": queued, "waited_ms": queued * 95_000,
            "longest_wait_ms": 260_000 if queued else 0, "abandoned": 0, "queue_high": queued,
        }
        # The empty pool has the sums of all pools.
        for of_pool in (pool, ""):
            keys = {"pool": of_pool, "hour": hour}
            self.add("seat_hours", keys, sums, highest=("longest_wait_ms", "queue_high"))
            if denied:
                self.add("seat_denials", keys | {"code": "NO_SEAT"}, {"count": denied})
            for level in range(1, wanted + 1):
                is_over = level > seats
                numbers = {
                    "granted": 0 if is_over else granted // max(1, held),
                    "queued": int(is_over and level <= seats + queued),
                    "denied": int(level > seats + queued),
                }
                self.add("seat_demand", {"pool": of_pool, "day": day, "level": level}, numbers)

    def fill(self, pool, seats):
        for hour in range(HOUR_OF_NOW - 24 * DAYS, HOUR_OF_NOW + 1):
            self.hour(pool, seats, hour)
        self.connection.commit()


def fill_site(programs, is_busy=False):
    """Fills the server of a site. Returns it while it runs."""
    programs.create_key()
    programs.run(SETUP, "license-server", "init")
    programs.write("server.request", programs.read("data/server.request"))
    programs.run(SETUP, "license-server", "install", "trust.jwks")
    licenses = {}
    # The second of the issue decides the order of the lists.
    issued = lambda second: f"@2027-10-20 07:59:0{second}"
    for name, at, customer, terms in [
        ("main", issued(1), "ACME Ltd", "--tier team --seats 25 --days 365 --offline"),
        ("design", issued(2), "ACME Design", "--tier team --seats 5 --days 47 --floating"),
        ("labs", issued(3), "ACME Labs", "--tier pro --days 14 --offline"),
        ("named", issued(4), "ACME Support", "--tier team --days 300 --floating --quota named_users=4"),
        ("tokyo", EARLIER, "ACME Tokyo", "--tier team --seats 10 --days 365 --not-before 2028-01-01 --offline"),
        ("all", EARLIER, "ACME Research", "--tier ent --perpetual"),
    ]:
        order = ["issue", "--json", *programs.signing, "--customer", customer, "--out", f"{name}.lic"]
        order += ["--server-key", "server.request", *terms.split()]
        licenses[name] = json.loads(programs.run(at, "keygen", *order))
    server = Server(
        programs, "--webhook-networks", "127.0.0.0/8", "--webhook-http", "on", "--log", "error"
    )
    server.set_up(server.start(BEFORE))
    for name in ["main", "design", "named"] + ["labs"] * is_busy:
        server.post("/licenses", {"file": programs.read(f"{name}.lic")})
    server.invite()
    server.validate(licenses["main"], [f"{user}-laptop" for user in USERS[:9]])
    server.stop()
    server.start(EARLIER)
    for name in ["tokyo"] * is_busy + ["all"]:
        server.post("/licenses", {"file": programs.read(f"{name}.lic")})
    server.add_tokens()
    server.validate(licenses["design"], [f"{user}-laptop" for user in USERS[9:12]])
    pools = {pool["customer"]: pool["pool"] for pool in server.get("/pools?limit=100")["items"]}
    server.create_groups(pools["ACME Ltd"], [
        ("Engineering", 4, ["Ben Okafor", "Farid Haddad", "Grace Kim"]),
        ("Quality", 0, ["Carla Rossi"]),
    ])
    server.stop()
    history = History(programs.directory / "data/server.db")
    history.fill(pools["ACME Ltd"], 25)
    history.fill(pools["ACME Design"], 5)
    history.connection.close()
    server.start(NOW)
    server.add_provider()
    server.post("/invitations", {"email": "hiro@acme.example", "role": "member"})
    for number, user in enumerate(USERS[:18], 1):
        server.take_seat(licenses["main"], number, user)
    for number, user in enumerate(["sven", "tomas", "victor", "wei"], 101):
        server.take_seat(licenses["design"], number, user)
    for number, user in enumerate(["carla", "rosa"], 201):
        server.take_seat(licenses["all"], number, user)
    named = licenses["named"]["license_id"]
    for user in ("grace", "farid", "emma"):
        server.post(f"/licenses/{named}/users", {"email": f"{user}@acme.example"})
    server.validate(licenses["main"], [f"{user}-laptop" for user in USERS[:20]])
    if is_busy:
        add_trouble(server, licenses, pools)
    return server


def add_trouble(server, licenses, pools):
    """Adds a queue, a seat that was ended, webhooks that fail, and a key on many machines."""
    dead = "http://127.0.0.1:9/licenses"
    events = ["license.*", "lease.end"]
    hook = server.post("/webhooks", {"url": dead, "events": events, "description": "Chat"})
    server.post(f"/webhooks/{hook['id']}/test")
    server.post("/webhooks", {"url": "https://hooks.example.com/acme/seats", "events": ["*"]})
    for number, user in enumerate(["uma", "zoe", "yara", "xenia"], 105):
        server.take_seat(licenses["design"], number, user)
    end = f"/pools/{pools['ACME Ltd']}/leases/sess_{1:032x}/end"
    server.post(end, {"mode": "hard", "reason": "left the company"})
    server.validate(licenses["main"], [f"runner-{number}" for number in range(40)])


ENTITIES = """
[[entity]]
code = "DE"
name = "Coditect GmbH"
address = ["Hauptstraße 1", "10115 Berlin", "Germany"]
tax_id = "DE123456789"
payment = ["IBAN DE02 1203 0000 0000 2020 51", "BIC BYLADEM1001"]
footer = ["Amtsgericht Berlin, HRB 12345"]
"""
METERS = """
[[meters]]
name = "commands"
source = "quota:commands_per_day"
unit = "commands"
overage = "bill"
event = "coditect_commands"
included = { FREE = 0, TEAM = 300, PRO = 100, ENT = "unlimited" }

[[meters]]
name = "activations"
source = "activations"
overage = "notify"
included = { FREE = 1, TEAM = 50, PRO = 50, ENT = "unlimited" }

[[meters]]
name = "seat_hours"
source = "seat_hours"
unit = "hours"
"""


class Stripe:
    """localstripe, and what customers do at it."""

    def __init__(self, programs):
        python = os.environ.get("LOCALSTRIPE_PYTHON", sys.executable)
        command = [python, str(ROOT / "tests/interop/stripe.py")]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=programs.at(NOW), stderr=subprocess.DEVNULL,
        )
        atexit.register(self.stop)
        self.url = self.process.stdout.readline().strip()
        if not self.url:
            sys.exit("localstripe does not start: set LOCALSTRIPE_PYTHON to a Python that has it")

    def send(self, path, method="POST", **form):
        fields = {name.replace("__", "[", 1).replace("__", "][") + ("]" if "__" in name else ""): value
                  for name, value in form.items()}
        data = urllib.parse.urlencode(fields).encode() if method == "POST" else None
        request = urllib.request.Request(self.url + path, data, method=method)
        request.add_header("authorization", "Bearer sk_test_0123456789abcdef")
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)

    def subscribe(self, name, plan, quantity):
        """Creates a customer with a card, and a subscription."""
        email = f"billing@{name.split()[0].lower()}.example"
        customer = self.send("/v1/customers", name=name, email=email)["id"]
        card = self.send("/v1/payment_methods/pm_card_visa/attach", customer=customer)["id"]
        self.send(f"/v1/customers/{customer}", invoice_settings__default_payment_method=card)
        return self.send(
            "/v1/subscriptions", customer=customer, items__0__plan=plan, items__0__quantity=quantity
        )["id"]

    def stop(self):
        if self.process.poll() is not None:
            return
        self.process.kill()
        self.process.wait()


def invoice(buyer, lines, **changes):
    """Returns an invoice to draft."""
    address = ["1 Canal Road", "London E1 6AN", "United Kingdom"]
    email = f"accounts@{buyer.split()[0].lower()}.example"
    lines = [
        {"description": description, "quantity": quantity, "unit_price": price}
        for description, quantity, price in lines
    ]
    return {
        "entity": "DE", "buyer": {"name": buyer, "address": address, "email": email}, "currency": "EUR",
        "lines": lines, "taxes": [{"label": "Reverse charge", "amount": 0}], "net_days": 14,
    } | changes


def draft_invoices(server):
    """Creates invoices in October. Some of them are paid."""
    yearly = [("TEAM license, one year", 25, 12000)]
    orders = {"kind": "issue", "order": {"customer": "Wayne Enterprises", "tier": "team", "days": 365, "seats": 25}}
    paid = server.post("/invoices", invoice("Wayne Enterprises", yearly, purchase_order="PO-4711", license=orders))
    late = server.post("/invoices", invoice("Stark Industries", [("PRO license, one year", 4, 9900)]))
    wrong = server.post("/invoices", invoice("Umbrella Corporation", yearly))
    mistaken = server.post("/invoices", invoice("Tyrell Corporation", yearly))
    for drafted in (paid, late, wrong, mistaken):
        server.post(f"/invoices/{drafted['id']}/issue")
    server.post(f"/invoices/{paid['id']}/payment", {"reference": "statement 2027/42"})
    server.post(f"/invoices/{wrong['id']}/credit", {"reason": "wrong address"})
    server.post(f"/invoices/{mistaken['id']}/void", {"reason": "ordered twice"})


def send_usage(programs, server, license, days):
    """Uses a license on a machine, and sends its usage report."""
    home = programs.directory / "machine"
    home.mkdir()
    programs.write("usage.lic", server.get(f"/licenses/{license['id']}/file")["file"])
    at = lambda day: f"@2027-11-{day:02} 10:00:00"
    use = {"HOME": str(home)}
    programs.run(at(days[0][0]), "license", "install", "--trust", "trust.jwks", "usage.lic", **use)
    for day, used in days:
        programs.run(at(day), "license", "use", "commands_per_day", used, **use)
    report = json.loads(programs.run(NOW, "license", "usage-report", "--out", "usage.txt", "--json", **use))
    assert report, "the report has no content"
    body = {"file": programs.read("usage.txt")}
    server.post("/usage-reports", body, authorization=f"License {license['key']}")


def fill_vendor(programs):
    """Fills the server of a vendor. Returns it while it runs."""
    programs.create_key()
    programs.run(BEFORE, "license-server", "init")
    programs.write("entities.toml", ENTITIES)
    programs.write("meters.toml", METERS)
    programs.write("stripe.key", "sk_test_0123456789abcdef\n")
    programs.write("stripe.secret", "whsec_" + "0123456789abcdef" * 2 + "\n")
    stripe = Stripe(programs)
    server = Server(
        programs, "--ledger", "ledger.db", "--signing-key", "vendor.key",
        "--signing-key-passphrase-file", "passphrase", "--trust", "trust.jwks", "--log", "error",
        "--invoice-entities", "entities.toml", "--meters-file", "meters.toml",
        "--anomaly-machines", "5", "--stripe-key-file", "stripe.key",
        "--stripe-webhook-secret-file", "stripe.secret", "--stripe-api-url", stripe.url,
    )
    server.set_up(server.start(BEFORE))
    server.invite()
    server.add_tokens()
    issue = lambda **order: server.post("/licenses/issue", {"offline": True} | order)
    globex = issue(customer="Globex Corporation", tier="team", seats=20, days=365)
    initech = issue(customer="Initech", tier="pro", days=30)
    hooli = issue(customer="Hooli", tier="team", seats=8, days=52)
    soylent = issue(customer="Soylent Corp", tier="pro", days=365)
    issue(customer="Massive Dynamic", tier="ent", perpetual=True, days=None)
    draft_invoices(server)
    for customer, email in [
        ("Aperture Science", "cave@aperture.example"), ("Black Mesa", "gordon@blackmesa.example"),
        ("Vandelay Industries", "art@vandelay.example"),
    ]:
        server.post("/trials", {"customer": customer, "email": email})
    server.stop()
    server.start(EARLIER)
    trial = server.get("/trials?limit=100")["items"][0]["id"]
    server.post(f"/trials/{trial}/convert", {"tier": "pro", "days": 365})
    server.post("/trials", {"customer": "Cyberdyne Systems", "email": "miles@cyberdyne.example"})
    server.post(f"/licenses/{soylent['id']}/revoke", {"reason": "chargeback"})
    server.post(f"/licenses/{hooli['id']}/renew", {"days": 365})
    server.post(f"/licenses/{initech['id']}/upgrade", {"tier": "team", "accept_loss": True})
    server.validate(globex, [f"{user}-laptop" for user in USERS[:12]])
    server.stop()
    server.start(NOW)
    server.post("/trials", {"customer": "Oscorp", "email": "norman@oscorp.example"})
    for plan, tier, amount in (("team-monthly", "Team", 1500), ("pro-monthly", "Pro", 900)):
        product = stripe.send("/v1/products", name=f"Coditect {tier}", type="service")["id"]
        stripe.send("/v1/plans", id=plan, product=product, currency="eur", interval="month", amount=amount)
        plan = {"tier": tier.lower(), "seats": 1 if tier == "Team" else 0}
        server.send("PUT", f"/api/v1/billing/plans/{tier.lower()}-monthly", plan)
    server.send("PUT", "/api/v1/billing/plans/extra-seats", {"seats": 10})
    stripe.send(
        "/v1/webhook_endpoints", url=server.url + "/api/v1/billing/stripe/events", enabled_events__0="invoice.paid"
    )
    subscriptions = [
        stripe.subscribe(name, plan, quantity)
        for name, plan, quantity in [
            ("Pied Piper", "team-monthly", 12), ("Dunder Mifflin", "pro-monthly", 1),
            ("Prestige Worldwide", "team-monthly", 5), ("Bluth Company", "team-monthly", 3),
        ]
    ]
    wait_for(lambda: sum(1 for found in server.get("/billing/subscriptions?limit=100")["items"] if found["license"]) == 4)
    stripe.send(f"/v1/subscriptions/{subscriptions[3]}", method="DELETE")
    issued = server.post("/invoices", invoice("Gringotts Bank", [("TEAM license, one year", 10, 12000), ("Rebate", 1, -10000)]))
    server.post(f"/invoices/{issued['id']}/issue")
    server.post("/invoices", invoice("Nakatomi Trading", [("PRO license, one year", 2, 9900)], purchase_order="PO-1988"))
    server.validate(globex, [f"runner-{number}" for number in range(45)])
    server.post("/invitations", {"email": "hiro@acme.example", "role": "member"})
    send_usage(programs, server, globex, [(26, 120), (27, 90), (28, 140)])
    # The server looks for anomalies at its start.
    server.stop()
    server.start(NOW)
    return server


def wait_for(condition):
    for _ in range(300):
        if condition():
            return
        time.sleep(0.1)
    sys.exit("nothing happened in 30 seconds")


FILLS = {
    "site": fill_site,
    "busy": functools.partial(fill_site, is_busy=True),
    "vendor": fill_vendor,
}


@contextlib.contextmanager
def running(kind):
    """Runs a filled server."""
    with tempfile.TemporaryDirectory() as directory:
        server = FILLS[kind](Programs(directory))
        yield server
        server.stop()


def main():
    with running(sys.argv[1]) as server:
        print(f"{server.url}: sign in as {OWNER} with the password {PASSWORD!r}", flush=True)
        signal.pause()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
