"""A diagram in the format that is asked for."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal, assert_never, get_args

from kedit.errors import InputError, Place
from kedit.files import atomic
from kedit.reporting.diagram.dot import to_dot
from kedit.reporting.diagram.mermaid import to_mermaid
from kedit.reporting.diagram.model import Diagram
from kedit.reporting.diagram.png import to_png
from kedit.reporting.diagram.svg import to_svg

Format = Literal["mermaid", "dot", "svg", "png"]
_EXTENSIONS: dict[str, Format] = {
    ".mmd": "mermaid", ".mermaid": "mermaid", ".dot": "dot", ".gv": "dot", ".svg": "svg", ".png": "png",
}  # fmt: skip


def chosen_format(format: Format | None, out: Path | None) -> Format:
    """The format that is named, else that of the file's extension, else Mermaid; InputError for an unknown extension."""
    if format or out is None:
        return format or "mermaid"
    if out.suffix.lower() in _EXTENSIONS:
        return _EXTENSIONS[out.suffix.lower()]
    problem = f"no picture format has the extension {out.suffix!r}" if out.suffix else "the name has no extension"
    advice = f"Use .mmd (Mermaid), .dot, .svg or .png, or name one with --format {' | '.join(get_args(Format))}."
    raise InputError(problem, place=Place(out), advice=advice, code="KE191")


def render(diagram: Diagram, format: Format) -> bytes:
    """The diagram as the bytes of a file."""
    match format:
        case "mermaid":
            return to_mermaid(diagram).encode()
        case "dot":
            return to_dot(diagram).encode()
        case "svg":
            return to_svg(diagram).encode()
        case "png":
            return to_png(diagram)
        case _:
            assert_never(format)


def write(diagram: Diagram, out: Path, format: Format) -> None:
    """Write the picture, whole or not at all."""
    picture = render(diagram, format)
    with atomic(out) as temporary:
        temporary.write_bytes(picture)


def to_stdout(diagram: Diagram, format: Format) -> None:
    """Write the picture to stdout; InputError for bytes that would go to a terminal."""
    if format == "png" and sys.stdout.isatty():
        raise InputError("a PNG is no text for a terminal", advice="Name a file with -o.", code="KE191")
    sys.stdout.flush()
    sys.stdout.buffer.write(render(diagram, format))
