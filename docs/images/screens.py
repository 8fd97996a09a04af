"""Draws screens of the programs as SVG files, from their real output on a terminal.

    cargo build -p license-keygen -p license-cli
    python3 docs/images/screens.py

The script issues a license in a temporary directory, runs `license` on a pseudo-terminal, and
writes each screen for dark and light backgrounds into the directory of this script. Dates and ids
are those of the run. The only requirement is Python 3 on a Unix system.
"""

import datetime
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

# The 8 basic colors of the default palettes of Windows Terminal, dark and light.
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
CELL_WIDTH, LINE_HEIGHT, MARGIN = 8.4, 19, 14


def run_on_terminal(command, columns, rows, environment):
    """Returns the output of a command on a terminal of this size."""
    process, terminal = pty.fork()
    if process == 0:
        os.execve(command[0], command, environment)
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


def svg(text, columns, palette):
    """Returns a terminal with a text as an SVG document."""
    lines = text.rstrip("\n").split("\n")
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


def draw(name, text, columns, directory):
    """Writes a screen for both backgrounds."""
    for background, palette in PALETTES.items():
        path = directory / f"{name}-{background}.svg"
        path.write_text(svg(text, columns, palette))
        print(path)


def main():
    directory = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    columns = 84
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        # A short directory makes a short path on the screen.
        home = scratch / "home"
        home.mkdir()
        environment = {
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "PATH": os.environ["PATH"],
            "TERM": "xterm-256color",
            "KEYGEN_LEDGER": str(scratch / "ledger.db"),
        }

        def program(name, *arguments):
            command = [str(PROGRAMS / name), *arguments]
            subprocess.run(command, cwd=scratch, env=environment, check=True, capture_output=True)

        passphrase = scratch / "passphrase"
        passphrase.write_text("correct horse battery staple\n")
        signing = ["--key", "vendor.key", "--passphrase-file", str(passphrase)]
        program("keygen", "new-key", "--out", "vendor.key", *signing[2:])
        program("keygen", "public", *signing, "--format", "jwk", "--out", "vendor.jwk")
        program("keygen", "trust", "vendor.jwk", "--out", "trust.jwks")
        today = datetime.datetime.now(datetime.timezone.utc)
        issued = (today - datetime.timedelta(days=200)).strftime("%Y-%m-%d")
        terms = ["--tier", "team", "--customer", "ACME Ltd", "--days", "365", "--seats", "12"]
        terms += ["--quota", "commands_per_day=500", "--offline", "--issued-at", issued]
        program("keygen", "issue", *signing, *terms, "--out", "acme.lic")
        program("license", "install", "--trust", "trust.jwks", "acme.lic")
        program("license", "use", "commands_per_day", "430")

        def screen(*arguments):
            command = [str(PROGRAMS / "license"), *arguments, "--no-pager"]
            shown = run_on_terminal(command, columns, 40, environment)
            shown = shown.replace(str(home), "/home/ann")
            return f"$ license {' '.join(arguments)}\n{shown}"

        draw("status", screen("status"), columns, directory)
        expired = (today + datetime.timedelta(days=400)).strftime("%Y-%m-%d")
        draw("explain", screen("explain", "--at", expired), columns, directory)


if __name__ == "__main__":
    main()
