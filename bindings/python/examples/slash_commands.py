"""A command line with Typer: gates a slash command, and counts the commands of the day.

    python slash_commands.py /sync

The license decides which slash commands a user has. Each command takes one use of the quota
``commands_per_day``, which is exact even if several processes run.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import typer
from coditect_license import Client, LicenseError, Product

# Each slash command, with the feature that it needs.
COMMANDS = {
    "/run": "local_execution",
    "/sync": "cloud_sync",
}

app = typer.Typer()


@cache
def license_client() -> Client:
    """Returns the client of this process."""
    trust = Path(__file__).with_name("trust.jwks")
    return Client(trust=trust, product=Product.coditect(), app_version="2.4.0")


@app.command()
def main(command: str) -> None:
    """Runs a slash command, such as /sync."""
    feature = COMMANDS.get(command)
    if feature is None:
        typer.echo(f"{command}: expected one of {', '.join(COMMANDS)}", err=True)
        raise typer.Exit(2)
    try:
        run(license_client(), command, feature)
    except LicenseError as error:
        typer.echo(f"{error.code}: {error}", err=True)
        raise typer.Exit(4) from None


def run(client: Client, command: str, feature: str) -> None:
    """Runs a command, if the license and the quota allow it."""
    for problem in client.problems():
        typer.echo(f"warning: {problem}", err=True)
    decision = client.decide()
    for warning in decision.warnings:
        typer.echo(f"warning: {warning}", err=True)
    if not client.allows(feature):
        answer = decision.feature(feature)
        typer.echo(f"{answer.code}: expected {answer.expected}, found {answer.actual}", err=True)
        raise typer.Exit(1)
    used = client.use_quota("commands_per_day")
    if not used.granted:
        typer.echo(f"{used.code}: the quota refills at {used.refills_at:%Y-%m-%d %H:%M %Z}", err=True)
        raise typer.Exit(1)
    left = "unlimited" if used.remaining is None else used.remaining
    typer.echo(f"{command}: done; commands left today: {left}")


if __name__ == "__main__":
    app()
