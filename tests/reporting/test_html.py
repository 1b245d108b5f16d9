"""Pages: well-formed, self-contained, complete, and still there when little was measured."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser

import pytest

from kedit.reporting import terminal
from kedit.reporting.html import evaluation_page, report_page
from kedit.reporting.transcripts import changed_words
from kedit.verification.figures import CurvePoint, Histogram, Layer
from kedit.verification.report import EditResult, Evaluation, Protocol, Report, ReportProtocol

VOID = {"meta", "br"}


class Balanced(HTMLParser):
    """Tags that close in order; their names, ids and addresses."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.addresses, self.ids, self.text = [], set(), [], [], []

    def handle_starttag(self, tag, attrs):
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.add(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href", "xlink:href")]
        self.ids += [value for name, value in attrs if name == "id"]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def parse(page):
    parser = Balanced()
    parser.feed(page)
    assert not parser.open
    return parser


@pytest.fixture(scope="module")
def pages(evaluation, report, rich, wide, evil):
    """Pages by the name of their document."""
    made = {"evaluation": evaluation_page(evaluation)}
    return made | {name: report_page(one) for name, one in {"report": report, "rich": rich, "wide": wide, "evil": evil}.items()}


NAMES = ("evaluation", "report", "rich", "wide", "evil")


@pytest.mark.parametrize("name", NAMES)
def test_well_formed_and_every_link_leads_somewhere_on_the_page(pages, name):
    parser = parse(pages[name])
    assert "script" not in parser.tags
    assert all(address.startswith("#") and address[1:] in parser.ids for address in parser.addresses)
    assert len(parser.ids) == len(set(parser.ids))


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_fetched(pages, name):
    page = pages[name]
    assert "default-src 'none'" in page
    assert not re.search(r"https?:|@import|\bsrc=|xmlns", page)
    assert all(found.startswith("#") for found in re.findall(r"url\(([^)]*)", page))


@pytest.mark.parametrize("name", ["evaluation", "rich"])
def test_same_document_same_bytes(pages, name, request):
    document = request.getfixturevalue(name)
    again = type(document).model_validate_json(document.model_dump_json())
    assert (evaluation_page if name == "evaluation" else report_page)(again) == pages[name]


def test_a_large_report_stays_small(pages):
    assert len(pages["wide"].encode()) < 1_500_000


def test_complete(pages):
    for expected in ("hasCapital", "blocks.17.hook_resid_post", "diff means", "Dictionary", "Damage", "whole answer", "<svg"):
        assert expected in pages["evaluation"]
    for expected in (
        "FAIL",
        "INCONCLUSIVE",
        "not measured",
        "capital-to-language",
        "versus diff_means",
        "versus trained_vector at equal damage",
    ):
        assert expected in pages["report"]
    for name in ("evaluation", "report", "rich"):
        assert "None" not in pages[name]
        assert not re.search(r"\bnan\b", pages[name], re.IGNORECASE)


def test_strengths_are_told_apart_and_so_is_what_they_were_chosen_on(pages, report):
    edits = (report.edits[0].model_copy(update={"strength": 0.75}),)
    page = " ".join(" ".join(parse(report_page(report.model_copy(update={"edits": edits}))).text).split())
    assert "strength 0.75 (chosen on 64 validation items, 24 of them on training carriers)" in page
    assert "calibrated strength 1.0" in page
    shown = terminal.to_text(terminal.render_report(report))
    assert "(64 validation items, 24 of them on training carriers)" in " ".join(shown.split())
    assert "protocol strength" not in page


def test_every_block_of_a_rich_report(pages):
    page = pages["rich"]
    for title in (
        "What became of the answers", "Against controls and competitors", "Strength, effect and damage", "Effect against damage",
        "Every ordered pair of relations", "Fluency of the edited text", "For example", "What else moved", "Hook points",
        "What is asked, and which slot reads it", "What each slot reads",
    ):  # fmt: skip
        assert f"<h3>{title}</h3>" in page
    text = " ".join(parse(page).text)
    for said in (
        "1.23",
        "[1.10, 1.35]",
        "7.5",
        "nats of KL on neutral text",
        "+0.12",
        "These edits interfere with the others: second edit.",
        "0.62",
    ):
        assert said in text
    assert 'href="#edit-second-edit"' in page
    assert 'id="edit-second-edit"' in page


@pytest.mark.parametrize("name", ["evaluation", "report"])
def test_every_number_of_the_terminal_is_on_the_page(pages, name, request):
    document = request.getfixturevalue(name)
    render = terminal.render_evaluation if name == "evaluation" else terminal.render_report
    text = " ".join(html.unescape(" ".join(parse(pages[name]).text)).split())
    shown = terminal.to_text(render(document))
    # A pair's number loses its leading zero on the terminal.
    numbers = {f"0{number}" if number.startswith(".") else number for number in re.findall(r"(?<![\w.])\d*\.\d+%?(?!\w)", shown)}
    assert len(numbers) > 20
    assert {number for number in numbers if number not in text} == set()


def test_changed_words_are_marked():
    before, after = changed_words("The capital is Paris.", "The language is French.")
    assert before == [("The ", False), ("capital", True), (" is ", False), ("Paris", True), (".", False)]
    assert after == [("The ", False), ("language", True), (" is ", False), ("French", True), (".", False)]
    assert changed_words("", "") == ([], [])
    assert changed_words("", "a") == ([], [("a", True)])


def test_documents_with_nothing_but_a_verdict():
    protocol = Protocol(seed=0, strength=float("nan"))
    parse(evaluation_page(Evaluation(protocol=protocol, hook_point="blocks.0.hook_resid_post")))
    page = report_page(Report(verdict="UNVERIFIED", protocol=ReportProtocol(seed=0, calibrated_strength=float("nan"))))
    parse(page)
    assert "? UNVERIFIED" in page
    assert "exit code 1" in page
    assert "<nav" not in page


def test_blocks_of_which_nothing_was_measured():
    edit = EditResult(
        id="a",
        op="amplify",
        slot="ex:a",
        hook_point="odd.hook",
        strength=None,
        plateau=None,
        curve=(CurvePoint(strength=1.0, hit=None),),
    )
    report = Report(
        verdict="FAIL",
        protocol=ReportProtocol(seed=0, calibrated_strength=None),
        edits=(edit,),
        layers=(Layer(hook_point="odd.hook", binding=None, hit=None),),
        activations={"ex:a": Histogram(edges=(0.0, 1.0), on=(0,), off=(0,)), "ex:b": Histogram(edges=(), on=(), off=())},
    )
    page = report_page(report)
    parse(page)
    assert "–" in page
    assert "amplify ex:a at odd.hook" in page


def test_numbers_that_are_none_stand_as_a_dash(rich):
    row = rich.edits[0].quadrants["unseen_template_unseen_subject"]
    gone = dict.fromkeys(("hit", "exact", "stuck", "wrong_subject", "derailed", "hit_macro"))
    broken = row.model_copy(update={**gone, "ci": (None, None), "ci_macro": (None, None)})
    controls = {"x": {"unseen_template_unseen_subject": rich.edits[0].controls["majority"]["unseen_template_unseen_subject"]}}
    controls["x"]["unseen_template_unseen_subject"] = controls["x"]["unseen_template_unseen_subject"].model_copy(
        update={"hit": None}
    )
    edit = rich.edits[0].model_copy(update={"quadrants": {"unseen_template_unseen_subject": broken}, "controls": controls})
    page = report_page(rich.model_copy(update={"edits": (edit,)}))
    parse(page)
    assert '<span class="big">–</span>' in page
    assert "None" not in page
    assert not re.search(r"\bnan\b", page, re.IGNORECASE)
