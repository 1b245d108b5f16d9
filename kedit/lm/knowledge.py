"""What a model knows of an ontology: its greedy answers to every asked prompt, gathered by fact."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from kedit.curriculum.answers import AnswerMatcher
from kedit.curriculum.prompts import Prompt, PromptSet
from kedit.errors import InputError, Place
from kedit.files import read_jsonl, write_json, write_jsonl
from kedit.lm.model import LanguageModel
from kedit.lm.reading import Reading
from kedit.ontology.model import Ontology

SCHEMA = "kedit.knowledge/1"
ENOUGH_FACTS, ENOUGH_RELATIONS = 30, 2
"""A model knows enough to be edited if it knows so many facts of each of so many relations (method.md)."""
FactKey = tuple[str, str]
"""(subject IRI, relation IRI)."""


class Modal(NamedTuple):
    """An answer: the values it parses to, the fewest tokens that already do so, and their text."""

    values: tuple[str, ...]
    ids: tuple[int, ...]
    text: str


@dataclass(frozen=True)
class Knowledge:
    """What a model answers, without any edit. Held-out and validation carriers enter `texts`, `ids` and `hits` alone.

    texts, ids, hits: one per prompt of `PromptSet.asked`. The mappings run over every fact asked with a training carrier:
    known: hit on at least half of them (the robust gate); any: on one at least; direct: mean hit; modal: the most frequent
    parsed answer, right or wrong (None: nothing parsed); right: the most frequent right one. majority: relation -> the
    value that most training subjects have.
    """

    texts: tuple[str, ...]
    ids: tuple[tuple[int, ...], ...]
    hits: tuple[bool, ...]
    known: Mapping[FactKey, bool]
    any: Mapping[FactKey, bool]
    direct: Mapping[FactKey, float]
    modal: Mapping[FactKey, Modal | None]
    right: Mapping[FactKey, Modal | None]
    majority: Mapping[str, str]

    @property
    def enough(self) -> bool:
        """Whether at least two relations have 30 known facts."""
        counts = Counter(relation for (_, relation), known in self.known.items() if known)
        return sum(count >= ENOUGH_FACTS for count in counts.values()) >= ENOUGH_RELATIONS

    def save(self, path: Path) -> None:
        """Write `path` (facts) and, beside it, the same name in .jsonl (one answer a line, as the prompts stand)."""
        facts = [
            {
                "subject": subject,
                "relation": relation,
                "known": known,
                "direct": self.direct[subject, relation],
                "modal": _row(self.modal[subject, relation]),
                "right": _row(self.right[subject, relation]),
            }
            for (subject, relation), known in self.known.items()
        ]
        answers = zip(self.ids, self.texts, self.hits, strict=True)
        write_jsonl(path.with_suffix(".jsonl"), ({"ids": list(i), "text": t, "hit": h} for i, t, h in answers))
        write_json(path, {"schema": SCHEMA, "majority": dict(self.majority), "facts": facts})

    @classmethod
    def load(cls, path: Path) -> Knowledge:
        """Read what `save` wrote; InputError if it is something else."""
        import json

        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            answers = list(read_jsonl(path.with_suffix(".jsonl")))
            facts = {(row["subject"], row["relation"]): row for row in data["facts"]}
            return cls(
                texts=tuple(row["text"] for row in answers),
                ids=tuple(tuple(row["ids"]) for row in answers),
                hits=tuple(row["hit"] for row in answers),
                known={key: row["known"] for key, row in facts.items()},
                any={key: row["direct"] > 0 for key, row in facts.items()},
                direct={key: row["direct"] for key, row in facts.items()},
                modal={key: _modal(row["modal"]) for key, row in facts.items()},
                right={key: _modal(row["right"]) for key, row in facts.items()},
                majority=data["majority"],
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError("is not what a model knows", place=Place(path), advice="Align again.") from error


def assess(lm: LanguageModel, prompts: PromptSet, reading: Reading, matchers: Mapping[str, AnswerMatcher]) -> Knowledge:
    """Sort a model's answers by fact. `reading` is of `prompts.asked`, in that order."""
    asked = prompts.asked
    if len(reading.texts) != len(asked):
        raise ValueError(f"{len(reading.texts)} answers to {len(asked)} prompts")
    hits = tuple(matchers[str(p.relation)].hit(text, p.answers) for p, text in zip(asked, reading.texts, strict=True))
    trained: dict[FactKey, list[int]] = defaultdict(list)
    for index, prompt in enumerate(asked):
        if prompt.carrier_split == "train":
            trained[str(prompt.subject), str(prompt.relation)].append(index)
    direct = {key: sum(hits[i] for i in rows) / len(rows) for key, rows in trained.items()}
    modal: dict[FactKey, Modal | None] = {}
    right: dict[FactKey, Modal | None] = {}
    for key, rows in trained.items():
        matcher, accepted = matchers[key[1]], set(asked[rows[0]].answers)
        cuts = [cut for i in rows if (cut := _cut(lm, matcher, reading.answers[i], reading.texts[i])) is not None]
        modal[key] = _most_frequent(cuts)
        right[key] = _most_frequent([cut for cut in cuts if accepted.intersection(cut.values)])
    return Knowledge(
        texts=reading.texts,
        ids=reading.answers,
        hits=hits,
        known={key: share >= 0.5 for key, share in direct.items()},
        any={key: share > 0 for key, share in direct.items()},
        direct=direct,
        modal=modal,
        right=right,
        majority=_majority(asked),
    )


def closings(
    lm: LanguageModel, prompts: PromptSet, knowledge: Knowledge, matchers: Mapping[str, AnswerMatcher]
) -> dict[str, tuple[int, ...]]:
    """Training carrier -> the token that follows most answers there (a full stop, a line end), if one does."""
    counts: dict[str, Counter[int]] = defaultdict(Counter)
    for prompt, ids, text in zip(prompts.asked, knowledge.ids, knowledge.texts, strict=True):
        if prompt.carrier_split == "train" and prompt.subject_split == "train":
            cut = _cut(lm, matchers[str(prompt.relation)], ids, text)
            if cut is not None and len(cut.ids) < len(ids):
                counts[prompt.carrier][ids[len(cut.ids)]] += 1
    return {carrier: (found.most_common(1)[0][0],) for carrier, found in counts.items()}


def _cut(lm: LanguageModel, matcher: AnswerMatcher, ids: Sequence[int], text: str) -> Modal | None:
    """The shortest prefix of an answer that already parses to the same values, whatever follows it."""
    values = matcher.parse(text)
    if not values:
        return None
    for length in range(1, len(ids) + 1):
        part = lm.decode(ids[:length])
        if matcher.parse(part) == values and matcher.parse(part + " ") == values:
            return Modal(tuple(sorted(values)), tuple(ids[:length]), part)
    return Modal(tuple(sorted(values)), tuple(ids), text)


def _most_frequent(answers: Sequence[Modal]) -> Modal | None:
    """The values that most answers have, in their most frequent spelling; of equally frequent ones the first."""
    if not answers:
        return None
    values = Counter(answer.values for answer in answers).most_common(1)[0][0]
    return Counter(answer for answer in answers if answer.values == values).most_common(1)[0][0]


def _majority(asked: Iterable[Prompt]) -> dict[str, str]:
    """Relation -> the most frequent value of its training subjects (of equally frequent ones the first by id)."""
    facts = {(str(p.relation), p.subject): p.answers for p in asked if p.subject_split == "train"}
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for (relation, _), values in facts.items():
        counts[relation].update(values)
    return {relation: min(found, key=lambda value: (-found[value], value)) for relation, found in sorted(counts.items())}


def summary(knowledge: Knowledge, prompts: PromptSet, ontology: Ontology) -> dict[str, dict[str, Any]]:
    """CURIE -> the `knowledge` block of kedit.evaluation/1: subjects asked and known, majority share, direct ask."""
    answers = {(str(p.subject), str(p.relation)): p.answers for p in prompts.asked}
    result = {}
    for relation in sorted({relation for _, relation in knowledge.known}):
        keys = [key for key in knowledge.known if key[1] == relation]
        known = [key for key in keys if knowledge.known[key]]
        value = knowledge.majority.get(relation)
        result[ontology.curie(relation)] = {
            "asked": len(keys),
            "known": len(known),
            "any": sum(knowledge.any[key] for key in keys),
            "majority": sum(value in answers[key] for key in keys) / len(keys) if value else None,
            "majority_value": ontology.texts(value)[0] if value else None,
            "direct_ask": sum(knowledge.direct[key] for key in known) / len(known) if known else None,
        }
    return result


def template_rates(knowledge: Knowledge, prompts: PromptSet, ontology: Ontology) -> list[dict[str, Any]]:
    """Per carrier, how many prompts it made and how often their answers were right."""
    hits: dict[str, list[bool]] = defaultdict(list)
    for prompt, hit in zip(prompts.asked, knowledge.hits, strict=True):
        hits[prompt.carrier].append(hit)
    return [
        {
            "relation": ontology.curie(carrier.relation),
            "template": f"{carrier.before}{{subject}}{carrier.after}",
            "split": carrier.split,
            "n": len(hits[carrier.id]),
            "hit": sum(hits[carrier.id]) / len(hits[carrier.id]),
        }
        for carrier in prompts.carriers
        if carrier.relation is not None and hits.get(carrier.id)
    ]


def _row(modal: Modal | None) -> dict[str, Any] | None:
    return None if modal is None else {"values": list(modal.values), "ids": list(modal.ids), "text": modal.text}


def _modal(row: Mapping[str, Any] | None) -> Modal | None:
    return None if row is None else Modal(tuple(row["values"]), tuple(row["ids"]), row["text"])
