"""The exceptions of the package."""

from __future__ import annotations

# Type checkers know this name. An import of `typing` would take most of the time of the package.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ._native import QueuePlace

__all__ = [
    "ConfigurationError",
    "InstallError",
    "InvalidLicenseError",
    "LicenseError",
    "MissingContextError",
    "NoSeatError",
    "OnlineError",
    "ProjectError",
    "QuotaNotCountedError",
    "ServerUnreachableError",
    "UnknownNameError",
]


class LicenseError(Exception):
    """The base class of all exceptions of this package.

    A license that is missing, expired or denied is never an exception. It is a decision, and the
    base tier is in effect.
    """

    #: The stable reason code, such as ``MALFORMED`` or ``SERVER_UNREACHABLE``.
    code: str
    #: The next step of the user, if there is a general one.
    hint: str | None
    #: The values behind the message, such as ``expected`` and ``actual``. Never a secret.
    evidence: dict[str, Any]

    def __init__(
        self,
        message: str,
        *,
        code: str,
        hint: str | None = None,
        evidence: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.hint = hint
        self.evidence = dict(evidence or {})

    def __reduce__(self) -> tuple[Any, ...]:
        # The default would pass only the message, which fails between processes.
        return _create, (type(self), str(self), dict(self.__dict__))


def _create(kind: type[LicenseError], message: str, values: dict[str, Any]) -> LicenseError:
    """Creates an exception that another process has sent."""
    error = kind.__new__(kind, message)
    error.__dict__.update(values)
    return error


class ConfigurationError(LicenseError, ValueError):
    """A mistake in the program, such as a text that is no product file or no trust set.

    It is also a ``ValueError``.
    """


class UnknownNameError(ConfigurationError):
    """Neither the product nor an installed license has a feature or a quota with this name."""


class MissingContextError(ConfigurationError):
    """An installed license restricts a value that the program has not stated, such as the user.

    ``evidence["value"]`` is ``user``, ``app_version`` or ``build_date``.
    """


class InvalidLicenseError(LicenseError):
    """A license cannot be verified: it is damaged, or no key of the trust set has signed it."""


class InstallError(LicenseError):
    """A verified text was not installed, such as a license that allows less than the current one."""


class ProjectError(LicenseError):
    """No readable project contains the path of a session or of a seat."""


class QuotaNotCountedError(LicenseError):
    """A use of a quota cannot be counted, and is therefore refused.

    Either the user may not write to the state directory, or other processes held the lock for ten
    seconds.
    """


class OnlineError(LicenseError):
    """A request to a license server failed. It never means that the license is invalid."""


class ServerUnreachableError(OnlineError):
    """No license server answered. A later attempt can succeed without any change."""


class NoSeatError(OnlineError):
    """No floating seat is free, or none became free in time."""

    #: The last place in the queue, after a wait.
    place: QueuePlace | None

    def __init__(
        self,
        message: str,
        *,
        code: str,
        hint: str | None = None,
        evidence: Mapping[str, Any] | None = None,
        place: QueuePlace | None = None,
    ) -> None:
        super().__init__(message, code=code, hint=hint, evidence=evidence)
        self.place = place

    def __reduce__(self) -> tuple[Any, ...]:
        values = {**self.__dict__, "place": None}
        return _create, (type(self), str(self), values)


for _error in (
    ConfigurationError,
    InstallError,
    InvalidLicenseError,
    LicenseError,
    MissingContextError,
    NoSeatError,
    OnlineError,
    ProjectError,
    QuotaNotCountedError,
    ServerUnreachableError,
    UnknownNameError,
):
    # Tracebacks show the name under which programs import the class.
    _error.__module__ = "coditect_license"
