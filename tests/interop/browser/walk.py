"""Opens every page of a server as each role, by following the links from the first page.

Settings: `url` of the server, the `people` as pairs of a role and an e-mail address, and optionally `pictures`, the
directory for pictures of all pages.

Checks of each kind of page: no barrier for axe in light and dark, no page that scrolls sideways, no
link, button or field that the Tab key does not reach with a visible focus, and nothing that the browser
reports, such as a violation of the content security policy or a dialog that a name with markup opened.
The pages of visitors and of errors have the same checks.
"""

import html
import os
import re
import sys
import time
from urllib.parse import urljoin, urlsplit

from dashboard import WIDTHS, Error, Failed, kind, run

# How many pages of one kind are opened as one role.
MOST = 2

# Roles whose pages have the structure of those of an owner. Their pages are requested and followed, and
# not drawn.
NOT_DRAWN = ("administrator", "license_manager", "billing")

# Pages of visitors, with their statuses. Those with a code take it from the link of a mail.
FOR_VISITORS = [
    ("/sign-in", (200,)),
    ("/registration", (200,)),
    ("/registration/request", (200, 403)),
    ("/password-reset", (200,)),
    ("/password-reset/request", (200, 409)),
    ("/invitation", (200,)),
    ("/email-change", (200,)),
    ("/trial", (200, 409)),
    ("/trial-reminders", (200, 409)),
    ("/setup/a-link-that-was-used", (403,)),
    ("/no-such-page", (404,)),
]

# Pages that a member may not open, and that do not exist.
OF_ERRORS = [("/people", (403,)), ("/no-such-page", (404,)), ("/licenses/no-license", (403, 404))]

# The addresses of links, and whether the browser stores what they lead to.
LINKS = """() => [...document.querySelectorAll('a[href]')].map((link) =>
    [link.href, link.hasAttribute('download')])"""

# The addresses of filters, with the values that they show.
FILTERS = """() => [...document.querySelectorAll('form[method=get]')].map((form) =>
    `${form.getAttribute('action')}?${new URLSearchParams(new FormData(form))}`)"""

# What the rules of axe look at, without texts and repetitions.
STRUCTURE = """() => [...new Set([...document.querySelectorAll('body *')].map((e) =>
    `${e.tagName}.${e.className}.${e.getAttribute('role')}`))].sort().join()"""


class Walk:
    """The pages that a role has seen."""

    def __init__(self, suite, person, role):
        self.suite, self.person, self.role = suite, person, role
        self.seen, self.kinds, self.waiting, self.failures = set(), {}, [], []

    def add(self, address, is_file=False):
        parts = urlsplit(urljoin(self.person.url, address))
        url = parts._replace(fragment="").geturl()
        if not url.startswith(self.person.url + "/") or url in self.seen:
            return
        name = kind(url)
        if self.kinds.get(name, 0) >= MOST:
            return
        self.kinds[name] = self.kinds.get(name, 0) + 1
        self.seen.add(url)
        self.waiting.append((url, is_file))

    def run(self, checked):
        self.add("/")
        while self.waiting:
            url, is_file = self.waiting.pop(0)
            try:
                self.visit(url, is_file, checked)
                self.person.check_quiet()
            except (Failed, Error) as failure:
                self.fail(f"{url}: {failure}")

    def visit(self, url, is_file, checked):
        if is_file:
            response = self.person.context.request.get(url, max_redirects=0)
            self.person.check(response.status == 200, f"{url} has the status {response.status}")
            return
        if self.role in NOT_DRAWN:
            self.follow(url)
            return
        self.person.open(url)
        self.person.check(self.person.path() != "/sign-in", f"{url} asks {self.role} to sign in")
        for address, leads_to_file in self.person.page.evaluate(LINKS):
            self.add(address, leads_to_file)
        for address in self.person.page.evaluate(FILTERS):
            self.add(address)
        self.look(checked)

    def follow(self, url):
        """Requests a page without drawing it, and adds its links."""
        response = self.person.context.request.get(url, max_redirects=0)
        self.person.check(response.status == 200, f"{url} has the status {response.status}")
        for link in re.findall(r"<a [^>]*>", response.text()):
            address = re.search(r'href="([^"]*)"', link)
            self.add(html.unescape(address[1]), " download" in link)

    def fail(self, failure):
        """Reports a failure, and continues with the next page."""
        self.failures.append(f"{self.role}: {failure}")
        print(self.failures[-1], file=sys.stderr, flush=True)
        self.person.problems.clear()

    def look(self, checked):
        structure = kind(self.person.page.url), self.person.page.evaluate(STRUCTURE)
        if structure in checked:
            return
        checked.add(structure)
        if pictures := self.suite.settings.get("pictures"):
            take_pictures(self.person, os.path.join(pictures, self.role), kind(self.person.page.url))
        checks = [self.person.check_accessible, self.person.check_layout, self.dialogs]
        keyboard = "keyboard", kind(self.person.page.url)
        if keyboard not in checked:
            checked.add(keyboard)
            checks.append(self.person.check_keyboard)
        for check in checks:
            try:
                check()
            except (Failed, Error) as failure:
                self.fail(failure)

    def look_at(self, pages):
        """Opens pages of visitors or of errors, and checks each of them."""
        for path, statuses in pages:
            try:
                response = self.person.page.goto(urljoin(self.person.url, path))
                found = response.status
                self.person.check(found in statuses, f"{path} has the status {found}")
                self.look(set())
                self.person.check_quiet()
            except (Failed, Error) as failure:
                self.fail(f"{path}: {failure}")

    def dialogs(self):
        """Opens the forms of the page that open in dialogs, one of each kind."""
        page, opened = self.person.page, set()
        links = page.locator("a[data-dialog]:visible")
        for number in range(links.count()):
            link = links.nth(number)
            name = kind(link.get_attribute("href"))
            if name in opened:
                continue
            opened.add(name)
            link.click()
            dialog = page.locator("dialog[open]")
            dialog.wait_for()
            found = self.person.violations()
            self.person.check(not found, f"dialog {name}\n" + "\n".join(found))
            page.keyboard.press("Escape")
            dialog.wait_for(state="detached")
            is_back = link.evaluate("link => link === document.activeElement")
            self.person.check(is_back, f"the focus does not return from the dialog {name}")


def take_pictures(person, directory, name):
    os.makedirs(directory, exist_ok=True)
    name = name.strip("/").replace("/", "-").replace("*", "ID").replace("?", "--")[:80] or "overview"
    for scheme in ("light", "dark"):
        person.page.emulate_media(color_scheme=scheme)
        for width in WIDTHS:
            person.page.set_viewport_size({"width": width, "height": 900})
            path = os.path.join(directory, f"{name}-{width}-{scheme}.png")
            person.page.screenshot(path=path, full_page=True)
    person.page.emulate_media(color_scheme="light")
    person.page.set_viewport_size({"width": 1440, "height": 900})


def visit_all(person, role, urls):
    """Requests the pages of all roles as one role. A page is shown, forbidden, or not there."""
    for url in sorted(urls):
        response = person.context.request.get(url, max_redirects=0)
        person.check(
            response.status in (200, 303, 403, 404), f"{url} has the status {response.status} for {role}"
        )


def script(suite):
    checked, everything, failures = set(), set(), []
    with suite.person(suite.settings["url"]) as person:
        walk = Walk(suite, person, "visitor")
        walk.look_at(FOR_VISITORS)
        failures += walk.failures
    for role, email in suite.settings["people"]:
        start = time.monotonic()
        with suite.person(suite.settings["url"]) as person:
            person.sign_in(email)
            walk = Walk(suite, person, role)
            walk.run(checked)
            if role == "owner":
                # The navigation is the same on all pages.
                person.open("/")
                person.check_keyboard("body")
            if role == "member":
                walk.look_at(OF_ERRORS)
            visit_all(person, role, everything - walk.seen)
            everything |= walk.seen
            failures += walk.failures
            seconds = time.monotonic() - start
            print(f"{role}: {len(walk.seen)} pages of {len(walk.kinds)} kinds, {seconds:.1f} s")
            for name in sorted(walk.kinds):
                print(f"    {name}")
    if failures:
        raise Failed(f"{len(failures)} failures")


run(script)
