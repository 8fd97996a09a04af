"""The day of an administrator of a site, from the one-time link to the audit trail.

Settings: `url` and `setup_url` of a new server, `files` with the licenses of the vendor, `seats` with
requests for seats, and whether scripts run (`javascript`).
"""

from dashboard import PASSWORD, call, run

EMAIL = "ann@acme.example"


def create_account(person, link):
    person.open(link)
    if person.javascript:
        person.check_accessible()
        person.check_keyboard()
    person.check_layout()
    person.submit("Create the account", name="Ann", email=EMAIL, password=PASSWORD)
    person.sees("Sign in now")
    person.submit("Sign in", email=EMAIL, password=PASSWORD)
    person.check(person.path() == "/", "the administrator is not signed in")
    # The link works once.
    person.open(link, status=403)
    person.open("/")


def install(person, text):
    """Installs a file of the vendor. Returns the path of the page that shows the license."""
    person.navigate("Licenses")
    person.click("Install a file")
    person.submit("Install", file=text)
    person.sees("Installed: 1 new license")
    return person.path()


def take_first_steps(person, keys):
    """Follows the overview of a server without a license, up to the vendor's public keys."""
    person.sees("The server has no license yet")
    with person.page.expect_download() as download:
        person.page.get_by_role("link", name="Download the request for the vendor").click()
    with open(download.value.path(), encoding="utf-8") as request:
        person.check("BEGIN LICENSE SERVER REQUEST" in request.read(), "the request is a file")
    person.click("Install a file")
    person.submit("Install", file=keys)
    person.sees("Installed: 1 public key")
    # Keys that the server has already change nothing.
    person.submit("Install", file=keys)
    person.sees("The server had everything in the file already")


def take_seats(suite, count):
    """Takes seats as programs do. Returns the statuses."""
    settings = suite.settings
    headers = {"authorization": settings["authorization"]}
    seats = settings["seats"][:count]
    return [call(settings["url"], "POST", "/api/v1/seats", body, headers)[0] for body in seats]


def open_pool(person):
    person.navigate("Seats")
    person.page.locator("main tbody a").first.click()
    person.sees("Who holds a seat")


def see_full_seats(suite, person):
    person.check(take_seats(suite, 3) == [201, 201, 202], "two sessions hold seats, and one waits")
    person.navigate("Overview")
    person.sees("Seats")
    person.navigate("Seats")
    person.sees("No free seat")
    open_pool(person)
    for user in ("bob", "carol", "dave"):
        person.sees(user)
    person.check_layout()
    person.check_accessible()


def end_seat(person, user, reason):
    row = person.page.locator("main tr").filter(has_text=user).first
    within = person.open_form(row.get_by_role("link", name=f"End: {user}", exact=True))
    person.sees(user, within)
    person.submit("End the use", within, mode="hard", reason=reason)
    person.sees("Who holds a seat")


def end_seat_with_keyboard(person, reason):
    """Ends the first seat of the list, from the first page, without a mouse."""
    person.open("/")
    person.tab_to("Seats")
    person.press("Enter")
    person.tab_to("ACME Ltd")
    person.press("Enter")
    person.tab_to("End")
    person.page.keyboard.press("Enter")
    person.page.locator("dialog[open]").wait_for()
    person.tab_to("Reason")
    person.type(reason)
    person.press("Enter")
    person.sees("Who holds a seat")


def see_trail(person, entries):
    person.navigate("Audit trail")
    for action in entries:
        person.sees(action, within="main tbody")
    person.click("lease.end")
    person.page.locator("main tbody tr").first.locator("td:first-child a").click()
    person.sees("left the company")
    person.navigate("Audit trail")
    person.click("Verify")
    person.sees("The audit trail is intact")


def script(suite):
    settings = suite.settings
    files = settings["files"]
    with suite.person(settings["url"], javascript=settings["javascript"]) as person:
        create_account(person, settings["setup_url"])
        person.sees("Overview")
        take_first_steps(person, files["trust"])
        install(person, files["license"])
        see_full_seats(suite, person)
        end_seat(person, "bob", "left the company")
        # The session that waits asks again, and gets the seat.
        person.check(take_seats(suite, 3)[2] == 201, "the session that waited has the seat")
        open_pool(person)
        person.sees("dave")
        install(person, files["renewal"])
        install(person, files["named"])
        person.click("Show")
        within = person.open_form(person.page.get_by_role("link", name="Assign users"))
        person.submit("Assign", within, email="erin@acme.example")
        person.sees("erin@acme.example")
        see_trail(person, ["setup.complete", "trust.install", "license.install", "lease.end", "user.assign"])
        if settings["javascript"]:
            end_seat_with_keyboard(person, "ended with the keyboard")
        person.sign_out()


run(script)
