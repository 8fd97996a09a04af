"""The day of a vendor: a new customer, a trial and its conversion, a renewal, an upgrade, a revocation
and its end.

Settings: `url` of the server, the `email` of an account, and whether scripts run (`javascript`).
"""

from datetime import date

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


def start_trial(person, **fields):
    person.navigate("Trials")
    person.click("Start a trial")
    person.submit("Start the trial", **fields)


def convert_trial(person, customer, email):
    """Starts, extends and converts a trial. Returns the page of the paid license."""
    start_trial(person, customer=customer, email=email)
    person.sees("started")
    trial, first = person.path(), license_of(person, "License")
    person.check_layout()
    person.check_accessible()
    # A customer has one trial, in whatever spelling, and the form keeps what was sent.
    start_trial(person, customer=f" {customer.upper()} ", email=f"other-{email}")
    person.sees("TRIAL_USED")
    kept = person.page.locator("[name=email]").input_value()
    person.check(kept == f"other-{email}", "the form is empty")
    person.open(trial)
    within = person.open_form(person.page.get_by_role("link", name="Extend", exact=True))
    person.submit("Extend the trial", within, days="7", reason="still testing")
    person.check(person.path() == trial, "the page of the trial follows")
    extended = license_of(person, "License")
    person.check(extended != first, "an extension is a license of its own")
    person.click("Convert to a license")
    person.check_accessible()
    person.submit("Issue the license", tier="TEAM", days="0")
    person.check(person.path() == f"{trial}/convert", "a license without a day is refused")
    person.submit("Preview", tier="TEAM", days="365", seats="5")
    person.sees("Preview: nothing has been issued yet")
    person.check_accessible()
    person.submit("Issue the license")
    person.check(person.path() == trial, "the page of the trial follows")
    person.sees("converted")
    more = person.page.get_by_role("link", name="Extend", exact=True).count()
    person.check(more == 0, "a converted trial cannot be extended")
    paid = license_of(person, "Paid license")
    for license in (first, extended):
        person.open(license)
        person.sees("replaces it")
    end = last_day(person)
    person.open(paid)
    person.sees("The license is active")
    # The days of the paid license count from the end of the trial.
    days = (last_day(person) - end).days
    person.check(days == 365, f"the license ends {days} days after the trial")
    return paid


def last_day(person):
    """Returns the last day of the license that the page shows."""
    place = "dt:text-is('Last day') + dd"
    return date.fromisoformat(person.page.locator("main").locator(place).first.inner_text().strip())


def license_of(person, name):
    """Returns the address of the license that a page names."""
    place = f"dt:text-is('{name}') + dd a"
    return person.page.locator("main").locator(place).first.get_attribute("href")


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
        person.sees("replaces it")
        find(person, "Globex", "superseded", 1)
        paid = convert_trial(person, "Umbrella Trading", "tess@umbrella.example")
        person.open(paid)
        change(person, "Upgrade", ["Changes"], tier="ENT")
        other = issue(person, "Initech")
        revoke(person, other, "not paid")
        find(person, "Initech", "revoked", 1)
        person.open(other)
        reinstate(person, "paid late")
        person.navigate("Audit trail")
        for action in ("license.issue", "license.upgrade", "license.renew", "license.revoke", "license.reinstate", "trial.convert", "session.create"):
            person.sees(action, within="main tbody")
        person.navigate("Ledger")
        person.check_accessible()
        person.sign_out()


run(script)
