"""What the made-up worlds write alike in Turtle: names, kedit's annotations, and the carriers of a relation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence


def turtle_name(label: str) -> str:
    """A local name for a label of letters, digits, spaces and commas."""
    return label.replace(", ", "_").replace(" ", "_")


def declarations(roles: Iterable[str]) -> Iterator[str]:
    """Declarations of the annotation properties that `templates` and its neighbours use."""
    names = ("phrase", "wh", "split", *(f"{role}Template" for role in roles))
    yield from (f"kedit:{name} a owl:AnnotationProperty ." for name in names)


def templates(by_role: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """The end of a relation's statement: its carriers by role."""
    last = list(by_role)[-1]
    for role, texts in by_role.items():
        quoted = " ,\n        ".join(f'"{text}"'.replace("\n", "\\n") for text in texts)
        yield f"    kedit:{role}Template {quoted} {'.' if role == last else ';'}"
