"""`kedit ontology ...`: what kedit reads in an ontology, before any training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from kedit.cli import options

if TYPE_CHECKING:
    from kedit.curriculum.hops import HopPrompt
    from kedit.curriculum.prompts import Prompt
    from kedit.errors import InputError
    from kedit.ontology import Ontology

app = options.group("Look at an ontology as kedit sees it.")
FailOn = Annotated[
    Literal["error", "warning", "info"], typer.Option("--fail-on", help="Exit 1 on findings of this severity or worse.")
]


@app.command("inspect")
@options.with_reading
def inspect(
    file: options.OntologyFile,
    *,
    reading: options.Reading,
    json: options.JsonFlag = False,
) -> None:
    """Show relations, facts, templates and findings of an ontology."""
    document, problem = _document(_load(file, reading))
    if json:
        options.print_json(document)
    else:
        from kedit.reporting.ontology import print_ontology

        print_ontology(document)
    if problem:
        raise problem


@app.command("validate")
@options.with_reading
def validate(
    file: options.OntologyFile,
    *,
    fail_on: FailOn = "error",
    format: Annotated[
        Literal["text", "json", "sarif"] | None, typer.Option(help="text (default), json (as of inspect) or SARIF 2.1.0.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="OUT", help="Write this file.")] = None,
    reading: options.Reading,
    json: options.JsonFlag = False,
) -> None:
    """Check an ontology: exit 0 if fine, 1 for findings at or above --fail-on, 2 if there is nothing to align."""
    from kedit.errors import InputError
    from kedit.ontology import require_alignable
    from kedit.ontology.findings import at_least
    from kedit.progress import say
    from kedit.reporting.ontology import print_findings
    from kedit.reporting.sarif import sarif

    if json and format not in (None, "json"):
        raise InputError(f"--json and --format {format} exclude each other", advice="Leave one of them out.")
    ontology, document, problem, failed = None, None, None, False
    try:
        ontology = _load(file, reading)
        document, problem = _document(ontology)
        failed = bool(at_least(ontology.findings, fail_on))
        require_alignable(ontology)
    except InputError as error:
        problem = error
    code = problem.exit_code if problem else int(failed)
    if format == "sarif":  # says of a file that cannot be read why not; the other formats leave that to the error message
        _put(sarif(file, ontology.findings if ontology else (), problem, code), output)
    elif document is not None and (json or format == "json"):
        _put(document, output)
    elif document is not None:
        print_findings(document, output)
        if output:
            say(f"{output} is written")
    if problem:
        raise problem
    if failed:
        raise typer.Exit(code)


@app.command("slots")
@options.with_reading
def slots(
    file: options.OntologyFile,
    *,
    relations: options.Relations = None,
    exclude: options.Exclude = None,
    check: Annotated[
        Path | None,
        typer.Option("--check", metavar="LOCK", help="Hold a slots.json, or a run, against FILE: exit 0 compatible, 1 not."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="SLOTS", help="Write the map; after --check only if compatible.")
    ] = None,
    reading: options.Reading,
    json: options.JsonFlag = False,
) -> None:
    """Show the slots that a run would bind, in the order of their latents; or check a slot map that there is."""
    from kedit.curriculum.slotcheck import check_slots, load_lock, save_lock
    from kedit.curriculum.slots import build_slots
    from kedit.ontology import require_alignable
    from kedit.progress import say

    lock = load_lock(check) if check else None
    kept = _reading_of(check) if check else {}
    if news := [f"--{name.replace('_', '-')}" for name in kept if name not in reading and name != "lang"]:
        say(f"read as {check} was: {', '.join(news)}")
    ontology = _load(file, {**kept, **reading})
    usable = require_alignable(ontology, options.listed(relations), options.listed(exclude))
    if lock is None:
        made = build_slots(ontology, usable)
        if output:
            save_lock(made, output)
        document = made.model_dump(mode="json", by_alias=True)
        if json:
            options.print_json(document)
        else:
            from kedit.reporting.ontology import print_slots

            print_slots(document)
        return
    result, longer = check_slots(ontology, usable, lock, str(check))
    if output and longer:
        save_lock(longer, output, check)
    elif output:
        say(f"{output} is not written: the map cannot be gone on from")
    if json:
        options.print_json(result.model_dump(mode="json", by_alias=True))
    else:
        from kedit.reporting.ontology_diff import print_check

        print_check(result)
    if result.verdict != "compatible":
        raise typer.Exit(1)


@app.command("prompts")
@options.with_reading
def prompts(
    file: options.OntologyFile,
    *,
    samples: Annotated[int, typer.Option("--samples", min=1, help="Prompts to show per relation.")] = 4,
    relations: options.Relations = None,
    exclude: options.Exclude = None,
    hops: Annotated[bool, typer.Option("--hops", help="Show questions over several steps, made of property chains.")] = False,
    max_subjects: options.MaxSubjects = None,
    seed: options.Seed = None,
    reading: options.Reading,
    json: options.JsonFlag = False,
) -> None:
    """Show sample prompts of every relation with their splits and accepted answers."""
    from kedit.config import AlignConfig
    from kedit.curriculum.hops import build_hops
    from kedit.curriculum.prompts import build_prompts
    from kedit.curriculum.slots import build_slots
    from kedit.curriculum.splits import unit_hash
    from kedit.ontology import require_alignable

    ontology = _load(file, reading)
    usable = require_alignable(ontology, options.listed(relations), options.listed(exclude))
    most: int = max_subjects or AlignConfig.model_fields["max_subjects"].default
    by_name: dict[str, list[Prompt | HopPrompt]] = {}
    dropped: Mapping[str, int | str]
    if hops:
        chained, dropped = build_hops(ontology, build_slots(ontology, usable), usable, seed=seed or 0, max_subjects=most)
        for hop in chained:
            by_name.setdefault(" o ".join(ontology.curie(step) for step in hop.path.steps), []).append(hop)
    else:
        found = build_prompts(ontology, build_slots(ontology, usable), usable, seed=seed or 0, max_subjects=most)
        by_name, dropped = {ontology.curie(relation): list(found.select(relation)) for relation in usable}, found.dropped
    rows = [
        {
            "relation": name,
            "text": prompt.text,
            "carrier_split": prompt.carrier_split,
            "subject_split": prompt.subject_split,
            "answers": [ontology.texts(value)[0] for value in prompt.answers],
            "slots": list(prompt.slots),
        }
        for name, asked in by_name.items()
        for prompt in sorted(asked, key=lambda prompt: unit_hash("sample", prompt.id))[:samples]
    ]
    if json:
        options.print_json({"schema": "kedit.prompt-samples/1", "prompts": rows, "dropped": dict(dropped)})
    else:
        from kedit.reporting.ontology import print_prompts

        print_prompts(rows, dropped)


@app.command("diff")
@options.with_reading
def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="The ontology that a run was trained on.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="The ontology as it is now; both are read with the same options.")],
    *,
    reading: options.Reading,
    json: options.JsonFlag = False,
) -> None:
    """Compare two versions of an ontology by what a trained run relies on: exit 0 compatible, 1 relations to retrain."""
    from kedit.curriculum.diff import diff_ontologies

    result = diff_ontologies(_load(old, reading), _load(new, reading))
    if json:
        options.print_json(result.model_dump(mode="json", by_alias=True))
    else:
        from kedit.reporting.ontology_diff import print_diff

        print_diff(result)
    if result.verdict != "compatible":
        raise typer.Exit(1)


@app.command("explain")
@options.with_reading
def explain(
    file: options.OntologyFile,
    subject: Annotated[str, typer.Argument(metavar="SUBJECT", help="Individual (CURIE, IRI or label).")],
    relation: Annotated[str, typer.Argument(metavar="RELATION", help="Relation (CURIE, IRI or label).")],
    *,
    reading: options.Reading,
    json: options.JsonFlag = False,
) -> None:
    """Say why a relation has the answers it has for a subject: triples, rules, and what was left out."""
    from kedit.ontology import explain as explained
    from kedit.ontology import load_ontology

    found = explained(load_ontology(file, **reading, provenance=True), subject, relation)
    if json:
        options.print_json(found.document())
    else:
        from kedit.reporting.explanation import print_explanation

        print_explanation(found)


@app.command("templates")
@options.with_reading
def templates(
    file: options.OntologyFile,
    *,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="YAML", help="Write this file.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")] = False,
    relations: options.Relations = None,
    reading: options.Reading,
    json: options.JsonFlag = False,
) -> None:
    """Write the templates of all relations as YAML to edit and to pass with --templates; say which were guessed."""
    from kedit.ontology.sidecar import read_sidecar
    from kedit.ontology.sidecar_writing import save_new, sidecar_yaml, template_rows
    from kedit.progress import say

    ontology = _load(file, reading)
    named = [ontology.resolve(term) for term in options.listed(relations)]
    chosen = list(dict.fromkeys(named)) or list(ontology.relations)
    kept = read_sidecar(reading["templates"]) if "templates" in reading and not named else None
    text = sidecar_yaml(ontology, chosen, kept)
    if output:
        save_new(text, output, overwrite=overwrite)
        say(f"{output} is written: pass it with --templates {output}")
    if json:
        options.print_json({"schema": "kedit.template-list/1", "relations": template_rows(ontology, chosen)})
    elif not output:
        typer.echo(text, nl=False)


@app.command("draw")
@options.with_reading
def draw(
    file: options.OntologyFile,
    *,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write this file.")] = None,
    what: Annotated[Literal["relations", "classes", "facts"], typer.Option(help="What to draw.")] = "relations",
    focus: Annotated[str | None, typer.Option(metavar="TERM", help="Draw what is around this term.")] = None,
    depth: Annotated[
        int | None, typer.Option(min=0, help="Steps from the focus (default 1); classes: steps below it, or below the top.")
    ] = None,
    max_nodes: Annotated[int, typer.Option(min=1, max=500, help="Draw at most so many boxes, the weightiest first.")] = 40,
    format: Annotated[
        Literal["mermaid", "dot", "svg", "png"] | None, typer.Option(help="Default: by the extension of -o, else Mermaid.")
    ] = None,
    reading: options.Reading,
    json: options.JsonFlag = False,
) -> None:
    """Draw classes, relations or the facts about an individual, as Mermaid, DOT, SVG or PNG."""
    from kedit.progress import say
    from kedit.reporting.diagram import diagram
    from kedit.reporting.diagram.render import chosen_format, to_stdout, write

    form = chosen_format(format, output)
    picture = diagram(_load(file, reading), what, focus=focus, depth=depth, max_nodes=max_nodes)
    for news in (*picture.notes, picture.left_out):
        if news:
            say(news)
    if output:
        write(picture, output, form)
        say(f"{output} is written")
    if json:
        options.print_json(picture.document())
    elif not output:
        to_stdout(picture, form)


@app.command("vocabulary")
def vocabulary(
    shapes: Annotated[bool, typer.Option("--shapes", help="Its SHACL shapes instead.")] = False,
) -> None:
    """Print the kedit vocabulary, which ontologies may use, as Turtle."""
    from importlib.resources import files

    name = "kedit-shapes.ttl" if shapes else "kedit.ttl"
    typer.echo((files("kedit.ontology") / name).read_text(encoding="utf-8"), nl=False)


def _load(file: Path, reading: options.Reading) -> Ontology:
    from kedit.ontology import load_ontology

    return load_ontology(file, **reading)


def _reading_of(lock: Path) -> options.Reading:
    """How a run was read: its slots mean what they do under these options. Empty for a slot map that is no run's."""
    from kedit.runs import Run

    config = Run.open(lock).manifest.config if (lock / "run.json").is_file() else {}
    return {name: config[name] for name in options.READING if config.get(name)}


def _put(document: Mapping[str, Any], output: Path | None) -> None:
    """A document to stdout or into a file."""
    from kedit.files import write_json
    from kedit.progress import say

    if output:
        write_json(output, document)
        say(f"{output} is written")
    else:
        options.print_json(document)


def _document(ontology: Ontology) -> tuple[dict[str, Any], InputError | None]:
    """The inspection, with the slots that a run would bind, or with why they cannot be numbered."""
    from kedit.curriculum.slots import build_slots
    from kedit.errors import InputError
    from kedit.ontology import require_alignable
    from kedit.ontology.inspection import inspection

    try:
        usable = require_alignable(ontology)
    except InputError:  # nothing to align: the findings say why
        usable = []
    try:
        return inspection(ontology, build_slots(ontology, usable).slots), None
    except InputError as problem:  # two terms ask for one slot: everything else can be shown
        return inspection(ontology), problem
