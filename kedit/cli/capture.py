"""`kedit capture`: a model's states on an ontology's prompts, written to files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kedit.cli import options


@options.with_reading
def capture(
    folders: Annotated[list[Path] | None, typer.Argument(metavar="[DIR]...", help="With --merge: the folders to merge.")] = None,
    ontology: Annotated[
        Path | None, typer.Option("--ontology", metavar="FILE", help="RDF/OWL file whose prompts are read.")
    ] = None,
    model: options.Model = None,
    layers: Annotated[
        str | None, typer.Option(metavar="A,B,...", help="Hook points, as numbers of blocks (default: those that align tries).")
    ] = None,
    relations: options.Relations = None,
    exclude: options.Exclude = None,
    max_subjects: options.MaxSubjects = None,
    seed: options.Seed = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder for the files.")] = None,
    shard: Annotated[str, typer.Option(metavar="I/N", help="Make every N-th part only, from the I-th.")] = "1/1",
    merge: Annotated[bool, typer.Option("--merge", help="Put the parts of several folders into one.")] = False,
    window: Annotated[int | None, typer.Option(min=1, metavar="N", help="Prompts of a part (default 8192).")] = None,
    threads: Annotated[int | None, typer.Option(min=1, metavar="N", help="Threads; the same in all shards.")] = None,
    device: options.Device = None,
    blocks: options.Blocks = None,
    wheel: options.Wheel = None,
    *,
    reading: options.Reading,
    json: options.JsonFlag = False,
) -> None:
    """Write the states at the last token of every prompt of an ontology to safetensors files, in constant memory.

    Interrupted, it goes on where it was. Several processes make a share each with --shard 1/4, --shard 2/4, ..., into one
    folder or several, and `kedit capture --merge DIR [DIR ...] --out DIR` puts them together: the same bytes as one process.
    """
    from kedit import pipeline
    from kedit.config import AlignConfig
    from kedit.errors import InputError
    from kedit.reporting.capture import print_capture

    folders = folders or []
    if merge:
        into = out or (folders[0] if len(folders) == 1 else None)
        if not folders or into is None:
            raise InputError("--merge needs folders and --out DIR", advice="kedit capture --merge a b --out all")
        document = pipeline.merge(folders, into)
    else:
        if folders or out is None:
            raise InputError("capture needs --out DIR, and folders only with --merge")
        settings = AlignConfig.load(
            None,
            {
                "ontology": ontology,
                "model": model,
                "relations": options.listed(relations),
                "exclude": options.listed(exclude),
                "max_subjects": max_subjects,
                "seed": seed,
                "device": device,
                "blocks": blocks,
                "wheel": wheel,
                **reading,
            },
        )
        document = pipeline.capture(
            settings,
            out,
            layers=options.numbers("--layers", layers or ""),
            shard=options.share("--shard", shard),
            window=window,
            threads=threads,
        )
    options.print_json(document) if json else print_capture(document)
