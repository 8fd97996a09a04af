"""The programs in `examples`. `test_online.py` runs `online_flow.py`."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import pytest
from coditect_license import Product, testing


@pytest.fixture
def coditect() -> testing.TestMachine:
    return testing.TestMachine(Product.coditect())


def test_a_slash_command_is_gated_and_counted(
    example: Callable[[str], ModuleType],
    coditect: testing.TestMachine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from typer.testing import CliRunner

    slash_commands = example("slash_commands")
    client = coditect.client(app_version="2.4.0")
    monkeypatch.setattr(slash_commands, "license_client", lambda: client)

    def run(command: str) -> tuple[int, str]:
        result = CliRunner().invoke(slash_commands.app, [command])
        return result.exit_code, result.output.strip()

    assert run("/run") == (0, "/run: done; commands left today: 9")
    assert run("/sync") == (1, "FEATURE_NOT_INCLUDED: expected tier PRO or higher, found tier FREE")
    assert run("/other") == (2, "/other: expected one of /run, /sync")
    for left in range(8, -1, -1):
        assert run("/run") == (0, f"/run: done; commands left today: {left}")
    assert run("/run") == (1, "QUOTA_EXHAUSTED: the quota refills at 2026-01-02 00:00 UTC")
    coditect.install(testing.TestLicense("PRO", expires="2026-12-31"))
    assert run("/sync") == (0, "/sync: done; commands left today: unlimited")
    coditect.set_clock("2027-02-01")
    code, output = run("/sync")
    assert code == 1 and output.startswith("EXPIRED: expected before 2027-01-01T00:00:00Z")


def test_a_dependency_refuses_a_request(
    example: Callable[[str], ModuleType], coditect: testing.TestMachine
) -> None:
    from fastapi.testclient import TestClient

    web_service = example("web_service")
    client = coditect.client(app_version="2.4.0")
    web_service.app.dependency_overrides[web_service.license_client] = lambda: client
    http = TestClient(web_service.app)
    refused = http.post("/sync", headers={"x-user": "ann"})
    assert refused.status_code == 403
    assert refused.json()["detail"]["code"] == "FEATURE_NOT_INCLUDED"
    assert http.post("/command").json() == {"remaining": 9}
    client.use_quota("commands_per_day", 9)
    exhausted = http.post("/command")
    assert (exhausted.status_code, exhausted.headers["retry-after"]) == (
        429,
        "Fri, 02 Jan 2026 00:00:00 GMT",
    )
    coditect.install(testing.TestLicense("PRO", users=["ann"]))
    assert http.post("/sync", headers={"x-user": "ann"}).json() == {"state": "synchronized"}
    assert http.post("/sync").json()["detail"]["code"] == "USER_MISMATCH"
