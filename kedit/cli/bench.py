"""`kedit bench`: figures that are claimed, measured on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kedit.cli import options

app = options.group("Measure what is claimed.")


@app.command("seeds")
def seeds(
    ontology: Annotated[Path, typer.Option("--ontology", metavar="FILE", help="RDF/OWL file to bind.")],
    model: options.Model = None,
    over: Annotated[str, typer.Option("--seeds", metavar="A,B,...", help="Seeds of splits and training.")] = "101,102,103",
    layer: Annotated[str | None, typer.Option(metavar="auto|N", help="Block whose output is edited (default auto).")] = None,
    teach: Annotated[str | None, typer.Option(metavar="auto|always|never", help="Teach a copy of the model the facts.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Name of the runs, before -seedN.")] = None,
    device: options.Device = None,
    wheel: options.Wheel = None,
    json: options.JsonFlag = False,
) -> None:
    """Align once per seed and show mean, minimum and maximum of every figure."""
    from kedit.bench.seeds import over_seeds
    from kedit.config import AlignConfig
    from kedit.errors import InputError
    from kedit.reporting.terminal import print_seeds

    if not all(part.strip().isdecimal() for part in over.split(",")):
        raise InputError(f"--seeds {over!r} is no list of numbers", advice="Write it as 101,102,103.")
    settings = {
        "ontology": ontology,
        "model": model,
        "layer": layer,
        "teach": teach,
        "out": out,
        "device": device,
        "wheel": wheel,
    }
    document = over_seeds(AlignConfig.load(None, settings), [int(part) for part in over.split(",")])
    options.print_json(document) if json else print_seeds(document)


@app.command("ontology")
def ontology(
    triples: Annotated[int, typer.Option(min=1, metavar="N", help="Size of the made-up ontology.")] = 1_000_000,
    repeat: Annotated[int, typer.Option(min=1, metavar="N", help="Measure N times and show the best.")] = 1,
    json: options.JsonFlag = False,
) -> None:
    """Time a large ontology to slots and prompts, against rdflib and the parser alone; exit 1 if a fact is lost."""
    from kedit.bench.ontology import measure
    from kedit.reporting.bench import print_bench

    document = measure(triples, repeat)
    options.print_json(document) if json else print_bench(document)
    if not all(row["equal"] for row in document["results"]):
        raise typer.Exit(1)
