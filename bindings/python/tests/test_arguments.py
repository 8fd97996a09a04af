"""Arguments of a wrong value get an exception of the package, and never a panic."""

from datetime import date, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Any

import pytest

from coditect_license import (
    Client,
    ConfigurationError,
    InvalidLicenseError,
    LicenseError,
    OnlineSettings,
    Product,
    testing,
    verify,
)
from conftest import trust_set


class NoOffset(tzinfo):
    """A time zone that does not know its offset."""

    def utcoffset(self, _: datetime | None) -> None:
        return None

    def dst(self, _: datetime | None) -> None:
        return None

    def tzname(self, _: datetime | None) -> None:
        return None


TIMES = [
    "tomorrow",
    "\ud800",
    date(1, 1, 1),
    date(1969, 12, 31),
    datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))),
    datetime(2027, 1, 1),
    datetime(2027, 1, 1, tzinfo=NoOffset()),
]


@pytest.mark.parametrize("at", TIMES, ids=repr)
def test_a_time_that_cannot_be_used_is_refused(at: Any, product: Product) -> None:
    machine = testing.TestMachine(product)
    text = testing.TestLicense("PRO").file(product=product)
    verified = verify(text, trust=testing.trust_set(), product=product)
    with pytest.raises(ConfigurationError) as refused:
        verified.evaluate(at=at)
    assert refused.value.code == "MALFORMED" and isinstance(refused.value, ValueError)
    with pytest.raises(ConfigurationError):
        machine.client(build_date=at)


@pytest.mark.parametrize("count", [-1, 10**30])
def test_a_count_out_of_range_is_refused(count: int, product: Product) -> None:
    client = testing.TestMachine(product).client()
    with pytest.raises(ConfigurationError, match="count: expected 0 to"):
        client.use_quota("commands_per_day", count)


def test_a_file_that_is_no_text_is_no_license(tmp_path: Path, product: Product) -> None:
    client = testing.TestMachine(product).client()
    picture = tmp_path / "picture.png"
    picture.write_bytes(b"\x89PNG\xff\xfe")
    texts: list[str | Path] = [picture, "\udcff"]
    for text in texts:
        with pytest.raises(InvalidLicenseError):
            client.install(text)
        with pytest.raises(ConfigurationError):
            Client(trust=text, product=product)


def test_the_name_of_a_missing_file_gets_a_hint(product: Product) -> None:
    with pytest.raises(LicenseError) as refused:
        Client(trust="missing.jwks", product=product)
    assert refused.value.hint is not None and "pathlib.Path" in refused.value.hint


@pytest.mark.parametrize("directory", ["", "\0"])
def test_a_state_directory_is_a_path(directory: str, product: Product) -> None:
    with pytest.raises(ConfigurationError, match="state_dir"):
        Client(trust=testing.trust_set(), product=product, state_dir=directory)


def test_a_relative_state_directory_stays_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, product: Product
) -> None:
    monkeypatch.chdir(tmp_path)
    client = Client(trust=testing.trust_set(), product=product, state_dir="state")
    assert client.use_quota("commands_per_day").used == 1
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    assert client.use_quota("commands_per_day").used == 2


def test_callbacks_are_functions(product: Product) -> None:
    client = testing.TestMachine(product).client()
    no_function: Any = 5
    with pytest.raises(TypeError, match="on_place"):
        client.seat(on_place=no_function)
    with pytest.raises(TypeError, match="on_event"):
        client.seat(on_event=no_function)


def test_settings_are_shown_without_their_values() -> None:
    assert repr(OnlineSettings(server=[])) == "OnlineSettings()"
    with pytest.raises(ConfigurationError, match="start_timeout"):
        OnlineSettings(start_timeout=timedelta(0))


WRONG_SETTINGS: list[tuple[str, dict[str, Any]]] = [
    ("server", {"server": "foo"}),
    ("server", {"server": ""}),
    ("server", {"server": ["https://license.example", "foo"]}),
    ("server", {"server": "http://license.example", "allow_http": False}),
    ("timeout", {"timeout": timedelta(hours=1)}),
    ("enrollment_token", {"enrollment_token": "two words"}),
]


@pytest.mark.parametrize(("name", "settings"), WRONG_SETTINGS)
def test_a_setting_is_refused_where_it_is_made(name: str, settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=f"^{name}: expected ") as refused:
        OnlineSettings(**settings)
    assert refused.value.code == "ONLINE_SETTING"
    assert refused.value.evidence["setting"] == name
    assert "two words" not in str(refused.value)


def test_a_server_is_a_text_or_a_list_of_texts() -> None:
    wrong: list[Any] = [5, b"https://license.example", ["https://license.example", 5]]
    for server in wrong:
        with pytest.raises(TypeError, match="^server: expected a str with a URL"):
            OnlineSettings(server=server)
    # A relative path is that of the current directory.
    assert repr(OnlineSettings(ca_file="acme.pem")) == "OnlineSettings(ca_file=…)"


def test_the_hint_says_what_a_license_is(product: Product) -> None:
    client = testing.TestMachine(product).client()
    for text in ["hello", "", trust_set(), "<html></html>"]:
        with pytest.raises(InvalidLicenseError, match="expected a license") as refused:
            client.install(text)
        assert refused.value.hint is not None and "BEGIN LICENSE" in refused.value.hint


def test_a_file_may_be_in_utf_16(tmp_path: Path, product: Product) -> None:
    file = tmp_path / "acme.lic"
    file.write_text(testing.TestLicense("PRO").file(product=product), encoding="utf-16")
    assert verify(file, trust=testing.trust_set(), product=product).licenses[0].tier == "PRO"


def test_a_mistake_in_a_test_prints_no_panic(
    capfd: pytest.CaptureFixture[str], product: Product
) -> None:
    machine = testing.TestMachine(product)
    with pytest.raises(ValueError, match="GOLD"):
        machine.install(testing.TestLicense("GOLD"))
    assert "panicked" not in capfd.readouterr().err
