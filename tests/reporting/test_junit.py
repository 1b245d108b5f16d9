"""JUnit XML: what a CI server reads agrees with the exit code, whatever the report."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kedit.reporting.junit import junit_xml
from kedit.verification.report import JudgedExpectation, Report, ReportProtocol, RunInfo
from kedit.verification.verdict import Verdict

TEXT = st.text(st.characters(), max_size=12)
JUDGED = st.builds(
    JudgedExpectation,
    metric=st.sampled_from(["hit", "retention", "drift_kl"]) | TEXT,
    edit=st.none() | TEXT,
    versus=st.none() | st.sampled_from(["majority", "noop"]),
    on=st.none() | st.just("neutral"),
    forced=st.booleans(),
    bound=st.sampled_from(["interval", "point"]),
    severity=st.sampled_from(["error", "warn"]),
    required=st.sampled_from([">= 0.7", "<= 0.02", ">= 0.1 and <= 0.4"]),
    measured=st.none() | st.floats(0, 1),
    n=st.integers(0, 900),
    verdict=st.sampled_from(["PASS", "FAIL", "INCONCLUSIVE"]),
    reason=TEXT,
)


def made(expectations: list[JudgedExpectation], recipe: str = "recipe", allowed: bool = False) -> Report:
    """A report whose verdict is that of its expectations."""
    verdict = Verdict(tuple(expectations), allowed)
    return Report(
        recipe=recipe,
        verdict=verdict.verdict,
        protocol=ReportProtocol(seed=3, calibrated_strength=1.0),
        run=RunInfo(model="m", fingerprint="f" * 64),
        expectations=verdict.expectations,
        allow_unverified=allowed,
    )


@given(expectations=st.lists(JUDGED, max_size=5), recipe=TEXT, allowed=st.booleans())
def test_red_exactly_where_the_exit_code_is_not_0(expectations: list[JudgedExpectation], recipe: str, allowed: bool) -> None:
    report = made(expectations, recipe, allowed)
    xml = junit_xml(report)
    assert xml == junit_xml(report)
    suites = ET.fromstring(xml.encode("utf-8"))
    (suite,) = suites
    cases = suite.findall("testcase")
    for kind, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        assert int(suite.attrib[kind]) == int(suites.attrib[kind]) == len(suite.findall(f"testcase/{tag}"))
    assert int(suite.attrib["tests"]) == len(cases) == len(expectations) + (report.verdict == "UNVERIFIED")
    assert (int(suite.attrib["failures"]) + int(suite.attrib["errors"]) > 0) == (report.exit_code != 0)
    assert len({case.attrib["name"] for case in cases}) == len(cases)
    assert all(len(case) <= 1 for case in cases)


def test_the_cases_of_a_report(report):
    suite = ET.fromstring(junit_xml(report).encode())[0]
    names = [case.attrib["name"] for case in suite.findall("testcase")]
    assert names == [
        "hit capital-to-language >= 0.7",
        "hit capital-to-language versus diff_means >= 0.2",
        "hit capital-to-language versus trained_vector at equal damage >= 0.7",
        "drift_kl on neutral <= 0.02",
        "retention >= 0.98",
    ]
    assert {case.attrib["classname"] for case in suite.findall("testcase")} == {"capital-to-language"}
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert failure.attrib == {"message": "FAIL: does not meet the bound", "type": "FAIL"}
    assert "required: <= 0.02 (interval)\nmeasured: 0.031 [0.020, 0.040]\nn: 500 items" in (failure.text or "")
    skipped = suite.find("testcase/skipped")
    assert skipped is not None
    assert skipped.attrib["message"] == "warning, INCONCLUSIVE: not measured"
    properties = {item.attrib["name"]: item.attrib["value"] for item in suite.findall("properties/property")}
    assert properties["kedit.model"] == "SmolLM2-135M-Instruct, Q4_1 (wheel)"
    assert properties["kedit.hook_point"] == "blocks.17.hook_resid_post"
    assert properties["kedit.seed"] == "0"


@pytest.mark.parametrize(("allowed", "tag"), [(False, "error"), (True, "skipped")])
def test_a_recipe_that_expects_nothing(allowed, tag):
    (case,) = ET.fromstring(junit_xml(made([], allowed=allowed)).encode())[0].findall("testcase")
    assert [element.tag for element in case] == [tag]
    assert "UNVERIFIED" in case[0].attrib["message"]


def test_forbidden_characters_are_replaced():
    xml = junit_xml(made([], recipe='a\x00b\x1bc\ud800d\uffffe<&">'))
    assert 'name="a\ufffdb\ufffdc\ufffdd\ufffde&lt;&amp;&quot;&gt;"' in xml
    assert not re.search("[\x00-\x08\x0e-\x1f]", xml)


def test_equal_expectations_have_names_of_their_own():
    item = JudgedExpectation(metric="hit", required=">= 0.7", measured=1.0, verdict="PASS")
    suite = ET.fromstring(junit_xml(made([item, item])).encode())[0]
    assert [case.attrib["name"] for case in suite.findall("testcase")] == ["hit >= 0.7", "hit >= 0.7 (2)"]
