"""Records the events of a subscription at localstripe, with the objects after each event.

    python tests/interop/record_stripe.py >crates/license-server/src/services/tests/billing/recorded.json

The subscription is paid, gets more seats, is paused, is disputed, wins the dispute, and is refunded.
Each step has the body of one event, and the objects that the step has changed.
"""

import base64
import json
import pathlib
import queue
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

KEY = "sk_test_0123456789abcdef"
PATIENCE = 20

received = queue.Queue()


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        received.put(json.loads(body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


class Stripe:
    def __init__(self, url):
        self.url = url

    def call(self, method, path, body=None):
        request = urllib.request.Request(self.url + path, body, method=method)
        token = base64.b64encode(f"{KEY}:".encode()).decode()
        request.add_header("Authorization", f"Basic {token}")
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def get(self, path):
        return self.call("GET", path)

    def post(self, path, **values):
        return self.call("POST", path, urllib.parse.urlencode(form(values)).encode())


def form(values):
    """Returns the names of a form: `items__0__plan` is `items[0][plan]`."""
    named = {}
    for name, value in values.items():
        first, *parts = name.split("__")
        named[first + "".join(f"[{part}]" for part in parts)] = value
    return named


def wait_for(kind):
    """Returns the next event of a kind."""
    end = time.monotonic() + PATIENCE
    while True:
        event = received.get(timeout=max(0.1, end - time.monotonic()))
        if event["type"] == kind:
            return event


class Recorder:
    def __init__(self, stripe):
        self.stripe, self.known, self.steps = stripe, {}, []

    def objects(self, subscription):
        """Returns the objects that the server reads, as the interface answers them."""
        get = self.stripe.get
        found = get(f"/v1/subscriptions/{subscription}")
        customer = get(f"/v1/customers/{found['customer']}")
        # Stripe's customers do not repeat their subscriptions.
        yield {name: value for name, value in customer.items() if name != "subscriptions"}
        yield found
        for invoice in get(f"/v1/invoices?subscription={subscription}")["data"]:
            charge = invoice["charge"]
            yield {**invoice, "charge": charge["id"] if isinstance(charge, dict) else charge}
        for charge in get("/v1/charges")["data"]:
            yield charge
        yield from get("/v1/disputes")["data"]

    def step(self, kind, subscription):
        event, changed = wait_for(kind), []
        for found in self.objects(subscription):
            if self.known.get(found["id"]) != found:
                self.known[found["id"]] = found
                changed.append(found)
        self.steps.append({"event": event, "objects": changed})


def main():
    receiver = HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    script = pathlib.Path(__file__).with_name("stripe.py")
    server = subprocess.Popen(
        [sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        record(Stripe(server.stdout.readline().strip()), receiver.server_port)
    finally:
        server.kill()


def record(stripe, port):
    url = f"http://127.0.0.1:{port}/"
    stripe.post("/v1/webhook_endpoints", url=url, enabled_events__0="*")
    stripe.post("/v1/products", id="widget_team", name="Widget Team", type="service")
    stripe.post(
        "/v1/plans",
        id="price_team",
        product="widget_team",
        currency="eur",
        interval="month",
        amount=1000,
    )
    customer = stripe.post("/v1/customers", name="Globex", email="ann@example.com")["id"]
    card = stripe.post("/v1/payment_methods/pm_card_visa/attach", customer=customer)["id"]
    stripe.post(
        f"/v1/customers/{customer}", invoice_settings__default_payment_method=card
    )
    found = stripe.post(
        "/v1/subscriptions", customer=customer, items__0__plan="price_team", items__0__quantity=5
    )
    subscription, item = found["id"], found["items"]["data"][0]["id"]
    recorder = Recorder(stripe)
    recorder.step("customer.subscription.created", subscription)
    path = f"/v1/subscriptions/{subscription}"
    stripe.post(path, items__0__id=item, items__0__quantity=8)
    recorder.step("customer.subscription.updated", subscription)
    pause = json.dumps({"pause_collection": {"behavior": "void", "resumes_at": None}})
    stripe.call("POST", f"/_config/subscriptions/{subscription}", pause.encode())
    recorder.step("customer.subscription.updated", subscription)
    charge = stripe.get("/v1/charges")["data"][0]["id"]
    stripe.post(f"/_config/disputes/{charge}", status="needs_response")
    recorder.step("charge.dispute.created", subscription)
    stripe.post(f"/_config/disputes/{charge}", status="won")
    recorder.step("charge.dispute.closed", subscription)
    stripe.post("/v1/refunds", charge=charge)
    recorder.step("charge.refunded", subscription)
    json.dump(recorder.steps, sys.stdout, separators=(",", ":"), sort_keys=True)
    print()


main()
