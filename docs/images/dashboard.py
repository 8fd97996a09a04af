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
WIDTH = 1200

# The pages of each site: the path, the name of the picture, the link to follow from the page, and
# the height of the picture.
PAGES = {
    "site": [
        ("/", "overview", None, 800),
        ("/licenses", "license", "ACME Ltd", 800),
        ("/seat-planning", "seat-planning", None, 800),
    ],
    "busy": [
        ("/seats", "seats", "ACME Design", 980),
    ],
}


def sign_in(page, url):
    page.goto(url + "/sign-in")
    page.fill("[name=email]", samples.OWNER)
    page.fill("[name=password]", samples.PASSWORD)
    page.click("main form button")
    page.wait_for_url(url + "/")


def take_pictures(page, server, pages, directory):
    sign_in(page, server.url)
    for path, name, link, height in pages:
        page.set_viewport_size({"width": WIDTH, "height": height})
        page.goto(server.url + path)
        if link:
            page.locator("main").get_by_role("link", name=link, exact=True).first.click()
            page.wait_for_load_state()
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            picture = directory / f"dashboard-{name}-{scheme}.png"
            page.screenshot(path=picture)
            # The pages have few colors. This method keeps those of small things, such as a number.
            with Image.open(picture) as taken:
                colors = taken.convert("RGB")
            reduced = colors.quantize(128, Image.Quantize.MAXCOVERAGE, kmeans=2)
            reduced.save(picture, optimize=True)
            print(picture)


def main():
    directory = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--hide-scrollbars"]
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        page = chromium.new_page(reduced_motion="reduce")
        for kind, pages in PAGES.items():
            with samples.running(kind) as server:
                take_pictures(page, server, pages, directory)
        chromium.close()


if __name__ == "__main__":
    main()
