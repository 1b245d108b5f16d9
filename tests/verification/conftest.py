"""A maker of rows."""

from __future__ import annotations

import pytest

from kedit.verification.outcomes import SwapRow

HEADLINE = "unseen_template_unseen_subject"


@pytest.fixture(scope="session")
def make_rows():
    """`make_rows(source, target, outcomes, **fields)`: one row an outcome, subjects and carriers in turn."""

    def make(source, target, outcomes, *, subjects=15, carriers=3, **fields):
        return [
            SwapRow(
                **{
                    "prompt_id": f"{source}-{index}",
                    "subject": f"s{index % subjects}",
                    "carrier": f"{source}-c{index // subjects % carriers}",
                    "source": source,
                    "target": target,
                    "quadrant": HEADLINE,
                    "strength": 1.0,
                    "text": "",
                    "outcome": outcome,
                    "exact": outcome == "hit",
                }
                | fields
            )
            for index, outcome in enumerate(outcomes)
        ]

    return make


EX = "https://example.org/places#"
PLACES = {
    "France": ("train", "Paris", "French", "Europe"),
    "Peru": ("train", "Lima", "Spanish", "South America"),
    "Chad": ("train", "N'Djamena", "French", "Africa"),
    "Spain": ("valid", "Madrid", "Spanish", "Europe"),
    "Norway": ("test", "Oslo", "Norwegian", "Europe"),
    "Egypt": ("test", "Cairo", "Arabic", "Africa"),
    "Japan": ("test", "Tokyo", "Japanese", "Asia"),
    "Monaco": ("test", "Monaco", "French", "Europe"),
}
RELATIONS = ("hasCapital", "hasContinent", "hasLanguage")
_FRAMES = (
    ("Q: What is the {word} of {subject}?\nA:", "train"),
    ("The {word} of {subject} is {object}", "train"),
    ("Speaking of {subject}, its {word} is {object}", "valid"),
    ("{subject} and its {word}, which is {object}", "heldout"),
)


@pytest.fixture(scope="session")
def places():
    """Eight countries with capital, continent and language, and four carriers of each; splits are written into the ontology."""
    from kedit.ontology.model import Individual, Ontology, OntologyClass, Relation, Template

    words = {"hasCapital": "capital", "hasContinent": "continent", "hasLanguage": "language"}
    relations = {
        EX + name: Relation(
            EX + name,
            f"ex:{name}",
            word,
            "object",
            templates=tuple(
                Template(text.replace("{word}", word), "question" if text.startswith("Q") else "cloze", role)
                for text, role in _FRAMES
            ),
            range=(EX + word.title(),) if name != "hasLanguage" else (),
        )
        for name, word in words.items()
    }
    values = {
        name: {row[i] for row in PLACES.values()} for i, name in enumerate(("hasCapital", "hasLanguage", "hasContinent"), 1)
    }
    names = sorted({*PLACES, *(value for some in values.values() for value in some)})
    individuals = {
        EX + name.replace(" ", "_"): Individual(
            EX + name.replace(" ", "_"), f"ex:{name.replace(' ', '_')}", name, split=PLACES[name][0] if name in PLACES else None
        )
        for name in names
    }
    facts = {
        EX + relation: {EX + place: (EX + row[i].replace(" ", "_"),) for place, row in sorted(PLACES.items())}
        for relation, i in (("hasCapital", 1), ("hasContinent", 3), ("hasLanguage", 2))
    }
    kinds = {EX + kind: OntologyClass(EX + kind, f"ex:{kind}", kind.lower()) for kind in ("Capital", "Continent")}
    return Ontology(None, "places.ttl", "turtle", "0" * 64, 24, {"ex": EX}, kinds, relations, individuals, facts)


@pytest.fixture(scope="session")
def make_setting(places, random_lm):
    """`make_setting(layout, **changes)`: a random model and a random dictionary whose slots read and write exactly.

    Knowledge is what the model really answers, but every fact passes for known (`known=False`: only what is right).
    """
    from dataclasses import replace
    from functools import cache

    import torch

    from kedit.curriculum.answers import matchers
    from kedit.curriculum.prompts import build_prompts
    from kedit.curriculum.slots import build_slots
    from kedit.lm.knowledge import assess
    from kedit.lm.reading import Decoder, read
    from kedit.sae.dictionary import AlignedSAE, FreeBank
    from kedit.verification.setting import Setting

    iris = [EX + name for name in RELATIONS]
    slots = build_slots(places, iris)
    prompts = build_prompts(places, slots, iris)
    match = matchers(places, iris)

    def dictionary(lm, layer):
        generator = torch.Generator().manual_seed(3)
        d, free, count = lm.d_model, 12, len(slots)
        W = torch.randn(d, count, generator=generator) / d**0.5
        rows = torch.randn(free, d, generator=generator)
        bank = FreeBank(torch.randn(d, free, generator=generator), torch.zeros(free), rows, torch.zeros(d), torch.zeros(free))
        return AlignedSAE.with_slots(layer, bank, W, torch.zeros(count), torch.linalg.pinv(W), torch.zeros(count))

    @cache
    def base(layout, layer):
        lm = random_lm(layout)
        reading = read(
            lm, prompts.asked, {iri: Decoder(lm, one, one.surface_forms) for iri, one in match.items()}, layers=[layer]
        )
        states = {prompt.id: state for prompt, state in zip(prompts.asked, reading.states[layer], strict=True)}
        sae = dictionary(lm, layer)
        knowledge = assess(lm, prompts, reading, match)
        vectors = {name: torch.randn(3, lm.d_model, generator=torch.Generator().manual_seed(i)) for i, name in enumerate(VECTORS)}
        return Setting(lm, sae, places, slots, prompts, knowledge, match, vectors=vectors, states=states)

    def make(layout="gpt2", layer=1, *, known=True, **changes):
        setting = base(layout, layer)
        if known:
            everything = dict.fromkeys(setting.knowledge.known, True)
            setting = replace(setting, knowledge=replace(setting.knowledge, known=everything))
        return replace(setting, **changes)

    return make


VECTORS = ("diff_means", "trained_vector")
