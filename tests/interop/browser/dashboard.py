"""People who open pages of a license server in Chromium, and checks of what they see.

Each script reads its settings as JSON from standard input, and ends with a status other than 0 if a
check fails.
"""

import json
import re
import signal
import sys
import urllib.request
from contextlib import contextmanager
from urllib.parse import urljoin, urlsplit

from playwright.sync_api import Error, sync_playwright

PASSWORD = "correct horse battery staple"

# Rules of axe for colors, which differ between the light and the dark style.
COLORS = {"runOnly": ["color-contrast", "link-in-text-block"]}

WIDTHS = (1440, 1024, 390)

# Starts to record which elements of the page get the focus, and returns the number of those that
# the Tab key must reach. `data-walked` marks an element whose focus can be seen.
RECORD_FOCUS = """(place) => {
    const root = document.querySelector(place);
    const isShown = (e) => e.checkVisibility({visibilityProperty: true}) && !e.disabled && e.tabIndex >= 0;
    const all = [...root.querySelectorAll('a[href], button, input, select, textarea, summary')];
    const expected = all.filter(isShown).slice(0, 150);
    expected.forEach((e) => e.setAttribute('data-walk', ''));
    root.addEventListener('focusin', (event) => {
        const style = getComputedStyle(event.target);
        const isVisible = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
        event.target.setAttribute('data-walked', isVisible ? 'seen' : 'unseen');
    });
    root.tabIndex = -1;
    root.focus();
    return expected.length;
}"""

# The elements that the Tab key has not reached, or whose focus cannot be seen.
MISSED = """() => [...document.querySelectorAll('[data-walk]:not([data-walked=seen])')].map((e) =>
    `${e.outerHTML.slice(0, 120)} ${e.dataset.walked ?? 'is not reached'}`)"""

# After this time, a script ends with a failure.
MOST_SECONDS = 240


class Failed(AssertionError):
    """A check failed."""


class Suite:
    """The settings of a script, and the browser."""

    def __init__(self, settings, chromium):
        self.settings = settings
        self.chromium = chromium
        with open(settings["axe"], encoding="utf-8") as source:
            self.axe = source.read()

    @contextmanager
    def person(self, url, *, javascript=True, width=1440):
        """Opens a window with cookies of its own, and checks at the end that nothing was wrong."""
        context = self.chromium.new_context(
            java_script_enabled=javascript,
            viewport={"width": width, "height": 900},
            ignore_https_errors=True,
            base_url=url,
            reduced_motion="reduce",
        )
        context.set_default_timeout(20_000)
        person = Person(self, context, url, javascript)
        try:
            yield person
        except Error as error:
            raise Failed(f"{person.where()}\n{error}") from error
        else:
            person.check_quiet()
        finally:
            context.close()


class Person:
    """A window of a browser."""

    def __init__(self, suite, context, url, javascript):
        self.suite, self.context, self.url, self.javascript = suite, context, url, javascript
        self.problems, self.ignored = [], None
        self.page = context.new_page()
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self._problem(f"script error: {error}"))
        self.page.on("dialog", self._dialog)
        self.page.on("request", self._request)

    def _problem(self, text):
        self.problems.append(f"{self.page.url}: {text}")

    def _console(self, message):
        # A page with an error status is one of the tests, which look at the status.
        if message.text.startswith("Failed to load resource: the server responded with a status"):
            return
        if self.ignored and self.ignored in message.text:
            return
        if message.type in ("error", "warning"):
            self._problem(f"console: {message.text}")

    def _dialog(self, dialog):
        self._problem(f"a dialog of a script: {dialog.message}")
        dialog.dismiss()

    def _request(self, request):
        if not request.url.startswith((self.url, "data:", "about:")):
            self._problem(f"a request to another place: {request.url}")

    def where(self):
        """Returns the address and the text of the page, for messages."""
        try:
            text = self.page.locator("body").inner_text(timeout=1000)
        except Error as error:
            text = str(error)
        return f"at {self.page.url}:\n{text[:1000]}"

    def check(self, condition, text):
        """Fails with the text of the page unless the condition is true."""
        if not condition:
            raise Failed(f"{text}\n{self.where()}")

    def check_quiet(self):
        """Checks that the browser has reported nothing."""
        if self.problems:
            raise Failed("\n".join(self.problems))

    def open(self, path, status=200):
        """Opens a page, and checks its status."""
        response = self.page.goto(urljoin(self.url, path))
        self.check(response.status == status, f"{path} has the status {response.status}")
        return response

    def sees(self, text, within="main"):
        """Waits until the page shows a text."""
        try:
            self.page.locator(within).get_by_text(text).first.wait_for(timeout=10_000)
        except Error as error:
            raise Failed(f"the page does not show {text!r}\n{self.where()}") from error

    def path(self):
        """Returns the path of the page."""
        return urlsplit(self.page.url).path

    def click(self, name, role="link", within="main"):
        """Clicks a link or a button, and waits for the page that it leads to."""
        with self.page.expect_navigation():
            self.page.locator(within).get_by_role(role, name=name, exact=True).first.click()

    def navigate(self, name):
        """Follows a link of the navigation."""
        with self.page.expect_navigation():
            self.page.locator("nav[aria-label=Main]").get_by_role("link", name=name, exact=True).click()

    def open_form(self, link):
        """Follows a link to a form, which opens in a dialog if scripts run. Returns the place of the
        form."""
        if not self.javascript:
            with self.page.expect_navigation():
                link.first.click()
            return "main"
        link.first.click()
        self.page.locator("dialog[open]").wait_for()
        self.focused()
        return "dialog[open]"

    def submit(self, button, within="main", twice=False, **fields):
        """Fills the form that has a button, and sends it. A field is named by its `name`."""
        form = self.page.locator(f"{within} form").filter(
            has=self.page.get_by_role("button", name=button, exact=True)
        ).last
        for name, value in fields.items():
            field = form.locator(f"[name={name}]").first
            if not field.is_visible():
                form.locator(f"details:not([open]):has([name={name}]) > summary").first.click()
            if field.evaluate("field => field.tagName") == "SELECT":
                field.select_option(value)
            elif field.get_attribute("type") == "checkbox":
                form.locator(f"[name={name}]" + ("" if value is True else f'[value="{value}"]')).first.check()
            else:
                field.fill(value)
        with self.page.expect_navigation():
            form.get_by_role("button", name=button, exact=True).click(click_count=2 if twice else 1)

    def sign_in(self, email, password=PASSWORD):
        """Signs in at the form of the page for it."""
        self.open("/sign-in")
        self.submit("Sign in", email=email, password=password)
        self.check(self.path() == "/", f"{email} is not signed in")

    def sign_out(self):
        """Signs out with the button of the navigation."""
        self.page.get_by_role("button", name="Sign out").click()
        self.page.wait_for_url("**/sign-in")

    def violations(self, options=None):
        """Returns what axe finds in the page."""
        if not self.page.evaluate("() => 'axe' in window"):
            self.page.evaluate(self.suite.axe)
        options = {"resultTypes": ["violations"]} | (options or {})
        found = self.page.evaluate("options => axe.run(document, options)", options)["violations"]
        return [
            f"axe: {rule['id']}: {rule['help']}: {node['html'][:200]} {node['failureSummary']}"
            for rule in found
            for node in rule["nodes"][:3]
        ]

    def check_accessible(self, dark=True):
        """Checks the page with axe, in the light and the dark style. Axe needs scripts."""
        if not self.javascript:
            return
        found = self.violations()
        if dark:
            self.page.emulate_media(color_scheme="dark")
            found += [f"dark: {line}" for line in self.violations(COLORS)]
            self.page.emulate_media(color_scheme="light")
        self.check(not found, "\n".join(found))

    def check_layout(self, widths=WIDTHS):
        """Checks that the page as a whole does not scroll sideways."""
        for width in widths:
            self.page.set_viewport_size({"width": width, "height": 900})
            wide = self.page.evaluate(
                """() => {
                    const most = document.documentElement.clientWidth;
                    if (document.documentElement.scrollWidth <= most) return [];
                    const name = (e) => `${e.tagName}.${e.className} ${Math.round(e.getBoundingClientRect().right)}`;
                    return [...document.querySelectorAll('body *')]
                        .filter((e) => e.getBoundingClientRect().right > most).slice(0, 8).map(name);
                }"""
            )
            self.check(not wide, f"the page is wider than {width} pixels: {wide}")
        self.page.set_viewport_size({"width": 1440, "height": 900})

    def focused(self):
        """Returns the name of the element that has the focus, and checks that it can be seen."""
        found = self.page.evaluate(
            """() => {
                const e = document.activeElement;
                const style = getComputedStyle(e);
                const box = e.getBoundingClientRect();
                return {
                    name: (e.labels?.[0]?.textContent ?? e.textContent ?? '').trim() || e.name || e.id,
                    tag: e.tagName,
                    isVisible: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 && box.width > 0,
                };
            }"""
        )
        if found["tag"] not in ("BODY", "MAIN"):
            self.check(found["isVisible"], f"the focus on {found} cannot be seen")
        return found["name"]

    def check_keyboard(self, place="main"):
        """Checks that the Tab key reaches each link, button and field of a part of the page, and that
        its focus can be seen."""
        count = self.page.evaluate(RECORD_FOCUS, place)
        for _ in range(count):
            self.page.keyboard.press("Tab")
        missed = self.page.evaluate(MISSED)
        for _ in range(20 if missed else 0):
            # Areas that scroll get the focus too.
            self.page.keyboard.press("Tab")
        missed = missed and self.page.evaluate(MISSED)
        self.check(not missed, "the Tab key:\n" + "\n".join(missed))

    def tab_to(self, *names):
        """Presses the Tab key until the focus is on an element whose name begins with one of these."""
        seen = []
        for _ in range(120):
            self.page.keyboard.press("Tab")
            seen.append(self.focused())
            if seen[-1].startswith(names):
                return
        self.check(False, f"the Tab key does not reach {names}: {seen}")

    def press(self, key="Enter"):
        """Presses a key that leads to another page."""
        with self.page.expect_navigation():
            self.page.keyboard.press(key)

    def type(self, text):
        """Types into the field that has the focus."""
        self.page.keyboard.type(text)


def run(script):
    """Runs a script with its settings from standard input."""
    settings = json.load(sys.stdin)
    # Some calls of Playwright wait without a limit.
    signal.alarm(MOST_SECONDS)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.connect_over_cdp(settings["browser"])
        try:
            script(Suite(settings, chromium))
        except Failed as failure:
            sys.exit(str(failure))


def call(url, method, path, body=None, headers=None):
    """Sends a request to the interface. Returns the status and the body, if it is JSON."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json"} | (headers or {})
    request = urllib.request.Request(url + path, data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            status, text = response.status, response.read()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read()
    return status, json.loads(text) if text else None


# What differs between two pages of one kind: ids, addresses and numbers.
_ID = re.compile(r"[a-z]{2,5}_[0-9A-Za-z_-]{8,}|[0-9A-Fa-f-]{8,}|.*[@%\d].*|.{24,}")


def kind(url):
    """Returns what the addresses of pages of one kind have in common."""
    parts = urlsplit(url)
    path = "/".join("*" if _ID.fullmatch(part) else part for part in parts.path.split("/"))
    return path + ("?" if parts.query else "")
