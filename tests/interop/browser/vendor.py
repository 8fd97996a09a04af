"""The day of a vendor: a new customer, a renewal, an upgrade, a revocation and its end.

Settings: `url` of the server, the `email` of an account, and whether scripts run (`javascript`).
"""

from dashboard import run


def issue(person, customer):
    """Issues a license after a preview. The button is clicked twice."""
    person.navigate("Licenses")
    person.click("Issue a license")
    person.check_layout()
    person.check_accessible()
    person.submit("Preview", customer=customer, tier="PRO", days="30")
    person.sees("Preview: nothing has been issued yet")
    person.submit("Issue the license", twice=True)
    person.sees("The license is active")
    return person.path()


def refuse(person):
    """Sends a form with a mistake. The page keeps the values, and names the field."""
    person.navigate("Licenses")
    person.click("Issue a license")
    person.submit("Preview", customer="Globex", tier="PRO", days="30", quotas="no such quota")
    person.check(person.page.locator("[name=customer]").input_value() == "Globex", "the form is empty")
    person.check_accessible()


def change(person, action, expected, **fields):
    person.click(action)
    person.submit("Preview", **fields)
    person.sees("Preview: nothing has been issued yet")
    for text in expected:
        person.sees(text)
    person.submit({"Renew": "Issue the renewal", "Upgrade": "Issue the upgrade"}[action])
    # A renewal starts when the license before it ends.
    person.sees("Starts later" if action == "Renew" else "The license is active")


def revoke(person, license, reason):
    within = person.open_form(person.page.get_by_role("link", name="Revoke", exact=True))
    person.submit("Preview", within, reason=reason)
    person.sees("Preview: nothing has changed yet")
    person.submit("Revoke", reason=reason)
    person.check(person.path() == license, "the page of the license follows")
    person.sees("REVOKED")


def reinstate(person, reason):
    within = person.open_form(person.page.get_by_role("link", name="Reinstate", exact=True))
    person.submit("Reinstate", within, reason=reason)
    person.sees("The license is active")


def find(person, customer, state, count):
    """Searches with the filter of the list."""
    person.navigate("Licenses")
    person.submit("Search", text=customer, state=state)
    rows = person.page.locator("main tbody tr").count()
    person.check(rows == count, f"{rows} licenses of {customer} are {state}, and not {count}")


def script(suite):
    settings = suite.settings
    with suite.person(settings["url"], javascript=settings["javascript"]) as person:
        person.sign_in(settings["email"])
        refuse(person)
        license = issue(person, "Globex Corporation")
        find(person, "Globex", "active", 1)
        person.open(license)
        # The customer had any number of machines.
        change(person, "Upgrade", ["Changes", "Loses"], tier="TEAM", seats="10", accept_loss=True)
        upgraded = person.path()
        person.check(upgraded != license, "an upgrade is a license of its own")
        change(person, "Renew", ["Globex Corporation"], days="365")
        person.open(license)
        person.sees("renewed")
        find(person, "Globex", "superseded", 1)
        other = issue(person, "Initech")
        revoke(person, other, "not paid")
        find(person, "Initech", "revoked", 1)
        person.open(other)
        reinstate(person, "paid late")
        person.navigate("Audit trail")
        for action in ("license.issue", "license.revoke", "license.reinstate", "session.create"):
            person.sees(action, within="main tbody")
        person.navigate("Ledger")
        person.check_accessible()
        person.sign_out()


run(script)
