"""Runs localstripe on a free port of the loopback interface, and prints its URL.

localstripe has no webhook endpoints, Checkout, customer portal, disputes, pauses, meters and prices.
Its charges do not name their invoice, and it sends no events about changed subscriptions and
refunds. This script adds them with the answers that Stripe documents, so that each command of
`docs/billing.md` runs.
"""

import asyncio
import json
import os
import sys
import threading
import time

from aiohttp import web
from localstripe import resources, server, webhooks

# localstripe writes its objects to a file that all its processes share.
resources.store.dump_to_disk = lambda: None


def json_reply(body):
    # Stripe and localstripe indent their answers.
    return server.json_response(body)


async def form(request):
    return server.unflatten_data(await request.post())


async def webhook_endpoint(request):
    """Registers an endpoint. Stripe creates its secret."""
    data = await form(request)
    secret = "whsec_" + "0123456789abcdef" * 2
    identifier = "we_" + resources.random_id(14)
    webhooks.register_webhook(identifier, data["url"], secret, None)
    return json_reply(
        {
            "id": identifier,
            "object": "webhook_endpoint",
            "api_version": data.get("api_version"),
            "enabled_events": data["enabled_events"],
            "livemode": False,
            "secret": secret,
            "status": "enabled",
            "url": data["url"],
        }
    )


async def checkout(request):
    data = await form(request)
    resources.Plan._api_retrieve(data["line_items"][0]["price"])
    identifier = "cs_test_" + resources.random_id(14)
    return json_reply(
        {
            "id": identifier,
            "object": "checkout.session",
            "expires_at": int(time.time()) + 86400,
            "livemode": False,
            "mode": data["mode"],
            "status": "open",
            "url": "https://checkout.stripe.com/c/pay/" + identifier,
        }
    )


async def portal(request):
    data = await form(request)
    try:
        resources.Customer._api_retrieve(data["customer"])
    except resources.UserError as error:
        missing = {"code": "resource_missing", "param": "customer"}
        raise resources.UserError(400, "No such customer", missing) from error
    identifier = "bps_" + resources.random_id(14)
    return json_reply(
        {
            "id": identifier,
            "object": "billing_portal.session",
            "customer": data["customer"],
            "livemode": False,
            "return_url": data["return_url"],
            "url": "https://billing.stripe.com/p/session/test_" + identifier,
        }
    )


async def dispute(request):
    """Opens a dispute about a charge, or changes its status."""
    charge = resources.Charge._api_retrieve(request.match_info["charge"])
    status = (await form(request))["status"]
    identifier = "dp_" + charge.id
    step = "updated" if identifier in disputes else "created"
    if status in ("won", "lost", "warning_closed"):
        step = "closed"
    # The charge does not name its dispute.
    charge.disputed = True
    disputes[identifier] = {
        "id": identifier,
        "object": "dispute",
        "amount": charge.amount,
        "balance_transactions": [],
        "charge": charge.id,
        "created": int(time.time()),
        "currency": charge.currency,
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "payment_intent": None,
        "reason": "fraudulent",
        "status": status,
    }
    await send(f"charge.dispute.{step}", disputes[identifier])
    return json_reply(disputes[identifier])


async def list_disputes(request):
    charge = request.query.get("charge")
    found = [one for one in disputes.values() if charge in (None, one["charge"])]
    return json_reply({"object": "list", "data": found, "has_more": False, "url": "/v1/disputes"})


async def pause(request):
    """Changes members of a subscription that localstripe does not change by itself."""
    subscription = resources.Subscription._api_retrieve(request.match_info["id"])
    for name, value in json.loads(await request.text()).items():
        setattr(subscription, name, value)
    webhooks.schedule_webhook(resources.Event("customer.subscription.updated", subscription))
    return json_reply(subscription._export())


async def meter(request):
    """Creates a meter, whose events have the customer and the amount in these members."""
    data = await form(request)
    expected = {
        "display_name": data["display_name"],
        "event_name": data["event_name"],
        "default_aggregation": {"formula": "sum"},
        "customer_mapping": {"type": "by_id", "event_payload_key": "stripe_customer_id"},
        "value_settings": {"event_payload_key": "value"},
    }
    if data != expected:
        raise resources.UserError(400, f"expected {expected}")
    identifier = "mtr_test_" + resources.random_id(14)
    meters[identifier] = data["event_name"]
    body = {"id": identifier, "object": "billing.meter", "livemode": False, "status": "active"}
    return json_reply({**body, **data})


async def price(request):
    """Creates a price of a meter. localstripe has plans, which are the older form of prices."""
    data = await form(request)
    recurring = data["recurring"]
    if recurring["usage_type"] != "metered" or recurring["meter"] not in meters:
        raise resources.UserError(400, "expected a price of a meter")
    identifier = "price_" + resources.random_id(14)
    resources.Plan(
        id=identifier,
        product=data["product"],
        currency=data["currency"],
        interval=recurring["interval"],
        amount=data["unit_amount"],
        usage_type="metered",
    )
    return json_reply({"id": identifier, "object": "price", "livemode": False, **data})


def add_item(cls, subscription, price):
    """Adds an item with a metered price to a subscription. localstripe adds no further items."""
    owner = resources.Subscription._api_retrieve(subscription)
    item = cls(subscription=subscription, plan=price)
    owner.items._list.append(item)
    webhooks.schedule_webhook(resources.Event("customer.subscription.updated", owner))
    return item


async def meter_event(request):
    """Counts an amount, and refuses its identifier afterwards. Answers can be held back."""
    data = await form(request)
    identifier = data["identifier"]
    requests.append(identifier)
    if meters and data["event_name"] not in meters.values():
        raise resources.UserError(400, "No active meter found for this event name")
    if identifier in meter_events:
        raise resources.UserError(400, f"An event already exists with identifier {identifier}.")
    meter_events[identifier] = dict(data)
    if held["count"] > 0:
        held["count"] -= 1
        await asyncio.sleep(3600)
    return json_reply({"object": "billing.meter_event", "livemode": False, **data})


async def recorded_meter_events(request):
    return json_reply({"events": list(meter_events.values()), "requests": requests})


async def hold_meter_events(request):
    """Lets the next requests wait for their answer, after their amounts are counted."""
    held["count"] = int((await form(request))["count"])
    return json_reply(held)


def name_invoices():
    """Lets each charge name the invoice that it pays."""
    create = resources.PaymentIntent._create_charge

    def create_charge(intent, on_failure_now):
        try:
            create(intent, on_failure_now)
        finally:
            if intent.latest_charge is not None:
                intent.latest_charge.invoice = intent.invoice

    resources.PaymentIntent._create_charge = create_charge


def send_events():
    """Sends the events of Stripe that localstripe does not send."""
    update = resources.Subscription._update
    refund = resources.Refund.__init__

    def update_subscription(subscription, *args, **data):
        update(subscription, *args, **data)
        event = resources.Event("customer.subscription.updated", subscription)
        webhooks.schedule_webhook(event)

    def create_refund(self, *args, **data):
        refund(self, *args, **data)
        charge = resources.Charge._api_retrieve(self.charge)
        webhooks.schedule_webhook(resources.Event("charge.refunded", charge))

    resources.Subscription._update = update_subscription
    resources.Refund.__init__ = create_refund


class Exported:
    """An object that localstripe does not have, for an event."""

    def __init__(self, body):
        self.body = body

    def _export(self):
        return self.body


async def send(kind, body):
    webhooks.schedule_webhook(resources.Event(kind, Exported(body)))


def end_with_the_test():
    sys.stdin.read()
    os._exit(0)


disputes = {}
meters, meter_events, requests, held = {}, {}, [], {"count": 0}


async def main():
    name_invoices()
    send_events()
    # The process does not outlive a killed test.
    threading.Thread(target=end_with_the_test, daemon=True).start()
    # The routes of localstripe match names of one part only, so these do not hide any.
    router = server.app.router
    router.add_post("/v1/webhook_endpoints", webhook_endpoint)
    router.add_post("/v1/checkout/sessions", checkout)
    router.add_post("/v1/billing_portal/sessions", portal)
    router.add_get("/v1/disputes", list_disputes)
    router.add_post("/v1/billing/meters", meter)
    router.add_post("/v1/prices", price)
    resources.SubscriptionItem._api_create = classmethod(add_item)
    router.add_post("/v1/billing/meter_events", meter_event)
    router.add_get("/_config/meter_events", recorded_meter_events)
    router.add_post("/_config/meter_events/hold", hold_meter_events)
    router.add_post("/_config/disputes/{charge}", dispute)
    router.add_post("/_config/subscriptions/{id}", pause)
    runner = web.AppRunner(server.app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    print(f"http://127.0.0.1:{port}", flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
