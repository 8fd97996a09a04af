#!/usr/bin/env python3
"""Checks the site in a directory, and prints each problem.

usage: check.py DIRECTORY [CHROMIUM]

- Each link leads to a file of the site, and each fragment to an element with this id.
- No page or style sheet loads anything from another host.
- The index of the search has each page, except those of files and those that book.toml names.
- With CHROMIUM, which opens the files without a network: each diagram is drawn in a size that can be
  read, no such page scrolls sideways or reports anything, and the search finds the right pages.

CHROMIUM needs the Python package `playwright`, which `.ci/run` installs.
"""

import html.parser
import json
import pathlib
import re
import sys
import tomllib
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Elements that a browser loads, with the attribute that has the address. A link in <a> is only
# followed by the reader.
LOADED = {
    "script": ["src"], "link": ["href"], "img": ["src", "srcset"], "source": ["src", "srcset"],
    "iframe": ["src"], "embed": ["src"], "object": ["data"], "video": ["src"], "audio": ["src"],
}

# What people look for, and the page that must be among the first results.
SEARCHES = {
    "heartbeat": "docs/architecture/diagrams/sequence/03-renew-a-seat.html",
    "renew a license": "docs/vendor.html",
    "revoke": "docs/vendor.html",
    "how to rotate a key": "docs/rotation.html",
    "SEAT_REQUIRED": "docs/codes.html",
    "NO_SEAT": "docs/codes.html",
    "backup": "docs/server.html",
    "trial": "docs/trials.html",
    "stripe": "docs/billing.html",
    "activate a machine": "docs/enterprise.html",
    "floating seat": "docs/developer.html",
    "python": "bindings/python/index.html",
}
FIRST_RESULTS = 5

# The windows in which diagrams are measured, in pixels.
WINDOWS = [{"width": 1440, "height": 900}, {"width": 390, "height": 844}]
# The smallest part of its full size at which a diagram may be drawn, and the smallest text of a
# diagram in pixels.
SMALLEST_SCALE = 0.8
SMALLEST_TEXT = 12

# Returns whether diagrams.js has drawn each diagram, or shows its error.
IS_DONE = """() => Array.from(document.querySelectorAll('.diagram')).every(figure =>
  figure.querySelector('svg') || figure.textContent.startsWith('The diagram has an error'))"""

# Returns the scale of each diagram, its smallest text in pixels, and by how much the page is wider
# than the window.
MEASURE = """() => ({
  diagrams: Array.from(document.querySelectorAll('.diagram'), figure => {
    const svg = figure.querySelector('svg');
    if (!svg) return null;
    const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
    const sizes = Array.from(svg.querySelectorAll('text, foreignObject span'), text => parseFloat(getComputedStyle(text).fontSize));
    return { scale, text: scale * Math.min(...sizes) };
  }),
  excess: document.documentElement.scrollWidth - window.innerWidth,
})"""


class Page(html.parser.HTMLParser):
    """The ids and addresses of a page."""

    def __init__(self, path):
        super().__init__()
        self.ids, self.links, self.loaded = set(), [], []
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        values = {name: value or "" for name, value in attributes}
        if "id" in values:
            self.ids.add(values["id"])
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        for name in LOADED.get(tag, []):
            # A set of images is a list of addresses with widths.
            for part in values.get(name, "").split(","):
                self.loaded += part.split()[:1]


def main():
    site = pathlib.Path(sys.argv[1]).resolve()
    # toc.html is shown in a frame of the pages, whose links are relative to the root too.
    pages = {path: Page(path) for path in sorted(site.rglob("*.html"))}
    problems = [*broken_links(site, pages), *other_hosts(site, pages), *not_indexed(site, pages)]
    if len(pages) < 50:
        problems.append(f"{len(pages)} pages, expected at least 50")
    if len(sys.argv) > 2:
        problems += in_browser(site, sys.argv[2])
    if problems:
        # A file that all pages load would be a problem of each page.
        sys.exit("\n".join([*problems[:40], f"{len(problems)} problems"]))
    links = sum(len(page.links) for page in pages.values())
    print(f"{len(pages)} pages and {links} links are correct")


def broken_links(site, pages):
    for path, page in pages.items():
        # The addresses in 404.html start at the root of a server.
        if path == site / "404.html":
            continue
        for address in page.links + page.loaded:
            parts = urllib.parse.urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            file = (path.parent / urllib.parse.unquote(parts.path)).resolve() if parts.path else path
            name = path.relative_to(site)
            if not file.is_file() or site not in file.parents:
                yield f"{name}: {address}: no such file on the site"
            elif parts.fragment and file in pages:
                if urllib.parse.unquote(parts.fragment) not in pages[file].ids:
                    yield f"{name}: {address}: no such heading"


def other_hosts(site, pages):
    is_elsewhere = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?//").match
    for path, page in pages.items():
        for address in filter(is_elsewhere, page.loaded):
            yield f"{path.relative_to(site)}: loads {address}"
    for path in site.rglob("*.css"):
        for address in re.findall(r"(?:url\(\s*['\"]?|@import\s+['\"])([^'\")\s]+)", path.read_text()):
            if is_elsewhere(address):
                yield f"{path.relative_to(site)}: loads {address}"


def not_indexed(site, pages):
    """Returns the pages that the search cannot find."""
    indexes = list(site.glob("searchindex*.js"))
    if len(indexes) != 1:
        return [f"{len(indexes)} search indexes, expected one"]
    found = {url.split("#")[0] for url in urls(indexes[0].read_text())}
    names = [str(path.relative_to(site)) for path in pages]
    missing = [name for name in names if name not in found and is_document(name)]
    return [f"{name}: not in the search index" for name in missing]


def is_document(name):
    """Returns whether a page was a document that the search finds. The other pages show files."""
    document = re.sub(r"index\.html$", "README.html", name).removesuffix(".html") + ".md"
    settings = tomllib.loads((ROOT / "docs/book/book.toml").read_text())
    excluded = settings["output"]["html"]["search"]["chapter"]
    is_excluded = any(document == path or document.startswith(f"{path}/") for path in excluded)
    return (ROOT / document).is_file() and not is_excluded


def urls(index):
    """Returns the addresses in an index, which is a call of JSON.parse with a text in quotes."""
    text = re.search(r"JSON\.parse\('(.*)'\)", index, re.DOTALL)[1]
    return json.loads(re.sub(r"\\(['\\])", r"\1", text))["doc_urls"]


def in_browser(site, chromium):
    # Only this check needs the package.
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium,
            args=[
                # Chromium refuses to run as root with its sandbox. The site has no content of others.
                "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                "--host-resolver-rules=MAP * ~NOTFOUND",
            ])
        page = browser.new_page(viewport=WINDOWS[0])
        yield from problems_of_diagrams(site, page)
        yield from problems_of_search(site, page)
        browser.close()


def problems_of_diagrams(site, page):
    """Opens each page with a diagram."""
    paths = [path for path in sorted(site.rglob("*.html")) if 'class="diagram"' in path.read_text()]
    if len(paths) < 20:
        yield f"{len(paths)} pages have a diagram, expected at least 20"
    messages = []
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    for path in paths:
        name = path.relative_to(site)
        page.goto(path.as_uri())
        page.wait_for_function(IS_DONE)
        for window in WINDOWS:
            page.set_viewport_size(window)
            yield from problems_of_size(f"{name} at {window['width']} px", page.evaluate(MEASURE))
        yield from (f"{name}: the browser reports: {message}" for message in messages)
        messages.clear()


def problems_of_size(place, measured):
    for diagram in measured["diagrams"]:
        if diagram is None:
            yield f"{place}: a diagram is not drawn"
        # The browser computes with single precision.
        elif diagram["scale"] < SMALLEST_SCALE or round(diagram["text"], 2) < SMALLEST_TEXT:
            yield f"{place}: a diagram is too small: {diagram}"
    if measured["excess"] > 0:
        yield f"{place}: the page is {measured['excess']} px wider than the window"


def problems_of_search(site, page):
    """Searches as a reader does: with the address, and then with the keyboard."""
    page.set_viewport_size(WINDOWS[0])
    page.goto((site / "index.html").as_uri() + "?search=license")
    for query, expected in SEARCHES.items():
        page.fill("#mdbook-searchbar", query)
        page.press("#mdbook-searchbar", "End")
        header = page.locator("#mdbook-searchresults-header", has_text=f"for '{query}'")
        header.wait_for()
        links = page.locator("#mdbook-searchresults a").all()[:FIRST_RESULTS]
        found = [link.get_attribute("href").split("?")[0] for link in links]
        if expected not in found:
            yield f"index.html: the search for {query!r} finds {found} first, and not {expected}"


main()
