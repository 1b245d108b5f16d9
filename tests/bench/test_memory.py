"""`kedit bench memory`: growth and wrong rows are seen."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kedit.bench import memory
from kedit.bench.memory import Prompts, main, measure
from kedit.cli.main import run
from kedit.errors import InputError


def test_one_process_captures_what_a_plain_forward_gives(capsys: pytest.CaptureFixture[str]) -> None:
    main(300)
    found = json.loads(capsys.readouterr().out)
    assert found["right"]
    assert found["peak"] > 20 * 2**20
    assert found["seconds"] > 0


def test_rows_that_differ_are_seen(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    right = memory._plain
    monkeypatch.setattr(memory, "_plain", lambda lm, text: 1.1 * right(lm, text))
    main(300)
    assert not json.loads(capsys.readouterr().out)["right"]


@pytest.mark.parametrize(("peak", "flat"), [(104, True), (106, False)])
def test_growth_is_seen(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], peak: int, flat: bool) -> None:
    def process(prompts: int) -> dict[str, Any]:
        return {"seconds": 1.0, "peak": 100 if prompts == 10 else peak, "right": True, "tokens": 9.0}

    monkeypatch.setattr(memory, "_in_a_process", process)
    assert run(["bench", "memory", "--prompts", "20,10", "--json"]) == (0 if flat else 1)
    made = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in made["results"]] == ["capture, 10 prompts", "capture, 20 prompts"]
    assert [row["equal"] for row in made["results"]] == [True, flat]
    assert f"{peak - 100:+.1f}%" in made["notes"][0]


def test_one_size_is_nothing_to_compare() -> None:
    with pytest.raises(InputError, match="compared"):
        measure((1000,))


def test_prompts_are_told_apart() -> None:
    texts = [text for text, _ in Prompts(600)]
    assert len(set(texts)) == 600
    assert len({carrier for _, carrier in Prompts(600)}) == 3
