"""Slot map and prompt file: the same bytes under every PYTHONHASHSEED, order of triples and set of installed packages."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from pyoxigraph import RdfFormat, parse, serialize

HOUSE = Path(__file__).parents[2]
CODE = """
import hashlib, json, sys
sys.modules.update(dict.fromkeys({absent!r}))
from pathlib import Path
from kedit.curriculum.hops import build_hops
from kedit.curriculum.prompts import build_prompts
from kedit.curriculum.slots import build_slots
from kedit.ontology import load_ontology, require_alignable
for source in {sources!r}:
    ontology = load_ontology(source)
    usable = require_alignable(ontology)
    slots = build_slots(ontology, usable)
    build_prompts(ontology, slots, usable).save(Path({out!r}))
    print(hashlib.sha256(slots.model_dump_json().encode()).hexdigest())
    print(hashlib.sha256(Path({out!r}).read_bytes()).hexdigest())
    print(hashlib.sha256(repr(build_hops(ontology, slots, usable)).encode()).hexdigest())
"""
OPTIONAL = ("pyhornedowl", "owlrl", "pyshacl", "rdflib")


def digests(sources: list[Path], out: Path, seed: int, absent: tuple[str, ...] = ()) -> str:
    code = CODE.format(sources=[str(source) for source in sources], out=str(out), absent=absent)
    environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True, text=True).stdout


def shuffled(source: Path, target: Path, seed: int) -> Path:
    """The same triples in another order, some of them twice, under the same prefixes and the same file name."""
    parser = parse(path=str(source), format=RdfFormat.TURTLE)
    data = serialize([quad.triple for quad in parser], format=RdfFormat.N_TRIPLES) or b""
    rows = data.decode().splitlines()
    rows += rows[: len(rows) // 10]
    random.Random(seed).shuffle(rows)
    prefixes = [f"@prefix {name}: <{iri}> ." for name, iri in parser.prefixes.items()]
    target.parent.mkdir()
    target.write_text("\n".join([*prefixes, *rows]) + "\n", encoding="utf-8")
    return target


@pytest.mark.slow
def test_the_same_bytes_whatever_the_process_and_the_order(tmp_path: Path) -> None:
    names = ("family.ttl", "countries.ttl")
    found = set()
    for seed, absent in ((0, ()), (1, OPTIONAL), (2, ()), (42, OPTIONAL), (12345, ())):
        folder = tmp_path / str(seed)
        folder.mkdir()
        # The first process reads the files as they are, the others shuffled ones.
        sources = [HOUSE / "ontologies" / name for name in names]
        if seed:
            sources = [shuffled(source, folder / source.stem / source.name, seed) for source in sources]
        found.add(digests(sources, folder / "prompts.jsonl", seed, absent))
    assert len(found) == 1
    assert len(found.pop().split()) == 3 * len(names)
