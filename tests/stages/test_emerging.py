"""Checkpoints of a model that is being taught: kept while it is, then measured one by one, each once."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import validate
from world import small, world

from kedit.config import AlignConfig
from kedit.curriculum.prompts import build_prompts
from kedit.curriculum.slots import build_slots
from kedit.errors import InputError
from kedit.ontology import load_ontology, require_alignable
from kedit.stages.emerging import checkpoints

SHARE = {"type": ["number", "null"], "minimum": 0, "maximum": 1}
TEXT, SAID = {"type": "string"}, {"type": ["string", "null"]}
COUNT = {"type": "integer", "minimum": 0}
ROW = {
    **dict.fromkeys(("checkpoint", "fingerprint"), TEXT),
    **dict.fromkeys(("known", "binding", "hit", "stuck", "interchange"), SHARE),
    **dict.fromkeys(("n", "binding_n"), COUNT),
    **dict.fromkeys(("cell", "reason"), SAID),
}
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["schema", "hook_point", "seed", "rows"],
    "properties": {
        "schema": {"const": "kedit.emergence/1"},
        "hook_point": {"pattern": r"^blocks\.\d+\.hook_resid_post$"},
        "seed": COUNT,
        "rows": {"items": {"type": "object", "additionalProperties": False, "required": list(ROW), "properties": ROW}},
    },
}


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with world.ttl and the checkpoints of a small model that was taught it."""
    from kedit.lm.teach import teach
    from kedit.lm.tiny import make_tiny
    from kedit.stages.models import lessons

    folder = tmp_path_factory.mktemp("taught")
    (folder / "world.ttl").write_text(world(), encoding="utf-8")
    read = load_ontology(folder / "world.ttl")
    relations = tuple(require_alignable(read))
    told = lessons(build_prompts(read, build_slots(read, relations), relations), read)
    untaught = make_tiny([f"{text} {answer}\n" for text, answer in told], width=64, layers=3)
    teach(untaught, told, epochs=12, lr=3e-3, from_scratch=True, checkpoints=folder / "checkpoints")
    return folder


def config(folder: Path, out: str, **settings: Any) -> AlignConfig:
    return AlignConfig(ontology=folder / "world.ttl", out=folder / out, **settings)


@pytest.mark.slow
def test_what_a_model_learns_is_followed_and_measured_once(
    taught: Path, kedit_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kedit import pipeline
    from kedit.stages import emerging

    measured = emerging._measured
    seen: list[str] = []
    monkeypatch.setattr(emerging, "_measured", lambda job, layer: [seen.append(job.cfg.model), measured(job, layer)][1])
    all_of_them = checkpoints(taught / "checkpoints")
    some = taught / "some"
    for path in (all_of_them[0], all_of_them[-1]):
        shutil.copytree(path, some / path.name)
    with small(monkeypatch):
        document = pipeline.emergence(config(taught, "run"), some)
        assert len(seen) == 2
        assert pipeline.emergence(config(taught, "run"), some) == document
        assert len(seen) == 2
        # One that joins the others is measured alone.
        shutil.copytree(all_of_them[-2], some / all_of_them[-2].name)
        three = pipeline.emergence(config(taught, "run"), some)
        assert len(seen) == 3
        one = pipeline.emergence(config(taught, "one", layer=1), _alone(some))
    validate(document, SCHEMA)
    assert json.loads((taught / "run" / "emergence.json").read_text()) == three
    first, last = document["rows"]
    assert (first["known"], first["hit"], first["n"]) == (0, None, 0)
    assert "no swap can be trained" in first["reason"]
    assert first["binding"] is not None
    assert last["known"] > 0.5
    assert last["hit"] is not None
    assert last["reason"] is None
    assert [three["rows"][0], three["rows"][2]] == [first, last]
    assert (one["hook_point"], len(one["rows"])) == ("blocks.1.hook_resid_post", 1)
    for name in ("emergence.svg", "emergence.png"):
        assert (taught / "run" / "figures" / name).stat().st_size > 1000


def _alone(folder: Path) -> Path:
    """A folder with its last checkpoint."""
    alone = folder.with_name("alone")
    shutil.copytree(checkpoints(folder)[-1], alone / "only")
    return alone


@pytest.mark.slow
def test_a_checkpoint_that_cannot_be_loaded_is_named_before_anything_is_measured(taught: Path, kedit_cache: Path) -> None:
    from kedit import pipeline

    broken = taught / "broken"
    for path in checkpoints(taught / "checkpoints")[:2]:
        shutil.copytree(path, broken / path.name)
    (checkpoints(broken)[1] / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(InputError, match=checkpoints(broken)[1].name):
        pipeline.emergence(config(taught, "never"), broken)
    assert not (taught / "never").exists()


@pytest.mark.parametrize("settings", [{"model": "tiny"}, {"teach": "always"}, {"preset": "paper"}])
def test_settings_that_say_nothing_are_refused(tmp_path: Path, settings: dict[str, Any]) -> None:
    from kedit import pipeline

    with pytest.raises(InputError, match=f"--{next(iter(settings))} does not go with --checkpoints"):
        pipeline.emergence(config(tmp_path, "run", **settings), tmp_path)


def test_folders_are_sorted_by_their_numbers_and_others_passed_over(tmp_path: Path) -> None:
    for name in ("step-1000", "step-20", "step-3", ".step-4.abc"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").touch()
    (tmp_path / "logs").mkdir()
    assert [path.name for path in checkpoints(tmp_path)] == ["step-3", "step-20", "step-1000"]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda folder: None, "is no folder"),
        (lambda folder: folder.mkdir(), "holds no model's folder"),
        (lambda folder: (folder.mkdir(), (folder / "config.json").touch()), "is itself a model's folder"),
    ],
)
def test_a_folder_without_models_is_told(tmp_path: Path, make: Callable[[Path], Any], said: str) -> None:
    make(tmp_path / "checkpoints")
    with pytest.raises(InputError, match=said):
        checkpoints(tmp_path / "checkpoints")
