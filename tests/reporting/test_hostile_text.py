"""Names, prompts and answers are text, whatever they hold: on the page, in figures, in file names."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from kedit.reporting import format as fmt
from kedit.reporting.html import report_page, save_page

ILLEGAL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e]")


@pytest.fixture(scope="module")
def page(evil):
    return report_page(evil)


def test_markup_is_escaped(page):
    assert "&lt;script&gt;alert(" in page
    assert "<script" not in page
    assert "<i>odd" not in page
    assert "{{ 7*7 }}" in page


def test_the_fixture_of_others_is_escaped(report):
    page = report_page(report)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "&lt;b&gt;[red]" in page


def test_control_characters_and_overrides_are_shown_as_what_they_are(page):
    assert not ILLEGAL.search(page)
    assert "\N{REPLACEMENT CHARACTER}" in page
    assert fmt.printable("a\r\nb\nc\td\x1b") == "a⏎b⏎c d\N{REPLACEMENT CHARACTER}"
    assert fmt.legal("a\nb") == "a\nb"


def test_other_scripts_and_mathematics_stay_as_written(page):
    assert "مرحبا بالعالم" in page
    assert "$x^2$" in page


@pytest.mark.slow
def test_files_of_hostile_edits_stay_in_their_folder_and_apart(evil, tmp_path):
    save_page(evil, tmp_path / "report.html")
    assert {path.name for path in tmp_path.iterdir()} == {"report.html", "figures"}
    names = {path.name for path in (tmp_path / "figures").iterdir()}
    assert all(re.fullmatch(r"[a-z0-9-]+\.(svg|png)", name) for name in names)
    assert len([name for name in names if name.startswith("outcomes-") and name.endswith(".svg")]) == 3
    for path in (tmp_path / "figures").glob("*.svg"):
        text = path.read_text(encoding="utf-8")
        assert not ILLEGAL.search(text)
        assert not [element for element in ET.fromstring(text).iter() if element.tag.endswith("script")]
    assert evil.recipe not in (tmp_path / "report.html").read_text(encoding="utf-8")
