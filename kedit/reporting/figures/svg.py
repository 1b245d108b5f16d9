"""What matplotlib draws, as SVG that is small, follows the page's colours, and is the same bytes every time."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Final

from kedit.files import atomic
from kedit.reporting import format as fmt
from kedit.reporting.diagram import fonts
from kedit.reporting.figures.palette import INK, PAPER, SOFT, VARIABLES

ZOOM: Final = 2.0
_TITLE_ROOM: Final = 30
_LINE: Final = 15
_HALF: Final = 500
_DROPPED: Final = {"metadata", "style"}
_SAID_BY_DEFAULT: Final = {("stroke-linejoin", "round"), ("stroke-linecap", "butt"), ("opacity", "1")}
_NUMBER: Final = re.compile(r"-?\d+\.\d+")
_COLOURS: Final = re.compile("|".join(VARIABLES))


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawn figure: `name` is that of its files, which say in their title what it is `about`.

    `body` is the inside of its `<svg>` with the colours of light paper.
    """

    name: str
    title: str
    caption: str
    about: str
    width: int
    height: int
    body: str

    @property
    def is_wide(self) -> bool:
        """Whether it wants the whole width of a page."""
        return self.width > _HALF

    @property
    def inline(self) -> str:
        """For a page: colours are the page's variables, sizes and letters its own."""
        body = _COLOURS.sub(lambda found: f"var({VARIABLES[found[0]]})", self.body)
        kind = "figure large" if self.is_wide else "figure"
        size = f'viewBox="0 0 {self.width} {self.height}" style="--wide:{self.width}px"'
        return f'<svg class="{kind}" {size} {self._rest}>{body}</svg>'

    @property
    def file(self) -> str:
        """For a file: with its title and caption, on white."""
        lines = fonts.wrap(fmt.printable(self.caption), (self.width - 16) / 1.1, 11, lines=4)
        height = self.height + _TITLE_ROOM + (len(lines) * _LINE + 8 if lines else 0)
        size = f'width="{self.width}" height="{height}" viewBox="0 -{_TITLE_ROOM} {self.width} {height}"'
        name = f"{self.title}: {self.about}" if self.about else self.title
        title = fonts.fit(fmt.printable(name), (self.width - 16) / 1.15, 14, "Semibold")
        told = "".join(
            f'<text x="8" y="{self.height + 12 + index * _LINE}" font-size="11" fill="{SOFT}">{escape(line)}</text>'
            for index, line in enumerate(lines)
        )
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="{fonts.STACK}" {self._rest}>'
            f'<rect y="-{_TITLE_ROOM}" width="{self.width}" height="{height}" fill="{PAPER}"/>'
            f'<text x="8" y="-11" font-size="14" font-weight="600" fill="{INK}">{escape(title)}</text>{self.body}{told}</svg>\n'
        )

    def save(self, path: Path) -> None:
        """Write it as SVG or PNG, by the name's ending; whole or not at all."""
        with atomic(path) as temporary:
            temporary.write_bytes(self.png() if path.suffix == ".png" else self.file.encode())

    def png(self) -> bytes:
        """The file's picture at twice its size, with a typeface that comes from a package."""
        import resvg_py

        files = [str(fonts.path("Regular")), str(fonts.path("Semibold"))]
        family = fonts.FAMILY
        return bytes(
            resvg_py.svg_to_bytes(svg_string=self.file, font_files=files, font_family=family, sans_serif_family=family, zoom=ZOOM)
        )

    @property
    def _rest(self) -> str:
        label = escape(fmt.printable(f"{self.title}. {self.caption}".strip()))
        return f'role="img" aria-label="{label}" stroke-linejoin="round" stroke-linecap="butt"'


def tidy(raw: str, name: str, tips: Sequence[str]) -> str:
    """The inside of a figure's SVG: no style sheet, no ids but the ones that are used, `tip-3` told by the third of `tips`."""
    used = set(re.findall(r"#([A-Za-z]\w*)", raw))
    root = _tidied(ET.fromstring(raw), name, used, tips)
    return "".join(ET.tostring(child, encoding="unicode") for child in _content(root))


def _tidied(element: ET.Element, name: str, used: set[str], tips: Sequence[str]) -> ET.Element:
    made = ET.Element(element.tag.rpartition("}")[2], _attributes(element, name, used))
    made.text = element.text if made.tag == "text" else None
    told = element.get("id", "").partition("tip-")[2]
    if told:
        ET.SubElement(made, "title").text = tips[int(told)]
    for child in element:
        small = _tidied(child, name, used, tips)
        if small.tag not in _DROPPED:
            made.extend(_content(small) if small.tag == "g" and not small.attrib and not _has_title(small) else [small])
    return made


def _content(element: ET.Element) -> list[ET.Element]:
    return [child for child in element if child.tag != "defs" or len(child)]


def _has_title(element: ET.Element) -> bool:
    return len(element) > 0 and element[0].tag == "title"


def _attributes(element: ET.Element, name: str, used: set[str]) -> dict[str, str]:
    """An element's attributes, its style among them, with two decimals."""
    made: dict[str, str] = {}
    for key, value in element.attrib.items():
        key = key.rpartition("}")[2]
        if key == "style":
            rules = (rule.partition(":") for rule in value.split(";") if rule.strip())
            pairs = ((rule.strip(), said.strip()) for rule, _, said in rules)
            made |= {rule: said for rule, said in pairs if rule != "font-family" and (rule, said) not in _SAID_BY_DEFAULT}
        elif key == "id":
            made |= {"id": f"{name}-{value}"} if value in used else {}
        elif key == "href":
            made["href"] = f"#{name}-{value[1:]}"
        elif key == "clip-path":
            made["clip-path"] = value.replace("#", f"#{name}-")
        elif key != "transform" or not value.startswith("rotate(-0 "):
            made[key] = " ".join(_NUMBER.sub(_rounded, value).split())
    return made


def _rounded(number: re.Match[str]) -> str:
    value = round(float(number[0]), 2) + 0.0
    return f"{value:.2f}".rstrip("0").rstrip(".") if value else "0"
