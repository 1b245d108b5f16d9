"""What a reader who trusts nothing would try: wrong slots, permuted labels, broken edits, expectations that cannot be met.

Each must come out red. The world is small, the model is taught it, and the way is that of `kedit align` and `kedit verify`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from world import small, world

from kedit.cli.main import run as kedit_command
from kedit.config import AlignConfig

pytestmark = pytest.mark.slow
SEEN = "seen_template_seen_subject"
SWAP = {"id": "one", "op": "swap", "from": "city", "to": "job", "strength": 1.0}
VERIFY = {"per_edit": 24, "locality_n": 12}
PROMPT = "The city of Ada Moss is"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The small world, aligned."""
    from kedit import pipeline

    folder = tmp_path_factory.mktemp("sceptic")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KEDIT_CACHE", str(folder / "cache"))
        patch.chdir(folder)
        (folder / "world.ttl").write_text(world(), encoding="utf-8")
        with small(patch):
            yield pipeline.align(AlignConfig(ontology=Path("world.ttl"), model="tiny", out=folder / "run"))


def recipe(*expect: dict[str, Any], **edit: Any) -> dict[str, Any]:
    return {"kedit": 1, "name": "doubt", "edits": [SWAP | edit], "verify": VERIFY, "expect": list(expect)}


def verdict(run: Any, data: dict[str, Any], setting: Any = None) -> Any:
    """The report of a recipe, on the run or on a setting that somebody has tampered with."""
    from kedit.verification.verifying import verify_recipe

    return verify_recipe(setting or run.setting, run.resolve(data), null_latents=0, neutral_n=12).report


HITS = {"metric": "hit", "at_least": 0.3, "on": SEEN, "bound": "point", "min_n": 10}


def test_the_real_edit_passes_what_the_broken_ones_below_do_not(run: Any) -> None:
    report = verdict(run, recipe(HITS))
    assert report.verdict == "PASS", report.edits[0].quadrants[SEEN]


def test_a_recipe_on_a_wrong_slot_fails(run: Any) -> None:
    sae = run.sae
    rows = torch.arange(len(sae.W_dec))
    job, pet = (sae.n_free + run.slots.index(f"https://example.org/world#{name}") for name in ("job", "pet"))
    rows[[job, pet]] = rows[[pet, job]]
    wrong = replace(run.setting, sae=replace(sae, W_dec=sae.W_dec[rows]))
    report = verdict(run, recipe(HITS), wrong)
    assert (report.verdict, report.exit_code) == ("FAIL", 1)
    control = verdict(run, recipe(HITS | {"versus": "wrong_slot", "at_least": 0.2}))
    assert control.verdict == "PASS"


def test_permuted_labels_bind_at_chance(run: Any) -> None:
    from kedit.sae.binding import train_reader
    from kedit.verification.setting import states_of

    prompts = [p for p in run.prompts.asked if p.subject_split == "train" and p.carrier_split == "train"]
    held = [p for p in run.prompts.asked if p.subject_split == "test"]
    order = {slot.iri: i for i, slot in enumerate(run.slots.relations)}

    def labels(some: Any) -> torch.Tensor:
        return torch.nn.functional.one_hot(torch.tensor([order[p.relation] for p in some]), len(order)).float()

    x, unseen = states_of(run.setting, prompts), states_of(run.setting, held)
    wanted = labels(held).argmax(1)

    def bound(table: torch.Tensor) -> float:
        reader = train_reader(x, table, len(order))
        return ((unseen @ reader.W + reader.b).argmax(1) == wanted).double().mean().item()

    assert bound(labels(prompts)) > 0.8
    generator = torch.Generator().manual_seed(0)
    chance = [bound(labels(prompts)[torch.randperm(len(prompts), generator=generator)]) for _ in range(10)]
    # Ten permutations of three classes: the mean of their accuracies is a third, give or take.
    assert abs(sum(chance) / 10 - 1 / 3) < 0.12


# What an edit must be, told without knowing how it is made; each broken edit below breaks at least one of these.


def faithful(run: Any) -> None:
    """The edit adds (u' - u) D at the hook point's last position and nothing elsewhere, and is gone after the context."""
    from kedit.lm.hooks import residual_hook

    lm, sae = run.lm, run.sae
    tokens = torch.tensor([lm.encode(PROMPT)])
    before = lm.model(tokens).logits

    def states(model: Any) -> list[torch.Tensor]:
        seen: dict[int, torch.Tensor] = {}
        from contextlib import ExitStack

        with ExitStack() as stack:
            for layer, block in enumerate(lm.blocks):
                stack.enter_context(residual_hook(block, lambda hidden, at=layer: seen.__setitem__(at, hidden.clone())))
            model(tokens)
        return [seen[layer] for layer in range(lm.n_layers)]

    base = states(lm.model)
    with run.edit(recipe(when="always") | {"edits": [SWAP | {"scope": {"when": "always"}}]}) as model:
        made = states(model)
    resolved = run.resolve(recipe()).edits[0]
    u = sae.slot_values(base[sae.layer][0, -1:])
    change = torch.zeros_like(u)
    change[0, resolved.slot], change[0, resolved.target] = -u[0, resolved.slot], 1.0 - u[0, resolved.target]
    wanted = base[sae.layer].clone()
    wanted[0, -1] += (change @ sae.write_rows)[0]
    for below in range(sae.layer):
        assert torch.equal(made[below], base[below]), f"block {below} lies below the edit and moved"
    torch.testing.assert_close(made[sae.layer], wanted, atol=1e-4, rtol=1e-4)
    assert torch.equal(lm.model(tokens).logits, before), "the edit is still on"


def test_the_edit_is_faithful(run: Any) -> None:
    faithful(run)


def _beside(sae: Any) -> Any:
    return replace(sae, layer=abs(sae.layer - 1))


@contextmanager
def off_by_one_layer() -> Iterator[None]:
    """The hook sits one block too high or too low."""
    from kedit.editing import edited as module

    whole = module.edited
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "edited", lambda lm, sae, *rest, **keys: whole(lm, _beside(sae), *rest, **keys))
        yield


@contextmanager
def full_replacement() -> Iterator[None]:
    """The state is decoded from its slots instead of moved by the difference."""
    from kedit.editing import edited as module
    from kedit.editing.operators import Fired, fired_delta

    def replaced(edits: Any, strengths: Any, u: Any, D: Any, fired: Any) -> Fired:
        found = fired_delta(edits, strengths, u, D, fired)
        return Fired(found.delta + u @ D, found.fired)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "fired_delta", replaced)
        yield


@contextmanager
def left_on() -> Iterator[None]:
    """The hook is not taken off, and does not look whose call it is."""
    from kedit.editing import edited as module
    from kedit.lm.hooks import hidden_of

    handles = []

    @contextmanager
    def hook(block: Any, _edit: Any) -> Iterator[None]:
        def always(_module: Any, _inputs: Any, output: Any) -> Any:
            hidden = hidden_of(output).clone()
            hidden[:, -1] += 1.0
            return (hidden, *output[1:]) if isinstance(output, tuple) else hidden

        handles.append(block.register_forward_hook(always))
        yield

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "residual_hook", hook)
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


@pytest.mark.parametrize("breaking", [off_by_one_layer, full_replacement, left_on], ids=lambda one: one.__name__)
def test_a_broken_edit_is_caught(run: Any, breaking: Callable[[], AbstractContextManager[None]]) -> None:
    with breaking(), pytest.raises(AssertionError):
        faithful(run)
    faithful(run)


@pytest.mark.parametrize(
    ("expectation", "exit_code", "says"),
    [
        ({"metric": "hits", "at_least": 0.0}, 2, "Did you mean 'hit'"),
        ({"metric": "hit", "at_least": 0.0, "edit": "two"}, 2, "unknown edit id 'two'"),
        ({"metric": "hit", "at_least": 0.0, "on": "validation"}, 2, "not measured on 'validation'"),
        ({"metric": "hit", "at_least": 0.0, "min_n": 100000}, 1, "INCONCLUSIVE"),
        ({"metric": "retention", "at_least": 0.0, "on": "same_relation", "min_n": 1}, 1, "INCONCLUSIVE"),
        ({"metric": "interference", "at_most": 1.0, "min_n": 1}, 1, "INCONCLUSIVE"),
        ({"metric": "hit", "at_least": 0.0, "versus": "interchange", "on": SEEN, "min_n": 100000}, 1, "INCONCLUSIVE"),
        (None, 1, "UNVERIFIED"),
    ],
    ids=lambda value: value.get("metric") if isinstance(value, dict) else None,
)
def test_what_was_not_shown_never_ends_green(
    run: Any,
    expectation: dict[str, Any] | None,
    exit_code: int,
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from kedit.verification import verifying

    monkeypatch.setattr(verifying, "NEUTRAL_N", 12)
    path = tmp_path / "doubt.yaml"
    data = recipe(*([expectation] if expectation else ())) | {"verify": {"per_edit": 3, "locality_n": 4}}
    path.write_text(json.dumps(data), encoding="utf-8")
    assert kedit_command(["verify", str(path), "--run", str(run.path)]) == exit_code
    said = capsys.readouterr()
    assert says in " ".join((said.out + said.err).split())


def test_report_page_and_api_agree_to_the_last_digit(run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = recipe(HITS) | {"verify": {"per_edit": 6, "locality_n": 6}}
    path = tmp_path / "doubt.yaml"
    path.write_text(json.dumps(data), encoding="utf-8")
    by_api = run.verify(data)
    folder = run.path / "reports" / "doubt"
    first = {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    kedit_command(["verify", str(path), "--run", str(run.path), "--json"])
    printed = json.loads(capsys.readouterr().out)
    assert printed == by_api.document() == json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*") if file.is_file()} == first
    page = (folder / "report.html").read_text(encoding="utf-8")
    hit = by_api.edits[0].quadrants[SEEN].hit
    assert f"{hit:.2f}" in page


def test_two_edits_that_meet_say_so(run: Any) -> None:
    both = recipe() | {"edits": [SWAP, {"id": "two", "op": "swap", "from": "city", "to": "pet", "strength": 1.0}]}
    report = verdict(run, both)
    assert any(edit.together is None or edit.together.interferes for edit in report.edits)
