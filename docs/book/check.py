#!/usr/bin/env python3
"""Checks the site in a directory, and prints each problem.

usage: check.py DIRECTORY [CHROMIUM]

- Each link leads to a file of the site, and each fragment to an element with this id.
- No page or style sheet loads anything from another host.
- The index of the search has each page, except those of files.
- With CHROMIUM, which opens the files without a network: a page draws its diagram, and the search
  finds a word.
"""

import html.parser
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Elements that a browser loads, with the attribute that has the address. A link in <a> is only
# followed by the reader.
LOADED = {
    "script": ["src"], "link": ["href"], "img": ["src", "srcset"], "source": ["src", "srcset"],
    "iframe": ["src"], "embed": ["src"], "object": ["data"], "video": ["src"], "audio": ["src"],
}


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
    """Returns whether a page was a document. The other pages show files, which are not searched."""
    return (ROOT / re.sub(r"index\.html$", "README.html", name)).with_suffix(".md").is_file()


def urls(index):
    """Returns the addresses in an index, which is a call of JSON.parse with a text in quotes."""
    text = re.search(r"JSON\.parse\('(.*)'\)", index, re.DOTALL)[1]
    return json.loads(re.sub(r"\\(['\\])", r"\1", text))["doc_urls"]


def in_browser(site, chromium):
    flow = site / "docs/architecture/diagrams/sequence/01-acquire-a-seat.html"
    document = opened(chromium, flow.as_uri())
    if not re.search(r'class="diagram"><svg [^>]*id="diagram0"', document):
        yield f"{flow.relative_to(site)}: the diagram is not drawn"
    document = opened(chromium, (site / "index.html").as_uri() + "?search=heartbeat")
    results = re.search(r'id="mdbook-searchresults">(.*?)</ul>', document, re.DOTALL)
    if not results or "docs/server.html" not in results[1]:
        yield "index.html: the search for `heartbeat` does not find docs/server.html"


def opened(chromium, address):
    """Returns the document of an address after its scripts have run."""
    with tempfile.TemporaryDirectory() as profile:
        command = [
            chromium, "--headless", f"--user-data-dir={profile}",
            # Chromium refuses to run as root with its sandbox. The site has no content of others.
            "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=60000", "--dump-dom",
            address,
        ]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


main()
