"""The page of a pool shows a new holder of a seat without a reload: with the events of the server, and
by polling if a proxy blocks them. A page that is hidden keeps no connection for events.

Settings: `url` of a server with one pool, the `email` of an account, and `seats` with requests.
"""

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


def script(suite):
    url, email = suite.settings["url"], suite.settings["email"]
    with suite.person(url) as person:
        person.sign_in(email)
        open_many(person)
        watch(suite, person, 0)
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
