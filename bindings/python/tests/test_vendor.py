"""The package with a vendor of its own, as the README describes it. Also tests wheels for customers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from coditect_license import Client, verify
from conftest import PRODUCT, README, program


@pytest.fixture
def vendor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory: a project in which the commands of the README have run."""
    commands = re.search(r"(?m)^    keygen new-key.*(?:\n    .*)*", README)
    assert commands is not None
    (tmp_path / ".git").mkdir()
    (tmp_path / "product.toml").write_text(PRODUCT)
    # The tests have no terminal, and a small key is created faster.
    script = commands[0].replace("new-key", "new-key --no-passphrase --bits 2048")
    environment = {
        "HOME": str(tmp_path),
        "KEYGEN_HOME": str(tmp_path / "keygen"),
        "PATH": f"{Path(program('keygen')).parent}:{os.environ['PATH']}",
    }
    subprocess.run(["sh", "-ec", script], cwd=tmp_path, env=environment, check=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WIDGET_HOME", str(tmp_path / "state"))
    return tmp_path


def test_the_commands_of_the_readme_make_a_license(vendor: Path) -> None:
    client = Client(trust=Path("trust.jwks"), product=Path("product.toml"), app_version="2.4.0")
    assert client.allows("view") and not client.allows("export")
    assert client.install(Path("acme.lic")).path == vendor / "state" / "license.lic"
    assert client.allows("export")
    decision = client.decide()
    assert (decision.code, decision.tier) == ("VALID", "PRO")
    assert decision.license is not None and decision.license.customer == "Test Customer"
    assert client.use_quota("commands_per_day", 500).remaining == 0
    assert client.use_quota("commands_per_day").code == "QUOTA_EXHAUSTED"
    with client.session(".") as session:
        assert session.is_counted
    verified = verify(Path("acme.lic"), trust=Path("trust.jwks"), product=Path("product.toml"))
    assert verified.evaluate(at=date(2027, 3, 1)).code == "VALID"
    assert verified.evaluate(at=date(2028, 1, 1)).code == "EXPIRED"


def test_no_argument_ends_the_process(vendor: Path) -> None:
    """A program that passes a wrong value gets an exception, also with `python -O`."""
    script = (
        "from pathlib import Path\n"
        "from coditect_license import *\n"
        "client = Client(trust=Path('trust.jwks'), product=Path('product.toml'))\n"
        "for call in [\n"
        "    lambda: client.install('hello'), lambda: client.allows('exprot'),\n"
        "    lambda: client.use_quota('commands_per_day', -1), lambda: client.session('/missing'),\n"
        "    lambda: OnlineSettings(server='foo'), lambda: client.seat('.'),\n"
        "]:\n"
        "    try: print(call())\n"
        "    except LicenseError as error: print(error.code)\n"
    )
    options = ["-O", "-W", "error", "-X", "dev"]
    done = subprocess.run(
        [sys.executable, *options, "-c", script], capture_output=True, text=True
    )
    codes = "MALFORMED UNKNOWN_FEATURE MALFORMED NO_PROJECT ONLINE_SETTING NO_SERVER"
    assert (done.stdout.split(), done.stderr) == (codes.split(), "")
