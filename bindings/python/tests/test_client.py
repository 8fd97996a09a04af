"""What a program does with an installed license."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import coditect_license
import pytest
from coditect_license import (
    Client,
    ConfigurationError,
    InstallError,
    InvalidLicenseError,
    LicenseError,
    MissingContextError,
    Product,
    ProjectError,
    TrustSet,
    UnknownNameError,
    testing,
    verify,
)
from conftest import PRODUCT


def test_the_license_decides(machine: testing.TestMachine) -> None:
    client = machine.client()
    assert client.decide().code == "NO_LICENSE" and not client.allows("export")
    license = machine.install(testing.TestLicense("PRO", expires=date(2026, 3, 1)))
    decision = client.decide()
    assert (decision.outcome, decision.code, decision.tier) == ("licensed", "VALID", "PRO")
    assert decision.expires_at == datetime(2026, 3, 2, tzinfo=timezone.utc)
    assert decision.expires_at.tzinfo is timezone.utc
    assert decision.license is not None and decision.license.id == license.id
    assert decision.features == {"view", "export"}
    assert decision.to_dict()["effective_tier"] == "PRO"
    machine.set_clock(datetime(2026, 3, 2, tzinfo=timezone.utc))
    denied = client.decide()
    assert (denied.outcome, denied.code, denied.tier) == ("denied", "EXPIRED", "FREE")
    assert denied.reason == "expected before 2026-03-02T00:00:00Z, found 2026-03-02T00:00:00Z"
    assert denied.evidence["expected"] == denied.expected
    answer = denied.feature("export")
    assert not answer and (answer.code, answer.actual) == ("EXPIRED", denied.actual)


def test_what_is_not_granted_is_false(machine: testing.TestMachine) -> None:
    """A program that forgets the property must not get more than the license allows."""
    client = machine.client()
    assert not client.decide() and not client.decide().feature("export")
    assert client.use_quota("commands_per_day", 10) and not client.use_quota("commands_per_day")
    machine.install(testing.TestLicense("PRO", expires="2026-03-01"))
    assert client.decide() and client.decide().feature("export")
    machine.set_clock("2026-03-02")
    assert not client.decide()


def test_a_quota_is_exact_across_threads(machine: testing.TestMachine) -> None:
    client = machine.client()
    with ThreadPoolExecutor(4) as pool:
        granted = list(pool.map(lambda _: client.use_quota("commands_per_day").granted, range(16)))
    assert granted.count(True) == 10
    left = client.use_quota("commands_per_day", 0)
    assert (left.used, left.limit, left.remaining, left.is_low) == (10, 10, 0, True)
    assert client.use_quota("commands_per_day").code == "QUOTA_EXHAUSTED"
    assert left.refills_at == datetime(2026, 1, 2, tzinfo=timezone.utc)
    machine.advance(timedelta(days=1))
    assert client.use_quota("commands_per_day", 3).remaining == 7
    machine.install(testing.TestLicense("PRO", quotas={"commands_per_day": None}))
    assert client.use_quota("commands_per_day").remaining is None


def test_a_quota_waits_without_the_gil(machine: testing.TestMachine) -> None:
    """Another thread runs while a use waits for the lock of another process."""
    client = machine.client()
    client.use_quota("commands_per_day")
    lock = machine.state_dir / ".lock"
    script = (
        "import fcntl, sys\n"
        f"file = open({str(lock)!r}, 'r+')\n"
        "fcntl.flock(file, fcntl.LOCK_EX)\n"
        "print('locked', flush=True)\n"
        "sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and other.stdin is not None
        assert other.stdout.readline() == "locked\n"
        used: list[bool] = []
        use = threading.Thread(
            target=lambda: used.append(client.use_quota("commands_per_day").granted)
        )
        use.start()
        # This thread would not get here if the waiting thread held the GIL.
        assert client.allows("view") and not used
        other.stdin.close()
        use.join()
    assert used == [True]


def test_another_user_for_each_request(machine: testing.TestMachine) -> None:
    machine.install(testing.TestLicense("PRO", users=["ann"]))
    client = machine.client()
    assert client.allows("export", user="ann") and not client.allows("export", user="bob")
    assert client.decide(user="bob").code == "USER_MISMATCH"
    with pytest.raises(MissingContextError) as missing:
        client.decide()
    assert missing.value.code == "USER_MISMATCH"
    assert missing.value.evidence["value"] == "user"
    assert machine.client(user="ann").decide().code == "VALID"


def test_version_build_date_and_usage_type(machine: testing.TestMachine) -> None:
    license = testing.TestLicense("PRO", max_version="<2.0.0", maintenance_until="2026-06-30")
    machine.install(license)
    valid = machine.client(app_version="1.9.0", build_date=date(2026, 6, 30))
    assert valid.decide().code == "VALID"
    later = machine.client(app_version="1.9.0", build_date="2026-07-01")
    assert later.decide().code == "VERSION_NOT_COVERED"
    with pytest.raises(ConfigurationError, match="expected an application version"):
        machine.client(app_version="two")
    with pytest.raises(ValueError, match="'builder' or 'runtime'"):
        machine.client(usage_type="other")  # type: ignore[arg-type]


def test_a_time_without_a_zone_is_refused(product: Product) -> None:
    text = testing.TestLicense("PRO").file(product=product)
    verified = verify(text, trust=testing.trust_set(), product=product)
    zone = timezone(timedelta(hours=2))
    at = verified.evaluate(at=datetime(2026, 3, 1, 1, tzinfo=zone)).evaluated_at
    assert at == datetime(2026, 2, 28, 23, tzinfo=timezone.utc)
    assert verified.evaluate(at="2026-03-01").evaluated_at.hour == 0
    with pytest.raises(ValueError, match="time zone"):
        verified.evaluate(at=datetime(2026, 3, 1))
    with pytest.raises(TypeError, match="found int"):
        verified.evaluate(at=2026)  # type: ignore[arg-type]


def test_a_session_belongs_to_a_project(machine: testing.TestMachine, workplace: Path) -> None:
    client = machine.client()
    (workplace / "src").mkdir()
    with client.session() as session, client.session(workplace / "src") as other:
        assert session.id == other.id and session.is_counted
        assert session.root == workplace.resolve()
    session.close()
    with pytest.raises(ProjectError) as missing:
        client.session(workplace / "missing")
    assert missing.value.code == "NO_PROJECT"


def test_install_from_a_file_and_from_a_text(workplace: Path, product: Product) -> None:
    state = workplace / "own-state"
    client = Client(trust=testing.trust_set(), product=product, state_dir=state)
    report = client.install(workplace / "acme.lic")
    assert report.path == state / "license.lic" and not report.problems
    assert client.decide().license is not None
    with pytest.raises(InstallError) as worse:
        client.install(testing.TestLicense("PRO", expires="2026-01-02").file(product=product))
    assert worse.value.code == "EXPIRED" and worse.value.hint is not None
    with pytest.raises(InvalidLicenseError) as damaged:
        client.install((workplace / "acme.lic").read_text().replace("eyJ", "eyK", 1))
    assert damaged.value.code == "MALFORMED"


def test_mistakes_are_exceptions_with_a_code_and_a_hint(
    machine: testing.TestMachine, workplace: Path
) -> None:
    client = machine.client()
    with pytest.raises(UnknownNameError) as unknown:
        client.allows("exprot")
    assert unknown.value.code == "UNKNOWN_FEATURE"
    assert unknown.value.evidence == {"feature": "exprot", "product": "WIDGET"}
    with pytest.raises(UnknownNameError) as quota:
        client.use_quota("commands")
    assert quota.value.code == "UNKNOWN_QUOTA"
    with pytest.raises(ConfigurationError) as name:
        TrustSet("trust.jwks")
    assert name.value.code == "MALFORMED"
    assert name.value.hint is not None and 'pathlib.Path("trust.jwks")' in name.value.hint
    with pytest.raises(FileNotFoundError) as missing:
        Product(Path("missing.toml"))
    assert missing.value.filename == "missing.toml"
    with pytest.raises(TypeError, match="found int"):
        Product(1)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError):
        Product("product = 1")


def test_exceptions_pass_between_processes() -> None:
    for name in coditect_license.__all__:
        kind = getattr(coditect_license, name)
        if isinstance(kind, type) and issubclass(kind, LicenseError):
            error = kind("text", code="CODE", hint="hint", evidence={"a": 1})
            copy = pickle.loads(pickle.dumps(error))
            assert type(copy) is kind and str(copy) == "text"
            assert (copy.code, copy.hint, copy.evidence) == ("CODE", "hint", {"a": 1})
            assert f"{kind.__module__}.{kind.__qualname__}" == f"coditect_license.{name}"


def test_a_damaged_license_is_a_problem_and_no_exception(workplace: Path) -> None:
    client = Client(trust=Path("trust.jwks"), product=Path("product.toml"), state_dir="state")
    (workplace / "state").mkdir(mode=0o700)
    (workplace / "state" / "license.lic").write_text("damaged")
    client.reload()
    assert client.decide().code == "NO_LICENSE" and client.allows("view")
    assert any("license.lic" in problem for problem in client.problems())


def test_revocations_validations_and_activations(machine: testing.TestMachine) -> None:
    client = machine.client()
    every, grace = timedelta(days=1), timedelta(days=7)
    terms = testing.TestLicense("PRO", check_in=(every, grace), must_activate=True)
    license = machine.install(terms)
    assert client.decide().code == "NOT_ACTIVATED"
    machine.activate(license)
    assert client.decide().code == "VALID"
    machine.advance(timedelta(days=2))
    decision = client.decide()
    assert (decision.outcome, decision.code) == ("grace", "GRACE_OFFLINE")
    assert decision.grace_left == timedelta(days=5)
    assert decision.warnings[0].remaining == decision.grace_left
    assert decision.reason == str(decision.warnings[0])
    machine.validate(license, status="suspended")
    assert client.decide().code == "SUSPENDED"
    machine.revoke(license)
    assert client.decide().code == "REVOKED"
    machine.remove_license()
    assert client.decide().code == "NO_LICENSE"


def test_a_node_lock(product: Product) -> None:
    here, there = testing.TestMachine(product), testing.TestMachine(product)
    license = testing.TestLicense("PRO", machines=[here.id])
    here.install(license)
    there.install(license)
    assert here.client().decide().code == "VALID"
    assert there.client().decide().code == "MACHINE_MISMATCH"


def test_mistakes_in_tests_are_value_errors(machine: testing.TestMachine) -> None:
    with pytest.raises(ValueError, match="its tiers are FREE, PRO"):
        machine.install(testing.TestLicense("GOLD"))
    with pytest.raises(ValueError, match="cannot add the feature"):
        machine.install(testing.TestLicense("PRO", add_features=["Not A Name"]))


def test_explain_names_each_rule(product: Product) -> None:
    text = testing.TestLicense("PRO", users=["ann"], expires="2026-03-01").file(product=product)
    verified = verify(text, trust=testing.trust_set(), product=product)
    assert [license.users for license in verified.licenses] == [["ann"]]
    results = verified.explain(at="2026-02-01", user="bob")
    denied = [result for result in results if result.outcome == "denied"]
    assert [result.code for result in denied] == ["USER_MISMATCH"]
    assert (denied[0].rule, denied[0].actual) == ("user", "bob")
    assert verified.licenses[0].claims["tier"] == "PRO"


def test_representations_have_no_secrets(machine: testing.TestMachine) -> None:
    license = machine.install(testing.TestLicense("PRO", users=["ann@acme.example"]))
    client = machine.client(user="ann@acme.example")
    online = coditect_license.OnlineSettings(
        server="https://license.example/hunter2", enrollment_token="hunter2"
    )
    objects = [license, client, client.decide(), client.use_quota("commands_per_day"), online]
    objects += [client.online_status, machine, testing.trust_set(), client.product]
    for text in map(repr, objects):
        assert text.partition("(")[0].isidentifier(), text
        for secret in ["hunter2", "ann", "Test Customer", "eyJ"]:
            assert secret not in text
    with pytest.raises(ConfigurationError) as password:
        coditect_license.OnlineSettings(server="https://user:hunter2@license.example")
    assert "hunter2" not in f"{password.value!r} {password.value.evidence}"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_process_shares_the_quota(machine: testing.TestMachine) -> None:
    """A client works in a child process of `os.fork`, and counts exactly."""
    client = machine.client()
    assert client.use_quota("commands_per_day", 4).granted
    child = os.fork()
    if child == 0:
        is_right = client.use_quota("commands_per_day", 6).granted and client.allows("view")
        os._exit(0 if is_right else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert client.use_quota("commands_per_day", 0).used == 10


def test_the_program_reads_no_other_state(workplace: Path) -> None:
    """A client without `state_dir` uses the directory that the variable names."""
    client = Client(trust=Path("trust.jwks"), product=PRODUCT)
    client.install(Path("acme.lic"))
    assert (workplace / "state" / "license.lic").is_file()
    assert client.decide().code == "VALID"
