"""SVG and PNG: well-formed, nothing overlaps, no text leaves its box, letters are there on a bare machine."""

from __future__ import annotations

import io
import itertools
import os
import subprocess
import sys
import time
import zlib
from pathlib import Path
from xml.etree import ElementTree

import pytest

from kedit.ontology import Ontology
from kedit.reporting.diagram import Diagram, diagram, fonts
from kedit.reporting.diagram.layout import Layout, lay_out
from kedit.reporting.diagram.png import to_png
from kedit.reporting.diagram.spacing import respaced, straightened
from kedit.reporting.diagram.svg import to_svg

ROOT = Path(__file__).parents[3]
SVG = "{http://www.w3.org/2000/svg}"
PICTURES = [(name, what) for name in ("house", "hard", "big") for what in ("relations", "classes")] + [("house", "facts")]


@pytest.fixture(params=PICTURES, ids=" ".join)
def picture(request: pytest.FixtureRequest) -> Diagram:
    name, what = request.param
    return diagram(request.getfixturevalue(name), what)


def test_svg_is_xml_that_says_what_it_shows(picture: Diagram) -> None:
    root = ElementTree.fromstring(to_svg(picture))
    assert root.find(f"{SVG}title").text == picture.title
    described = root.find(f"{SVG}desc").text
    assert picture.caption in described
    assert picture.left_out in described
    shown = {text.text for text in root.iter(f"{SVG}text")}
    assert {picture.title, picture.caption} <= shown
    assert picture.left_out in shown or not picture.left_out


def test_no_box_overlaps_and_no_line_runs_under_one(picture: Diagram) -> None:
    layout = lay_out(picture)
    for one, other in itertools.combinations(layout.boxes, 2):
        apart = (
            one.x + one.box.width <= other.x or other.x + other.box.width <= one.x
            or one.y + one.box.height <= other.y or other.y + other.box.height <= one.y
        )  # fmt: skip
        assert apart, (one.box.texts, other.box.texts)
    assert not list(_under(layout))


def _under(layout: Layout) -> list[object]:
    inner = [(b.x + 2, b.x + b.box.width - 2, b.y + 2, b.y + b.box.height - 2, b.box.texts) for b in layout.boxes]
    return [
        texts
        for line in layout.lines
        for (x0, y0), (x1, y1) in itertools.pairwise(line.points)
        for left, right, top, bottom, texts in inner
        if max(x0, x1) > left and min(x0, x1) < right and max(y0, y1) > top and min(y0, y1) < bottom
    ]


def test_text_stays_in_its_box_and_the_picture_holds_all(picture: Diagram) -> None:
    layout = lay_out(picture)
    for placed in layout.boxes:
        assert placed.x >= 0
        assert placed.x + placed.box.width <= layout.width + 0.01
        assert placed.y >= 0
        assert placed.y + placed.box.height <= layout.height + 0.01
        for text in placed.box.texts:
            assert text.width <= placed.box.width - 20, text
            assert 8 < text.y < placed.box.height - 2, text
        rows = [text for text in placed.box.texts if text.anchor != "middle"]
        for name, value in itertools.pairwise(rows):
            if name.y == value.y:
                assert name.width + value.width <= placed.box.width - 30


def test_lines_are_upright_and_end_at_boxes(picture: Diagram) -> None:
    layout = lay_out(picture)
    borders = [(b.x, b.x + b.box.width, b.y, b.y + b.box.height) for b in layout.boxes]
    for line in layout.lines:
        for (x0, y0), (x1, y1) in itertools.pairwise(line.points):
            assert abs(x0 - x1) < 0.2 or abs(y0 - y1) < 0.2
        for x, y in (line.points[0], line.points[-1]):
            assert any(l - 1 <= x <= r + 1 and t - 1 <= y <= b + 1 for l, r, t, b in borders)


def test_a_picture_of_a_large_schema_takes_no_time(big: Ontology) -> None:
    for most in (40, 200):
        started = time.perf_counter()
        for what in ("relations", "classes"):
            to_svg(diagram(big, what, max_nodes=most))
        assert time.perf_counter() - started < 10


def test_png_shows_its_text_without_any_font_of_the_system(house: Ontology, monkeypatch: pytest.MonkeyPatch) -> None:
    import resvg_py

    bare = resvg_py.svg_to_bytes
    monkeypatch.setattr(resvg_py, "svg_to_bytes", lambda **given: bare(**given, skip_system_fonts=True))
    picture = diagram(house, "facts", focus="ann")
    with_text = to_png(picture)
    assert with_text[:8] == b"\x89PNG\r\n\x1a\n"
    monkeypatch.setattr(resvg_py, "svg_to_bytes", lambda **given: bare(**{**given, "font_files": []}, skip_system_fonts=True))
    without = to_png(picture)
    assert with_text[16:24] == without[16:24]  # the same size
    drawn = [sum(byte != 0 for byte in _pixels(png)) for png in (with_text, without)]
    assert drawn[0] > drawn[1] + 5000


def _pixels(png: bytes) -> bytes:
    """The filtered pixel rows: flat ground is zero in them, letters are not."""
    data, position = b"", 8
    while position < len(png):
        length, kind = int.from_bytes(png[position : position + 4], "big"), png[position + 4 : position + 8]
        data += png[position + 8 : position + 8 + length] if kind == b"IDAT" else b""
        position += 12 + length
    return zlib.decompress(data)


def test_widths_are_those_of_the_font_that_is_drawn() -> None:
    from fontTools.ttLib import TTFont

    assert fonts.width("", 12) == 0
    assert fonts.width("mm", 12) == pytest.approx(2 * fonts.width("m", 12))
    assert fonts.width("東", 10) == 10
    assert fonts.width("father", 13, "Semibold") > fonts.width("father", 13)
    assert TTFont(fonts.path("Regular"))["name"].getDebugName(1) == fonts.FAMILY


def test_long_text_is_wrapped_then_cut() -> None:
    assert fonts.fit("short", 100, 12) == "short"
    cut = fonts.fit("w" * 100, 100, 12)
    assert cut.endswith("…")
    assert fonts.width(cut, 12) <= 100
    assert fonts.wrap("one two three four five six", 60, 12) == ("one two", "three fou…")
    assert fonts.wrap("one", 60, 12) == ("one",)


def test_letters_come_along_with_the_svg(house: Ontology) -> None:
    import base64
    import re

    from fontTools.ttLib import TTFont

    found = re.findall(r"font-weight:(\d+);src:url\(data:font/ttf;base64,([^)]+)\)", to_svg(diagram(house, "classes")))
    assert [weight for weight, _ in found] == ["400", "600"]
    letters = TTFont(io.BytesIO(base64.b64decode(found[1][1]))).getBestCmap()
    assert {ord(letter) for letter in "PersonCity"} <= set(letters)
    assert ord("%") not in letters


def test_gaps_are_as_wide_as_their_lines_need_and_keep_order() -> None:
    mapped = respaced([(0, 100), (10, 90), (300, 400)], [110, 112, 112.2, 290])
    assert (mapped(0), mapped(100), mapped(50)) == (0, 100, 50)
    assert mapped(400) - mapped(300) == 100
    bends = [mapped(110) - 100, mapped(112) - 100, mapped(112.2) - 100, mapped(290) - 100, mapped(300) - 100]
    assert bends == pytest.approx([13, 26, 26, 39, 52])
    assert respaced([(0, 10), (500, 510)], [])(500) == 54


def test_steps_of_a_pixel_are_taken_out_of_lines() -> None:
    assert straightened([(0, 0), (50, 1), (50, 40), (51, 90)]) == ((0, 0), (50, 0), (50, 40), (50, 90))


SCRIPT = """
import hashlib, sys
from pathlib import Path
from kedit.ontology import load_ontology
from kedit.reporting.diagram import diagram
from kedit.reporting.diagram.render import render
ontology = load_ontology(Path("ontologies/family.ttl"))
for what in ("relations", "classes", "facts"):
    for form in ("mermaid", "dot", "svg", "png"):
        print(what, form, hashlib.sha256(render(diagram(ontology, what), form)).hexdigest())
"""


def test_the_same_bytes_under_every_hash_seed() -> None:
    runs = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert len(runs) == 1
    assert len(runs.pop().splitlines()) == 12
