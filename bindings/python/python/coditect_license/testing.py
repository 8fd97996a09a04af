"""A vendor, a machine and a clock for the tests of a program.

The tests use the real code: licenses are signed, installed, verified and evaluated as on the
machine of a customer. Only the key of the vendor, the state directory, the id of the machine and
the clock differ.

The private key of the test vendor is public, so its signatures prove nothing. Wheels for customers
therefore do not contain this module. ``README.md`` says how to build a wheel with it.
"""

try:
    from ._native import TestLicense, TestMachine, trust_set
except ImportError:
    raise ImportError(
        "this build of coditect-license has no module `testing`, because its signing key is "
        "public; in your test environment, install a wheel that was built with "
        "`maturin build --profile dev --features testing`"
    ) from None

__all__ = ["TestLicense", "TestMachine", "trust_set"]
