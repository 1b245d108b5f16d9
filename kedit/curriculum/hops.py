"""Questions over several steps: property chains as prompts with a slot for every step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import nsmallest
from typing import Literal

from kedit.curriculum.answers import normalise
from kedit.curriculum.carriers import Carrier, relation_carriers
from kedit.curriculum.prompts import CarrierWords
from kedit.curriculum.slots import SlotMap
from kedit.curriculum.splits import subject_splits, unit_hash
from kedit.ontology.model import LITERAL_MARK, Ontology, Role, Split

Site = Literal["phrase", "subject", "decision"]
"""Where in a prompt a step's slot may be bound: at the last token of the step's own phrase, of the subject, or of all."""
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class HopPath:
    """A chain whose every step is a relation with a slot. `relation` is what the chain entails; it may have no slot."""

    relation: str
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HopPrompt:
    """A question about the last step of what the steps before it lead to.

    `bridges` are the individuals on the way, one a step but the last; `slots` the slot of each step, in order. Spans are of
    characters: of the subject, and of the phrase of each step but the last.
    """

    id: str
    text: str
    path: HopPath
    subject: str
    bridges: tuple[str, ...]
    answers: tuple[str, ...]
    slots: tuple[int, ...]
    carrier: str
    carrier_split: Role
    subject_split: Split
    subject_span: Span
    phrase_spans: tuple[Span, ...]

    def upto(self, site: Site, step: int) -> str:
        """The prompt's text to the end of a site of step number `step`, counted from 0."""
        ends = {"phrase": self.phrase_spans[step][1] if step < len(self.phrase_spans) else None, "subject": self.subject_span[1]}
        return self.text[: ends.get(site)]


def behind(prompt: HopPrompt, before: str) -> HopPrompt:
    """The same question behind other text."""
    by = len(before)
    subject, *phrases = ((start + by, end + by) for start, end in (prompt.subject_span, *prompt.phrase_spans))
    return replace(prompt, text=before + prompt.text, subject_span=subject, phrase_spans=tuple(phrases))


def sites_of(path: HopPath, step: int) -> tuple[Site, ...]:
    """Where the slot of a step may be bound; the last step's is where the model settles what to answer."""
    return ("decision",) if step == len(path.steps) - 1 else ("phrase", "subject", "decision")


def hop_paths(ontology: Ontology, relations: Sequence[str]) -> tuple[list[HopPath], dict[str, str]]:
    """Chains that can be asked for, sorted; and why the others cannot, by their text."""
    usable = set(relations)
    found: list[HopPath] = []
    refused: dict[str, str] = {}
    for iri, relation in ontology.relations.items():
        for chain in relation.chains:
            name = f"{relation.curie}: {' o '.join(_short(ontology, step) for step in chain)}"
            against = [step for step in chain if step.startswith("^")]
            missing = [step for step in chain if step not in usable]
            wordless = [step for step in chain[:-1] if step in usable and ontology.relations[step].phrase is None]
            if iri in chain:
                refused[name] = "it contains the relation it defines"
            elif len(chain) < 2:
                refused[name] = "it has one step only"
            elif against:
                refused[name] = f"{_short(ontology, against[0])} is walked against its direction"
            elif missing:
                refused[name] = f"{_short(ontology, missing[0])} has no slot"
            elif wordless:
                refused[name] = f"{_short(ontology, wordless[0])} has no noun phrase; write kedit:phrase"
            else:
                found.append(HopPath(iri, chain))
    return sorted(found, key=lambda path: (path.relation, path.steps)), dict(sorted(refused.items()))


def build_hops(
    ontology: Ontology, slots: SlotMap, relations: Sequence[str], *, seed: int = 0, max_subjects: int = 300
) -> tuple[list[HopPrompt], dict[str, str]]:
    """Prompts of every chain, and why chains were refused. At most `max_subjects` subjects a chain, of the lowest hash.

    Facts are joined along the chain. Every step but the last must have one answer, for "the child of X" is nobody else;
    subjects whose way leads back to themselves, or whose name asks for other answers as well, are left out.
    """
    relations = sorted(set(relations))
    splits = subject_splits(ontology, relations, seed)
    paths, refused = hop_paths(ontology, relations)
    prompts: list[HopPrompt] = []
    for path in paths:
        carriers = [(carrier, CarrierWords(carrier)) for carrier in relation_carriers(ontology, path.steps[-1])]
        walked = dict(_walk(ontology, path))
        for subject in _unclear(ontology, walked):
            del walked[subject]
        chosen = nsmallest(max_subjects, ((unit_hash("hops", seed, subject), subject) for subject in walked))
        for _, subject in sorted(chosen, key=lambda pair: pair[1]):
            prompts += _asked(ontology, slots, path, carriers, subject, walked[subject], splits[subject])
    return prompts, refused


def _asked(
    ontology: Ontology,
    slots: SlotMap,
    path: HopPath,
    carriers: Sequence[tuple[Carrier, CarrierWords]],
    subject: str,
    walked: tuple[tuple[str, ...], tuple[str, ...]],
    split: Split,
) -> Iterator[HopPrompt]:
    bridges, answers = walked
    individual = ontology.individuals[subject]
    named, from_end = individual.label, []
    for step in path.steps[:-1]:
        phrase = str(ontology.relations[step].phrase)
        from_end.append((len(" of ") + len(named) + len(phrase), len(" of ") + len(named)))
        named = f"the {phrase} of {named}"
    forms = [text for term in (subject, *answers) for text in ontology.texts(term)]
    for carrier, says in carriers:
        if any(map(says, forms)):
            continue  # a worked example that names the subject or the answer
        text, (_, end) = carrier.render(named)
        steps = ">".join(ontology.curie(step) for step in path.steps)
        yield HopPrompt(
            f"{steps}:{carrier.id}:{individual.curie}",
            text,
            path,
            subject,
            bridges,
            answers,
            tuple(slots.index(step) for step in path.steps),
            carrier.id,
            carrier.split,
            split,
            (end - len(individual.label), end),
            tuple((end - first, end - last) for first, last in from_end),
        )


def _unclear(ontology: Ontology, walked: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]) -> set[str]:
    """Subjects whose name asks for other answers as well."""
    alike: dict[str, dict[frozenset[str], list[str]]] = {}
    for subject, (_, answers) in walked.items():
        told = frozenset(normalise(ontology.texts(answer)[0]) for answer in answers)
        alike.setdefault(normalise(ontology.individuals[subject].label), {}).setdefault(told, []).append(subject)
    return {subject for found in alike.values() if len(found) > 1 for subjects in found.values() for subject in subjects}


def _walk(ontology: Ontology, path: HopPath) -> Iterator[tuple[str, tuple[tuple[str, ...], tuple[str, ...]]]]:
    """Subject, bridges and answers of every subject from which each step but the last leads to one individual."""
    for subject in ontology.facts[path.steps[0]]:
        if (found := follow(ontology, subject, path.steps)) is not None:
            yield subject, found


def follow(ontology: Ontology, subject: str, steps: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Bridges and answers of a subject; None where a step but the last has not one answer, or leads back to the subject."""
    node, bridges = subject, []
    for step in steps[:-1]:
        values = ontology.values(step, node)
        if len(values) != 1 or values[0].startswith(LITERAL_MARK):
            return None
        node = values[0]
        bridges.append(node)
    answers = ontology.values(steps[-1], node)
    return (tuple(bridges), answers) if answers and subject not in bridges else None


def _short(ontology: Ontology, step: str) -> str:
    return f"inverse of {ontology.curie(step[1:])}" if step.startswith("^") else ontology.curie(step)
