"""Draws the pages of a vendor's server for the guides of billing, trials, invoices and metering.

    cargo build -p license-server -p license-keygen
    target/interop/venv/bin/python docs/images/shop.py

The script follows the commands of `docs/billing.md` in a temporary directory, against localstripe,
adds customers, trials, invoices and usage, and opens the pages in Chromium. It requires a Python
with localstripe, Playwright and Pillow, which `.ci/run` installs, and `chromium`. Dates, ids and
keys are new in each run.
"""

import contextlib
import datetime
import io
import json
import os
import pathlib
import re
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

from PIL import Image
from playwright.sync_api import sync_playwright

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PROGRAMS = pathlib.Path(os.environ.get("PROGRAMS", ROOT / "target" / "debug"))
OWNER, PASSWORD = "ann@vendor.example", "correct horse battery staple"
WIDTH, LEAST_HEIGHT, MOST_HEIGHT, MOST_BYTES = 1280, 470, 1300, 150_000
TODAY = datetime.datetime.now(datetime.timezone.utc).date()

ENTITIES = """[[entity]]
code = "DE"
name = "Widget GmbH"
address = ["Hauptstraße 1", "10115 Berlin", "Germany"]
tax_id = "DE123456789"
payment = ["IBAN DE02 1203 0000 0000 2020 51", "BIC BYLADEM1001"]
"""

METERS = """[[meters]]
name = "commands"
source = "quota:commands_per_day"
unit = "commands"
overage = "bill"
event = "widget_commands"

[meters.included]
FREE = 0
TEAM = 10000
PRO = 100000
ENT = "unlimited"

[[meters]]
name = "activations"
source = "activations"
overage = "notify"
"""


class Mailbox(socketserver.StreamRequestHandler):
    """A mail server that accepts everything, and keeps nothing."""

    def handle(self):
        self.wfile.write(b"220 mailbox\r\n")
        is_text = False
        for line in self.rfile:
            command = line.split()[:1]
            if is_text:
                is_text = line != b".\r\n"
                if is_text:
                    continue
            is_text = command == [b"DATA"]
            self.wfile.write(b"354 go on\r\n" if is_text else b"250 OK\r\n")
            if command == [b"QUIT"]:
                return


def blocks(document, heading):
    """Returns the code blocks of a section that are indented."""
    text = (ROOT / document).read_text(encoding="utf-8")
    section = text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    found = re.findall(r"(?:^    .*\n|^\n(?=    ))+", section, re.MULTILINE)
    return [re.sub(r"^    ", "", block.strip("\n"), flags=re.MULTILINE) for block in found]


class Shop:
    """A vendor's server and localstripe, in a directory."""

    def __init__(self, stack, directory):
        self.directory = directory
        self.environment = os.environ | {
            "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
            "HOME": str(directory),
            "STRIPE_KEY": "sk_test_0123456789abcdef",
        }
        script = ROOT / "tests/interop/stripe.py"
        double = self.start(stack, [sys.executable, str(script)], stdin=subprocess.PIPE)
        self.stripe = double.stdout.readline().strip()
        mailbox = stack.enter_context(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mailbox))
        threading.Thread(target=mailbox.serve_forever, daemon=True).start()
        stack.callback(mailbox.shutdown)
        self.mail = f"smtp://127.0.0.1:{mailbox.server_address[1]}"
        with socketserver.TCPServer(("127.0.0.1", 0), Mailbox) as free:
            self.url = f"http://127.0.0.1:{free.server_address[1]}"

    def start(self, stack, command, **options):
        process = subprocess.Popen(
            command, cwd=self.directory, env=self.environment, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, **options,
        )
        stack.callback(process.wait)
        stack.callback(process.terminate)
        return process

    def run(self, commands):
        """Runs commands of a guide."""
        commands = commands.replace("https://api.stripe.com", self.stripe)
        commands = commands.replace("https://licenses.example.com", self.url)
        done = subprocess.run(
            ["sh", "-ec", commands.replace("curl ", "curl -sS ")], cwd=self.directory,
            env=self.environment, capture_output=True, text=True,
        )
        if done.returncode:
            sys.exit(f"{commands}\n{done.stdout}{done.stderr}")
        return done.stdout

    def guide(self, heading, part):
        """Runs the block of a section of the guide that contains a text."""
        [block] = [block for block in blocks("docs/billing.md", heading) if part in block]
        return self.run(block)

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json"}
        if token := self.environment.get("TOKEN"):
            headers["authorization"] = f"Bearer {token}"
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request) as answer:
                return json.loads(answer.read() or "null")
        except urllib.error.HTTPError as error:
            sys.exit(f"{method} {path}: {error.read().decode()}")

    def ask_stripe(self, path, **form):
        data = urllib.parse.urlencode(form).encode()
        request = urllib.request.Request(f"{self.stripe}{path}", data)
        key = self.environment["STRIPE_KEY"]
        request.add_header("authorization", f"Bearer {key}")
        with urllib.request.urlopen(request) as answer:
            return json.loads(answer.read())

    def subscriptions(self):
        return self.call("GET", "/api/v1/billing/subscriptions?limit=100")["items"]

    def wait(self, condition):
        """Waits for what an event changes."""
        deadline = time.monotonic() + 60
        while not condition(self.subscriptions()):
            if time.monotonic() > deadline:
                sys.exit(f"the subscriptions do not follow: {self.subscriptions()}")
            time.sleep(0.2)


def open_shop(stack, directory):
    """Follows the set-up of the guide, and creates the first administrator."""
    shop = Shop(stack, directory)
    shop.run(
        "(umask 077; openssl rand -hex 24 >passphrase.txt)\n"
        "keygen new-key --out vendor.key --passphrase-file passphrase.txt --bits 3072"
    )
    for part in (">stripe.key", "/v1/plans", "/v1/webhook_endpoints"):
        shop.guide("Set up Stripe in test mode", part)
    (directory / "entities.toml").write_text(ENTITIES, encoding="utf-8")
    (directory / "meters.toml").write_text(METERS, encoding="utf-8")
    address = shop.url.removeprefix("http://")
    settings = {
        "ledger": "ledger.db", "signing_key": "vendor.key",
        "signing_key_passphrase_file": "passphrase.txt", "stripe_key_file": "stripe.key",
        "stripe_webhook_secret_file": "stripe.secret", "stripe_api_url": shop.stripe,
        "meters_file": "meters.toml", "invoice_entities": "entities.toml", "trials": "on",
        "mail": shop.mail, "mail_from": "Widget <licenses@vendor.example>", "listen": address,
        "metrics_listen": "off", "data_dir": "data", "name": "Widget licenses",
    }
    lines = (f"{name} = {json.dumps(value)}\n" for name, value in settings.items())
    (directory / "license-server.toml").write_text("".join(lines), encoding="utf-8")
    command = ["license-server", "run", "--json", "--config", "license-server.toml"]
    server = shop.start(stack, command)
    text = ""
    while not text.rstrip().endswith("}"):
        text += server.stdout.readline()
    secret = json.loads(text)["setup_url"].rsplit("/", 1)[1]
    shop.call("POST", "/api/v1/setup", {
        "secret": secret, "name": "Ann", "email": OWNER, "password": PASSWORD,
    })
    token = shop.run("license-server token create --name shop --config license-server.toml")
    shop.environment["TOKEN"] = token.split()[0]
    for plan in ("team-monthly", "extra-seats"):
        shop.guide("Set up Stripe in test mode", f"billing plan {plan}")
    return shop


def sell(shop):
    """Sells subscriptions, of which one is disputed and one canceled. Returns the disputed one, and
    the license of the first one."""
    shop.guide("Sell a license", "/v1/subscriptions")
    shop.wait(lambda found: [one["state"] for one in found] == ["active"])
    for number, name in enumerate(("Initech", "Umbrella Trading", "Hooli"), 2):
        customer = shop.ask_stripe("/v1/customers", name=name, email=f"it@{name[:5].lower()}.example")
        card = shop.ask_stripe("/v1/payment_methods/pm_card_visa/attach", customer=customer["id"])
        shop.ask_stripe(f"/v1/customers/{customer['id']}", **{
            "invoice_settings[default_payment_method]": card["id"],
        })
        sold = shop.ask_stripe("/v1/subscriptions", customer=customer["id"], **{
            "items[0][plan]": "team-monthly", "items[0][quantity]": 5 * number,
        })
        shop.wait(lambda found: len(found) == number and found[0]["license"])
        if name == "Initech":
            charge = shop.run(
                f"curl -u $STRIPE_KEY: '{shop.stripe}/v1/invoices?subscription={sold['id']}'"
            )
            charge = re.search(r"ch_\w+", charge)[0]
            shop.ask_stripe(f"/_config/disputes/{charge}", status="needs_response")
        elif name == "Umbrella Trading":
            shop.run(f"curl -X DELETE -u $STRIPE_KEY: {shop.stripe}/v1/subscriptions/{sold['id']}")
    shop.run("license-server billing reconcile --config license-server.toml")
    states = {"active", "suspended", "ended"}
    shop.wait(lambda found: {one["state"] for one in found} == states)
    [globex] = [one for one in shop.subscriptions() if one["seats"] == 5]
    [disputed] = [one for one in shop.subscriptions() if one["state"] == "suspended"]
    return disputed["id"], globex["license"]


def start_trials(shop):
    people = {"tess@lumon.example": "Lumon Industries", "kim@stark.example": "Stark Labs"}
    trials = [
        shop.call("POST", "/api/v1/trials", {"email": email, "customer": customer})["id"]
        for email, customer in people.items()
    ]
    shop.call("POST", f"/api/v1/trials/{trials[0]}/convert", {"tier": "team", "days": 365})
    shop.run(
        "keygen trial --key vendor.key --passphrase-file passphrase.txt --ledger ledger.db"
        " --customer 'Wayne Enterprises' --out wayne.lic"
    )
    deadline = time.monotonic() + 30
    while len(shop.call("GET", "/api/v1/trials")["items"]) < 3 and time.monotonic() < deadline:
        time.sleep(0.2)


def invoice(shop):
    """Drafts and issues invoices. Returns the id of one that is partly paid."""
    issued = []
    for name, price in (("ACME Ltd", 12000), ("Soylent Corp", 9900), ("Tyrell AG", 15000)):
        draft = shop.call("POST", "/api/v1/invoices", {
            "entity": "DE",
            "buyer": {
                "name": name, "address": ["1 Road", "London"], "tax_id": "GB123456789",
                "email": "billing@acme.example",
            },
            "currency": "EUR",
            "lines": [{"description": "TEAM license, 1 year", "quantity": 25, "unit_price": price}],
            "taxes": [{"label": "Reverse charge", "amount": 0}],
            "purchase_order": f"PO-{4711 + len(issued)}", "net_days": 30,
            "license": {"kind": "issue", "order": {
                "customer": name, "tier": "team", "days": 365, "seats": 25,
            }},
        })
        issued.append(draft["id"])
    path = "/api/v1/invoices/"
    for number, action, body in (
        (0, "issue", None), (0, "send", None), (1, "issue", None), (1, "send", None),
        (0, "payment", {"reference": "statement 17", "amount": 100000}),
        (1, "payment", {"reference": "statement 18"}),
    ):
        shop.call("POST", f"{path}{issued[number]}/{action}", body)
    return issued[0]


def use(shop, license):
    """Adds what a customer has used, and returns the pool."""
    path = f"/api/v1/usage/customers/{license}"
    for meter, quantity, reason in (
        ("commands", 12400, "the system before this one"), ("activations", 4, "moved machines"),
    ):
        shop.call("POST", f"{path}/adjustments", {
            "meter": meter, "day": str(TODAY), "quantity": quantity, "reason": reason,
        })
    return shop.call("GET", path)["pool"]


def draw(shop, pages):
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"),
            args=["--no-sandbox", "--disable-gpu", "--hide-scrollbars"],
        )
        page = chromium.new_page(
            viewport={"width": WIDTH, "height": LEAST_HEIGHT}, base_url=shop.url, reduced_motion="reduce",
            color_scheme="light",
        )
        page.goto("/sign-in")
        page.fill("[name=email]", OWNER)
        page.fill("[name=password]", PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"{shop.url}/")
        for name, path in pages:
            page.goto(path)
            # The picture ends below the last block of the page.
            bottom = page.evaluate(
                "() => Math.ceil(document.querySelector('main').lastElementChild"
                ".getBoundingClientRect().bottom) + 24"
            )
            height = min(max(bottom, LEAST_HEIGHT), MOST_HEIGHT)
            page.set_viewport_size({"width": WIDTH, "height": height})
            picture = page.screenshot()
            page.set_viewport_size({"width": WIDTH, "height": LEAST_HEIGHT})
            file = HERE / f"shop-{name}.png"
            with Image.open(io.BytesIO(picture)) as image:
                colors = image.convert("RGB")
            reduced = colors.quantize(128, Image.Quantize.MAXCOVERAGE, kmeans=2)
            reduced.save(file, optimize=True)
            size = file.stat().st_size
            if size > MOST_BYTES:
                sys.exit(f"{file.name} has {size} bytes, and at most {MOST_BYTES} are permitted")
            print(file.relative_to(ROOT), size)
        chromium.close()


def main():
    with contextlib.ExitStack() as stack:
        directory = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        shop = open_shop(stack, directory)
        disputed, license = sell(shop)
        start_trials(shop)
        partly_paid = invoice(shop)
        pool = use(shop, license)
        draw(shop, [
            ("billing", "/billing"), ("plans", "/billing/plans"), ("checkout", "/billing/checkout"),
            ("subscription", f"/billing/subscriptions/{disputed}"),
            ("trials", "/trials"), ("invoices", "/invoices"), ("invoice", f"/invoices/{partly_paid}"),
            ("usage", f"/metering/{pool}"),
        ])


main()
