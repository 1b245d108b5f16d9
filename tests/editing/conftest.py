"""A small world, and random dictionaries whose slots read and write exactly."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from kedit.curriculum.slots import Slot, SlotMap
from kedit.editing.reading import as_recipe
from kedit.editing.resolving import resolve
from kedit.ontology.model import Individual, Ontology, OntologyClass, Relation

EX = "https://example.org/world#"
RELATIONS = ("hasCapital", "hasLanguage", "inContinent")
COUNTRIES = ("France", "Peru", "Chad", "Guinea", "GuineaBissau", "Norway")


def _individual(local: str, label: str, kind: str, *aliases: str) -> Individual:
    return Individual(EX + local, f"ex:{local}", label, aliases, (EX + kind,))


@pytest.fixture(scope="session")
def world() -> Ontology:
    """Six countries and one microstate, with capitals and languages; Paris and Lima are individuals, too."""
    people = [
        _individual("France", "France", "Country", "French Republic"),
        _individual("Peru", "Peru", "Country"),
        _individual("Chad", "Chad", "Country"),
        _individual("Guinea", "Guinea", "Country"),
        _individual("GuineaBissau", "Guinea-Bissau", "Country", "Portuguese Guinea"),
        _individual("Norway", "Norway", "Country"),
        _individual("Monaco", "Monaco", "Microstate"),
        _individual("Paris", "Paris", "City"),
        _individual("Lima", "Lima", "City"),
        _individual("Africa", "Africa", "Continent"),
    ]
    classes = {
        EX + "Country": OntologyClass(EX + "Country", "ex:Country", "country"),
        EX + "Microstate": OntologyClass(EX + "Microstate", "ex:Microstate", "microstate", (EX + "Country",)),
        EX + "City": OntologyClass(EX + "City", "ex:City", "city"),
        EX + "Continent": OntologyClass(EX + "Continent", "ex:Continent", "continent"),
    }
    labels = {"hasCapital": "capital", "hasLanguage": "language", "inContinent": "continent of", "hasAnthem": "anthem"}
    relations = {EX + name: Relation(EX + name, f"ex:{name}", label, "object") for name, label in labels.items()}
    everywhere = [EX + name for name in (*COUNTRIES, "Monaco")]
    facts = {
        EX + "hasCapital": {EX + "France": (EX + "Paris",), EX + "Peru": (EX + "Lima",)}
        | dict.fromkeys(everywhere[2:], ('"Some City',)),
        EX + "hasLanguage": {iri: ('"Spanish' if iri == EX + "Peru" else '"French',) for iri in everywhere},
        EX + "inContinent": {EX + "Chad": (EX + "Africa",)},
    }
    return Ontology(
        iri="https://example.org/world",
        source="world.ttl",
        syntax="turtle",
        sha256="0" * 64,
        triples=40,
        prefixes={"ex": EX},
        classes=classes,
        relations=relations,
        individuals={individual.iri: individual for individual in people},
        facts=facts,
    )


@pytest.fixture(scope="session")
def slots(world: Ontology) -> SlotMap:
    """Slots 0..2 are relations, 3 is the class of cities; hasAnthem has none."""
    made = [
        Slot(index=i, iri=EX + name, curie=f"ex:{name}", label=world.relations[EX + name].label, kind="relation")
        for i, name in enumerate(RELATIONS)
    ]
    city = Slot(index=3, iri=EX + "City", curie="ex:City", label="city", kind="class")
    return SlotMap(schema="kedit.slots/1", slots=(*made, city))


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a recipe file."""

    def make(text: str, name: str = "recipe.yaml") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return make


@pytest.fixture(scope="session")
def resolved(world: Ontology, slots: SlotMap) -> Callable[..., Any]:
    """Resolve a recipe of these edits."""

    def make(*edits: dict[str, Any], **keys: Any) -> Any:
        return resolve(as_recipe({"kedit": 1, "name": "test", "edits": list(edits), **keys}), world, slots)

    return make


@pytest.fixture(scope="session")
def make_sae() -> Callable[..., Any]:
    """A random dictionary with 4 slots at a layer of a model, D W = I; `threshold` of every slot."""

    def make(lm: Any, layer: int = 1, seed: int = 0, threshold: float = 0.5) -> Any:
        import torch

        from kedit.sae.dictionary import AlignedSAE, FreeBank

        generator = torch.Generator().manual_seed(seed)
        d, free, count = lm.d_model, 8, 4
        W = torch.randn(d, count, generator=generator) / d**0.5
        bank = FreeBank(
            torch.randn(d, free, generator=generator),
            torch.zeros(free),
            torch.randn(free, d, generator=generator),
            torch.randn(d, generator=generator),
            torch.zeros(free),
        )
        b = torch.randn(count, generator=generator)
        return AlignedSAE.with_slots(layer, bank, W, b, torch.linalg.pinv(W), torch.full((count,), threshold))

    return make


@pytest.fixture
def editing(world: Ontology, make_sae: Callable[..., Any]) -> Callable[..., AbstractContextManager[Any]]:
    """`editing(lm, resolved, sae=..., carriers=...)`: the edited model as a context manager."""
    from kedit.editing.edited import edited

    def make(lm: Any, recipe: Any, sae: Any = None, carriers: Any = ()) -> AbstractContextManager[Any]:
        return edited(lm, sae or make_sae(lm), recipe, world, carriers=carriers)

    return make
