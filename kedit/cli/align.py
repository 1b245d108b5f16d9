"""`kedit align`: bind an ontology to slots of a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kedit.cli import options


@options.with_reading
def align(
    ontology: Annotated[Path | None, typer.Option("--ontology", metavar="FILE", help="RDF/OWL file to bind.")] = None,
    model: options.Model = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Run directory (default runs/<ontology>-<model>).")] = None,
    layer: Annotated[str | None, typer.Option(metavar="auto|N", help="Block whose output is edited (default auto).")] = None,
    teach: Annotated[
        str | None, typer.Option(metavar="auto|always|never", help="Teach a copy of the model the facts (default auto).")
    ] = None,
    relations: options.Relations = None,
    exclude: options.Exclude = None,
    max_subjects: options.MaxSubjects = None,
    preset: Annotated[str | None, typer.Option(metavar="causal|paper", help="Training objective (default causal).")] = None,
    manifold: Annotated[
        float | None, typer.Option(min=0, metavar="W", help="Weight of keeping edited states among natural ones (default 0).")
    ] = None,
    hold: Annotated[bool, typer.Option("--hold", help="Edits go on at the answer's own tokens.")] = False,
    write: Annotated[str | None, typer.Option(metavar="trained|natural", help="Write rows (default trained).")] = None,
    refit: Annotated[bool, typer.Option("--refit", help="Train the free latents on with slots in place.")] = False,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="YAML file with these settings; options win.")] = None,
    device: options.Device = None,
    seed: options.Seed = None,
    blocks: options.Blocks = None,
    wheel: options.Wheel = None,
    checkpoints: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Follow binding and swap over the models in DIR, a folder each, in place of --model."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a run made from other inputs.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    *,
    reading: options.Reading,
    json: options.JsonFlag = False,
) -> None:
    """Bind every relation of an ontology to a slot of a language model, train the slots and evaluate them."""
    from kedit import pipeline
    from kedit.config import AlignConfig
    from kedit.errors import InputError
    from kedit.reporting import terminal
    from kedit.reporting.emergence import print_emergence
    from kedit.reporting.inspection import print_costs

    settings = AlignConfig.load(
        config,
        {
            "ontology": ontology,
            "model": model,
            "out": out,
            "overwrite": overwrite or None,
            "layer": layer,
            "teach": teach,
            "preset": preset,
            "hold": hold or None,
            "manifold": manifold,
            "write": write,
            "refit": refit or None,
            "relations": options.listed(relations),
            "exclude": options.listed(exclude),
            "max_subjects": max_subjects,
            **reading,
            "blocks": blocks,
            "wheel": wheel,
            "device": device,
            "seed": seed,
        },
    )
    if checkpoints is not None:
        if dry_run:
            raise InputError("--dry-run does not go with --checkpoints")
        document = pipeline.emergence(settings, checkpoints)
        options.print_json(document) if json else print_emergence(document)
        return
    if dry_run:
        document = pipeline.dry_run(settings)
        options.print_json(document) if json else terminal.print_dry_run(document)
        return
    run = pipeline.align(settings)
    options.print_json(run.evaluation.document()) if json else terminal.print_evaluation(run.evaluation)
    if run.costs is not None and run.costs.ran:
        print_costs(run.costs, aside=json)
