"""What a reader who trusts nothing would try: wrong slots, permuted labels, broken edits, expectations that cannot be met.

Each must come out red. The world is small, the model is taught it, and the way is that of `kedit align` and `kedit verify`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import torch
from world import small, world

from kedit.cli.main import run as kedit_command
from kedit.config import AlignConfig
from kedit.editing.metric_names import HEADLINE_QUADRANT, QUADRANTS
from kedit.reporting import format as fmt
from kedit.reporting.html import report_page

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
    assert report.edits[0].self_test_kl < 1e-4
    assert [item.metric for item in report.expectations] == ["hit"]


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
        return found._replace(delta=found.delta + u @ D)

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


class Tables(HTMLParser):
    """Every table of a page: rows of texts of cells, the head first."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self._inside = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag == "table":
            self.tables.append([])
        elif tag == "tr" and self.tables:
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
        self._inside = tag in ("td", "th") or (self._inside and tag not in ("table", "tr"))

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.tables[-1][-1][-1] += data

    def headed(self, *names: str) -> list[list[str]]:
        """Rows of the one table whose head begins with these."""
        (found,) = [table for table in self.tables if table and table[0][: len(names)] == list(names)]
        return [[" ".join(cell.split()) for cell in row] for row in found[1:]]


def outcomes(edit: Any) -> list[list[str]]:
    """The table of outcomes as a report's numbers say it."""
    rows = []
    for name in reversed([name for name in QUADRANTS if name in edit.quadrants]):
        row = edit.quadrants[name]
        rates = (row.exact, row.wrong_subject, row.stuck, row.derailed, row.no_gate, row.lenient)
        shown = [fmt.share(row.hit), fmt.interval(row.ci), fmt.share(row.hit_macro), fmt.interval(row.ci_macro)]
        rows.append([fmt.quadrant(name), *shown, *map(fmt.share, rates), f"{row.n:,}", f"{row.subjects:,}"])
    return rows


def controls(edit: Any) -> list[list[str]]:
    """The table of controls, in any order."""
    own = edit.quadrants[HEADLINE_QUADRANT]
    rows = [["this edit", fmt.share(own.hit), fmt.interval(own.ci), *[""] * 6, f"{own.n:,}"]]
    for name, quadrants in edit.controls.items():
        row = quadrants[HEADLINE_QUADRANT]
        p = "–" if row.p_value is None else f"{row.p_value:.2g}"
        fair = "–"
        if equal := row.equal_damage:
            fair = f"{fmt.with_interval(equal.hit, equal.ci)} at {fmt.plain(equal.strength)}"
        difference = [fmt.signed(row.difference.value), fmt.interval(row.difference.ci)]
        shown = [fmt.words(name), fmt.share(row.hit), fmt.interval(row.ci), *difference, p]
        rows.append([*shown, fmt.plain(row.strength), fmt.nats(row.forced_kl), fair, f"{row.n:,}"])
    return rows


def test_report_page_and_api_agree_to_the_last_digit(
    run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where Python names run and recipe by absolute paths and the command line by relative ones."""
    scope = {"subjects": {"class": "person", "except": ["Ada Moss"]}}
    fair = {"metric": "hit", "versus": "diff_means", "at": "equal_damage", "at_least": 0.0, "on": SEEN, "min_n": 5}
    noted = {"subjects": {"in": ["Bob Moss"], "except": ["Zoe Moss"]}}
    data = recipe(HITS, fair, {"metric": "retention", "at_least": 0.5, "min_n": 1}) | {"verify": {"per_edit": 6, "locality_n": 6}}
    data["edits"] = [SWAP | {"scope": scope}, {"id": "off", "op": "suppress", "slot": "pet", "enabled": False}]
    data["edits"].append({"id": "noted", "op": "suppress", "slot": "pet", "scope": noted, "strength": 0.0})
    path = tmp_path / "doubt.yaml"
    path.write_text(json.dumps(data), encoding="utf-8")
    by_api = pipeline_run(run).verify(path)
    folder = run.path / "reports" / "doubt"
    first = {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    monkeypatch.chdir(run.path.parent)
    kedit_command(["verify", os.path.relpath(path), "--run", run.path.name, "--json"])
    printed = json.loads(capsys.readouterr().out)
    assert printed == by_api.document() == json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*") if file.is_file()} == first
    assert any("Zoe_Moss" in note for note in by_api.notes)
    assert str(run.path.parent).encode() not in b"".join(first.values())
    agree(by_api, (folder / "report.html").read_text(encoding="utf-8"))


def pipeline_run(run: Any) -> Any:
    """The same run by its absolute path."""
    from kedit import pipeline

    return pipeline.load_run(run.path.resolve())


def agree(report: Any, page: str) -> None:
    """Every cell of the tables of outcomes, controls and expectations is the report's own number."""
    assert any(HEADLINE_QUADRANT in edit.quadrants and edit.controls["diff_means"] for edit in report.edits)
    # One edit at a time: then there is one table of each kind on a page.
    for edit in report.edits:
        alone = Tables(report_page(report.model_copy(update={"edits": (edit,)})))
        assert alone.headed("carrier × subject", "hit", "95 %", "macro") == outcomes(edit)
        if HEADLINE_QUADRANT in edit.quadrants:
            found = alone.headed("", "hit", "95 %", "edit −")
            assert found[0] == controls(edit)[0]
            assert sorted(found) == sorted(controls(edit))
    rows = Tables(page).headed("expectation", "required", "measured")
    assert len(rows) == len(report.expectations)
    for row, item in zip(rows, report.expectations, strict=True):
        assert item.metric in row[0]
        assert (item.verdict in row[0]) == (item.verdict != "PASS")
        required = item.required.replace(">=", "≥").replace("<=", "≤")
        assert [row[1], row[2], row[4]] == [required, fmt.measured(item.metric, item.measured, item.ci), f"{item.n:,}"]
    assert report_page(report) == page


def test_two_edits_that_meet_say_so(run: Any) -> None:
    both = recipe() | {"edits": [SWAP, {"id": "two", "op": "swap", "from": "city", "to": "pet", "strength": 1.0}]}
    report = verdict(run, both)
    assert all(edit.together is not None for edit in report.edits)
    # One prompt cannot be answered by two relations: each loses what the other wins.
    assert all(edit.together.interferes for edit in report.edits)
    assert all(edit.together.difference.value > 0.05 for edit in report.edits)


@contextmanager
def continued_from(off: int) -> Iterator[None]:
    """Answers go on from a block beside the one that was edited."""
    from kedit.verification import setting as module

    whole = module.Continuation
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "Continuation", lambda lm, layer: whole(lm, layer + off))
        yield


@contextmanager
def measured_by_replacement() -> Iterator[None]:
    """The measured state is decoded from its slots instead of moved by the difference."""
    from kedit.verification import controls as module

    whole = module.edit_states

    def replaced(setting: Any, work: Any, x: torch.Tensor, covered: Any = None) -> Any:
        made = whole(setting, work, x, covered)
        decoded = made.x - x + setting.sae.slot_values(x) @ setting.sae.write_rows
        return made._replace(x=torch.where(made.any[:, None], decoded, x))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "edit_states", replaced)
        yield


BROKEN_PATHS = {
    "continuation one block too high": lambda: continued_from(1),
    "measured by full replacement": measured_by_replacement,
    "served one block off": off_by_one_layer,
    "served by full replacement": full_replacement,
}


@pytest.mark.parametrize("name", BROKEN_PATHS)
def test_a_path_that_measures_something_else_than_the_edit_fails_every_recipe(run: Any, name: str) -> None:
    """Hits alone would not tell: in so small a model a block more or less costs a few of them."""
    from kedit.verification import selftest

    with pytest.MonkeyPatch.context() as patch, BROKEN_PATHS[name]():
        if name == "served one block off":  # imported by name
            from kedit.editing import edited as module

            patch.setattr(selftest, "edited", module.edited)
        data = recipe(HITS | {"at_least": 0.0}) | {"verify": {"per_edit": 10, "locality_n": 4}}
        report = verdict(run, data, replace(run.setting))  # nothing remembered
    assert (report.verdict, report.exit_code) == ("FAIL", 1)
    (failed,) = [item for item in report.expectations if item.verdict == "FAIL"]
    assert (failed.metric, failed.edit) == ("self_test", "one")
    assert failed.measured > 0.01
