#!/usr/bin/env python3
"""Collects the pages of the site in a directory that mdBook can build.

usage: stage.py MERMAID DIRECTORY

MERMAID is the script of Mermaid, which draws the diagrams. DIRECTORY is replaced. In it, a page has
the path that it has in the repository, so relative links between pages work on the site as they do
on a code host. These things differ:

- A file that is no page, but that a page links to, gets a page with its content. A directory gets
  a page with the names of its files.
- A README is the index of its directory, as mdBook makes it one.
- The source of a diagram is an attribute of an element, so that the search does not find its words.
- Links to items of a crate, which only rustdoc resolves, become plain text.
- SUMMARY.md names the decisions and the flows, which are the rows of the indexes.
"""

import html
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BOOK = ROOT / "docs/book"

# The indexes whose rows become pages below the index.
INDEXES = ["docs/architecture/adrs/README.md", "docs/architecture/diagrams/sequence/README.md"]

# The page that lists the files.
FILES = "files.md"

IMAGES = {".svg", ".png"}
LANGUAGES = {".rs": "rust", ".json": "json", ".toml": "toml", ".yaml": "yaml", ".service": "ini"}

LINK = re.compile(r"\]\(([^()\s]+)\)")
ITEM = re.compile(r"\[([^\[\]]+)\]\(crate::[^()]*\)")
IMAGE_OF_HTML = re.compile(r'(?:src|srcset)="([^"]+)"')
DIAGRAM = re.compile(r"^```mermaid\n(.*?)^```$", re.DOTALL | re.MULTILINE)
ROW = re.compile(r"^\| \[(\d+)\]\(([^()]+)\) \| ([^|]+) \|")


def main():
    mermaid, directory = map(pathlib.Path, sys.argv[1:])
    shutil.rmtree(directory, ignore_errors=True)
    source = directory / "src"
    summary = with_rows((BOOK / "SUMMARY.md").read_text())
    pages = [path for path in map(path_of_link, LINK.findall(summary)) if path]
    require_all_documents(pages)
    files = {}
    for path in pages:
        write(source / path, rewritten(path, pages, files, source))
    links = [f"- [{path}]({files[path]})\n" for path in sorted(files)]
    for path, page in files.items():
        write(source / page, page_of_file(path))
    write(source / FILES, "# Files\n\nPages link to these files.\n\n" + "".join(links))
    summary = LINK.sub(lambda link: f"]({path_of_link(link[1])})", summary)
    summary += f"- [Files]({FILES})\n" + "".join(f"  {link}" for link in links)
    write(source / "SUMMARY.md", summary)
    write(directory / "book.toml", settings(files))
    shutil.copytree(BOOK / "theme", directory / "theme")
    for name in ["site.css", "diagrams.js", "search.js"]:
        shutil.copy(BOOK / name, directory)
    # mdBook copies every file that is not Markdown.
    shutil.copy(mermaid, source / "mermaid.min.js")


def path_of_link(link, page="docs/book/SUMMARY.md"):
    """Returns the path of a link's target below the root, or None if the target is elsewhere."""
    file = link.split("#")[0]
    if not file or re.match(r"[a-z]+:", file):
        return None
    return os.path.normpath(os.path.join(os.path.dirname(page), file))


def with_rows(summary):
    """Adds the rows of each index below the line of the index."""
    lines = []
    for line in summary.splitlines():
        lines.append(line)
        link = LINK.search(line)
        path = path_of_link(link[1]) if link else None
        if path in INDEXES:
            base = os.path.relpath(os.path.dirname(path), "docs/book")
            rows = filter(None, map(ROW.match, (ROOT / path).read_text().splitlines()))
            lines.extend(f"  - [{row[1]} {row[3]}]({base}/{row[2]})" for row in rows)
    return "\n".join(lines) + "\n"


def require_all_documents(pages):
    """Fails if SUMMARY.md lacks a document, or names one that does not exist."""
    documents = {str(path.relative_to(ROOT)) for path in ROOT.glob("docs/**/*.md")}
    documents.remove("docs/book/SUMMARY.md")
    missing = sorted(documents - set(pages))
    if missing:
        sys.exit("error: docs/book/SUMMARY.md or an index has no line for " + ", ".join(missing))
    absent = [path for path in pages if not (ROOT / path).is_file()]
    if absent:
        sys.exit("error: docs/book/SUMMARY.md or an index names files that do not exist: "
                 + ", ".join(absent))


def rewritten(path, pages, files, source):
    """Returns the text of a page. Adds the files that the page links to, and copies images."""

    def target(link):
        found = path_of_link(link, path)
        if found in pages:
            return re.sub(r"README\.md(#|$)", r"index.md\1", link)
        if found is None or not (ROOT / found).exists():
            return link  # check.py finds the broken ones
        if pathlib.Path(found).suffix in IMAGES:
            copy(found, source)
            return link
        files[found] = found + ".md"
        return os.path.relpath(files[found], os.path.dirname(path) or ".")

    is_code = False
    lines = []
    for line in text_of_page(path).splitlines():
        is_fence = line.lstrip().startswith("```")
        if not is_code and not is_fence:
            line = ITEM.sub(r"\1", line)
            line = LINK.sub(lambda link: f"]({target(link[1])})", line)
            for image in IMAGE_OF_HTML.findall(line):
                copy(path_of_link(image, path), source)
        is_code ^= is_fence
        lines.append(line)
    return DIAGRAM.sub(lambda block: diagram(block[1]), "\n".join(lines) + "\n")


def diagram(source):
    """Returns the element in which diagrams.js draws a diagram. An empty line would end it."""
    source = html.escape(source).replace("\n", "&#10;")
    return f'<div class="diagram" data-source="{source}">The diagram needs scripts.</div>'


def text_of_page(path):
    """Returns the text of a page. A guide of a crate is written for rustdoc: it has no title, its
    blocks without a language are Rust, and rustdoc hides the lines of a block that start with `# `.
    """
    text = (ROOT / path).read_text()
    if not re.match(r"crates/[^/]+/src/", path):
        return text
    title = pathlib.Path(path).stem.replace("_", " ").capitalize()
    lines = [f"# {title}", ""]
    language = None
    for line in text.splitlines():
        if line.startswith("```"):
            if language is None:
                language = {"": "rust", "no_run": "rust"}.get(line[3:], line[3:].split(",")[0])
                line = f"```{language}"
            else:
                language = None
        elif language is None and line.startswith("#"):
            line = f"#{line}"
        elif language == "rust" and re.match(r"\s*# |\s*#$", line):
            continue
        lines.append(line)
    return "\n".join(lines)


def copy(path, source):
    (source / path).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / path, source / path)


def page_of_file(path):
    """Returns a page with the content of a file, or with the names of the files of a directory."""
    if (ROOT / path).is_dir():
        command = ["git", "-C", str(ROOT), "ls-files", path]
        names = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return f"# {path}\n\nThe directory of the repository contains these files:\n\n" + "".join(
            f"- `{os.path.relpath(name, path)}`\n" for name in names.split())
    language = LANGUAGES.get(pathlib.Path(path).suffix, "text")
    text = (ROOT / path).read_text().rstrip("\n")
    return f"# {path}\n\n```{language}\n{text}\n```\n"


def settings(files):
    """Returns the settings of mdBook. Its last table has the pages that the search does not find,
    and these are also the files."""
    pages = [FILES, *files.values()]
    excluded = "".join(f'"{page}" = {{ enable = false }}\n' for page in pages)
    return (BOOK / "book.toml").read_text() + excluded


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


main()
