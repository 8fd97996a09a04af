"""Takes the pictures of the dashboard of a site in Chromium, in a light and a dark style.

    cargo build -p license-server -p license-keygen -p license-cli
    python3 docs/images/dashboard.py

The pictures are written into the directory of this script, or into the directory that the first
argument names. `samples.py` fills the server. The script requires Python 3 with Playwright and
Pillow, which `.ci/run` installs into `target/interop/venv`, Chromium and `faketime`. `shop.py` takes
the pictures of a vendor's server.
"""

import pathlib
import sys

from PIL import Image
from playwright.sync_api import sync_playwright

import samples

HERE = pathlib.Path(__file__).resolve().parent
CHROMIUM = "/usr/bin/chromium"
SIZE = {"width": 1200, "height": 800}

# The pages: the path, the name of the picture, and the link to follow from the page.
PAGES = [
    ("/", "overview", None),
    ("/seats", "seats", "ACME Ltd"),
    ("/seat-planning", "seat-planning", None),
]


def sign_in(page, url):
    page.goto(url + "/sign-in")
    page.fill("[name=email]", samples.OWNER)
    page.fill("[name=password]", samples.PASSWORD)
    page.click("main form button")
    page.wait_for_url(url + "/")


def take_pictures(page, server, directory):
    sign_in(page, server.url)
    for path, name, link in PAGES:
        page.goto(server.url + path)
        if link:
            page.locator("main").get_by_role("link", name=link, exact=True).first.click()
            page.wait_for_load_state()
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            picture = directory / f"dashboard-{name}-{scheme}.png"
            page.screenshot(path=picture)
            # The pages have few colors.
            with Image.open(picture) as taken:
                reduced = taken.convert("RGB").quantize(128)
            reduced.save(picture, optimize=True)
            print(picture)


def main():
    directory = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--hide-scrollbars"]
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        page = chromium.new_page(viewport=SIZE, reduced_motion="reduce")
        with samples.running("site") as server:
            take_pictures(page, server, directory)
        chromium.close()


if __name__ == "__main__":
    main()
