"""Draws screens of the programs as SVG files, from their real output on a terminal.

    cargo build -p license-keygen -p license-cli
    python3 docs/images/screens.py

The script issues a license in a temporary directory, runs `license` on a pseudo-terminal, and
writes each screen for dark and light backgrounds into the directory of this script. It requires
Python 3 and `faketime`, so that the dates are the same in each run. Ids and keys are new.
"""

import fcntl
import html
import os
import pathlib
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
import unicodedata

HERE = pathlib.Path(__file__).resolve().parent
PROGRAMS = pathlib.Path(os.environ.get("PROGRAMS", HERE.parents[1] / "target" / "debug"))

# The 8 basic colors of terminals with dark and light backgrounds.
PALETTES = {
    "dark": {
        "background": "#0c0c0c",
        "text": "#cccccc",
        "colors": "#0c0c0c #e74856 #16c60c #c19c00 #3b78ff #b4009e #3a96dd #cccccc".split(),
    },
    "light": {
        "background": "#ffffff",
        "text": "#24292f",
        "colors": "#24292f #c50f1f #107c10 #7d4e00 #0037da #881798 #1b7c83 #6e7781".split(),
    },
}
NOW = "@2027-11-30 09:00:00"
COLUMNS = 84
CELL_WIDTH, LINE_HEIGHT, MARGIN = 8.4, 19, 14


def at_that_time(name, *arguments):
    """Returns the command line of a program at the time of the screens."""
    return ["faketime", "-f", NOW, str(PROGRAMS / name), *arguments]


def run_on_terminal(command, columns, rows, environment):
    """Returns the output of a command on a terminal of this size."""
    process, terminal = pty.fork()
    if process == 0:
        os.execvpe(command[0], command, environment)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    output = b""
    while True:
        try:
            chunk = os.read(terminal, 4096)
        except OSError:
            break
        if not chunk:
            break
        output += chunk
    os.waitpid(process, 0)
    return output.decode().replace("\r\n", "\n")


def spans(line):
    """Yields the parts of a line, each with its style: bold, faint and the number of a color."""
    style = {"bold": False, "faint": False, "color": None}
    for part in re.split(r"(\x1b\[[0-9;]*m)", line):
        if not part.startswith("\x1b["):
            if part:
                yield part, dict(style)
            continue
        for code in (int(code or 0) for code in part[2:-1].split(";")):
            if code == 0:
                style = {"bold": False, "faint": False, "color": None}
            elif code == 1:
                style["bold"] = True
            elif code == 2:
                style["faint"] = True
            elif 30 <= code <= 37:
                style["color"] = code - 30


def width(text):
    """Returns the number of columns of a text."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def svg(text, palette):
    """Returns a terminal with a text as an SVG document."""
    lines = text.rstrip("\n").split("\n")
    columns = max(sum(width(part) for part, _ in spans(line)) for line in lines)
    image_width = round(columns * CELL_WIDTH + 2 * MARGIN)
    image_height = len(lines) * LINE_HEIGHT + 2 * MARGIN
    drawn = []
    for row, line in enumerate(lines):
        column = 0
        for part, style in spans(line):
            color = palette["text"] if style["color"] is None else palette["colors"][style["color"]]
            attributes = f'fill="{color}"'
            attributes += ' font-weight="bold"' if style["bold"] else ""
            attributes += ' opacity="0.6"' if style["faint"] else ""
            y = MARGIN + (row + 0.75) * LINE_HEIGHT
            # Each word has its own position, so that the columns do not depend on the font.
            for word in re.findall(r"\S+|\s+", part):
                x, length = MARGIN + column * CELL_WIDTH, width(word) * CELL_WIDTH
                column += width(word)
                if not word.isspace():
                    place = f'x="{x:.1f}" y="{y:.1f}" textLength="{length:.1f}"'
                    drawn.append(f"<text {place} {attributes}>{html.escape(word)}</text>")
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{image_width}" height="{image_height}"'
            f' viewBox="0 0 {image_width} {image_height}">',
            f'<rect width="100%" height="100%" rx="8" fill="{palette["background"]}"/>',
            '<g font-family="ui-monospace, Menlo, Consolas, \'DejaVu Sans Mono\', monospace"'
            ' font-size="14">',
            *drawn,
            "</g>",
            "</svg>",
            "",
        ]
    )


def draw(name, text, directory):
    """Writes a screen for both backgrounds."""
    for background, palette in PALETTES.items():
        path = directory / f"{name}-{background}.svg"
        path.write_text(svg(text, palette))
        print(path)


def install(scratch, environment):
    """Issues and installs a license, and uses a part of its quota."""

    def run(name, *arguments):
        command = at_that_time(name, *arguments)
        subprocess.run(command, cwd=scratch, env=environment, check=True, capture_output=True)

    (scratch / "passphrase").write_text("correct horse battery staple\n")
    passphrase = ["--passphrase-file", "passphrase"]
    signing = ["--key", "vendor.key", *passphrase]
    run("keygen", "new-key", "--out", "vendor.key", *passphrase)
    run("keygen", "public", *signing, "--format", "jwk", "--out", "vendor.jwk")
    run("keygen", "trust", "vendor.jwk", "--out", "trust.jwks")
    terms = "--tier team --days 365 --seats 12 --quota commands_per_day=500 --offline".split()
    terms += ["--customer", "ACME Ltd", "--issued-at", "2027-05-01"]
    run("keygen", "issue", *signing, *terms, "--out", "acme.lic")
    run("license", "install", "--trust", "trust.jwks", "acme.lic")
    run("license", "use", "commands_per_day", "430")


def main():
    directory = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        home = scratch / "home"
        home.mkdir()
        environment = {
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "PATH": os.environ["PATH"],
            "TERM": "xterm-256color",
            "KEYGEN_LEDGER": str(scratch / "ledger.db"),
        }
        install(scratch, environment)
        for name, line in [
            ("status", "license status"),
            ("explain", "license explain --at 2028-05-10"),
        ]:
            command = at_that_time(*line.split(), "--no-pager")
            shown = run_on_terminal(command, COLUMNS, 40, environment)
            shown = shown.replace(str(home), "/home/ann")
            draw(name, f"$ {line}\n{shown}", directory)


if __name__ == "__main__":
    main()
