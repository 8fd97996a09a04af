"""The package itself: its examples, its types and its files."""

from __future__ import annotations

import doctest
import importlib.metadata
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import coditect_license
import pytest
from coditect_license import testing
from conftest import README, REPOSITORY, names_of_examples

PACKAGE = REPOSITORY / "bindings/python"


def documented() -> list[tuple[str, Any]]:
    """Returns all classes and functions, and the members of the classes."""
    found: list[tuple[str, Any]] = []
    for module in (coditect_license, testing):
        for name in module.__all__:
            item = getattr(module, name)
            if name.startswith("__"):
                continue
            found.append((name, item))
            if inspect.isclass(item) and not issubclass(item, Exception):
                members = [member for member in vars(item) if not member.startswith("_")]
                found += [(f"{name}.{member}", getattr(item, member)) for member in members]
    return found


def test_the_examples_of_the_docstrings(workplace: Path) -> None:
    runner, examples = doctest.DocTestRunner(verbose=False), 0
    output: list[str] = []
    for name, item in documented():
        docstring = inspect.getdoc(item) or ""
        if ">>>" not in docstring:
            continue
        test = doctest.DocTestParser().get_doctest(docstring, names_of_examples(), name, None, 0)
        examples += len(test.examples)
        runner.run(test, out=output.append)
    assert not runner.failures, "".join(output)
    assert examples > 20


def test_everything_is_documented() -> None:
    missing = [name for name, item in documented() if not inspect.getdoc(item)]
    assert not missing


@pytest.mark.parametrize(
    "command",
    [
        ["mypy", "conftest.py", "examples", "tests"],
        ["mypy.stubtest", "coditect_license"],
    ],
    ids=["mypy", "stubtest"],
)
def test_the_type_stubs(command: list[str], tmp_path: Path) -> None:
    """mypy accepts programs that use the package, and the stubs describe the native module."""
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=PACKAGE,
        env={"MYPY_CACHE_DIR": str(tmp_path), "MYPYPATH": ".", "PATH": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_links_of_the_readme_work_on_pypi() -> None:
    """PyPI does not resolve relative links."""
    headings = re.findall("(?m)^#+ (.*)", README)
    anchors = {"#" + re.sub("[^a-z ]", "", title.lower()).replace(" ", "-") for title in headings}
    links = re.findall(r"\]\(([^)]*)\)", README)
    assert len(links) > 3
    assert [link for link in links if not link.startswith("https://") and link not in anchors] == []


def test_the_readme_shows_parts_of_the_examples() -> None:
    examples = [path.read_text() for path in (PACKAGE / "examples").glob("*.py")]
    parts = re.findall(r"(?s)```python\n(?!>>>)(.*?)```", README)
    assert len(parts) == 2
    assert all(any(part in example for example in examples) for part in parts)


def test_the_version_is_that_of_the_distribution() -> None:
    assert coditect_license.__version__ == importlib.metadata.version("coditect-license")


def test_the_package_is_typed_and_serves_all_versions_of_python() -> None:
    directory = Path(coditect_license.__file__).parent
    names = {path.name for path in directory.iterdir()}
    assert {"py.typed", "_native.pyi"} <= names
    assert any(name.startswith("_native.abi3.") for name in names) or os.name == "nt"
    metadata = importlib.metadata.metadata("coditect-license")
    assert metadata["Requires-Python"] == ">=3.10" and metadata["License-Expression"]
