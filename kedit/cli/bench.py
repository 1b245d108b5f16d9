"""`kedit bench`: figures that are claimed, measured on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from kedit.bench.report import Work
from kedit.cli import options

app = options.group("Measure what is claimed.")
EXAMPLE = Path("ontologies/countries.ttl")
Ontology = Annotated[Path, typer.Option("--ontology", metavar="FILE", help="RDF/OWL file whose prompts are worked on.")]
Prompts = Annotated[int | None, typer.Option(min=1, metavar="N", help="Work on N prompts or more, whole carriers of them.")]
Layers = Annotated[str | None, typer.Option(metavar="A,B,...", help="Hook points, as numbers of blocks; the last is edited.")]
Repeat = Annotated[int, typer.Option(min=1, metavar="N", help="Measure N times and show the median.")]


@app.callback(invoke_without_command=True)
def bench(
    context: typer.Context,
    scaling: Annotated[bool, typer.Option("--scaling", help="Cost against prompts, relations, hook points and latents.")] = False,
    picture: Annotated[Path | None, typer.Option(metavar="FILE", help="With --scaling: draw it, as SVG or PNG.")] = None,
    repeat: Repeat = 3,
    json: options.JsonFlag = False,
) -> None:
    """Measure what is claimed."""
    if scaling and context.invoked_subcommand is None:
        _scaling(picture, repeat, json)
    elif scaling or context.invoked_subcommand is None:
        raise typer.BadParameter("takes no command beside it" if scaling else "say what to measure: a command, or --scaling")


def _scaling(picture: Path | None, repeat: int, json: bool) -> None:
    import tempfile

    from kedit.bench.scaling import measure_scaling
    from kedit.reporting.bench import print_scaling, save_scaling

    if picture is not None:
        _check_picture(picture)
    with tempfile.TemporaryDirectory(prefix="kedit-bench-") as folder:
        document = measure_scaling(Path(folder), repeat)
    if picture is not None:
        save_scaling(document, picture)
    options.print_json(document) if json else print_scaling(document)


def _check_picture(path: Path) -> None:
    from kedit.errors import InputError
    from kedit.files import require_writable

    if path.suffix not in (".svg", ".png"):
        raise InputError(f"--picture {path}: neither .svg nor .png", advice="Name a file that ends in one of them.")
    require_writable(path)


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
    from kedit.reporting.terminal import print_seeds

    seeds = options.numbers("--seeds", over)
    settings = {
        "ontology": ontology,
        "model": model,
        "layer": layer,
        "teach": teach,
        "out": out,
        "device": device,
        "wheel": wheel,
    }
    document = over_seeds(AlignConfig.load(None, settings), seeds)
    options.print_json(document) if json else print_seeds(document)


@app.command("ontology")
def ontology(
    triples: Annotated[int, typer.Option(min=1, metavar="N", help="Size of the made-up ontology.")] = 1_000_000,
    repeat: Annotated[int, typer.Option(min=1, metavar="N", help="Measure N times and show the best.")] = 1,
    json: options.JsonFlag = False,
) -> None:
    """Time a large ontology to slots and prompts, against rdflib and the parser alone; exit 1 if a fact is lost."""
    from kedit.bench.ontology import measure

    _show(measure(triples, repeat), json)


def _of_model(work: Work, help: str) -> None:
    """Add the command for one kind of work of a model."""

    @app.command(work, help=help + "; exit 1 if they differ.")
    def command(
        ontology: Ontology = EXAMPLE,
        model: options.Model = None,
        prompts: Prompts = None,
        layers: Layers = None,
        repeat: Repeat = 3,
        device: options.Device = None,
        wheel: options.Wheel = None,
        json: options.JsonFlag = False,
    ) -> None:
        from kedit.bench.suite import measure_model
        from kedit.config import DEFAULT_MODEL

        document = measure_model(
            work,
            ontology,
            model=model or DEFAULT_MODEL,
            device=device or "auto",
            wheel=wheel,
            prompts=prompts,
            layers=options.numbers("--layers", layers or ""),
            repeat=repeat,
        )
        _show(document, json)


_of_model("capture", "Time the capture of decision states, all hook points in one pass, against one prompt at a time")
_of_model("control", "Time a step of the control loss on cached prompts, against whole prompts through the whole model")
_of_model("swap", "Time answers to every swap at two strengths, against one `generate` each")


@app.command("train")
def train(
    d: Annotated[int, typer.Option("--d", min=1, metavar="N", help="Width of the residual stream.")] = 576,
    m: Annotated[int, typer.Option("--m", min=1, metavar="N", help="Latents.")] = 8192,
    k: Annotated[int, typer.Option("--k", min=1, metavar="N", help="Active latents per token.")] = 32,
    batch: Annotated[int, typer.Option(min=2, metavar="N", help="Tokens per step.")] = 4096,
    repeat: Repeat = 3,
    device: options.Device = None,
    json: options.JsonFlag = False,
) -> None:
    """Time a training step of the dictionary, against the dense step and its encoder alone; exit 1 if gradients differ."""
    from kedit.bench.suite import measure_dictionary

    _show(measure_dictionary(d, m, k, batch, repeat, device or "auto"), json)


@app.command("memory")
def memory(
    prompts: Annotated[
        str, typer.Option("--prompts", metavar="A,B,...", help="Numbers of prompts to compare.")
    ] = "1000,10000,100000",
    json: options.JsonFlag = False,
) -> None:
    """Compare capture's peak memory between numbers of prompts, on a small random model; exit 1 if it grows."""
    from kedit.bench.memory import measure

    _show(measure(options.numbers("--prompts", prompts)), json)


@app.command("alignsae")
def alignsae(
    profile: Annotated[str, typer.Option(metavar="laptop|paper", help="Size of the world and its model.")] = "laptop",
    out: Annotated[Path, typer.Option(metavar="DIR", help="World, model, runs and figures.")] = Path("runs/alignsae"),
    over: Annotated[str, typer.Option("--seeds", metavar="A,B,...", help="Seeds of alignment.")] = "101,102,103",
    people: Annotated[int | None, typer.Option(min=20, metavar="N", help="Another number of people.")] = None,
    world: Annotated[int, typer.Option(min=0, metavar="N", help="Seed of the world: other people and other facts.")] = 0,
    picture: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw the ladder, as SVG or PNG.")] = None,
    checkpoints: Annotated[
        bool, typer.Option("--checkpoints", help="Keep the model at a dozen stages of its teaching: OUT/checkpoints.")
    ] = False,
    device: options.Device = None,
    json: options.JsonFlag = False,
) -> None:
    """AlignSAE's biography task: its method and others beside kedit's, on one model and the same prompts."""
    from kedit.bench.alignsae import PROFILES, climb
    from kedit.errors import InputError
    from kedit.reporting.ladder import print_ladder, save_ladder

    if profile not in PROFILES:
        raise InputError(f"--profile {profile}: unknown", advice=f"Choose one of {', '.join(PROFILES)}.")
    if picture is not None:
        _check_picture(picture)
    seeds = options.numbers("--seeds", over)
    document = climb(profile, out, seeds, people, device or "auto", world=world, checkpoints=checkpoints)
    if picture is not None:
        save_ladder(document, picture)
    options.print_json(document) if json else print_ladder(document)


@app.command("two-hop")
def two_hop(
    out: Annotated[Path, typer.Option(metavar="DIR", help="World, model, slots and figures.")] = Path("runs/two-hop"),
    over: Annotated[str, typer.Option("--seeds", metavar="A,B,...", help="Seeds of alignment.")] = "101,102,103",
    facts: Annotated[
        Path | None, typer.Option(metavar="FILE", help="AlignSAE's facts.jsonl, in place of invented facts.")
    ] = None,
    world: Annotated[int, typer.Option(min=0, metavar="N", help="Seed of the invented facts, and of who is held out.")] = 0,
    device: options.Device = None,
    json: options.JsonFlag = False,
) -> None:
    """Questions over two steps ("Who is the friend of the boss of X?"): a slot for each step, swaps of either."""
    from kedit.bench.two_hop import two_hops
    from kedit.reporting.two_hop import print_two_hop

    document = two_hops(out, options.numbers("--seeds", over), facts=facts, world=world, device=device or "auto")
    options.print_json(document) if json else print_two_hop(document)


@app.command("manifold")
def manifold(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run directory, made by `kedit align`.")],
    weights: Annotated[
        str, typer.Option(metavar="A,B,...", help="Weights of L_man to train write rows anew with.")
    ] = "0,0.1,1,10",
    shares: Annotated[
        str, typer.Option(metavar="A,B,...", help="Shares by which the run's write rows are brought towards natural ones.")
    ] = "",
    picture: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw the curve, as SVG or PNG.")] = None,
    device: options.Device = None,
    json: options.JsonFlag = False,
) -> None:
    """What keeping edits among natural states costs in hits, and what it gains: by L_man, or by natural write rows."""
    from kedit.bench.manifold import manifold_curve
    from kedit.errors import InputError
    from kedit.pipeline import load_run
    from kedit.reporting.manifold import print_manifold, save_manifold

    wanted = {}
    for option, given in {"weights": weights, "shares": shares}.items():
        try:
            wanted[option] = [float(number) for number in given.split(",") if number]
        except ValueError:
            advice = "Give numbers with commas between: 0,0.1,1."
            raise InputError(f"--{option} {given}: not numbers", advice=advice) from None
    if not any(wanted.values()):
        raise InputError("neither --weights nor --shares", advice="Give one of them: --weights 0,1,10 or --shares 0,0.5,1.")
    if picture is not None:
        _check_picture(picture)
    document = manifold_curve(load_run(run, device=device or "auto"), wanted["weights"], wanted["shares"])
    if picture is not None:
        save_manifold(document, picture)
    options.print_json(document) if json else print_manifold(document)


@app.command("all")
def everything(
    ontology: Ontology = EXAMPLE,
    model: options.Model = None,
    repeat: Repeat = 3,
    device: options.Device = None,
    wheel: options.Wheel = None,
    json: options.JsonFlag = False,
) -> None:
    """Capture, control, swap, train, memory and ontology, each in a process of its own; exit 1 if a result differs."""
    from kedit.bench.suite import measure_all

    given = {"--model": model, "--device": device, "--wheel": wheel}
    common = [part for name, value in given.items() if value is not None for part in (name, str(value))]
    often = ["--repeat", str(repeat)]
    where = [] if device is None else ["--device", device]
    works = {work: ["--ontology", str(ontology), *common, *often] for work in get_args(Work)}
    _show(measure_all({**works, "train": [*where, *often], "memory": [], "ontology": []}), json)


def _show(document: dict[str, Any], json: bool) -> None:
    from kedit.reporting.bench import print_bench

    options.print_json(document) if json else print_bench(document)
    if not all(row["equal"] for row in document["results"]):
        raise typer.Exit(1)
