"""Validates a license at the start of a program, and works offline in between.

A license that checks in is validated by a license server. A validation is used for 24 hours. If no
server answers, the last validation stays in effect for the grace period of the license. After that,
the base tier is in effect.
"""

from __future__ import annotations

import sys
from pathlib import Path

from coditect_license import Client, ConfigurationError, OnlineSettings, Product


def report(client: Client) -> list[str]:
    """Returns what to show to the user at the start."""
    lines = []
    if client.online_status.warning is not None:
        lines.append(client.online_status.warning)
    lines.append(f"tier {client.decide().tier}")
    return lines


def main() -> None:
    """Runs the program: ``python online_flow.py https://license.example.com``."""
    trust = Path(__file__).with_name("trust.jwks")
    try:
        online = OnlineSettings(server=sys.argv[1:] or None)
    except ConfigurationError as error:
        sys.exit(f"{error.code}: {error}")
    client = Client(trust=trust, product=Product.coditect(), online=online)
    print(*report(client), sep="\n")


if __name__ == "__main__":
    main()
