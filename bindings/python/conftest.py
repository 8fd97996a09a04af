"""Fixtures: a directory with the files of the README, and a real license server."""

from __future__ import annotations

import base64
import datetime
import json
import os
import subprocess
import textwrap
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import coditect_license
import pytest
from coditect_license import Client, OnlineSettings

try:
    from coditect_license import testing
except ImportError:
    # A wheel for customers has no test vendor. The other tests show that it works.
    collect_ignore = [
        "tests/test_arguments.py",
        "tests/test_client.py",
        "tests/test_examples.py",
        "tests/test_online.py",
        "tests/test_package.py",
    ]

REPOSITORY = Path(__file__).resolve().parents[2]
FIXTURES = REPOSITORY / "fixtures"
README = (REPOSITORY / "bindings/python/README.md").read_text()
KEY = REPOSITORY / "crates/license-client/src/testing/worthless-test-key.der"

PRODUCT = """\
product = "WIDGET"
issuer = "Widget Works"
base_tier = "FREE"

[[tiers]]
name = "FREE"
features = ["view"]
quotas = { commands_per_day = 10 }

[[tiers]]
name = "PRO"
extends = "FREE"
features = ["export"]
quotas = { commands_per_day = 500 }
"""


@pytest.fixture
def product() -> coditect_license.Product:
    """The product of the README."""
    return coditect_license.Product(PRODUCT)


@pytest.fixture
def machine(product: coditect_license.Product) -> testing.TestMachine:
    """A machine without a license."""
    return testing.TestMachine(product)


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory: a project with the files that a vendor sends."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "product.toml").write_text(PRODUCT)
    license = testing.TestLicense("PRO", expires="2027-12-31")
    (tmp_path / "acme.lic").write_text(license.file(product=PRODUCT))
    (tmp_path / "trust.jwks").write_text(trust_set())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WIDGET_HOME", str(tmp_path / "state"))
    return tmp_path


def trust_set() -> str:
    """Returns the public key of the test vendor."""
    openssl = ["openssl", "pkey", "-inform", "DER", "-in", str(KEY), "-pubout"]
    return subprocess.run(openssl, check=True, capture_output=True, text=True).stdout


@pytest.fixture(autouse=True)
def _names_of_doctests(request: pytest.FixtureRequest, doctest_namespace: dict[str, Any]) -> None:
    """Defines what the examples of the README and of the docstrings use."""
    if isinstance(request.node, pytest.DoctestItem):
        request.getfixturevalue("workplace")
        doctest_namespace.update(names_of_examples())


def names_of_examples() -> dict[str, Any]:
    """Returns the names that the examples of the docstrings use."""
    machine = testing.TestMachine(PRODUCT)
    machine.install(testing.TestLicense("PRO", expires="2027-12-31"))
    names = {name: getattr(coditect_license, name) for name in coditect_license.__all__}
    more: dict[str, Any] = {
        "Path": Path,
        "date": datetime.date,
        "client": machine.client(),
        "testing": testing,
    }
    return names | more


def program(name: str) -> str:
    """Returns a program of the workspace, or skips the test."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
    path = target / "debug" / name
    if not path.is_file():
        message = f"{path} is missing; build it with `cargo build -p license-server -p license-keygen`"
        if os.environ.get("LICENSE_TESTS_REQUIRE_TOOLS"):
            pytest.fail(message)
        pytest.skip(message)
    return str(path)


class Site:
    """A running `license-server` with a license of the test vendor."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.environment = os.environ | {
            "LICENSE_SERVER_DATA_DIR": str(directory / "data"),
            "KEYGEN_HOME": str(directory / "keygen"),
            "HOME": str(directory),
        }
        pem = "\n".join(textwrap.wrap(base64.b64encode(KEY.read_bytes()).decode(), 64))
        key = directory / "vendor.key"
        key.write_text(f"-----BEGIN PRIVATE KEY-----\n{pem}\n-----END PRIVATE KEY-----\n")
        key.chmod(0o600)
        (directory / "trust.jwks").write_text(trust_set())
        self.run("license-server", "init")
        request = str(directory / "data/server.request")
        # A PRO license checks in every day, and stays valid for seven days without a check-in.
        terms = ["--tier", "pro", "--seats", "1", "--days", "365"]
        issue = ["issue", "--force", "--key", "vendor.key", "--customer", "ACME Ltd"]
        self.run("keygen", *issue, *terms, "--server-key", request, "--out", "acme.lic")
        self.run("license-server", "install", "trust.jwks", "acme.lic")
        self.server: subprocess.Popen[str] | None = None
        self.url = ""
        self.administrator = ""
        self.start()

    def run(self, name: str, *arguments: str) -> str:
        """Runs a program of the workspace, and returns its output."""
        done = subprocess.run(
            [program(name), *arguments],
            cwd=self.directory,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done
        return done.stdout

    def start(self) -> None:
        """Starts the server, on a free port or on that of the last start."""
        address = self.url.removeprefix("http://") or "127.0.0.1:0"
        log = (self.directory / "server.log").open("a")
        options = ["--json", "--listen", address, "--metrics-listen", "127.0.0.1:0"]
        with log:
            self.server = subprocess.Popen(
                [program("license-server"), "run", *options],
                cwd=self.directory,
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        printed = self._first_object()
        self.url = printed["url"]
        if "setup_url" in printed and not self.administrator:
            secret = printed["setup_url"].rpartition("/")[2]
            body = {"secret": secret, "name": "test"}
            self.administrator = self.send("POST", "/api/v1/setup", body)["secret"]

    def _first_object(self) -> dict[str, Any]:
        """Reads the JSON object that the server prints at its start."""
        assert self.server is not None and self.server.stdout is not None
        text = ""
        for line in self.server.stdout:
            text += line
            try:
                start: dict[str, Any] = json.loads(text)
            except json.JSONDecodeError:
                continue
            return start
        raise AssertionError((self.directory / "server.log").read_text())

    def send(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Sends a request as the administrator."""
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"content-type": "application/json"},
        )
        if self.administrator:
            request.add_header("authorization", f"Bearer {self.administrator}")
        with urllib.request.urlopen(request, timeout=60) as answer:
            content: dict[str, Any] = json.load(answer)
            return content

    def pool(self) -> dict[str, Any]:
        """Returns the pool of seats."""
        pools: list[dict[str, Any]] = self.send("GET", "/api/v1/pools")["items"]
        return pools[0]

    def shorten_leases(self) -> None:
        """Sets the shortest lifetime of leases that a server permits."""
        policy = {"lifetime_seconds": 10, "renew_seconds": 2}
        self.send("PUT", f"/api/v1/pools/{self.pool()['pool']}/policy", policy)

    def end_lease(self, session: str) -> None:
        """Ends a lease at once."""
        body = {"mode": "hard", "reason": "laptop lost"}
        self.send("POST", f"/api/v1/pools/{self.pool()['pool']}/leases/{session}/end", body)

    def stop(self) -> None:
        """Stops the server."""
        if self.server is not None:
            self.server.terminate()
            self.server.wait(timeout=60)
            assert self.server.stdout is not None
            self.server.stdout.close()
            self.server = None

    def machine(self) -> testing.TestMachine:
        """Returns a machine with the license of the site, at the present time."""
        machine = testing.TestMachine(coditect_license.Product.coditect())
        machine.set_clock(datetime.datetime.now(datetime.timezone.utc))
        machine.install_text(self.directory / "acme.lic")
        return machine

    def client(self, machine: testing.TestMachine) -> Client:
        """Builds a client that asks the server at its start."""
        return machine.client(online=OnlineSettings(server=self.url))


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A license server for all tests. A test that stops it must start it again."""
    running = Site(tmp_path_factory.mktemp("site"))
    yield running
    running.stop()


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Imports a program of the directory `examples`."""
    import importlib

    monkeypatch.syspath_prepend(str(REPOSITORY / "bindings/python/examples"))
    return importlib.import_module
