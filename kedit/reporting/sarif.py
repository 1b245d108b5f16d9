"""Findings as SARIF 2.1.0, the exchange format of static analysis that code hosts and editors show at the lines concerned."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from kedit import __version__
from kedit.errors import KeditError, Place
from kedit.ontology.findings import KINDS
from kedit.ontology.inspection import sentence
from kedit.ontology.model import Finding

SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_HOME: Final = "https://w3id.org/kedit"
_LEVELS: Final = {"error": "error", "warning": "warning", "info": "note"}
_TOLD: Final = frozenset({"KE160", "KE161"})
"""Refusals that a finding says already: no relation, no fact."""


def sarif(
    source: str | Path, findings: Sequence[Finding] = (), problem: KeditError | None = None, exit_code: int = 0
) -> dict[str, Any]:
    """One run of `kedit ontology validate` over a file; `problem` is the error that ended it, with `findings` if it was read."""
    refused = problem if problem and problem.code not in _TOLD else None
    rules = [_rule(code) for code in sorted(KINDS)]
    if refused:
        rules.append({"id": _code(refused), "shortDescription": {"text": "The file cannot be used."}, **_configured("error")})
    known = {rule["id"]: number for number, rule in enumerate(rules)}
    results = [
        {
            "ruleId": finding.code,
            "ruleIndex": known[finding.code],
            "level": _LEVELS[finding.severity],
            "message": {"text": _sentences(sentence(finding), finding.advice)},
            "locations": [_location(finding.place or Place(source))],
            "properties": {"count": finding.count},
        }
        for finding in findings
    ]
    if refused:
        results.append(
            {
                "ruleId": _code(refused),
                "ruleIndex": known[_code(refused)],
                "level": "error",
                "message": {"text": _said(refused)},
                "locations": [_location(refused.place or Place(source))],
                "properties": {"count": 1},
            }
        )
    driver = {"name": "kedit", "version": __version__, "informationUri": _HOME, "rules": rules}
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "invocations": [_invocation(problem, exit_code)],
                "columnKind": "unicodeCodePoints",
                "results": results,
            }
        ],
    }


def _invocation(problem: KeditError | None, exit_code: int) -> dict[str, Any]:
    """What became of the run; an error that ended it is a notification, too."""
    told: dict[str, Any] = {"executionSuccessful": problem is None, "exitCode": exit_code}
    if problem:
        told["toolExecutionNotifications"] = [{"level": "error", "message": {"text": _said(problem)}}]
    return told


def _rule(code: str) -> dict[str, Any]:
    kind = KINDS[code]
    short = _sentences(kind.plural.replace("{n} ", ""), None)
    return {
        "id": code,
        "shortDescription": {"text": short},
        "fullDescription": {"text": _sentences(short, kind.advice)},
        "help": {"text": f"{kind.advice} All codes: docs/findings.md of kedit."},
        **_configured(_LEVELS[kind.severity]),
    }


def _configured(level: str) -> dict[str, Any]:
    return {"defaultConfiguration": {"level": level}}


def _code(problem: KeditError) -> str:
    return problem.code or "KE100"


def _said(problem: KeditError) -> str:
    """Messages about a file go on from its name: `o.ttl: is empty`."""
    name = f"{Path(problem.place.file).name}: " if problem.place else ""
    return _sentences(name + problem.message, problem.advice, capital=not name)


def _location(place: Place) -> dict[str, Any]:
    """The line of a place; the first line for what concerns the whole file, for code hosts refuse results without one."""
    region: dict[str, Any] = {"startLine": place.line or 1}
    if place.line and place.column:
        region["startColumn"] = place.column
    if place.line and place.text:
        region["snippet"] = {"text": place.text}
    return {"physicalLocation": {"artifactLocation": {"uri": _uri(Path(place.file))}, "region": region}}


def _uri(path: Path) -> str:
    """Relative to the working directory, where the repository is; absolute for a file outside it."""
    absolute = Path(os.path.abspath(path))
    try:
        return quote(absolute.relative_to(Path.cwd()).as_posix())
    except ValueError:
        return absolute.as_uri()


def _sentences(text: str, more: str | None, capital: bool = True) -> str:
    """One or two sentences, with capitals and full stops."""
    parts = [text[:1].upper() + text[1:] if capital else text, *([more] if more else [])]
    return " ".join(part if part.endswith((".", "?", "!")) else f"{part}." for part in parts)
