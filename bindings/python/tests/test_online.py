"""License servers: validation and floating seats, against a real `license-server`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import ModuleType

import pytest
from coditect_license import (
    NoSeatError,
    OnlineError,
    OnlineSettings,
    QueuePlace,
    Seat,
    SeatEvent,
    ServerUnreachableError,
    testing,
)
from conftest import Site


def project(directory: Path, name: str) -> Path:
    """Creates a project."""
    path = directory / name
    (path / ".git").mkdir(parents=True)
    return path


@pytest.fixture
def online_flow(example: Callable[[str], ModuleType]) -> ModuleType:
    return example("online_flow")


def test_the_flow_of_the_requirements(site: Site, online_flow: ModuleType) -> None:
    """Start, cache of 24 hours, offline grace with its message, and FREE."""
    machine = site.machine()
    client = site.client(machine)
    assert client.online_status.state == "validated"
    assert online_flow.report(client) == ["tier PRO"]
    site.stop()
    try:
        machine.advance(timedelta(hours=23))
        client = site.client(machine)
        assert client.online_status.state == "cached"
        assert online_flow.report(client) == ["tier PRO"]
        machine.advance(timedelta(days=1, hours=1))
        client = site.client(machine)
        assert client.online_status.state == "unavailable"
        assert client.online_status.code == "SERVER_UNREACHABLE"
        assert online_flow.report(client) == [
            "Cloud validation unavailable. Using the cached license, valid for 5 more days.",
            "tier PRO",
        ]
        machine.advance(timedelta(days=6))
        client = site.client(machine)
        assert client.decide().code == "CHECK_IN_OVERDUE"
        assert online_flow.report(client) == [
            "Cloud validation unavailable. The cached license is no longer valid.",
            "tier FREE",
        ]
        with pytest.raises(ServerUnreachableError) as unreachable:
            client.validate()
        assert unreachable.value.code == "SERVER_UNREACHABLE" and unreachable.value.hint
    finally:
        site.start()


def test_a_validation_on_request(site: Site) -> None:
    machine = site.machine()
    client = machine.client()
    assert client.online_status.state == "not_required", "no network without `online`"
    client = site.client(machine)
    verdict = client.validate()
    assert verdict and verdict.is_valid and verdict.is_signed
    assert (verdict.code, verdict.tier, verdict.server) == ("VALID", "PRO", site.url)
    assert verdict.quotas["commands_per_day"] is None
    assert verdict.expires_at is not None and verdict.expires_at.utcoffset() == timedelta()
    assert client.refresh_online().state == "cached"


def test_errors_of_settings(
    machine: testing.TestMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match="only one"):
        OnlineSettings(client_key="key.pem")
    with pytest.raises(ValueError, match="timedelta"):
        OnlineSettings(timeout=timedelta(seconds=-1))
    # What the program sets is refused there. What the user sets stops no program.
    monkeypatch.setenv("WIDGET_LICENSE_SERVER", "ftp://nowhere")
    client = machine.client(online=OnlineSettings())
    assert client.online_status.state == "not_required"
    with pytest.raises(OnlineError) as setting:
        client.validate()
    assert setting.value.code == "ONLINE_SETTING"
    assert not isinstance(setting.value, ServerUnreachableError)


def test_a_seat_belongs_to_one_holder(site: Site, tmp_path: Path) -> None:
    one, two = site.client(site.machine()), site.client(site.machine())
    with one.seat(project(tmp_path, "one"), user="ann") as seat:
        assert seat.is_valid and seat.expires_in > timedelta() and not seat.is_overage
        assert seat.server == site.url and seat.root == (tmp_path / "one").resolve()
        variables = seat.share()
        assert list(variables.values()) == [seat.session_id]
        with pytest.raises(NoSeatError) as full:
            two.seat(project(tmp_path, "two"))
        assert full.value.code == "NO_SEAT" and full.value.place is None
        assert full.value.evidence["status"] == 409
    assert not seat.is_valid and seat.expires_in == timedelta() and not seat.release()
    held = two.seat(tmp_path / "two")
    assert held.release() and not held.release()


def test_waiting_in_the_queue(site: Site, tmp_path: Path) -> None:
    one, two = site.client(site.machine()), site.client(site.machine())
    held = one.seat(project(tmp_path, "one"))
    waiting = project(tmp_path, "two")
    places: list[QueuePlace] = []
    caller = threading.get_ident()

    def stop(place: QueuePlace) -> bool:
        assert threading.get_ident() == caller
        places.append(place)
        return False

    with pytest.raises(NoSeatError) as ended:
        two.seat(waiting, wait=timedelta(minutes=1), on_place=stop)
    assert ended.value.code == "WAIT_ENDED" and ended.value.place is not None
    assert [(place.position, place.waiting) for place in places] == [(1, 1)]

    def fail(place: QueuePlace) -> None:
        raise LookupError("from the callback")

    with pytest.raises(LookupError, match="from the callback"):
        two.seat(waiting, wait=timedelta(minutes=1), on_place=fail)

    def release(place: QueuePlace) -> None:
        held.release()

    with two.seat(waiting, wait=timedelta(minutes=1), on_place=release) as seat:
        assert seat.is_valid and not held.is_valid


def test_events_of_a_seat(site: Site, tmp_path: Path) -> None:
    """An administrator ends the lease. The callback gets the event, and its exception is reported."""
    events: list[SeatEvent] = []
    is_lost = threading.Event()
    unraisable: list[BaseException | None] = []

    def on_event(event: SeatEvent) -> None:
        events.append(event)
        is_lost.set()
        raise LookupError("from the callback")

    hook, sys.unraisablehook = sys.unraisablehook, lambda args: unraisable.append(args.exc_value)
    try:
        site.shorten_leases()
        with site.client(site.machine()).seat(project(tmp_path, "one"), on_event=on_event) as seat:
            site.end_lease(seat.session_id)
            assert is_lost.wait(60)
            assert not seat.is_valid
    finally:
        sys.unraisablehook = hook
    assert [(event.kind, event.code) for event in events] == [("lost", "LEASE_LOST")]
    assert str(events[0]).startswith("the seat is lost: ")
    assert [type(error) for error in unraisable] == [LookupError]


PROGRAM = """\
import signal, sys
from datetime import timedelta
from pathlib import Path
from coditect_license import Client, OnlineSettings, Product

# A shell starts jobs in the background with SIGINT ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
trust, license, url, project, state = sys.argv[1:]
client = Client(
    trust=Path(trust), product=Product.coditect(), state_dir=state,
    online=OnlineSettings(server=url),
)
client.install(Path(license))
try:
    seat = client.seat(
        project, wait=timedelta(minutes=5), on_place=lambda place: print("waiting", flush=True)
    )
    print("held", flush=True)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def start(site: Site, directory: Path) -> subprocess.Popen[str]:
    """Starts a program that acquires a seat, waits for it if necessary, and ends."""
    arguments = [site.directory / "trust.jwks", site.directory / "acme.lic", site.url]
    arguments += [project(directory, "program"), directory / "state"]
    command = [sys.executable, "-c", PROGRAM, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_the_end_of_a_program_releases_its_seat(site: Site, tmp_path: Path) -> None:
    with start(site, tmp_path) as program:
        output, _ = program.communicate()
        assert output == "held\n" and program.returncode == 0
    assert site.pool()["held"] == 0


@pytest.mark.skipif(os.name != "posix", reason="this system has no SIGINT for one process")
def test_ctrl_c_ends_a_wait(site: Site, tmp_path: Path) -> None:
    client = site.client(site.machine())
    with client.seat(project(tmp_path, "one")), start(site, tmp_path) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "waiting\n"
        program.send_signal(signal.SIGINT)
        # The exception does not wait for the end of the poll. The end of the process does, so that
        # the session leaves the queue.
        assert program.stdout.read().splitlines()[-1] == "interrupted"
        assert program.wait() == 0
        assert site.pool()["waiting"] == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_process_does_not_hold_the_seat_of_its_parent(site: Site, tmp_path: Path) -> None:
    client = site.client(site.machine())
    with client.seat(project(tmp_path, "one")) as seat:
        child = os.fork()
        if child == 0:
            os._exit(_use_in_child(seat))
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        assert seat.is_valid, "the child has released nothing"


def _use_in_child(seat: Seat) -> int:
    if seat.is_valid:
        return 1
    try:
        seat.share()
    except OnlineError as error:
        if error.code != "FORKED":
            return 2
    try:
        seat.release()
    except OnlineError as error:
        return 0 if error.code == "FORKED" else 3
    return 4


def test_without_a_server(machine: testing.TestMachine, workplace: Path) -> None:
    client = machine.client()
    with pytest.raises(OnlineError) as none:
        client.seat()
    assert none.value.code in {"NO_SERVER", "NO_LICENSE"}
    assert client.refresh_online().state == "not_required"
