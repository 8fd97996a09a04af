"""Signs in and out: with a mouse, with the keyboard only, and without scripts.

Settings: `urls` of one server, over HTTP or TLS, and the `email` of an account.
"""

from dashboard import PASSWORD, run


def with_mouse(person, email):
    person.open("/licenses-and-more?page=2", status=404)
    person.open("/")
    person.check(person.path() == "/sign-in", "a visitor must sign in")
    person.submit("Sign in", email=email, password="a wrong password")
    person.sees("UNAUTHORIZED")
    email_field = person.page.locator("[name=email]")
    person.check(email_field.input_value() == email, "the form lost the address")
    person.check_accessible()
    person.submit("Sign in", email=email, password=PASSWORD)
    person.check(person.path() == "/", "the person is not signed in")
    for cookie in person.context.cookies():
        person.check(
            cookie["httpOnly"] and cookie["secure"] and cookie["sameSite"] == "Lax",
            f"a script or another site can use {cookie['name']}",
        )
    secret = {cookie["value"] for cookie in person.context.cookies()}
    person.sign_out()
    person.open("/")
    person.check(person.path() == "/sign-in", "the session has not ended")
    left = [cookie["value"] for cookie in person.context.cookies() if "session" in cookie["name"]]
    person.check(not secret & set(left), "the browser still has the secret of the session")


def with_keyboard(person, email):
    person.open("/sign-in")
    person.tab_to("Skip to content")
    person.tab_to("E-mail address")
    person.type(email)
    person.tab_to("Password")
    person.type(PASSWORD)
    person.press("Enter")
    person.check(person.path() == "/", "the person is not signed in")
    person.tab_to("Sign out")
    person.press("Enter")
    person.check(person.path() == "/sign-in", "the person is not signed out")


def without_cookies(person, email):
    """Signs in with a browser that drops the cookie, as Safari can do without TLS."""

    def drop(route):
        response = route.fetch(max_redirects=0)
        person.context.clear_cookies()
        headers = {name: value for name, value in response.headers.items() if name != "set-cookie"}
        route.fulfill(response=response, headers=headers)

    person.page.route("**/sign-in", drop)
    person.open("/sign-in")
    person.submit("Sign in", email=email, password=PASSWORD)
    person.sees("Your browser did not keep the cookie")


def script(suite):
    email = suite.settings["email"]
    first = suite.settings["urls"][0]
    for url in suite.settings["urls"]:
        with suite.person(url) as person:
            with_mouse(person, email)
    with suite.person(first, javascript=False) as person:
        with_mouse(person, email)
    with suite.person(first) as person:
        with_keyboard(person, email)
    with suite.person(first) as person:
        without_cookies(person, email)


run(script)
