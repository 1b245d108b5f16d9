"""JUnit XML of a report, so that a recipe is a test in somebody's CI: a suite per recipe, a case per expectation."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final
from xml.etree import ElementTree as ET

from kedit.reporting import format as fmt
from kedit.verification.report import JudgedExpectation, Report

_ILLEGAL: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML 1.0 document may hold, not even escaped."""
_MARK: Final = {"FAIL": "failure", "INCONCLUSIVE": "error"}


def junit_xml(report: Report) -> str:
    """The report as a JUnit document. It has failures or errors if and only if the report's exit code is not 0.

    FAIL is a failure, INCONCLUSIVE an error; an expectation of severity `warn` that does not hold is skipped, with the reason:
    CI servers show it without turning red. A recipe that expects nothing binding is one case more: an error, or skipped
    where that was allowed.
    """
    cases = [*_cases(report.expectations)]
    if report.verdict == "UNVERIFIED":
        cases.append(_unverified(report))
    counts = Counter(element.tag for case in cases for element in case)
    suite = ET.Element(
        "testsuite",
        {
            "name": _text(report.recipe or "recipe"),
            "tests": str(len(cases)),
            "failures": str(counts["failure"]),
            "errors": str(counts["error"]),
            "skipped": str(counts["skipped"]),
        },
    )
    properties = ET.SubElement(suite, "properties")
    for name, value in _properties(report):
        ET.SubElement(properties, "property", {"name": name, "value": _text(value)})
    for case in cases:
        case.set("classname", _text(report.recipe or "recipe"))
    suite.extend(cases)
    suites = ET.Element("testsuites", {key: suite.attrib[key] for key in ("tests", "failures", "errors", "skipped")})
    suites.append(suite)
    ET.indent(suites, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suites, encoding="unicode") + "\n"


def _cases(expectations: Iterable[JudgedExpectation]) -> Iterator[ET.Element]:
    seen: set[str] = set()
    for item in expectations:
        # CI servers follow a case over time by its name, so that no two may share one.
        plain = _text(case_name(item))
        name = next(name for count in itertools.count(1) if (name := plain if count == 1 else f"{plain} ({count})") not in seen)
        seen.add(name)
        case = ET.Element("testcase", {"name": name})
        if item.verdict != "PASS":
            warning = item.severity == "warn"
            said = f"{item.verdict}: {item.reason or 'does not hold'}"
            if warning:
                ET.SubElement(case, "skipped", {"message": _text(f"warning, {said}")}).text = _text(_detail(item))
            else:
                mark = ET.SubElement(case, _MARK[item.verdict], {"message": _text(said), "type": item.verdict})
                mark.text = _text(_detail(item))
        yield case


def case_name(item: JudgedExpectation) -> str:
    """Metric, what it is about, and the bound: `hit capital-to-language versus majority >= 0.3`."""
    parts = [item.metric, item.edit, fmt.versus(item.versus, item.at), f"on {item.on}" if item.on else None]
    parts += ["forced" if item.forced else None, item.required, "(point)" if item.bound == "point" else None]
    return " ".join(part for part in parts if part)


def _detail(item: JudgedExpectation) -> str:
    number = fmt.measured(item.metric, item.measured, item.ci)
    return (
        f"required: {item.required} ({item.bound})\nmeasured: {number}\n"
        f"n: {item.n} items of {item.subjects} subjects\nreason: {item.reason or fmt.MISSING}"
    )


def _unverified(report: Report) -> ET.Element:
    case = ET.Element("testcase", {"name": "the recipe expects something"})
    said = "UNVERIFIED: no expectation of the recipe binds"
    if report.allow_unverified:
        ET.SubElement(case, "skipped", {"message": f"{said} (allowed)"})
    else:
        advice = "Add bounds under `expect:`, or run `kedit verify --allow-unverified`."
        ET.SubElement(case, "error", {"message": said, "type": "UNVERIFIED"}).text = advice
    return case


def _properties(report: Report) -> Iterator[tuple[str, str]]:
    run, hooks = report.run, ", ".join(dict.fromkeys(edit.hook_point for edit in report.edits))
    yield "kedit.verdict", report.verdict
    yield "kedit.exit_code", str(report.exit_code)
    yield "kedit.seed", str(report.protocol.seed)
    for name, value in (
        ("hook_point", hooks),
        ("run", run.name),
        ("model", run.model),
        ("fingerprint", run.fingerprint),
        ("ontology", run.ontology),
        ("ontology_sha256", run.ontology_sha256),
        ("version", run.kedit),
    ):
        if value:
            yield f"kedit.{name}", value


def _text(text: str) -> str:
    """With a replacement character for every character that XML forbids."""
    return _ILLEGAL.sub("\ufffd", text)
