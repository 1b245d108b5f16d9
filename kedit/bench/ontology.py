"""An ontology of a million triples to slots and prompts: time, memory, and whether every fact is there.

Every measurement is a process of its own, so that memory is what this work takes and nothing is warm.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from kedit.bench.report import Result, document
from kedit.bench.synthetic import LEAST, NAMESPACE, Syntax, write
from kedit.errors import InputError
from kedit.machine import peak_memory
from kedit.progress import say

NAIVE_SHARE = 10
"""rdflib reads this fraction of the triples: a million would take it minutes."""
MAX_SUBJECTS = 300
"""As `kedit align` has it by default."""
Work = Literal["load", "prompts", "pyoxigraph", "rdflib"]
_FORMATS: Mapping[Syntax, tuple[str, str, str]] = {
    "Turtle": ("ttl", "TURTLE", "turtle"),
    "N-Triples": ("nt", "N_TRIPLES", "nt"),
}
"""Extension, and the names by which pyoxigraph and rdflib know a syntax."""


def measure(triples: int = 1_000_000, repeat: int = 1, syntaxes: Sequence[Syntax] = get_args(Syntax)) -> dict[str, Any]:
    """Make an ontology of so many triples and measure what kedit does with it: `kedit.bench/1`.

    Times are the best of `repeat`. InputError if there are too few triples to hold every relation.
    """
    if triples < LEAST:
        raise InputError(f"--triples {triples:,} are too few", advice=f"Take {LEAST:,} or more.")
    with tempfile.TemporaryDirectory(prefix="kedit-bench-") as folder:
        results = [result for syntax in syntaxes for result in _of_syntax(syntax, Path(folder), triples, repeat)]
    return document(
        results,
        {"triples": triples, "max_subjects": MAX_SUBJECTS, "repeat": repeat},
        (
            f"naive: rdflib's parser alone on the first {triples // NAIVE_SHARE:,} triples, times {NAIVE_SHARE}",
            "of floor: pyoxigraph's parser alone on the same bytes, nothing kept",
            "equal: facts of every relation, counted by kedit and by what made the file",
        ),
    )


def _of_syntax(syntax: Syntax, folder: Path, triples: int, repeat: int) -> list[Result]:
    extension = _FORMATS[syntax][0]
    whole, part = folder / f"whole.{extension}", folder / f"part.{extension}"
    say(f"{syntax}: making {triples:,} triples")
    stated = write(whole, triples, syntax)
    write(part, triples // NAIVE_SHARE, syntax, scale=triples)

    def run(work: Work, path: Path) -> dict[str, Any]:
        say(f"{syntax}: {work}")
        found = [_in_a_process(work, path, syntax) for _ in range(repeat)]
        return min(found, key=lambda one: one["seconds"])

    floor, naive = run("pyoxigraph", whole), run("rdflib", part)
    read = floor["triples"] == triples and naive["triples"] == triples // NAIVE_SHARE
    results = []
    for work, name in (("load", "load"), ("prompts", "load, slots and prompts")):
        found = run(work, whole)  # type: ignore[arg-type]
        equal = read and found["triples"] == triples and found["facts"] == dict(stated) and found.get("prompts") != 0
        seconds = naive["seconds"] * NAIVE_SHARE
        results.append(Result(f"{name}, {syntax}", found["seconds"], seconds, floor["seconds"], found["peak"], equal))
    return results


def _in_a_process(work: Work, path: Path, syntax: Syntax) -> dict[str, Any]:
    code = "import sys; from kedit.bench.ontology import main; main(*sys.argv[1:])"
    done = subprocess.run([sys.executable, "-c", code, work, str(path), syntax], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def main(work: Work, path: str, syntax: Syntax) -> None:
    """What a process of its own does: one piece of work, timed; its findings as JSON on stdout."""
    do, count = _WORKS[work](Path(path), syntax)
    started = time.perf_counter()
    made = do()
    seconds = time.perf_counter() - started
    # Memory is read before the results are looked at.
    json.dump({"seconds": seconds, "peak": peak_memory(), **count(made)}, sys.stdout)


Job = tuple[Callable[[], Any], Callable[[Any], dict[str, Any]]]
"""What is timed, and what to say of its result."""


def _load(path: Path, _: Syntax) -> Job:
    from kedit.ontology import load_ontology

    return lambda: load_ontology(path), _counts


def _prompts(path: Path, _: Syntax) -> Job:
    from kedit.curriculum.prompts import build_prompts
    from kedit.curriculum.slots import build_slots
    from kedit.ontology import load_ontology, require_alignable

    def do() -> Any:
        ontology = load_ontology(path)
        relations = require_alignable(ontology)
        slots = build_slots(ontology, relations)
        return ontology, build_prompts(ontology, slots, relations, max_subjects=MAX_SUBJECTS)

    return do, lambda made: {**_counts(made[0]), "prompts": len(made[1].asked)}


def _counts(ontology: Any) -> dict[str, Any]:
    facts = {iri.removeprefix(NAMESPACE): sum(map(len, found.values())) for iri, found in ontology.facts.items()}
    return {"triples": ontology.triples, "facts": facts}


def _pyoxigraph(path: Path, syntax: Syntax) -> Job:
    from pyoxigraph import RdfFormat, parse

    data = path.read_bytes()
    return lambda: sum(1 for _ in parse(data, getattr(RdfFormat, _FORMATS[syntax][1]))), lambda read: {"triples": read}


def _rdflib(path: Path, syntax: Syntax) -> Job:
    from rdflib import Graph

    return lambda: Graph(bind_namespaces="none").parse(path, format=_FORMATS[syntax][2]), lambda graph: {"triples": len(graph)}


_WORKS: Mapping[Work, Callable[[Path, Syntax], Job]] = {
    "load": _load,
    "prompts": _prompts,
    "pyoxigraph": _pyoxigraph,
    "rdflib": _rdflib,
}
