"""Pages: self-contained, escaped, complete."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from kedit.reporting.html import evaluation_page, report_page, save_page
from kedit.verification.report import Evaluation, Protocol, Report

VOID = {"meta", "br"}


class Balanced(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.tags, self.addresses = [], set(), []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def parse(page):
    parser = Balanced()
    parser.feed(page)
    assert not parser.open
    return parser


@pytest.fixture(scope="module")
def pages(evaluation, report):
    return evaluation_page(evaluation), report_page(report)


def test_well_formed_and_self_contained(pages):
    for page in pages:
        parser = parse(page)
        assert not parser.addresses
        assert "script" not in parser.tags
        assert "http" not in page.replace("http-equiv", "")


def test_values_are_escaped(pages):
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in pages[1]
    assert "<script" not in pages[1]
    assert "&lt;b&gt;[red]" in pages[1]


def test_complete(pages):
    for expected in ("hasCapital", "blocks.17.hook_resid_post", "diff means", "Dictionary", "Damage", "whole answer", "<svg"):
        assert expected in pages[0]
    for expected in ("FAIL", "INCONCLUSIVE", "not measured", "capital-to-language", "versus diff_means"):
        assert expected in pages[1]
    assert "None" not in pages[0] + pages[1]
    assert "nan" not in (pages[0] + pages[1]).lower().replace("finance", "")


def test_empty_documents(tmp_path):
    protocol = Protocol(seed=0, strength=float("nan"))
    parse(evaluation_page(Evaluation(protocol=protocol, hook_point="blocks.0.hook_resid_post")))
    save_page(Report(verdict="UNVERIFIED", protocol=protocol), tmp_path / "report.html")
    assert "UNVERIFIED" in (tmp_path / "report.html").read_text(encoding="utf-8")
