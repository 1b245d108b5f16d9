"""Figures as files: beside the page, as SVG and PNG, and none of an earlier page."""

from __future__ import annotations

import pytest

from kedit.reporting.html import evaluation_page, report_page, save_page
from kedit.verification.report import Report, ReportProtocol


@pytest.fixture(scope="module")
def folder(rich, tmp_path_factory):
    path = tmp_path_factory.mktemp("report")
    save_page(rich, path / "report.html")
    return path


def test_every_figure_of_the_page_is_a_file(folder):
    names = {path.stem for path in (folder / "figures").iterdir()}
    parts = ("outcomes", "controls", "strength", "tradeoff", "pairs")
    edits = {f"{part}-{edit}" for part in parts for edit in ("capital-to-language", "second-edit")}
    assert names == {"binding", "activations", "layers", "damage"} | edits
    for name in names:
        assert (folder / "figures" / f"{name}.svg").read_text(encoding="utf-8").startswith("<svg xmlns=")
        assert (folder / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_the_page_is_the_one_that_is_asked_for(folder, rich, evaluation, tmp_path):
    assert (folder / "report.html").read_text(encoding="utf-8") == report_page(rich)
    save_page(evaluation, tmp_path / "evaluation.html")
    assert (tmp_path / "evaluation.html").read_text(encoding="utf-8") == evaluation_page(evaluation)
    assert (tmp_path / "figures" / "outcomes.svg").exists()


@pytest.mark.slow
def test_same_document_same_files(folder, rich, tmp_path):
    save_page(rich, tmp_path / "report.html")
    for path in (folder / "figures").iterdir():
        assert (tmp_path / "figures" / path.name).read_bytes() == path.read_bytes()


def test_figures_of_an_earlier_page_go_and_other_files_stay(tmp_path):
    (tmp_path / "figures").mkdir()
    for name in ("strength-old.svg", "strength-old.png", "notes.txt"):
        (tmp_path / "figures" / name).write_text("x", encoding="utf-8")
    save_page(Report(verdict="PASS", protocol=ReportProtocol(seed=0, calibrated_strength=1.0)), tmp_path / "report.html")
    assert [path.name for path in (tmp_path / "figures").iterdir()] == ["notes.txt"]


def test_nothing_to_draw_makes_no_folder(tmp_path):
    save_page(Report(verdict="PASS", protocol=ReportProtocol(seed=0, calibrated_strength=1.0)), tmp_path / "report.html")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
