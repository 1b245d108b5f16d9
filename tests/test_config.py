"""Settings of `kedit align`: defaults, file, options."""

from __future__ import annotations

from pathlib import Path

import pytest

from kedit.config import AlignConfig, as_yaml
from kedit.errors import InputError


def write(folder: Path, text: str) -> Path:
    path = folder / "align.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_options_win_over_the_file_and_the_file_over_defaults(tmp_path: Path) -> None:
    path = write(tmp_path, "ontology: a.ttl\nmodel: tiny\nlayer: 3\nrelations: [ex:a]\n")
    config = AlignConfig.load(path, {"model": "gpt2", "layer": None, "relations": (), "seed": 0})
    assert (config.ontology, config.model, config.layer, config.relations) == (Path("a.ttl"), "gpt2", 3, ("ex:a",))
    assert config.teach == "auto"


def test_seed_zero_given_as_an_option_overrides_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "ontology: a.ttl\nseed: 7\n")
    assert AlignConfig.load(path, {"seed": None}).seed == 7
    assert AlignConfig.load(path, {"seed": 0}).seed == 0


@pytest.mark.parametrize(("text", "layer"), [("auto", "auto"), ("12", 12), (12, 12)])
def test_layers(text: object, layer: object) -> None:
    assert AlignConfig.load(None, {"ontology": "a.ttl", "layer": text}).layer == layer


@pytest.mark.parametrize(
    "wrong",
    [{"layer": "middle"}, {"layer": "-1"}, {"preset": "fast"}, {"max_subjects": 0}, {"ontology": None}, {"write": "by hand"}],
)
def test_what_does_not_fit_is_an_input_error(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError):
        AlignConfig.load(None, {"ontology": "a.ttl", **wrong})


@pytest.mark.parametrize(
    "settings", [{"preset": "paper", "refit": True}, {"preset": "paper", "write": "natural"}, {"manifold": 1, "write": "natural"}]
)
def test_settings_that_say_nothing_together_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(InputError, match=r"preset causal|leave one of them out"):
        AlignConfig.load(None, {"ontology": "a.ttl", **settings})


def test_an_unknown_key_names_its_line_and_the_nearest_key(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Did you mean 'relations'") as caught:
        AlignConfig.load(write(tmp_path, "ontology: a.ttl\nrelatons: [a]\n"), {})
    assert caught.value.place is not None
    assert caught.value.place.line == 2


def test_settings_shown_as_yaml_read_back_equal(tmp_path: Path) -> None:
    config = AlignConfig(ontology=Path("a b.ttl"), layer=4, relations=("ex:é",), out=Path("runs/x"))
    assert AlignConfig.load(write(tmp_path, as_yaml(config)), {}) == config


def test_every_setting_is_explained() -> None:
    assert all(field.description for field in AlignConfig.model_fields.values())


@pytest.mark.parametrize(
    ("ontology", "model", "run"),
    [
        ("ontologies/countries.ttl", "smollm2-135m", "runs/countries-smollm2-135m"),
        ("a.owl.gz", "Qwen/Qwen3-0.6B", "runs/a-Qwen3-0.6B"),
        ("family.v2.ttl", "models/mine.gguf", "runs/family.v2-mine"),
    ],
)
def test_run_directories_are_named_by_ontology_and_model(ontology: str, model: str, run: str) -> None:
    assert AlignConfig(ontology=Path(ontology), model=model).run_directory() == Path(run)
    assert AlignConfig(ontology=Path(ontology), out=Path("here")).run_directory() == Path("here")
