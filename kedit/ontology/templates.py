"""Templates as written on a relation: read, checked, made ready for subjects to stand in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from kedit.errors import InputError, Place
from kedit.ontology.model import Form, Role, Template
from kedit.ontology.terms import KEDIT, is_literal, language_of, language_rank, lexical_form

PROPERTIES: tuple[tuple[str, Role], ...] = (
    ("questionTemplate", "train"),
    ("clozeTemplate", "train"),
    ("validationTemplate", "valid"),
    ("heldOutTemplate", "heldout"),
)
TEMPLATE_IRIS = tuple(KEDIT + name for name, _ in PROPERTIES)
FORMS: Mapping[str, Form] = {"questionTemplate": "question", "clozeTemplate": "cloze"}
ADVICE = "A template holds {subject} once; a cloze ends in {object}; {domain} and {range} need a named class (docs/templates.md)."
_ROLES: tuple[Role, ...] = ("train", "valid", "heldout")
_BRACED = re.compile(r"\{([^{}]*)\}")


class Malformed(ValueError):
    """A template that cannot be used; says why."""


def unusable(problem: Malformed, place: Place) -> InputError:
    """The error for a malformed template in a file that was written for kedit."""
    return InputError(f"malformed template: {problem}", place=place, advice=ADVICE, code="KE171")


def parse_template(
    text: str, role: Role, *, form: Form | None = None, domain: str | None = None, range_: str | None = None
) -> Template:
    """Check a template's text; Malformed says what is wrong.

    `{subject:poss}` becomes `{subject}'s`, `{domain}` and `{range}` the labels of the classes; a full stop after a final
    `{object}` goes. Without `form`, a text that ends in `{object}` is a cloze.
    """
    # Newlines are part of a written frame; runs of spaces are not.
    text = re.sub(r"[ \t]+", " ", text.strip()).replace("{subject:poss}", "{subject}'s")
    for name, label in (("domain", domain), ("range", range_)):
        if f"{{{name}}}" in text:
            if label is None:
                raise Malformed(f"{{{name}}} has no named class to stand for it")
            text = text.replace(f"{{{name}}}", label)
    text = re.sub(r"\{object\}[\s.!]+$", "{object}", text)
    unknown = sorted(set(_BRACED.findall(text)) - {"subject", "object"})
    if unknown:
        raise Malformed(f"{{{unknown[0]}}} is no placeholder")
    if re.search(r"[{}]", _BRACED.sub("", text)):
        raise Malformed("a brace is not closed")
    if text.count("{subject}") != 1:
        raise Malformed("{subject} must stand in it exactly once")
    ends = text.endswith("{object}")
    if "{object}" in text and not (ends and text.count("{object}") == 1):
        raise Malformed("{object} may only stand at the end")
    if form == "cloze" and not ends:
        raise Malformed("a cloze ends in {object}")
    if form == "question" and ends:
        raise Malformed("a question has no {object}; use kedit:clozeTemplate")
    if ends and text.index("{object}") < text.index("{subject}"):
        raise Malformed("{subject} must stand before {object}")
    return Template(text, "cloze" if ends else "question", role)


def in_order(templates: Iterable[Template]) -> tuple[Template, ...]:
    """Distinct templates by role, form and text, so that their order does not depend on the file's."""
    return tuple(sorted(set(templates), key=lambda template: (_ROLES.index(template.role), template.form, template.text)))


def in_language(terms: Iterable[str], language: str) -> list[str]:
    """Lexical forms, newlines kept, of the literals in the language, its base or untagged; in any if there are none of these."""
    ranked = [(language_rank(language_of(term), language), lexical_form(term)) for term in terms if is_literal(term)]
    best = [text for rank, text in ranked if rank < 3]
    return sorted(set(best or [text for _, text in ranked]))
