"""Mermaid and DOT: quoting, arrows, styles."""

from __future__ import annotations

import re

from kedit.ontology import Ontology
from kedit.reporting.diagram import diagram
from kedit.reporting.diagram.dot import quoted as dot_quoted
from kedit.reporting.diagram.dot import to_dot
from kedit.reporting.diagram.mermaid import quoted as mermaid_quoted
from kedit.reporting.diagram.mermaid import to_mermaid

HARD = 'a "b" [c] {d} <e> & \\N #1; %%{init} `f`\n| g 東京 ünï'
NODE = re.compile(r'  [nr]\d+(\(\["|\[")[^"]*("\]\)|"\]):::\w+')
LINK = re.compile(r'  [nr]\d+ (-- "[^"]*" --[->]|-\. "[^"]*" \.->?|-->|---|-\.-|-\.->) [nr]\d+')


def test_mermaid_labels_hold_nothing_that_mermaid_reads() -> None:
    assert mermaid_quoted(HARD) == ("a #34;b#34; [c] {d} #60;e#62; #38; #92;N #35;1#59; #37;#37;{init} #96;f#96; | g 東京 ünï")


def test_dot_strings_hold_nothing_that_graphviz_reads() -> None:
    assert dot_quoted(HARD, "", "&lt;") == '"a \\"b\\" [c] {d} <e> &amp; \\\\N #1; %%{init} `f` | g 東京 ünï\\n&amp;lt;"'


def test_every_line_of_mermaid_is_a_node_a_link_or_a_style(house: Ontology, hard: Ontology) -> None:
    for ontology in (house, hard):
        for what in ("relations", "classes"):
            lines = to_mermaid(diagram(ontology, what)).splitlines()
            assert lines[:4] == ["---", f'title: "{ontology.source.rsplit("/", 1)[-1]} · {what}"', "---", "flowchart LR"]
            for line in lines[4:]:
                assert NODE.fullmatch(line) or LINK.fullmatch(line) or line.startswith(("  classDef ", "  %% ")), line


def test_mermaid_shows_kinds_of_arrows(house: Ontology) -> None:
    text = to_mermaid(diagram(house, "relations"))
    ids = {label: name for name, label in re.findall(r'(n\d+)[(\[]+"<b>(.*?)</b>', text)}
    assert f'{ids["Person"]} -- "<b>father</b> 2 facts · functional · inverse fatherOf" --> {ids["Man"]}' in text
    assert re.search(rf'{ids["Person"]} -- "<b>spouse</b>.*" --- {ids["Person"]}\n', text)
    assert re.search(rf'{ids["Person"]} -. "<b>keeps</b>.*" .-> {ids["Dog"]}\n', text)
    assert f'{ids["Man"]} -- "subclass of" --> {ids["Person"]}' in text
    fan = to_mermaid(diagram(house, "facts", focus="ann"))
    assert re.search(r'r\d+\(\["<b>keeps</b>"\]\):::pill\n  n0 --- (r\d+)\n  \1 --> n\d+\n  \1 --> n\d+\n', fan)
    assert re.search(r'n0\["<b>ann</b>.*"\]:::focus', fan)


def test_dot_is_one_graph_of_quoted_strings(house: Ontology, hard: Ontology) -> None:
    text = to_dot(diagram(house, "relations"))
    assert text.startswith("digraph {\n")
    assert text.endswith("}\n")
    assert '[label="father · 2 facts · functional · inverse fatherOf"]' in text
    assert "arrowhead=empty" in text
    assert "dir=none" in text
    assert "style=dashed" in text
    for line in to_dot(diagram(hard, "relations")).splitlines()[1:-1]:
        unquoted = re.sub(r'"(\\.|[^"\\])*"', "", line)
        assert re.fullmatch(r"  (graph|node|edge|[nr]\d+( -> [nr]\d+)?) \[[\w= .]*\]", unquoted), line
