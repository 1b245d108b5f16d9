"""`kedit probe`: what a model knows of an ontology."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kedit.cli import options


@options.with_reading
def probe(
    ontology: Annotated[Path, typer.Option("--ontology", metavar="FILE", help="RDF/OWL file to ask about.")],
    model: options.Model = None,
    relations: options.Relations = None,
    exclude: options.Exclude = None,
    max_subjects: options.MaxSubjects = None,
    device: options.Device = None,
    seed: options.Seed = None,
    blocks: options.Blocks = None,
    wheel: options.Wheel = None,
    *,
    reading: options.Reading,
    json: options.JsonFlag = False,
) -> None:
    """Ask a model every question of an ontology and count what it knows, per relation and template."""
    from kedit import pipeline
    from kedit.config import AlignConfig
    from kedit.reporting import terminal

    settings = AlignConfig.load(
        None,
        {
            "ontology": ontology,
            "model": model,
            "relations": options.listed(relations),
            "exclude": options.listed(exclude),
            "max_subjects": max_subjects,
            "device": device,
            "seed": seed,
            "blocks": blocks,
            "wheel": wheel,
            **reading,
        },
    )
    document = pipeline.probe(settings)
    options.print_json(document) if json else terminal.print_knowledge(document)
