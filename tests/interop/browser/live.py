"""The page of a pool shows a new holder of a seat without a reload: with the events of the server, and
by polling if a proxy blocks them. A page that is hidden keeps no connection for events. An update
takes nothing away from the person, and a page that gets none says so.

Settings: `url` of a server with one pool, the `email` of an account, and `seats` with requests.
"""

import re

from dashboard import call, run


def take(suite, number):
    headers = {"authorization": suite.settings["authorization"]}
    body = suite.settings["seats"][number]
    status, _ = call(suite.settings["url"], "POST", "/api/v1/seats", body, headers)
    return status, body["user"]


def watch(suite, person, number, wait=None):
    person.navigate("Seats")
    person.page.locator("main tbody a").first.click()
    person.sees("Who holds a seat")
    person.page.evaluate("() => { document.isTheSame = true; }")
    status, user = take(suite, number)
    person.check(status == 201, f"{user} has a seat")
    if wait:
        wait()
    person.sees(user)
    person.check(person.page.evaluate("() => document.isTheSame"), "the page was loaded again")


HIDE = """() => {
    Object.defineProperty(document, 'hidden', { get: () => true });
    document.dispatchEvent(new Event('visibilitychange'));
}"""


def open_many(person):
    """Opens more live pages than a browser opens connections, and hides each of them."""
    for _ in range(8):
        page = person.context.new_page()
        page.goto("/seats")
        page.evaluate(HIDE)


# What an update must not change: the focus, what is open, and how far a table is scrolled.
STATE = """() => [
    document.activeElement.tagName,
    document.activeElement.getAttribute('href') ?? document.activeElement.textContent,
    [...document.querySelectorAll('main [data-live] details')].map((details) => details.open),
    document.querySelector('[data-live=pools] .scroll').scrollLeft,
]"""


def keep_state(suite, person, number):
    """Takes a seat while a person uses the overview, on a narrow screen."""
    person.page.set_viewport_size({"width": 390, "height": 900})
    person.open("/")
    for summary in person.page.get_by_text("Show the values").all()[:2]:
        summary.click()
    table = person.page.locator("[data-live=pools] .scroll")
    table.evaluate("table => { table.scrollLeft = 40; }")
    for target in ("[data-live=charts] summary >> nth=1", "[data-live=pools] tbody a"):
        person.page.locator(target).focus()
        before = person.page.evaluate(STATE)
        person.check(before[2][:2] == [True, True] and before[3] == 40, f"{before} is not the state")
        held = person.page.locator(".tile-value").first.inner_text()
        status, user = take(suite, number)
        person.check(status == 201, f"{user} has a seat")
        person.page.locator(".tile-value").first.filter(has_not_text=re.compile(f"^{held}$")).wait_for()
        after = person.page.evaluate(STATE)
        person.check(after == before, f"an update changed {before} to {after}")
        number += 1
    person.page.set_viewport_size({"width": 1440, "height": 900})


def lose_updates(person):
    """Cuts the connection of a live page, and then ends its session."""
    person.ignored = "net::ERR_"
    person.open("/seats")
    notice = person.page.locator(".live-state")
    person.page.route("**/*", lambda route: route.abort())
    refresh = "() => document.dispatchEvent(new Event('visibilitychange'))"
    person.page.evaluate(refresh)
    person.sees(re.compile(r"Not live since \d\d:\d\d UTC\. The server does not answer"))
    person.check_accessible()
    person.page.unroute("**/*")
    person.page.evaluate(refresh)
    notice.wait_for(state="detached")
    person.context.clear_cookies()
    person.page.evaluate(refresh)
    person.sees("You are signed out")
    person.click("Sign in again")
    person.check(person.path() == "/sign-in", "the person signs in again")


def script(suite):
    url, email = suite.settings["url"], suite.settings["email"]
    with suite.person(url) as person:
        person.sign_in(email)
        open_many(person)
        watch(suite, person, 0)
        keep_state(suite, person, 2)
        lose_updates(person)
    with suite.person(url) as person:
        person.ignored = "net::ERR_FAILED"
        person.page.clock.install()
        block = lambda route: (
            route.abort() if route.request.resource_type == "eventsource" else route.continue_()
        )
        person.page.route("**/api/v1/**", block)
        person.sign_in(email)
        # Without events, the page asks each 15 seconds.
        watch(suite, person, 1, wait=lambda: person.page.clock.run_for(16_000))


run(script)
