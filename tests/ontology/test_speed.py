"""Time grows with the file, not with its square: half a million triples in seconds of processor time."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest

from kedit.ontology import load_ontology


@pytest.mark.slow
def test_half_a_million_triples(bench: Any) -> None:
    order = random.Random(0)
    count = 100_000
    rows = (
        f':i{n} a :Thing ; rdfs:label "Item {n}"@en ; '
        + " ; ".join(f":has{name} :i{order.randrange(count)}" for name in ("Father", "Part", "Capital"))
        for n in range(count)
    )
    path = bench.turtle(" .\n".join([":Thing a owl:Class", *rows]) + " .\n")
    started = time.process_time()
    ontology = load_ontology(path)
    spent = time.process_time() - started
    assert ontology.triples == 5 * count + 1
    assert len(ontology.individuals) == count
    assert spent < 12  # about 4 s; machines under test are not idle
