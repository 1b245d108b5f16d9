"""Figures: sound SVG with what it says in words, the same bytes every time, the page's colours on the page."""

from __future__ import annotations

import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import matplotlib
import pytest

from kedit.reporting import figures as draw
from kedit.reporting.figures.canvas import spread
from kedit.reporting.figures.palette import ACCENT, VARIABLES

HEADLINE = "unseen_template_unseen_subject"
DRAW = {
    "binding": lambda report: draw.confusion_figure(report.binding),
    "activations": lambda report: draw.activation_figure(report.activations),
    "layers": lambda report: draw.layer_figure(report.layers),
    "damage": lambda report: draw.damage_figure(report.locality),
    "strength": lambda report: draw.strength_figure(report.edits[-1], "strength"),
    "tradeoff": lambda report: draw.tradeoff_figure(report.edits[-1], "tradeoff"),
    "controls": lambda report: draw.control_figure(report.edits[-1].quadrants[HEADLINE], report.edits[-1].controls, "controls"),
    "outcomes": lambda report: draw.outcome_figure(report.edits[-1].quadrants, "outcomes"),
    "pairs": lambda report: draw.pair_figure(report.edits[-1].pairs, "pairs"),
}


def texts(figure):
    return [element.text for element in ET.fromstring(figure.file).iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize("name", DRAW)
def test_figures_are_sound_small_and_the_same_every_time(rich, name):
    figure = DRAW[name](rich)
    assert figure is not None
    assert figure.name == name
    root = ET.fromstring(figure.file)
    assert root.get("role") == "img"
    assert figure.title in root.get("aria-label", "")
    assert len(figure.body) < 40_000
    assert DRAW[name](rich) == figure


@pytest.mark.parametrize("name", DRAW)
def test_figures_of_thirty_relations_keep_within_their_sheet(wide, name):
    figure = DRAW[name](wide)
    assert figure is not None
    assert max(figure.width, figure.height) < 1200
    assert figure.is_wide == (name in ("binding", "pairs", "activations"))
    assert len(figure.body) < 500_000
    places = [
        (float(element.get("x", 0)), float(element.get("y", 0)))
        for element in ET.fromstring(figure.file).iter("{http://www.w3.org/2000/svg}text")
    ]
    assert all(0 <= x <= figure.width and -30 <= y <= figure.height + 70 for x, y in places)


def test_figures_of_two_relations(rich):
    pairs = [pair for pair in rich.edits[0].pairs if {pair.source, pair.target} == {"ex:hasCapital", "ex:borders"}]
    figure = draw.pair_figure(pairs, "pairs")
    assert figure is not None
    assert texts(figure).count("borders") == 2
    assert not figure.is_wide
    one = draw.activation_figure({"ex:a": rich.activations["ex:borders"]})
    assert one is not None
    assert one.width == 440
    assert draw.pair_figure(pairs[:1], "pairs") is None


def test_colours_follow_the_page_and_are_fixed_in_files(rich):
    figure = DRAW["strength"](rich)
    assert "var(--accent)" in figure.inline
    assert not [colour for colour in VARIABLES if colour in figure.inline]
    assert "var(" not in figure.file
    assert ACCENT in figure.file


def test_figures_say_their_numbers(rich):
    assert "0.93" in " ".join(filter(None, texts(DRAW["outcomes"](rich)))) + DRAW["outcomes"](rich).caption
    controls = DRAW["controls"](rich)
    assert "this edit" in texts(controls)
    assert "at no more forced KL than the edit: hit 0.62" in controls.body
    strength = DRAW["strength"](rich)
    assert "hit on validation, n = 72, with 95 % interval" in texts(strength)
    assert "strength (calibrated units)" in texts(strength)
    assert strength.caption == (
        "Dashed: chosen strength 1. Shaded: from 0.75 to 1.25, hit stays within 0.05."
        " Hit on 64 validation items, 24 of them on training carriers."
    )


def test_controls_stand_sorted(rich):
    edit = rich.edits[0]
    hits = [control.hit for _, control in draw.compared(edit.controls)]
    assert hits == sorted(hits, reverse=True)
    assert set(edit.controls) == {name.replace(" ", "_") for name, _ in draw.compared(edit.controls)}


def test_nothing_to_draw_is_no_figure(rich):
    bare = rich.edits[0].model_copy(update={"curve": (), "controls": {}, "pairs": (), "quadrants": {}})
    assert draw.strength_figure(bare, "x") is None
    assert draw.tradeoff_figure(bare, "x") is None
    assert draw.control_figure(None, {}, "x") is None
    assert draw.outcome_figure({}, "x") is None
    assert draw.confusion_figure(None) is None
    assert draw.activation_figure({}) is None
    assert draw.layer_figure(()) is None


def test_ids_of_two_figures_differ(rich):
    edit = rich.edits[0]
    one, two = (draw.strength_figure(edit, name) for name in ("one", "two"))
    assert one is not None
    assert two is not None
    found = [set(re.findall(r' id="([^"]+)"', figure.body)) for figure in (one, two)]
    assert found[0]
    assert not found[0] & found[1]


def test_the_users_own_style_is_neither_used_nor_changed(rich):
    figure = DRAW["layers"](rich)
    with matplotlib.rc_context({"lines.linewidth": 9.0, "axes.facecolor": "#ff0000", "svg.fonttype": "path"}):
        assert DRAW["layers"](rich) == figure
        assert matplotlib.rcParams["lines.linewidth"] == 9.0
    assert "ff0000" not in figure.body


def test_labels_are_spread_in_order():
    assert spread([10.0, 11.0, 50.0], 15, 0, 100) == [10.0, 25.0, 50.0]
    assert spread([98.0, 99.0], 15, 0, 100) == [85.0, 100.0]
    assert spread([], 15, 0, 100) == []


def test_matplotlib_is_loaded_only_to_draw():
    script = "import sys, kedit.reporting.html; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
