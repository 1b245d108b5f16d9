"""A recipe bound to an ontology and its slots: terms become IRIs and slot indices, scopes become sets of subjects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypedDict, assert_never

from kedit.curriculum.slots import Slot, SlotMap
from kedit.editing.metric_names import CONTROLS, EXTRA_CONTROLS
from kedit.editing.reading import VALUES_REFUSED
from kedit.editing.recipe import (
    Amplify,
    Edit,
    Expectation,
    KlStrength,
    OwnPrompt,
    Recipe,
    Set,
    Steps,
    Subjects,
    Suppress,
    Swap,
    Verify,
    When,
)
from kedit.editing.sparql import select_subjects
from kedit.errors import InputError, did_you_mean
from kedit.ontology.model import Ontology
from kedit.yaml import Location

Op = Literal["swap", "suppress", "amplify", "set"]


@dataclass(frozen=True, slots=True)
class ResolvedEdit:
    """One edit in slot indices. `slot` gates it (`from` of a swap, else the slot itself); only a swap has a `target`."""

    id: str
    op: Op
    slot: int
    slot_iri: str
    target: int | None = None
    target_iri: str | None = None
    strength: float | None = None
    """Calibrated units; None: one that validation chooses (`auto`, or by `kl`)."""
    kl: float | None = None
    """Forced KL on neutral text, in nats, that the strength is to spend."""
    subjects: frozenset[str] | None = None
    """IRIs of the subjects in scope; None: everyone, so that no text is looked at."""
    when: When = "asked"
    steps: Steps = "prompt"

    @property
    def is_empty(self) -> bool:
        """Whether the edit is the empty one, swap(r, r)."""
        return self.op == "swap" and self.slot == self.target

    def forced(self) -> ResolvedEdit:
        """The same edit without gate and scope."""
        return replace(self, subjects=None, when="always", steps="prompt" if self.steps == "asked" else self.steps)


@dataclass(frozen=True, slots=True)
class AskedText:
    """One of a recipe's own prompts: IRIs of whom it is about and of the relation that it asks for, if any."""

    text: str
    subject: str | None = None
    relation: str | None = None


@dataclass(frozen=True, slots=True)
class ResolvedRecipe:
    """A recipe ready to be applied: enabled edits only, in order, and what is expected of them."""

    name: str
    edits: tuple[ResolvedEdit, ...]
    expect: tuple[Expectation, ...] = ()
    protect: tuple[str, ...] = ()
    """IRIs of relations that must not move."""
    verify: Verify = field(default_factory=Verify)
    prompts: tuple[AskedText, ...] = ()
    """The recipe's own prompts."""
    notes: tuple[str, ...] = ()
    """What resolving left out and why; `kedit plan` prints it. Nothing of where the recipe lies: reports repeat them."""

    def edit(self, id: str) -> ResolvedEdit:
        """The edit with that id; InputError with the nearest ids if there is none."""
        for edit in self.edits:
            if edit.id == id:
                return edit
        raise InputError(f"no edit {id!r}", advice=did_you_mean(id, [edit.id for edit in self.edits]))


def with_controls(resolved: ResolvedRecipe, names: Iterable[str]) -> ResolvedRecipe:
    """The recipe with more controls on demand (`all`: every one); InputError with the nearest name for an unknown one."""
    added: list[str] = []
    for name in names:
        if name not in ("all", *CONTROLS):
            raise InputError(f"unknown competitor {name!r}", advice=did_you_mean(name, ["all", *EXTRA_CONTROLS]))
        added += list(EXTRA_CONTROLS) if name == "all" else [name]
    controls = tuple(dict.fromkeys((*resolved.verify.controls, *added)))
    return replace(resolved, verify=resolved.verify.model_copy(update={"controls": controls}))


def resolve(recipe: Recipe, ontology: Ontology, slots: SlotMap, *, graph: Path | None = None) -> ResolvedRecipe:
    """Bind a recipe to a run's ontology and slots; InputError with its place for every term that does not fit.

    `graph` is the run's `ontology.ttl`, which SPARQL scopes are run on.
    """
    if recipe.ontology is not None and recipe.ontology != ontology.iri:
        raise InputError(
            f"the recipe is written for the ontology {recipe.ontology}, the run was made from {ontology.iri or ontology.source}",
            place=recipe.place("ontology"),
            advice="Use the run of that ontology, or correct `ontology:`.",
        )
    binder = _Binder(recipe, ontology, slots, graph)
    edits = tuple(binder.edit(edit, ("edits", i)) for i, edit in enumerate(recipe.edits) if edit.enabled)
    switched_off = {edit.name for edit in recipe.edits if not edit.enabled}
    notes = [f"edit {name} is switched off (enabled: false)" for name in sorted(switched_off)]
    expect = tuple(expectation for expectation in recipe.expect if expectation.edit not in switched_off)
    if skipped := len(recipe.expect) - len(expect):
        notes.append(f"{skipped} expectation(s) of edits that are switched off are left out")
    protect = tuple(binder.iri(term, ("protect", i), "relation") for i, term in enumerate(recipe.protect))
    prompts = tuple(binder.prompt(prompt, ("prompts", i)) for i, prompt in enumerate(recipe.prompts))
    return ResolvedRecipe(recipe.name or "recipe", edits, expect, protect, recipe.verify, prompts, (*notes, *binder.notes))


class _Binder:
    """Looks up the terms of one recipe."""

    def __init__(self, recipe: Recipe, ontology: Ontology, slots: SlotMap, graph: Path | None) -> None:
        self.recipe, self.ontology, self.slots, self.graph = recipe, ontology, slots, graph
        self.notes: list[str] = []

    def edit(self, edit: Edit, at: Location) -> ResolvedEdit:
        found = {key: self.slot(term, (*at, key)) for key, term in edit.terms.items()}
        gate, target = next(iter(found.values())), found.get("to")
        if target is not None and target.kind != gate.kind:
            raise InputError(
                f"{target.curie} is a {target.kind}, {gate.curie} a {gate.kind}",
                place=self.recipe.place(*at, "to"),
                advice="A swap goes from relation to relation, or from class to class.",
            )
        return ResolvedEdit(
            id=edit.name,
            op=edit.op,
            slot=gate.index,
            slot_iri=gate.iri,
            target=target.index if target else None,
            target_iri=target.iri if target else None,
            **_strength(edit),
            subjects=self.subjects(edit.scope.subjects, (*at, "scope", "subjects"), edit.name),
            when=edit.when,
            steps=edit.scope.steps,
        )

    def prompt(self, prompt: OwnPrompt, at: Location) -> AskedText:
        subject = None if prompt.subject is None else self.iri(prompt.subject, (*at, "subject"), "individual")
        relation = None if prompt.asks is None else self.iri(prompt.asks, (*at, "asks"), "relation")
        return AskedText(prompt.text, subject, relation)

    def slot(self, term: str, at: Location) -> Slot:
        iri = self.iri(term, at, "slot")
        if iri not in self.slots.by_iri:
            known = [name for slot in self.slots.slots for name in (slot.curie, slot.label)]
            raise InputError(
                f"{self.ontology.curie(iri)} has no slot in this run",
                place=self.recipe.place(*at),
                advice=f"{did_you_mean(term, known)} Or align again with this relation.",
            )
        return self.slots.by_iri[iri]

    def iri(self, term: str, at: Location, kind: Literal["relation", "class", "individual", "slot"]) -> str:
        """IRI of a term by the recipe's prefixes, then by the ontology's, then by label."""
        expanded = _expand(term, self.recipe.prefixes)
        try:
            return self.ontology.resolve(expanded or term, kind)
        except InputError as error:
            if kind == "slot" and self._is_value(expanded or term):
                message = f"{term!r} is not a relation but a value: a recipe cannot ask for a new value"
                raise InputError(message, place=self.recipe.place(*at), advice=VALUES_REFUSED) from error
            word = "relation or class" if kind == "slot" else kind
            meant = "" if expanded is None else f" (<{expanded}>)"
            raise InputError(
                f"unknown {word} {term!r}{meant}", place=self.recipe.place(*at), advice=self._advice(term, expanded, kind, error)
            ) from error

    def _advice(self, term: str, expanded: str | None, kind: str, error: InputError) -> str | None:
        prefix, colon, _ = term.partition(":")
        declared = {**self.ontology.prefixes, **self.recipe.prefixes}
        if colon and prefix not in declared and "/" not in term:
            return f"The prefix {prefix!r} is not declared. {did_you_mean(prefix, sorted(declared))}"
        if expanded is None:
            return error.advice
        namespace = self.recipe.prefixes[prefix]
        if not any(iri.startswith(namespace) for iri in (*self.ontology.relations, *self.ontology.classes)):
            return f"This run's ontology, {self.ontology.source}, has no term of <{namespace}>: was it made from another?"
        return _nearest(self.ontology, term, kind)

    def _is_value(self, term: str) -> bool:
        try:
            self.ontology.resolve(term, "individual")
        except InputError:
            literal = f'"{term}'
            return any(literal in values for facts in self.ontology.facts.values() for values in facts.values())
        return True

    def subjects(self, subjects: Subjects | None, at: Location, name: str) -> frozenset[str] | None:
        if subjects is None:
            return None
        if subjects.class_ is not None:
            cls = self.iri(subjects.class_, (*at, "class"), "class")
            base = instances(self.ontology, cls)
        elif subjects.in_ is not None:
            base = frozenset(self.iri(term, (*at, "in", i), "individual") for i, term in enumerate(subjects.in_))
        elif subjects.sparql is not None:
            base = self._select(subjects.sparql, (*at, "sparql"), name)
        else:
            base = frozenset(self.ontology.individuals)
        taken = frozenset(self.iri(term, (*at, "except", i), "individual") for i, term in enumerate(subjects.except_))
        for iri in sorted(taken - base):
            self.notes.append(f"edit {name}: {self.ontology.curie(iri)}, left out by `except`, is not in the scope anyway")
        if not base - taken:
            advice = "Leave `subjects` out to edit for everyone."
            raise InputError("the scope holds no subject", place=self.recipe.place(*at), advice=advice)
        return base - taken

    def _select(self, query: str, at: Location, name: str) -> frozenset[str]:
        place = self.recipe.place(*at)
        if self.graph is None:
            raise InputError("a SPARQL scope needs the run's ontology.ttl", place=place, advice="List the subjects with `in`.")
        prefixes = {**self.ontology.prefixes, **self.recipe.prefixes}
        found = select_subjects(query, self.graph, prefixes, place)
        found = frozenset(self.ontology.same.get(iri, iri) for iri in found)
        if strangers := found - self.ontology.individuals.keys():
            said = f"{len(strangers)} result(s) are no individuals of the ontology, e.g. {min(strangers)}"
            self.notes.append(f"edit {name}: {said}")
        return frozenset(found & self.ontology.individuals.keys())


class _Strength(TypedDict):
    strength: float | None
    kl: float | None


def instances(ontology: Ontology, cls: str) -> frozenset[str]:
    """IRIs of the individuals of a class and of its subclasses."""
    return frozenset(
        iri
        for iri, individual in ontology.individuals.items()
        if any(kind == cls or cls in ontology.ancestors(kind) for kind in individual.types)
    )


def _strength(edit: Edit) -> _Strength:
    match edit:
        case Swap() | Suppress() | Amplify() | Set():
            if isinstance(edit.strength, KlStrength):
                return {"strength": None, "kl": edit.strength.kl}
            return {"strength": None if edit.strength == "auto" else float(edit.strength), "kl": None}
        case _:
            assert_never(edit)


def _expand(term: str, prefixes: Mapping[str, str]) -> str | None:
    """The full IRI of a CURIE with one of the recipe's own prefixes; None for anything else."""
    prefix, colon, local = term.partition(":")
    return prefixes[prefix] + local if colon and prefix in prefixes and not local.startswith("//") else None


def _nearest(ontology: Ontology, term: str, kind: str) -> str:
    tables: dict[str, list[Iterable[str]]] = {
        "relation": [ontology.relations],
        "class": [ontology.classes],
        "individual": [ontology.individuals],
        "slot": [ontology.relations, ontology.classes],
    }
    # The recipe may call a namespace by another prefix than the file does, so terms are shown under the recipe's.
    prefix, _, _ = term.partition(":")
    locals_ = [iri.rsplit("#", 1)[-1].rsplit("/", 1)[-1] for table in tables[kind] for iri in table]
    return did_you_mean(term, [f"{prefix}:{local}" for local in locals_])
