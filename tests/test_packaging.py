"""What an installation relies on: metadata, constraints, lazy exports."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import kedit

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CONSTRAINTS = [line for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines() if line]


def name(requirement: str | Requirement) -> str:
    """The normalised project name of a requirement."""
    found = requirement if isinstance(requirement, Requirement) else Requirement(requirement)
    return re.sub(r"[-_.]+", "-", found.name).lower()


def needed(project: str, extras: frozenset[str]) -> set[tuple[str, frozenset[str]]]:
    """Projects, each with the extras that are wanted of it, that an installed project with these extras requires here."""
    found = map(Requirement, metadata.requires(project) or [])
    return {
        (name(requirement), frozenset(requirement.extras))
        for requirement in found
        if requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in extras or {""})
    }


def test_the_version_is_written_once_for_all() -> None:
    assert PROJECT["version"] == kedit.__version__ == metadata.version("kedit")
    assert f"## [{kedit.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_constraints_are_exact_versions_and_name_no_host() -> None:
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][0-9A-Za-z.]*", line) for line in CONSTRAINTS)
    assert "torch==2.13.0" in CONSTRAINTS


def test_constraints_cover_everything_that_is_installed() -> None:
    pinned = {name(line) for line in CONSTRAINTS}
    pending, met = needed("kedit", frozenset({"dev"})), set[tuple[str, frozenset[str]]]()
    while pending:
        one = pending.pop()
        met.add(one)
        pending |= needed(*one) - met
    seen = {project for project, _ in met}
    assert {"torch", "pytest", "tokenizers"} <= seen
    assert seen <= pinned, f"missing: {sorted(seen - pinned)}"
    assert pinned <= seen, f"not needed: {sorted(pinned - seen)}"


def test_the_console_script_is_main() -> None:
    (script,) = metadata.entry_points(group="console_scripts", name="kedit")
    assert script.value == "kedit.cli.main:main"


def test_the_package_is_typed_and_licensed() -> None:
    assert (ROOT / "kedit" / "py.typed").exists()
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")


@pytest.mark.parametrize("export", [name for name in kedit.__all__ if name != "__version__"])
def test_every_export_exists(export: str) -> None:
    assert callable(getattr(kedit, export))
    assert export in dir(kedit)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="load_ontolgy"):
        kedit.load_ontolgy  # noqa: B018
    assert not hasattr(kedit, "algin")
