"""Carriers: prompt templates with a place for the subject, made from the ontology's templates and from neutral frames."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import ConfigDict

from kedit.curriculum.splits import unit_hash
from kedit.errors import InputError
from kedit.files import digest
from kedit.ontology.model import Ontology, Relation, Role, Template

Style = Literal["raw", "chat"]
SUBJECT = "{subject}"
OBJECT = "{object}"
_PLACEHOLDER = re.compile(r"\{[^{}]*\}")

BARE_FRAMES: dict[Role, tuple[str, ...]] = {
    "train": (
        "I have been thinking about {subject}",
        "Yesterday we talked about {subject} for an hour, and",
        "{subject} came up again in the meeting.",
        "The next page is about {subject}.",
        "Q: Have you ever heard of {subject}?\nA:",
        "My notes begin with {subject}",
        "She asked me what I thought of {subject}, so",
        "Let me say a few words about {subject}:",
        "There is a long article on {subject} in today's paper",
        "Speaking of {subject},",
    ),
    "valid": (
        "We spent the whole evening reading about {subject}",
        "Q: Can you spell {subject}?\nA:",
        "A letter that mentioned {subject} lay on the table.",
    ),
    "heldout": (
        "Nobody had expected to hear of {subject} again, but",
        "Chapter four: {subject}.",
        "Q: Why is everybody suddenly interested in {subject}?\nA:",
        "It was late when he finally looked up {subject} and",
    ),
}
"""Frames that name a subject and ask nothing about it."""


@dataclass(frozen=True, slots=True)
class Carrier:
    """A prompt template: text = before + subject + after; earlier mentions stand in `before` as `{subject}`."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    id: str
    relation: str | None
    before: str
    after: str
    form: Literal["question", "cloze", "negative"]
    split: Role

    def render(self, subject: str) -> tuple[str, tuple[int, int]]:
        """The prompt's text and the character span of its last mention of the subject."""
        before = self.before.replace(SUBJECT, subject)
        return before + subject + self.after, (len(before), len(before) + len(subject))

    @property
    def own_text(self) -> str:
        """What the carrier itself says, with a gap for every mention of the subject."""
        return self.before.replace(SUBJECT, "\n") + "\n" + self.after


def relation_carriers(ontology: Ontology, relation: str, style: Style = "raw") -> tuple[Carrier, ...]:
    """Carriers of one relation, in the order of its templates.

    Without a validation template, one of at least three training carriers becomes it (by hash); likewise for held-out ones
    and at least four. InputError for a template without `{subject}`, or one that is both trained on and held out.
    """
    node = ontology.relations[relation]
    found: dict[tuple[str, str], Carrier] = {}
    for template in node.templates:
        before, after = _cut(ontology, node, template, style)
        carrier = _carrier(node.curie, relation, before, after, template.form, template.role)
        twin = found.setdefault((before, after), carrier)
        if twin.split != carrier.split:
            raise InputError(
                f"{node.curie} has {template.text!r} among its {twin.split} and its {carrier.split} templates",
                advice="A prompt that is held out must not be trained on: remove one of the two.",
                code="KE173",
            )
    carriers = list(found.values())
    for role, least in (("valid", 3), ("heldout", 4)):
        carriers = _promote(carriers, role, least)  # type: ignore[arg-type]
    return tuple(carriers)


def _promote(carriers: list[Carrier], role: Role, least: int) -> list[Carrier]:
    train = [carrier for carrier in carriers if carrier.split == "train"]
    if len(train) < least or any(carrier.split == role for carrier in carriers):
        return carriers
    chosen = min(train, key=lambda carrier: unit_hash(role, carrier.id)).id
    return [Carrier(c.id, c.relation, c.before, c.after, c.form, role) if c.id == chosen else c for c in carriers]


def _carrier(name: str, relation: str | None, before: str, after: str, form: str, split: Role) -> Carrier:
    # The id depends on the words alone: templates that are added or moved rename no other.
    return Carrier(f"{name}/{form}-{digest([before, after])[:6]}", relation, before, after, form, split)  # type: ignore[arg-type]


def _cut(ontology: Ontology, relation: Relation, template: Template, style: Style) -> tuple[str, str]:
    """Text before and after the last mention of the subject."""
    text = template.text.replace("{subject:poss}", SUBJECT + "'s")
    for key, classes in (("{domain}", relation.domain), ("{range}", relation.range)):
        if key in text:
            text = text.replace(key, _class_word(ontology, classes, relation, template))
    unknown = [match for match in _PLACEHOLDER.findall(text) if match not in (SUBJECT, OBJECT)]
    if unknown:
        known = "{subject}, {object}, {subject:poss}, {domain}, {range}"
        raise InputError(
            f"template {template.text!r} of {relation.curie} has an unknown placeholder {unknown[0]}",
            advice=f"Known: {known}.",
            code="KE173",
        )
    asks = OBJECT not in text
    text = text.split(OBJECT, 1)[0].rstrip()
    if SUBJECT not in text:
        raise InputError(
            f"template {template.text!r} of {relation.curie} does not name {SUBJECT} before {OBJECT}",
            advice="Write one such as 'The capital of {subject} is {object}' or 'What is the capital of {subject}?'.",
            code="KE173",
        )
    framed = "\n" in text or "Q:" in text or text.endswith(":")
    if template.form == "question" and asks and not framed and style == "raw":
        text = f"Q: {text}\nA:"
    before, after = text.rsplit(SUBJECT, 1)
    return before, after


def _class_word(ontology: Ontology, classes: Iterable[str], relation: Relation, template: Template) -> str:
    for iri in classes:
        if iri in ontology.classes:
            label = ontology.classes[iri].label
            return label if label.isupper() else label.lower()
    raise InputError(
        f"template {template.text!r} of {relation.curie} names its domain or range, but the ontology declares no class there",
        advice=f"Declare rdfs:domain and rdfs:range of {relation.curie}, or write the word into the template.",
        code="KE173",
    )


def bare_carriers() -> tuple[Carrier, ...]:
    """Negative carriers that name a subject and ask for no relation."""
    result = []
    for split, frames in BARE_FRAMES.items():
        for frame in frames:
            before, after = frame.rsplit(SUBJECT, 1)
            result.append(_carrier("bare", None, before, after, "negative", split))
    return tuple(result)


def neutral_carriers(sentences: Iterable[str], split: Role | None = None) -> tuple[Carrier, ...]:
    """Negative carriers without any subject; with `split` None, one in eight validates and the others train."""
    result = []
    for sentence in sentences:
        role: Role = split or ("valid" if unit_hash("neutral", sentence) < 0.125 else "train")
        result.append(_carrier("neutral", None, sentence, "", "negative", role))
    return tuple(result)
