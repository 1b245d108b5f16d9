"""`kedit ontology ...`: what kedit reads in an ontology, before any training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from kedit.cli import options

if TYPE_CHECKING:
    from kedit.ontology import Ontology

app = options.group("Look at an ontology as kedit sees it.")
FailOn = Annotated[
    Literal["error", "warning", "info"], typer.Option("--fail-on", help="Exit 1 on findings of this severity or worse.")
]


@app.command("inspect")
def inspect(
    file: options.OntologyFile,
    json: options.JsonFlag = False,
    catalog: options.Catalog = None,
    imports: options.Imports = None,
    label_property: options.LabelProperty = None,
    lang: options.Lang = None,
) -> None:
    """Show relations, facts, templates and findings of an ontology."""
    document = _document(_load(file, catalog, imports, label_property, lang))
    if json:
        options.print_json(document)
    else:
        from kedit.reporting.ontology import print_ontology

        print_ontology(document)


@app.command("validate")
def validate(
    file: options.OntologyFile,
    fail_on: FailOn = "error",
    json: options.JsonFlag = False,
    catalog: options.Catalog = None,
    imports: options.Imports = None,
    label_property: options.LabelProperty = None,
    lang: options.Lang = None,
) -> None:
    """Check an ontology: exit 0 if fine, 1 for findings at or above --fail-on, 2 if there is nothing to align."""
    from kedit.ontology import require_alignable
    from kedit.ontology.findings import at_least

    ontology = _load(file, catalog, imports, label_property, lang)
    document = _document(ontology)
    if json:
        options.print_json(document)
    else:
        from kedit.reporting.ontology import print_findings

        print_findings(document)
    require_alignable(ontology)
    if at_least(ontology.findings, fail_on):
        raise typer.Exit(1)


@app.command("slots")
def slots(
    file: options.OntologyFile,
    relations: options.Relations = None,
    exclude: options.Exclude = None,
    json: options.JsonFlag = False,
    catalog: options.Catalog = None,
    imports: options.Imports = None,
    label_property: options.LabelProperty = None,
    lang: options.Lang = None,
) -> None:
    """Show the slots that a run would bind, in the order of their latents."""
    from kedit.curriculum.slots import build_slots
    from kedit.ontology import require_alignable

    ontology = _load(file, catalog, imports, label_property, lang)
    usable = require_alignable(ontology, options.listed(relations), options.listed(exclude))
    document = build_slots(ontology, usable).model_dump(mode="json", by_alias=True)
    if json:
        options.print_json(document)
    else:
        from kedit.reporting.ontology import print_slots

        print_slots(document)


@app.command("prompts")
def prompts(
    file: options.OntologyFile,
    samples: Annotated[int, typer.Option("--samples", min=1, help="Prompts to show per relation.")] = 4,
    relations: options.Relations = None,
    exclude: options.Exclude = None,
    seed: options.Seed = None,
    json: options.JsonFlag = False,
    catalog: options.Catalog = None,
    imports: options.Imports = None,
    label_property: options.LabelProperty = None,
    lang: options.Lang = None,
) -> None:
    """Show sample prompts of every relation with their splits and accepted answers."""
    from kedit.curriculum.prompts import build_prompts
    from kedit.curriculum.slots import build_slots
    from kedit.curriculum.splits import unit_hash
    from kedit.ontology import require_alignable

    ontology = _load(file, catalog, imports, label_property, lang)
    usable = require_alignable(ontology, options.listed(relations), options.listed(exclude))
    found = build_prompts(ontology, build_slots(ontology, usable), usable, seed=seed or 0)
    rows = [
        {
            "relation": ontology.curie(relation),
            "text": prompt.text,
            "carrier_split": prompt.carrier_split,
            "subject_split": prompt.subject_split,
            "answers": [ontology.texts(value)[0] for value in prompt.answers],
        }
        for relation in usable
        for prompt in sorted(found.select(relation), key=lambda prompt: unit_hash("sample", prompt.id))[:samples]
    ]
    if json:
        options.print_json({"schema": "kedit.prompt-samples/1", "prompts": rows, "dropped": dict(found.dropped)})
    else:
        from kedit.reporting.ontology import print_prompts

        print_prompts(rows)


def _load(
    file: Path, catalog: Path | None, imports: list[str] | None, label_property: list[str] | None, lang: str | None
) -> Ontology:
    from kedit.ontology import load_ontology

    return load_ontology(file, **options.reading(catalog, imports, label_property, lang))


def _document(ontology: Ontology) -> dict[str, Any]:
    """The inspection, with the slots that a run would bind."""
    from kedit.curriculum.slots import build_slots
    from kedit.errors import InputError
    from kedit.ontology import require_alignable
    from kedit.ontology.inspection import inspection

    try:
        slots = {slot.iri: slot.index for slot in build_slots(ontology, require_alignable(ontology)).slots}
    except InputError:  # nothing to align: the findings say why
        slots = {}
    return inspection(ontology, slots)
